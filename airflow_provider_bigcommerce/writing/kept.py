"""Values that are put aside until they are needed, on the disk once they are many: memory holds some megabytes, whatever an input's size.

A private database of SQLite without a name: it stays in memory until its cache is full, then goes to the temporary directory, and is gone
with its process.
"""

from __future__ import annotations

import pickle
import sqlite3
import weakref
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar, overload

from airflow_provider_bigcommerce.core.ended_rows import Ended

T = TypeVar("T")

#: Kilobytes of a database that are held in memory.
_CACHE_KB = 4_000
#: Values that are read at once where all are wanted.
_BLOCK = 1_000


def _database(owner: object, *statements: str) -> sqlite3.Connection:
    """A database that ends with its owner."""
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", f"PRAGMA cache_size = -{_CACHE_KB}", *statements, "BEGIN"):
        database.execute(statement)
    weakref.finalize(owner, database.close)
    return database


def _packed(value: object) -> bytes:
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


class Kept(Generic[T]):
    """One value for a place of the input; by key, values that belong together are found."""

    def __init__(self) -> None:
        self._database = _database(self, "CREATE TABLE kept (place INTEGER PRIMARY KEY, sort INTEGER, key TEXT, value BLOB)")
        self._is_sorted = False

    def put(self, place: int, value: T, *, key: str = "", sort: int = 0) -> None:
        """Keep a value, in the place of another one.

        :param key: what it has in common with values that it belongs to.
        :param sort: :meth:`parts` gives them by this first, then by their places.
        """
        self._database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", (place, sort, _encodable(key), _packed(value)))

    def get(self, place: int) -> T | None:
        """The value of a place, None where there is none."""
        found = self._database.execute("SELECT value FROM kept WHERE place = ?", (place,)).fetchone()
        if found is None:
            return None
        value: T = pickle.loads(found[0])  # noqa: S301  # this object's own database
        return value

    def __contains__(self, place: object) -> bool:
        return self._database.execute("SELECT 1 FROM kept WHERE place = ?", (place,)).fetchone() is not None

    def __len__(self) -> int:
        return int(self._database.execute("SELECT COUNT(*) FROM kept").fetchone()[0])

    def parts(self, most: int) -> Iterator[list[T]]:
        """All values, so many at a time; those that are put meanwhile come if they are behind."""
        if not self._is_sorted:
            self._database.execute("CREATE INDEX by_sort ON kept (sort, place)")
            self._is_sorted = True
        last: tuple[int, int] = (-(2**63), 0)
        while True:
            statement = "SELECT sort, place, value FROM kept WHERE (sort, place) > (?, ?) ORDER BY sort, place LIMIT ?"
            rows = self._database.execute(statement, (*last, most)).fetchall()
            if not rows:
                return
            last = (rows[-1][0], rows[-1][1])
            yield [pickle.loads(value) for *_, value in rows]  # noqa: S301  # this object's own database

    def __iter__(self) -> Iterator[T]:
        for part in self.parts(_BLOCK):
            yield from part

    def groups(self) -> Iterator[list[T]]:
        """Values of one key together, in the order in which the keys came first. Nothing may be put meanwhile."""
        self._database.execute("CREATE INDEX IF NOT EXISTS by_key ON kept (key, place)")
        keys = self._database.execute("SELECT key FROM kept GROUP BY key ORDER BY MIN(place)")
        for (key,) in keys:
            found = self._database.execute("SELECT value FROM kept WHERE key = ? ORDER BY place", (key,))
            yield [pickle.loads(value) for (value,) in found]  # noqa: S301  # this object's own database

    def take_doubled(self) -> Iterator[T]:
        """Take out the values whose key comes more than once."""
        self._database.execute(
            "CREATE TEMP TABLE doubled AS SELECT place FROM kept WHERE key IN (SELECT key FROM kept GROUP BY key HAVING COUNT(*) > 1)"
        )
        rows = self._database.execute("SELECT value FROM doubled JOIN kept USING (place) ORDER BY place")
        while block := rows.fetchmany(_BLOCK):
            yield from (pickle.loads(value) for (value,) in block)  # noqa: S301  # this object's own database
        self._database.execute("DELETE FROM kept WHERE place IN (SELECT place FROM doubled)")
        self._database.execute("DROP TABLE doubled")


class KeptByKey(Generic[T]):
    """One value for a key."""

    def __init__(self) -> None:
        self._database = _database(self, "CREATE TABLE kept (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")

    def __setitem__(self, key: str, value: T) -> None:
        self._database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (_encodable(key), _packed(value)))

    def get(self, key: str) -> T | None:
        """The value of a key, None where there is none."""
        found = self._database.execute("SELECT value FROM kept WHERE key = ?", (_encodable(key),)).fetchone()
        if found is None:
            return None
        value: T = pickle.loads(found[0])  # noqa: S301  # this object's own database
        return value

    def __getitem__(self, key: str) -> T:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def drop(self, key: str) -> None:
        """Forget a key, if it is there."""
        self._database.execute("DELETE FROM kept WHERE key = ?", (_encodable(key),))


class Endings(Sequence[Ended]):
    """What became of each row: by its place, one for each place once all is done."""

    def __init__(self) -> None:
        self._kept: Kept[Ended] = Kept()
        #: Whether one of them is rejected.
        self.has_rejected = False

    def add(self, ended: Ended) -> None:
        """Take what became of a row."""
        self.has_rejected = self.has_rejected or ended.outcome.outcome == "rejected"
        self._kept.put(ended.outcome.row, ended)

    def __contains__(self, place: object) -> bool:
        return place in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    @overload
    def __getitem__(self, index: int) -> Ended: ...
    @overload
    def __getitem__(self, index: slice) -> list[Ended]: ...
    def __getitem__(self, index: int | slice) -> Ended | list[Ended]:
        if isinstance(index, slice):
            return list(self)[index]
        found = self._kept.get(index)
        if found is None:
            raise IndexError(index)
        return found

    def __iter__(self) -> Iterator[Ended]:
        return iter(self._kept)


def _encodable(key: str) -> str:
    """A key without half surrogate pairs, which SQLite does not take; no two keys become one."""
    return f"a{key}" if key.isascii() else f"u{key.encode('unicode_escape').decode('ascii')}"
