"""Compaction of copies in files: the operator around ``targets.files.compaction``.

Decides which copies below a path are meant; talks to no store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce.compat import record_metrics
from airflow_provider_bigcommerce.core.arguments import Checks, check_arguments, check_rendered, is_pending, names, optional, span
from airflow_provider_bigcommerce.core.places import place
from airflow_provider_bigcommerce.core.planning import copied_resource
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.failing import tells_why_it_fails
from airflow_provider_bigcommerce.engine.packages import failing_without_package
from airflow_provider_bigcommerce.targets.files.compaction import KEEP, compacted
from airflow_provider_bigcommerce.targets.files.destination import Destination

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog.names import ResourceName


class BigCommerceCompactOperator(BaseOperator):
    """Make few large files of the many small ones of a copy, and remove what earlier compactions have replaced.

    ::

        BigCommerceCompactOperator(task_id="compact", path="s3://aws_default@my-bucket/bigcommerce")

    The copy holds the same rows before and after. The newest day of runs, and the run that a watermark names, stay as they are. Readers
    of the old files can finish within ``keep``. It is safe to kill it, and to run it at the same time as other runs and compactions. See
    docs/how-to/compact-a-copy.md.

    XCom has, for each resource, how many runs, files and bytes there were before and are after, what was merged and what was removed.

    :param path: the ``path`` of the tasks that copy into files. (templated)
    :param resource: catalog name, or a list of names; all that is copied there if not given. (templated)
    :param keep: how long replaced files stay, by the destination's own clock. The first compaction after that removes them.
    :param every: do nothing if the last compaction is younger than this; None to compact in each run.
    """

    argument_checks: ClassVar[Checks] = {
        "path": place("/data/bigcommerce"),
        "resource": optional(names("['orders', 'customers']")),
        "keep": span(may_be_zero=True, example="timedelta(days=7)"),
        "every": optional(span(example="timedelta(days=7)")),
    }
    custom_operator_name = "Compact files"
    template_fields: Sequence[str] = ("path", "resource")
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(
        self,
        *,
        path: str,
        resource: ResourceName | str | Sequence[ResourceName | str] | None = None,
        keep: timedelta = KEEP,
        every: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.resource = resource
        self.keep = keep
        self.every = every
        check_arguments(self, self.argument_checks)
        if not is_pending(self.resource):
            for name in self.resource or ():
                copied_resource(name)

    @tells_why_it_fails
    @failing_without_package()
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002  # Airflow's signature
        """Compact, and return what was done.

        :param context: Airflow's; ``{}`` works too.
        :returns: ``resources``: for each the fields of :class:`~airflow_provider_bigcommerce.targets.files.compaction.Compacted`.
        :raises BigCommerceError: a copy could not be compacted; the others were.
        """
        check_rendered(self, self.argument_checks)
        destination = Destination.at(str(self.path))
        found = compacted(destination, self.resource, keep=self.keep, every=self.every, tell=self.log.info)
        for each in found:
            if each.after is not None:
                tags = {"resource": each.resource}
                record_metrics("bigcommerce.compact", {"files_before": each.before.files, "files_after": each.after.files}, tags)
        return {"resources": [each.as_json() for each in found]}
