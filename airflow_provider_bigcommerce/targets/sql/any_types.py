"""The column types of databases that SQLAlchemy knows and we do not: its generic ones, and variants where those hold too little."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, oracle, sqlite

from airflow_provider_bigcommerce.targets.sql.layout import Column, ColumnKind, Table

#: Characters of a key's text where no limit is known: as many as MySQL (3072 bytes) and SQL Server (1700) can index of two such columns.
LONGEST_KEY = 255

_ZONED = sa.DateTime(timezone=True)
#: What DateTime would be instead: whole seconds on MySQL, a DATE without zone on Oracle, text without zone on SQLite.
_TIMES: Mapping[str, sa.types.TypeEngine[Any]] = {
    "mysql": mysql.DATETIME(fsp=6),
    "mariadb": mysql.DATETIME(fsp=6),
    "oracle": oracle.TIMESTAMP(timezone=True),
    "sqlite": sqlite.DATETIME(  # type: ignore[no-untyped-call]  # SQLAlchemy's
        storage_format="%(year)04d-%(month)02d-%(day)02d %(hour)02d:%(minute)02d:%(second)02d.%(microsecond)06dZ",
        regexp=r"(\d+)-(\d+)-(\d+)[ T](\d+):(\d+):(\d+)(?:\.(\d+))?Z?",
    ),
}
#: MySQL's TEXT ends at 64 KiB, less than a product's description may have.
_TEXT = sa.UnicodeText().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
_JSON = _TEXT  # JSON types differ in what they refuse and in how they write it back; text is the JSON as it came

_GENERIC: Mapping[ColumnKind, sa.types.TypeEngine[Any]] = {
    "int": sa.BigInteger(),
    "float": sa.Double(),
    "bool": sa.Boolean(),
    "text": _TEXT,
    "money": sa.Numeric(20, 4),
    "rate": sa.Numeric(20, 10),
    "json": _JSON,
    "extra": _JSON,
}

#: A table whose changes can be rolled back, whose texts hold every character and are equal only if each character is.
TABLE_OPTIONS: Mapping[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}.items()
}


class Moment(sa.types.TypeDecorator[datetime]):
    """A moment: with its zone where the database keeps one, else in UTC.

    :param is_zoned: whether it keeps one.
    """

    impl = sa.DateTime
    cache_ok = True

    def __init__(self, is_zoned: bool) -> None:
        super().__init__()
        self.is_zoned = is_zoned

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The type with zone, or the dialect's own variant."""
        return dialect.type_descriptor(_TIMES.get(dialect.name, _ZONED))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        """An aware datetime -> what the driver takes."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc if self.is_zoned else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002  # likewise
        """What the driver gives -> an aware datetime."""
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value


def moment_type(dialect: sa.Dialect) -> Moment:
    """The type of moments in a dialect, which keeps zones if its type's name says so."""
    name = _TIMES.get(dialect.name, _ZONED).compile(dialect).upper()
    return Moment(any(mark in name for mark in ("ZONE", "OFFSET", "TIMESTAMPTZ", "TIMESTAMP_TZ")))


def aware(value: Any) -> Any:
    """A naive datetime as UTC; anything else as it is."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def type_of(column: Column, table: Table, moment: Moment) -> sa.types.TypeEngine[Any]:
    """The type of a column that we make."""
    if column.kind == "time":
        return moment
    longest = column.longest or (LONGEST_KEY if column.name in table.key else None)
    if column.kind == "text" and longest is not None:
        return sa.Unicode(longest)
    return _GENERIC[column.kind]


def holds(found: sa.types.TypeEngine[Any], column: Column, table: Table, moment: Moment, dialect: sa.Dialect) -> bool:
    """Whether a column that is there, of a type as SQLAlchemy reads it, can hold what ours would."""
    kind = column.kind
    if isinstance(found, sa.types.NullType):  # SQLAlchemy cannot tell; the database itself will
        return True
    if kind == "time":
        needs_zone = moment.is_zoned and dialect.name not in _TIMES
        return isinstance(found, sa.DateTime) and (not needs_zone or bool(getattr(found, "timezone", True)))
    if kind == "bool":
        return isinstance(found, sa.Boolean | sa.Integer | sa.Numeric)
    if kind == "float":
        return isinstance(found, sa.Float)
    if isinstance(found, sa.Numeric) and not isinstance(found, sa.Float):
        needed = {"int": 0, "money": 4, "rate": 10}.get(kind)
        return needed is not None and (found.scale is None or found.scale >= needed)
    if kind == "int":
        return isinstance(found, sa.BigInteger)
    if kind in ("money", "rate") or not isinstance(found, sa.String):
        return False
    longest = column.longest or (LONGEST_KEY if column.name in table.key else None)
    return found.length is None or (longest is not None and found.length >= longest)
