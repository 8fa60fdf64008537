"""What writes look up and note down in a store: unique values, rows of a parent, new ids, mails."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import Any

from airflow_provider_bigcommerce.sandbox.outbox import Mail, What
from airflow_provider_bigcommerce.sandbox.table import Key, Nested, Row, Table
from airflow_provider_bigcommerce.sandbox.unique import Read, Unique

_FIRST_NESTED = 900_000_000  # far above the ids of seeded nested rows


class Bookkeeping(ABC):
    """The part of a store that writes work with.

    `outbox` holds the mails that left, in order; `unsaved_stock` the products whose stock a catalog PUT does not save, so that it answers
    207; `owners` tells of a new nested row, by kind and id, whose it is.
    """

    tables: dict[str, Table]
    nested: dict[str, Nested]

    def __init__(self) -> None:
        self.outbox: list[Mail] = []
        self.unsaved_stock: set[int] = set()
        self.owners: dict[tuple[str, int], Any] = {}
        self._indexes: dict[tuple[str, Read], Unique] = {}
        self._children: dict[tuple[str, str], tuple[int, dict[Any, list[Row]]]] = {}
        self._nested_ids: dict[str, int] = {}

    @abstractmethod
    def keep(self, kind: str, key: Key, row: Row | None) -> None:
        """Keep a change, where the store has a file for it."""

    @abstractmethod
    def now(self) -> int:
        """The store's time, in whole epoch seconds."""

    def mail(self, what: What, customer_id: int, order_id: int | None = None, about: int | None = None) -> None:
        """Send a mail."""
        mail = Mail(what, customer_id, order_id, self.now(), about)
        self.outbox.append(mail)
        self.keep("outbox", len(self.outbox), asdict(mail))

    def unique(self, resource: str, read: Read) -> Unique:
        """Give the index of a table by a value that no two of its rows share."""
        key = (resource, read)
        if key not in self._indexes:
            self._indexes[key] = Unique(self.tables[resource], read)
        return self._indexes[key]

    def has(self, resource: str, key: Any) -> bool:
        """Tell whether a table has a row, whatever a request gave as its key."""
        return isinstance(key, int | str) and key in self.tables[resource]

    def children(self, resource: str, field: str, parent: Any) -> list[Row]:
        """List the rows of a table that belong to a parent; sorted out once for all parents, until the table changes."""
        table = self.tables[resource]
        version, groups = self._children.get((resource, field), (-1, {}))
        if version != table.version:
            groups = {}
            for row in table.rows():
                groups.setdefault(row[field], []).append(row)
            self._children[resource, field] = (table.version, groups)
        return groups.get(parent, [])

    def nested_id(self, kind: str, parent: Any = None) -> int:
        """Give an id for a new nested row that none had; whose it is can be found by it."""
        if kind not in self._nested_ids:
            used = [row["id"] for rows in self.nested[kind].changed.values() for row in rows if isinstance(row.get("id"), int)]
            self._nested_ids[kind] = max([_FIRST_NESTED, *used])
        self._nested_ids[kind] += 1
        self.owners[kind, self._nested_ids[kind]] = parent
        return self._nested_ids[kind]
