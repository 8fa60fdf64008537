"""Lets a retry continue after the last part file that an earlier try of its run closed.

Decides whether what an earlier try left can be gone on with, and writes what the next one needs. Reads and writes the
destination and Airflow's state through what it is given; sends nothing to BigCommerce.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.core.windows import moment
from airflow_provider_bigcommerce.engine.manifest import DataFile
from airflow_provider_bigcommerce.engine.selection import Selection
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.row_keys import SeenKeys
from airflow_provider_bigcommerce.state import Checkpoint, Part, Reached, RunCheckpoint
from airflow_provider_bigcommerce.targets.files.beginning import ORPHAN_AGE
from airflow_provider_bigcommerce.targets.files.commits import run_folder
from airflow_provider_bigcommerce.targets.files.destination import Destination

log = logging.getLogger(__name__)


def what_is_read(selection: Selection, store_hash: str, *how: object) -> str:
    """A digest of all that decides which rows are read and how they are written.

    :param how: format, stamp and whatever else shapes the files.
    """
    parts: list[Any] = [
        __version__, store_hash, selection.resource.path, selection.mode, selection.query_text, selection.include, repr(selection.fields),
        selection.parent_ids, selection.parent_query, how,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


class PartCheckpoints:
    """The closed parts of a run, kept for its retries.

    :param kept: where they are kept.
    :param fixed: what the first try fixed.
    :param destination: the transfer's.
    :param folder: the resource's directory.
    :param run: run key.
    :param what: from :func:`what_is_read`.
    :param mark: of this try's files.
    :param discrepancies: what does not fit the schema; gets what the earlier tries had seen.
    :param beside: writes what belongs to the parts and lies next to them, before they are remembered; takes the parts.
    :param read_at: the store's time at which this try's read began, ISO-8601; empty where that is not known yet.
    :param clock: the worker's time, UTC.
    """

    def __init__(
        self,
        kept: RunCheckpoint,
        fixed: Checkpoint,
        destination: Destination,
        folder: str,
        run: str,
        *,
        what: str,
        mark: str,
        discrepancies: Discrepancies,
        beside: Callable[[Sequence[DataFile]], None] = lambda _: None,
        read_at: Callable[[], str] = lambda: "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._kept = kept
        self._fixed = fixed
        self._destination = destination
        self._folder = folder
        self._run = run
        self._what = what
        self._mark = mark
        self._discrepancies = discrepancies
        self._beside = beside
        self._read_at = read_at
        self._clock = clock
        #: What earlier tries left and this one continues with; None where the run starts from the beginning.
        self.earlier = fixed.reached
        if fixed.reached is not None and (reason := self._refusal(fixed.reached)) is not None:
            self.begin_anew(reason)
        #: When the first of the tries that this run is made of began, ISO-8601.
        self.started_at = self.earlier.started_at if self.earlier is not None else clock().isoformat(timespec="milliseconds")
        if self.earlier is not None:
            discrepancies.restore(self.earlier.drift)

    def begin_anew(self, reason: str) -> None:
        """Forget what earlier tries left, and say why.

        Their files stay until this try has committed: what was read is not removed before, and a try that Airflow took for dead may yet
        commit them itself.

        :param reason: for the log, in words.
        """
        left, self.earlier = self.earlier, None
        if left is None:
            return
        rows = sum(part.rows for part in left.parts)
        log.warning("An earlier try of this run had written %s rows, but %s: the run starts from the beginning.", f"{rows:,}", reason)
        self._kept.write(msgspec.structs.replace(self._fixed, reached=None))

    def _refusal(self, found: Reached) -> str | None:
        """Why an earlier try cannot be gone on with."""
        if found.what != self._what:
            return "the task or the provider has changed since"
        at = moment(found.at, "checkpoint")
        if at is None or self._clock() - at > ORPHAN_AGE:
            return "that was more than a day ago"
        there = {entry.name: entry.bytes for entry in self._destination.entries(run_folder(self._folder, self._run))}
        for file in self.files(found):
            if there.get(file.path) != file.bytes:
                return f"{file.path} is not there any more, or is not what it was"
        if found.keys is not None and self._read_keys(found.keys) is None:
            return f"{found.keys} is not there any more"
        return None

    def files(self, reached: Reached) -> list[DataFile]:
        """The closed parts as a manifest names them."""
        folder = run_folder(self._folder, self._run)
        return [DataFile(path=f"{folder}/{part.name}", rows=part.rows, bytes=part.bytes, sha256=part.sha256) for part in reached.parts]

    def seen(self, reached: Reached) -> SeenKeys:
        """The keys of rows that may come again; empty where none can.

        :raises InvalidQueryError: their file has gone since this object was made.
        """
        if reached.keys is None:
            return SeenKeys()
        found = self._read_keys(reached.keys)
        if found is None:
            raise InvalidQueryError(f"{reached.keys} was removed while the task ran. Let the task try again.")
        return found

    def _read_keys(self, name: str) -> SeenKeys | None:
        data = self._destination.read(name)
        try:
            return SeenKeys.from_bytes(data) if data is not None else None
        except (ValueError, IndexError, msgspec.MsgspecError):
            return None

    def keep(self, position: Position, files: Sequence[DataFile], seen: SeenKeys, **counters: Any) -> None:
        """Remember that these parts are closed and the walk continues at ``position``.

        :param counters: the counting fields of :class:`~airflow_provider_bigcommerce.state.Reached`.
        """
        keys: str | None = None
        if _may_repeat(position):
            keys = f"{self._folder}/_checkpoints/{self._run}.keys-{len(files)}{self._mark}"
            self._destination.write(keys, seen.to_bytes())
        self._beside(files)
        reached = Reached(
            what=self._what,
            at=self._clock().isoformat(timespec="seconds"),
            position=dict(position),
            parts=tuple(Part(file.path.rpartition("/")[2], file.rows, file.bytes, file.sha256) for file in files),
            drift=self._discrepancies.as_rows(),
            keys=keys,
            started_at=self.started_at,
            read_at=(self.earlier.read_at if self.earlier is not None else "") or self._read_at(),
            **counters,
        )
        self._kept.write(msgspec.structs.replace(self._fixed, reached=reached))


def _may_repeat(position: Position) -> bool:
    """Whether rows before a position may come again: an id or a cursor is behind them, page numbers shift, parents are begun again."""
    return not position.keys() & {"id", "after"}
