"""A table of a lakehouse as a target: rows go into parts that nobody sees, then one commit of the log names them, takes away what they
replace, and moves the watermark, which is a number in the log.

Another writer that commits first makes this one look again and plan again from its parts; the store is not read again.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from airflow_provider_bigcommerce.core.windows import written
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.engine.spans import Span
from airflow_provider_bigcommerce.engine.target import Run, Standing, Target
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.state import Checkpoint, RunCheckpoint, Watermark
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.lake.into_lake import IntoLake
from airflow_provider_bigcommerce.targets.lake.log_records import Names, Snapshot
from airflow_provider_bigcommerce.targets.lake.maintenance import tidy
from airflow_provider_bigcommerce.targets.lake.table import LakeTable
from airflow_provider_bigcommerce.targets.lake.table_schema import Layout

log = logging.getLogger(__name__)


class LakeTarget(Target):
    """A Delta table.

    :param destination: the operator's path.
    :param table: the resource's table there.
    :param layout: of the table.
    :param run: the try.
    :param deletes: ``ignore``, ``detect`` or ``delete``.
    """

    needs_time = True

    def __init__(self, destination: Destination, table: LakeTable, layout: Layout, run: Run, *, deletes: str) -> None:
        self._destination, self._table, self._layout, self._run = destination, table, layout, run
        self._deletes = deletes
        self._names = Names.of(run.selection.resource.name, run.selection.filters, run.key)
        self._stands: Snapshot | None = None
        self._last: Watermark | None = None
        self._taking: IntoLake | None = None
        self._version: int | None = None

    @property
    def title(self) -> str:
        """The table's URI."""
        return self._table.uri

    @property
    def version(self) -> int | None:
        """The version of the table in which the run's rows are; None before its commit, and where it had nothing to commit."""
        return self._version

    def open(self) -> Standing:
        """See what earlier runs left.

        :raises InvalidQueryError: the table is not one to continue with, or the resource has no key.
        :raises DestinationError: it cannot be read and written.
        """
        run, table, names = self._run, self._table, self._names
        selection = run.selection
        refuse_without_key(selection.resource.name, selection.mode, has_key=bool(self._layout.key))
        stands = self._stands = table.look()
        if stands is not None and table.widen(stands, is_dry=True):
            log.info("The table %s gets columns that are new.", table.uri)
        table.require_writable()
        replaced = self._own_commit(stands)
        if selection.mode == "incremental" and stands is not None:
            self._last = self._watermark(stands, names)
        checkpoint = RunCheckpoint.of(run.context, self._destination, selection.folder, run.key, selection.named)
        fixed = checkpoint.read()
        is_done = fixed is not None and replaced is not None and replaced.finished_at != fixed.replaces
        if is_done and stands is not None:
            self._version = stands.transaction(names.run)
        return Standing(self._last, replaced, checkpoint, fixed, replaced if is_done else None)

    def _own_commit(self, stands: Snapshot | None) -> Manifest | None:
        """This run's own earlier commit, or None: there is none, or the log no longer has its manifest."""
        version = None if stands is None else stands.transaction(self._names.run)
        return None if version is None else self._table.manifest(version)

    def _watermark(self, stands: Snapshot, names: Names) -> Watermark | None:
        commit = stands.transaction(names.commit)
        is_restored, of = (False, stands) if commit is None else self._table.before_restore(stands, commit)
        until, full = (None, None) if of is None else (of.transaction(names.watermark), of.transaction(names.full))
        if is_restored:
            log.warning(
                "The table %s was put back to an earlier version: this run continues where its rows end, at %s.",
                self._table.uri,
                "the beginning" if until is None else _text(until),
            )
        if until is None:
            return None
        text = _text(until)
        return Watermark(store_hash=self._run.store_hash, watermark=text, run="", set_at=text, full_at="" if full is None else _text(full))

    def begin(self, span: Span, fixed: Checkpoint, now: datetime | None) -> IntoLake:  # noqa: ARG002  # the protocol's
        """Begin to write parts."""
        if now is None:
            raise RuntimeError("The target is not open.")
        self._taking = IntoLake(
            self._run, self._destination, self._table, self._layout, self._names, self._stands, self._last, span, now, self._deletes
        )
        return self._taking

    def end(self, manifest: Manifest) -> None:  # noqa: ARG002  # the protocol's
        """Remove files that are no longer data, at most once per day."""
        if self._taking is not None:
            self._version = self._taking.version
            if self._taking.is_to_tidy:
                tidy(self._table)

    def close(self) -> None:
        """Remove the parts that no commit names."""
        taking, self._taking = self._taking, None
        if taking is not None:
            taking.discard()


def refuse_without_key(resource: str, mode: str, *, has_key: bool) -> None:
    """Refuse to keep a resource up to date whose rows cannot be found again.

    :raises InvalidQueryError: it has no key, and the mode is not ``full``.
    """
    if not has_key and mode != "full":
        raise InvalidQueryError(
            f"{resource!r} has no key by which a row could be found again, so mode={mode!r} cannot be kept in a table. Use mode='full', "
            "which replaces all rows of the table in one commit; or copy it into files: BigCommerceToObjectStorageOperator."
        )


def _text(seconds: int) -> str:
    return written(datetime.fromtimestamp(seconds, UTC)) or ""
