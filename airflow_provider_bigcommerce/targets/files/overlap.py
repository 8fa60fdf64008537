"""Rows near a window's end, kept next to the manifests so that the next run need not write them again.

A window is re-read a little way back. A row that comes again unchanged is dropped; one whose content differs is kept, also when
its ``date_modified`` is the same second, because a second edit within it is an edit. Decides nothing about which window is read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from airflow_provider_bigcommerce.core.windows import read_moment
from airflow_provider_bigcommerce.engine.manifest import DataFile
from airflow_provider_bigcommerce.rows.row_digest import digest
from airflow_provider_bigcommerce.rows.row_keys import Key
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.written import Owner, owner_of

log = logging.getLogger(__name__)

#: More rows than this near a window's end (a bulk import) are not kept: the next run writes them again, which loses nothing.
#: At about 60 bytes a row the file stays under 15 MB.
MOST_ROWS = 250_000


class _File(Owner, frozen=True, kw_only=True):
    """The file's content.

    :param rows: key as JSON -> [date_modified as text, digest of the row's JSON].
    """

    rows: dict[str, tuple[str, str]]


def overlap_name(folder: str, run: str) -> str:
    """Where a run's overlap file is, below ``path``."""
    return f"{folder}/_overlaps/{run}.json"


class Overlap:
    """The rows of the last window's end, and those of this one's.

    :param keep_from: rows changed at or after this moment are within the next run's overlap.
    :param written_before: key -> (date_modified, digest) of the last run's rows.
    :param rows: likewise of this run's rows, where an earlier try wrote them.
    :param dropped: rows that it left out.
    """

    def __init__(
        self,
        keep_from: datetime,
        written_before: Mapping[str, tuple[str, str]],
        rows: Mapping[str, tuple[str, str]] | None = None,
        dropped: int = 0,
    ) -> None:
        self.dropped = dropped
        self._keep_from = keep_from
        self._before = written_before
        self._rows: dict[str, tuple[str, str]] = dict(rows or {})
        self._is_full = False

    def is_new(self, record: msgspec.Raw, key: Key | None, modified: str | None) -> bool:
        """Whether a row is to be written: it was not by the last run, or has changed since.

        :param modified: its change date, as the store wrote it.
        """
        moment = read_moment(modified)
        is_near = moment is not None and moment >= self._keep_from
        if not is_near and not self._before:
            return True
        name = msgspec.json.encode(key).decode()
        this = (str(modified), digest(record, 12).hex())
        if is_near:
            self._keep(name, this)
        if self._before.get(name) == this:
            self.dropped += 1
            return False
        return True

    def _keep(self, key: str, this: tuple[str, str]) -> None:
        if self._is_full:
            return
        if len(self._rows) >= MOST_ROWS:
            log.info("More than %d rows changed near the end of the window: the next run writes those again.", MOST_ROWS)
            self._is_full = True
            self._rows.clear()
            return
        self._rows[key] = this

    def save(self, destination: Destination, folder: str, run: str, *, until: datetime, files: Sequence[DataFile]) -> None:
        """Write this run's file; before the manifest, so that no manifest is without.

        :param files: the data files that hold the rows.
        """
        owner = owner_of(until, files)
        content = _File(until=owner.until, files=owner.files, rows=self._rows)
        destination.write(overlap_name(folder, run), msgspec.json.encode(content))


def written_by(
    destination: Destination, folder: str, run: str, files: Sequence[DataFile] | None, until: str | None
) -> Mapping[str, tuple[str, str]]:
    """The rows that a run wrote near the end of its window; none where that is not certain.

    :param files: that run's data files, or None where they are not known.
    :param until: where its window ended.
    """
    data = destination.read(overlap_name(folder, run))
    if data is None or files is None:
        return {}
    try:
        found = msgspec.json.decode(data, type=_File)
    except msgspec.DecodeError as error:
        log.warning("The overlap file of run %s cannot be read (%s): its rows are written again.", run, error)
        return {}
    return found.rows if found.is_of(until, files) else {}
