"""One try's way into a table of a lake: staged parts, then one commit; again from these parts where another writer was first."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.clocks import Heard
from airflow_provider_bigcommerce.core.windows import moment, written
from airflow_provider_bigcommerce.engine.copying import Copied
from airflow_provider_bigcommerce.engine.deletes import Deletions
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.engine.spans import Span, full_at
from airflow_provider_bigcommerce.engine.target import Run
from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.row_keys import Key, SeenKeys
from airflow_provider_bigcommerce.rows.schemas import load_pyarrow
from airflow_provider_bigcommerce.state import Watermark
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.lake.lake_keys import LakeKeys
from airflow_provider_bigcommerce.targets.lake.log_records import Change, Names, OvertakenError, Snapshot
from airflow_provider_bigcommerce.targets.lake.maintenance import is_due
from airflow_provider_bigcommerce.targets.lake.part_reader import PartReader
from airflow_provider_bigcommerce.targets.lake.parts import RecordReader, StagingWriter
from airflow_provider_bigcommerce.targets.lake.rewrite import Rewriter, Rewritten
from airflow_provider_bigcommerce.targets.lake.rewrite_plan import Coming, Plan, planned
from airflow_provider_bigcommerce.targets.lake.table import LakeTable
from airflow_provider_bigcommerce.targets.lake.table_schema import Layout, keys_as_array

log = logging.getLogger(__name__)

#: How often a run plans again because another one has committed first.
_MOST_CONFLICTS: Final = 3


@dataclass(slots=True)
class _Planned:
    """One attempt at a commit.

    :param rewriter: writes its parts.
    :param schema: Arrow schema of the table.
    :param written: its parts, once they are written.
    """

    rewriter: Rewriter
    schema: Any
    written: Rewritten | None = None


class IntoLake:
    """One try's way into a table.

    :param run: the try.
    :param destination: the operator's path.
    :param table: the table.
    :param layout: of it.
    :param names: of its transactions.
    :param stood: what was there when the try began; None for no table.
    :param last: how far earlier runs had come.
    :param span: the window, and what it follows.
    :param now: the store's time, which each row is marked with.
    :param deletes: ``ignore``, ``detect`` or ``delete``.
    """

    def __init__(
        self,
        run: Run,
        destination: Destination,
        table: LakeTable,
        layout: Layout,
        names: Names,
        stood: Snapshot | None,
        last: Watermark | None,
        span: Span,
        now: datetime,
        deletes: str,
    ) -> None:
        self._run, self._destination, self._table, self._layout, self._names = run, destination, table, layout, names
        self._last, self._span, self._now, self._deletes = last, span, now, deletes
        self._stood = stood
        self._done_before = None if stood is None else stood.transaction(names.run)
        self._folder = run.selection.folder
        self._reader = PartReader(destination, self._folder)
        self.discrepancies = Discrepancies()
        self.before = None
        self.parts = None
        self.version: int | None = None
        self.is_to_tidy = False
        self.writer = self._staging()
        self._archived: StagingWriter | None = None
        self._keys: LakeKeys | None = None
        self._gone: Sequence[Key] = ()
        self._is_unsure = False  # whether a commit that was attempted may have been made
        self._named: frozenset[str] = frozenset()  # parts that are data now

    def _staging(self, deleted_at: datetime | None = None) -> StagingWriter:
        reader = RecordReader(self._layout, self.discrepancies, synced_at=self._now, store_hash=self._run.store_hash, deleted_at=deleted_at)
        return StagingWriter(self._destination, self._folder, reader)

    def listen(self, heard: Heard) -> None:
        """The time is known already."""

    async def have_heard(self, store: BigCommerceStore) -> None:
        """The time is known already."""

    async def have_read(self, store: BigCommerceStore) -> str:  # noqa: ARG002  # the protocol's
        """The time that the rows are marked with."""
        return written(self._now) or ""

    def keys(self, seen: SeenKeys | None) -> LakeKeys:
        """The table's keys, and the store's: those of the staged rows, or such as are still to come."""
        staged = self.writer.keys if seen is not None else None
        self._keys = LakeKeys([] if self._stood is None else self._stood.parts, self._reader, self._layout, staged)
        return self._keys

    def mark(self, found: Deletions, copied: Copied) -> None:
        """Note the keys of rows that the store no longer has, and stage the rows that it only archived."""
        self._gone = found.gone
        if found.archived:
            self._archived = self._staging(self._now)
            try:
                self._archived.write(found.archived)
                self._archived.close()
            finally:
                self._archived.abort()
        copied.deleted = len(found.archived)

    # -- the commit

    def commit(self, manifest: Manifest, copied: Copied, last_look: Callable[[], None]) -> Manifest:
        """Plan against what is there now, write, and commit; again from the beginning where another writer was first."""
        conflicts, given_up = 0, list[tuple[Rewriter, Rewritten]]()
        while True:
            stands = self._table.look()
            if (done := self._made_already(stands)) is not None:
                return done
            plan = self._plan(stands)
            try:
                if stands is not None and self._table.widen(stands):
                    continue
                done = self._commit(stands, plan, manifest, copied, last_look)
            except OvertakenError as error:
                conflicts += 1
                # Whether it was made after all shows when the table is looked at; its files stay until then.
                self._is_unsure = True
                if plan.written is not None:
                    given_up.append((plan.rewriter, plan.written))
                if conflicts > _MOST_CONFLICTS:
                    raise DestinationError(
                        f"The table {self._table.uri} was committed to by others {conflicts} times while this run was about to, or the "
                        f"commit could not be written: {type(error.cause).__name__}. Nothing of this run was committed, as far as is "
                        "known. Let the task try again; if other tasks write this table all the time, give them a pool with one slot."
                    ) from error
                log.info("Another run has committed to %s first: this one plans again from the rows that it has read.", self._table.uri)
                continue
            # The version is made, so that no earlier attempt at it can still come true.
            self._is_unsure = False
            for rewriter, rewritten in given_up:
                rewriter.discard(rewritten)
            return done

    def _made_already(self, stands: Snapshot | None) -> Manifest | None:
        """The run's manifest, where a commit of it was made since this try began: by another try, or by this one, without an answer."""
        version = None if stands is None else stands.transaction(self._names.run)
        if version is None or version == self._done_before:
            return None
        manifest = self._table.manifest(version)
        if manifest is None:
            raise DestinationError(
                f"The table {self._table.uri} has this run's rows since version {version}, whose commit cannot be read. Look at the file "
                f"_delta_log/{version:020d}.json."
            )
        log.info("The rows of this run are committed already, in version %d of %s.", version, self._table.uri)
        self._is_unsure = True  # that commit may be this try's, and name its parts
        self.version = version
        return manifest

    def _plan(self, stands: Snapshot | None) -> _Planned:
        schema = self._layout.arrow if stands is None else stands.schema
        return _Planned(Rewriter(self._destination, self._folder, self._layout, schema, self._reader), schema)

    def _commit(
        self, stands: Snapshot | None, planned_as: _Planned, manifest: Manifest, copied: Copied, last_look: Callable[[], None]
    ) -> Manifest:
        coming, archived = self._coming(), 0 if self._archived is None else self._archived.rows
        rewriter = planned_as.rewriter
        parts = [] if stands is None else stands.parts
        if self._is_late(stands):
            plan = Plan(overtaken=self.writer.rows)
            found, staged, archived = Rewritten(), 0, 0
        elif not self._layout.key:
            plan = Plan()
            found, staged = Rewritten(list(coming.parts), list(parts)), self.writer.rows
        else:
            plan = planned(coming, parts, self._layout, self._reader)
            found = rewriter.write(coming, plan, parts)
            staged = len(coming.keys) - plan.unchanged - plan.overtaken
        planned_as.written = found
        if plan.overtaken:
            log.info("%s rows were left as a run that began later has read them.", f"{plan.overtaken:,}")
        done = msgspec.structs.replace(
            manifest,
            files=(),
            rows=max(0, staged - archived),
            duplicates_dropped=copied.repeated + plan.unchanged,
            deleted=archived + plan.deleted,
        )
        change = self._change(stands, done, found, planned_as.schema)
        if stands is not None and change.run is None and not change.numbers:
            self._named = frozenset()
            return done  # nothing came, and there is nothing to note
        try:
            last_look()
        except BaseException:
            rewriter.discard(found)
            raise
        self.version = self._table.commit(stands, change)
        self._named = frozenset(part.name for part in found.added)
        return msgspec.structs.replace(done, sequence=self.version)

    def _coming(self) -> Coming:
        """What the run brings, the archived rows behind the others."""
        pa: Any = load_pyarrow()
        layout, writers = self._layout, [self.writer, *([self._archived] if self._archived is not None else [])]
        none = keys_as_array([], layout) if layout.key else pa.array([], pa.int64())
        keys = [array for writer in writers for array in writer.keys]
        hashes = [array for writer in writers for array in writer.hashes] if self._run.selection.is_compared else None
        return Coming(
            [part for writer in writers for part in writer.parts],
            pa.concat_arrays(keys) if keys else none,
            None if hashes is None else pa.concat_arrays(hashes) if hashes else pa.array([], pa.string()),
            self._now,
            keys_as_array(self._gone, layout) if layout.key else none,
            none if self._keys is None else self._keys.back,
            self._deletes == "delete",
        )

    def _is_late(self, stands: Snapshot | None) -> bool:
        """Whether a run that began later has read all that this one did."""
        if stands is None:
            return False
        if not self._layout.key:
            last = stands.transaction(self._names.full)
            return last is not None and last > int(self._now.timestamp())
        # Rows that a run finds unchanged keep their _synced_at, so that it does not tell which of two runs saw them last.
        last = stands.transaction(self._names.watermark)
        own = self._span.watermark
        return self._run.selection.is_compared and last is not None and own is not None and last > int(own.timestamp())

    def _change(self, stands: Snapshot | None, done: Manifest, parts: Rewritten, schema: Any) -> Change:
        """The commit: the parts, and the numbers that go up."""
        names, numbers = self._names, dict[str, int]()
        selection = self._run.selection
        until = moment(done.watermark, "watermark")
        if until is not None:
            numbers[names.watermark] = int(until.timestamp())
            full = moment(full_at(selection, done, self._last), "full_at")
            if full is not None:
                numbers[names.full] = int(full.timestamp())
        elif not self._layout.key:
            numbers[names.full] = int(self._now.timestamp())
        has_rows = bool(parts.added or parts.removed)
        if stands is not None:
            numbers = {name: number for name, number in numbers.items() if number > (stands.transaction(name) or 0)}
        if (numbers or has_rows) and is_due(stands, names, self._now):
            numbers[names.tidied] = int(self._now.timestamp())
            self.is_to_tidy = stands is not None
        # A first run has its id in the log even without a row, since it makes the table.
        run = names.run if has_rows or stands is None else None
        return Change(parts.added, parts.removed, numbers, [names.commit], run, done, schema)

    def discard(self) -> None:
        """Remove the staged parts that no commit names, unless one may yet; what stays is tidied when it is old."""
        if self._is_unsure:
            return
        writers = [self.writer, *([self._archived] if self._archived is not None else [])]
        for part in [part for writer in writers for part in writer.parts]:
            if part.name not in self._named:
                with contextlib.suppress(DestinationError):
                    self._destination.remove(f"{self._folder}/{part.name}")
