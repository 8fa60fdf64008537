"""What fills a store with rows knows of it: its tables, and no more. The store itself imports who fills it."""

from __future__ import annotations

from typing import Protocol

from airflow_provider_bigcommerce.sandbox.table import Key, Nested, Row, Table


class SeededStore(Protocol):
    """A store whose tables are being filled."""

    seed: int
    store_hash: str
    base_url: str
    tables: dict[str, Table]
    nested: dict[str, Nested]

    def add_table(self, table: Table) -> Table:
        """Register a table."""

    def keep(self, kind: str, key: Key, row: Row | None) -> None:
        """Keep a change in the database file, where there is one."""

    def variants_of(self, product_id: int) -> list[Row]:
        """List the variants of a product, seeded and added."""
