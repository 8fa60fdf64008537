"""Tables of the smaller collections: rows are made from the documented schema when they are asked for."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from airflow_provider_bigcommerce.sandbox import dates
from airflow_provider_bigcommerce.sandbox.contract import contract, schema_of
from airflow_provider_bigcommerce.sandbox.dice import Dice
from airflow_provider_bigcommerce.sandbox.kinds import KINDS, Kind
from airflow_provider_bigcommerce.sandbox.made_up import MadeUp
from airflow_provider_bigcommerce.sandbox.seeding import SeededStore
from airflow_provider_bigcommerce.sandbox.table import Row, SeededIds, Table


def add_tables(store: SeededStore) -> None:
    """Give a store the tables of every kind; rows are made when they are asked for."""
    for kind in KINDS:
        store.add_table(_table(store, kind))


def _table(store: SeededStore, kind: Kind) -> Table:
    path = kind.item if kind.path not in contract() or "get" not in contract()[kind.path] else kind.path
    schema, _ = schema_of(path or kind.path)
    if schema.get("type") == "array":
        schema = schema["items"]
    schema = {**schema, "nullable": False, "type": "object"}
    made_up = MadeUp(store.seed, kind.name, kind.path[1:3])
    dice = Dice(store.seed, kind.name)
    first = 1 if kind.count < 100 else 1001
    ids: Any = SeededIds(first, kind.count, gaps=False)
    choices = schema.get("properties", {}).get(kind.key, {}).get("enum")
    if choices:
        ids = sorted(choices[: kind.count])
    elif kind.uuid:
        ids = sorted(dice.uuid(n) for n in range(kind.count))
    elif kind.key not in ("_id", "id", "listing_id", "channel_id", "product_id", "customer_id", "type_id"):
        ids = [f"{kind.key}-{n}" for n in range(kind.count)]
    elif schema.get("properties", {}).get(kind.key, {}).get("type") == "string":
        ids = [f"{kind.name.replace('_', '.')}.{n}" for n in range(kind.count)]
    elif kind.fit is not None and kind.name in ("product_tax_properties", "tax_customers", "product_customs_information"):
        ids = list(store.tables["customers" if kind.key == "customer_id" else "products"].ids()[: kind.count])
    elif kind.name == "order_statuses":
        ids = SeededIds(0, kind.count, gaps=False)
    places = {key: place for place, key in enumerate(ids)}

    made: dict[Any, Row] = {}  # there are few, and some lists are filters over all of them

    def make(row_id: Any) -> Row:
        if row_id in made:
            return made[row_id]
        n = places.get(row_id, crc32(str(row_id).encode()) % 997)
        at = dates.SEED_START + dice.below(dates.SEED_SECONDS, n, 3)
        row: Row = made_up.value(schema, n, at=at)
        row[kind.key] = row_id
        if kind.parent is not None:
            parents = store.tables[kind.parent[0]].seeded
            place = 0 if n % 2 == 0 else (n // 2) % max(1, min(40, len(parents)))
            row[kind.parent[1]] = parents[place] if len(parents) else 0
        if kind.fit is not None:
            row.update(kind.fit(store, row, n))
            row[kind.key] = row_id
        if row_id in places:
            made[row_id] = row
        return row

    return Table(kind.name, ids, make, key=kind.key, on_change=store.keep)
