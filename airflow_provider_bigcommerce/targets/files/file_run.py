"""What one try of a run into files works on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.engine.selection import Selection
from airflow_provider_bigcommerce.exceptions import ConcurrentRunError
from airflow_provider_bigcommerce.state import Checkpoint, RunCheckpoint, Watermark, WatermarkState
from airflow_provider_bigcommerce.targets.files.commits import Begun, missing_file
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.pieces import Piece


@dataclass(frozen=True, slots=True)
class FileRun:
    """What one try of a run works on.

    :param key: run key; of a range of a list, with the range's number.
    :param begun: the try: its number, what ends the names of its files, and what it found of the run.
    :param piece: the range of the list that is read, or None for all of it.
    :param selection: which rows.
    :param destination: the transfer's path.
    :param store_hash: the store.
    :param started_at: the worker's clock.
    :param state: of the watermark.
    :param last: the watermark, before this run.
    :param checkpoint: what the tries of the run leave for each other.
    :param fixed: what an earlier try left there.
    """

    key: str
    begun: Begun
    piece: Piece | None
    selection: Selection
    destination: Destination
    store_hash: str
    started_at: datetime
    state: WatermarkState
    last: Watermark | None
    checkpoint: RunCheckpoint
    fixed: Checkpoint | None

    @property
    def replaced(self) -> Manifest | None:
        """The manifest of the run's key that was there when the try began."""
        return self.begun.replaced

    def committed_before(self) -> Manifest | None:
        """What an earlier try of this run has committed, if it is whole; nothing is left to be read then."""
        fixed, found = self.fixed, self.replaced
        if fixed is None or self.piece is not None or found is None or found.finished_at == fixed.replaces:
            return None
        return found if missing_file(self.destination, found) is None else None

    def refuse_to_mix(self) -> None:
        """Rows that were compared with one run's build on that run alone: where another one has followed it meanwhile, this one starts from
        the beginning.

        :raises ConcurrentRunError: one has.
        """
        if self.selection.is_compared:
            now = self.state.read(self.store_hash)
            if (now.run if now is not None else None) not in (self.last.run if self.last is not None else None, self.key):
                raise ConcurrentRunError(
                    f"Another run read {self.selection.resource.name} into {self.destination.url} while this one did, so what this one "
                    "left out as unchanged may have changed. Nothing was committed; a retry compares with that run. Keep runs apart by "
                    "max_active_tis_per_dag=1."
                )
