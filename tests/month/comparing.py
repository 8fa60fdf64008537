"""A table held against what the store's API shows: row for row, field for field. Shares no code with what filled the table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

from tests.sql.warehouse import Warehouse

Row = Mapping[str, Any]
#: Columns that are ours, not the store's.
OURS = ("_deleted_at", "_extra", "_row_hash", "_synced_at", "_store_hash")


def rows_of(warehouse: Warehouse, table: str, key: str) -> dict[Any, dict[str, Any]]:
    """A table's rows by their key."""
    cursor = warehouse.handle.execute(f'SELECT * FROM "{table}"')
    names = [column[0] for column in cursor.description]
    return {row[names.index(key)]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def differences(shown: Iterable[Row], found: Mapping[Any, Row], key: str) -> list[str]:
    """Where the copy is not what the store shows."""
    told = []
    known = {row[key]: row for row in shown}
    told += [f"{name} is missing" for name in known.keys() - found.keys()]
    told += [f"{name} is too much" for name in found.keys() - known.keys()]
    for name, row in known.items():
        if name in found:
            told += [f"{name}: {difference}" for difference in _fields(row, found[name])]
    return sorted(told)


def _fields(shown: Row, found: Row) -> list[str]:
    extra = _decoded(found["_extra"]) or {}
    told = []
    for name, value in shown.items():
        have = extra[name] if name in extra else found.get(name)
        if not _same(have, value):
            told.append(f"{name} is {have!r}, in the store {value!r}")
    told += [f"{name} is {found[name]!r}, the store has no such field" for name in found if _is_made_up(name, found, shown)]
    told += [f"_extra has {name}, the store has no such field" for name in extra if name not in shown]
    return told


def _is_made_up(name: str, found: Row, shown: Row) -> bool:
    return name not in shown and name not in OURS and found[name] is not None


def _decoded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _same(have: Any, value: Any) -> bool:
    """Whether a database's value is that of the store's JSON, each in its own spelling."""
    if have is None and isinstance(value, dict) and value.keys() == {"url", "resource"}:
        return True  # where a list could stand, a link tells that it was not asked for
    if have is None or value is None:
        return have is None and (value is None or value == "")  # a date that is not set is "" in V2
    if isinstance(value, list | dict):
        return _decoded(have) == value
    if isinstance(value, bool):
        return have in (value, int(value))
    if have == value:
        return True
    if isinstance(value, str) and (moment := _moment(value)) is not None:
        return _moment(have) == moment
    try:
        return abs(Decimal(str(have)) - Decimal(str(value))) < Decimal("1e-9")
    except InvalidOperation:
        return False


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    try:
        return datetime.fromisoformat(value).astimezone(UTC) if value[:4].isdigit() else parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
