"""The log of a table in an object store, mirrored on the worker's disk from its last checkpoint on: each file is asked for once.

``deltalake`` asks for them again with each question: a run of ours has a dozen, which were up to 150 requests. It reads the mirror;
commits are its own, and go to the store. The log's files never change, so a mirrored one is as good as the store's.
"""

from __future__ import annotations

import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.lake.storage import load_deltalake

_LOG: Final = "_delta_log"
_COMMIT: Final = re.compile(r"(\d{20})\.json")
_CHECKPOINT: Final = re.compile(r"(\d{20})\.checkpoint\..*parquet")
_AT_ONCE: Final = 8


class LogMirror:
    """The log of a table.

    :param destination: the operator's path.
    :param folder: the table's directory below it.
    """

    def __init__(self, destination: Destination, folder: str) -> None:
        self._destination, self._folder = destination, f"{folder}/{_LOG}"
        self._home = tempfile.TemporaryDirectory(prefix="bigcommerce-log-")
        self._log = Path(self._home.name, _LOG)
        self._version = -1
        self._table: Any = None

    def newest(self) -> Any:
        """``deltalake``'s table by the log as it is now: one listing, and the files that are new. None where there is no log.

        :raises DestinationError: the log cannot be listed.
        :raises OSError: a file of it cannot be read.
        """
        names = [entry.name.rpartition("/")[2] for entry in self._destination.entries(self._folder)]
        checkpoints = [int(one[1]) for name in names if (one := _CHECKPOINT.fullmatch(name)) is not None]
        first = max(checkpoints, default=0) if self._version < 0 else self._version + 1
        found = [_COMMIT.fullmatch(name) or _CHECKPOINT.fullmatch(name) for name in names]
        self._fetch([one[0] for one in found if one is not None and int(one[1]) >= first])
        return self._open() if self._version >= 0 else None

    def _fetch(self, names: list[str]) -> None:
        if not names:
            return
        self._log.mkdir(exist_ok=True)
        with ThreadPoolExecutor(_AT_ONCE, "bigcommerce-log") as pool:
            for name, data in zip(names, pool.map(self._destination.whole, [f"{self._folder}/{name}" for name in names]), strict=True):
                (self._log / name).write_bytes(data)
        self._version = max(self._version, *(int(name[:20]) for name in names))

    def _open(self) -> Any:
        if self._table is None:
            self._table = load_deltalake().DeltaTable(self._home.name)
        else:
            self._table.update_incremental()
        return self._table

    def sum_up(self, version: int) -> None:
        """Write a checkpoint of a version that was just committed, behind those that are mirrored.

        :raises DestinationError: it cannot be written.
        :raises OSError: the commit cannot be read.
        """
        self._fetch([f"{version:020d}.json"])
        self._open().create_checkpoint()
        for name in (f"{version:020d}.checkpoint.parquet", "_last_checkpoint"):
            self._destination.write(f"{self._folder}/{name}", (self._log / name).read_bytes())
