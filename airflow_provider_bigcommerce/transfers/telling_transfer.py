"""A transfer that tells the rest of Airflow what it did; ``engine.telling`` has the words.

Decides when something is said: after the commit, or after the failure.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce.assets import asset_of, data_alias, is_known
from airflow_provider_bigcommerce.compat import comes_again, is_nothing_to_do, is_of_mapped, is_task
from airflow_provider_bigcommerce.core.arguments import Checks, check_rendered, flag, is_pending, text
from airflow_provider_bigcommerce.core.planning import copied_resource, resource_of
from airflow_provider_bigcommerce.engine.failing import is_failure, tell, told_of
from airflow_provider_bigcommerce.engine.mapped import named_by_connection
from airflow_provider_bigcommerce.engine.packages import failing_without_package
from airflow_provider_bigcommerce.engine.telling import (
    ERROR_KEY,
    Learnt,
    announce,
    copied,
    leave_status,
    measure,
    name_of,
    openlineage,
    trace,
    with_outlet,
)

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.engine.manifest import Manifest


class TellingTransfer(BaseOperator):
    """A transfer that tells what it did: every transfer of this package is one.

    Subclasses do the work in :meth:`transfer`, and note in ``learnt`` what they learn on the way.

    :param resource: catalog name or path of what is read.
    :param bigcommerce_conn_id: connection id of the store.
    :param emit_empty: whether a run that brought no row announces itself too.
    """

    #: What each argument may be; subclasses add theirs.
    argument_checks: ClassVar[Checks] = {
        "resource": text("orders"),
        "bigcommerce_conn_id": text("bigcommerce_default"),
        "emit_empty": flag(),
    }

    def __init__(self, *, resource: str, bigcommerce_conn_id: str, emit_empty: bool, **kwargs: Any) -> None:
        for name, value in (("resource", resource), ("bigcommerce_conn_id", bigcommerce_conn_id)):
            if not is_pending(value):  # the asset is named after them
                self.argument_checks[name](name, value)
        # An outlet that is known when the DAG is parsed shows in Airflow's graph, but always has an event; the alias serves the rest.
        is_fixed = emit_empty and not is_of_mapped(self) and is_known(resource, bigcommerce_conn_id)
        own = asset_of(bigcommerce_conn_id, copied_resource(resource).name) if is_fixed else data_alias()
        super().__init__(**named_by_connection(with_outlet(kwargs, own), bigcommerce_conn_id))
        self.resource = resource
        self.bigcommerce_conn_id = bigcommerce_conn_id
        self.emit_empty = emit_empty
        self.learnt = Learnt()

    @abstractmethod
    def transfer(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Copy, commit, and return the manifest."""

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Copy, commit, tell, and return the manifest.

        :param context: Airflow's; ``{}`` works too, without watermark and retries.
        :raises BigCommerceError: see ``airflow_provider_bigcommerce.exceptions``.
        """
        self.learnt = Learnt()
        try:
            with failing_without_package():
                check_rendered(self, self.argument_checks)
                manifest = self.transfer(context)
        except BaseException as error:
            if not comes_again(error) and not is_nothing_to_do(error):
                self._tell_failure(context, error)
            raise
        measure(self._tags(), self.learnt, manifest)
        if "piece" not in manifest:  # a range of a list is no data yet
            announce(self, context, manifest, self.bigcommerce_conn_id, self.learnt.place, emit_empty=self.emit_empty)
            leave_status(context, manifest, self.bigcommerce_conn_id, self.learnt.place, self.learnt.stats)
        if is_task(context):  # elsewhere nobody collects, and Airflow would load its plugins for it
            trace(self, self.bigcommerce_conn_id, resource_of(self.resource).name, self.learnt.place)
        return manifest

    def tell_copied(self, manifest: Manifest, into: str) -> None:
        """The last lines of the log: what a run was, and what was not as expected.

        :param into: what took the rows, ``2 files``.
        """
        self.log.info(copied(manifest, into))
        if manifest.drift:
            fields = ", ".join(f"{drift.path} ({drift.seen_type})" for drift in manifest.drift[:20])
            told = "%d fields were not as the schema has them; what came is kept in the column _extra (see the manifest's drift): %s"
            self.log.info(told, len(manifest.drift), fields)
        if manifest.rounded:
            told = "%s amounts have more decimals than their column, which has them rounded; _extra has them as they came."
            self.log.info(told, f"{manifest.rounded:,}")

    def _tags(self) -> dict[str, str]:
        return {"conn_id": self.bigcommerce_conn_id, "resource": name_of(self.resource)}

    def _tell_failure(self, context: Mapping[str, Any], error: BaseException) -> None:
        measure(self._tags(), self.learnt, None)
        if is_task(context) and isinstance(error, Exception):
            told = {"conn_id": str(self.bigcommerce_conn_id), "resource": name_of(self.resource), "error": told_of(error)}
            context["ti"].xcom_push(key=ERROR_KEY, value=told)
        if is_task(context) and is_failure(error):
            tell(self, error)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002  # OpenLineage's signature
        """What OpenLineage asks after success, and, with what is known, after failure.

        :returns: ``OperatorLineage``: the store's resource in, files or table out.
        """
        return openlineage(self.learnt.store_hash, resource_of(self.resource).name, self.learnt.place)
