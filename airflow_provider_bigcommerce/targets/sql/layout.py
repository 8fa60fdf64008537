"""Which tables and columns a resource becomes, from its schema: nested values as JSON columns, or as columns and child tables.

Decides names, types and keys alone; it knows no database and touches none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, EXTRA, STORE_HASH, SYNCED_AT, Schema, Type

Nested = Literal["json", "tables"]
NESTED: tuple[Nested, ...] = ("json", "tables")

#: What a column holds; each database has a type for it. ``extra`` is JSON exactly as it came, valid UTF-8 or escaped.
ColumnKind = Literal["int", "float", "bool", "text", "money", "rate", "time", "json", "extra"]

#: PostgreSQL cuts longer names silently (NAMEDATALEN is 64); SQLite has no limit.
LONGEST_NAME = 63

#: Digest of a row as it came, in tables whose rows have no change date.
ROW_HASH = "_row_hash"

#: Columns of a child table in addition to its rows' own and the key of the main table's row (``_root_id``).
PATH = "_path"
PARENT_PATH = "_parent_path"
POSITION = "_position"

_KINDS: tuple[tuple[str, ColumnKind], ...] = (
    ("int", "int"),
    ("float", "float"),
    ("bool", "bool"),
    ("text", "text"),
    ("scalar", "text"),
    ("json", "json"),
    ("money", "money"),
    ("rate", "rate"),
    ("time", "time"),
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    :param name: its name.
    :param kind: what it holds.
    :param longest: of a text that statements compare, the most characters it has; such a one needs a type of limited length in some
        databases. None: there is no limit, or it is not known.
    """

    name: str
    kind: ColumnKind
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    :param name: its name, without schema.
    :param columns: in order, the key's first where they are ours to order.
    :param key: names of the columns that identify a row.
    :param root: of a child table, the columns that hold the key of the main table's row, in the order of that key; else empty.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    root: tuple[str, ...] = ()

    @property
    def kinds(self) -> dict[str, ColumnKind]:
        """Column name -> kind."""
        return {column.name: column.kind for column in self.columns}


@dataclass(frozen=True, slots=True)
class Layout:
    """The tables of a resource.

    :param resource: catalog name.
    :param nested: how nested values are kept.
    :param schema: what of a record is read into typed columns.
    :param json_fields: top-level fields that become JSON columns as they came, with whether V2 may put a link in their place.
    :param main: one row a record.
    :param children: rows of the records' lists, by the paths of the lists (``consignments.shipping[].line_items``) that go there.
    """

    resource: str
    nested: Nested
    schema: Schema
    json_fields: Mapping[str, bool]
    main: Table
    children: Mapping[str, Table]

    @property
    def tables(self) -> tuple[Table, ...]:
        """The main table, then each child table once."""
        return (self.main, *{table.name: table for table in self.children.values()}.values())


def refuse_without_key(resource: str, *, has_key: bool) -> None:
    """Refuse a resource whose rows a table could not distinguish.

    :raises InvalidQueryError: it has no key.
    """
    if not has_key:
        raise InvalidQueryError(
            f"{resource!r} has no key by which a row could be found again, so it cannot be kept in a table. "
            "Copy it into files instead: BigCommerceToObjectStorageOperator."
        )


def layout_of(schema: Schema, table: str, nested: str, primary_key: tuple[str, ...], *, is_hashed: bool = False) -> Layout:
    """The tables that hold rows of this schema.

    :param schema: the resource's columns, its parents' keys among them.
    :param table: name of the main table.
    :param nested: ``json`` or ``tables``.
    :param primary_key: the fields that identify a row, dots for nested ones.
    :param is_hashed: whether each row carries its digest, by which unchanged ones are recognized.
    :raises InvalidQueryError: an unknown ``nested``, a resource without a key, or a table name that cannot be one.
    """
    if nested not in NESTED:
        raise InvalidQueryError(f"nested={nested!r} is unknown. Accepted: {', '.join(map(repr, NESTED))}.")
    refuse_without_key(schema.resource, has_key=bool(primary_key))
    _check_name(table)
    key_roots = {path.partition(".")[0] for path in primary_key if "." in path}
    fields = dict(schema.fields)
    for path in primary_key:
        if "." not in path:
            fields.setdefault(path, "scalar")
    json_fields: dict[str, bool] = {}
    if nested == "json":
        for name, kind in fields.items():
            if not isinstance(kind, str) and name not in key_roots:
                json_fields[name] = isinstance(kind, list) and len(kind) > 1
    json_fields |= {name: False for name, kind in fields.items() if kind == "json"}
    key = tuple(path.replace(".", "__") for path in primary_key)
    columns: list[Column] = []
    for name, kind in fields.items():
        if name in json_fields:
            columns.append(Column(short(name), "json"))
        else:
            columns += [Column(short(column), kind_of(code)) for column, code in flat(name, kind)]
    ours = [Column(EXTRA, "extra"), Column(SYNCED_AT, "time"), Column(STORE_HASH, "text", 63), Column(DELETED_AT, "time")]
    if is_hashed:
        ours.append(Column(ROW_HASH, "text", 64))
    # The key first, as people expect it.
    ordered = sorted(columns, key=lambda column: column.name not in key)
    main = Table(table, (*ordered, *ours), key)
    typed = {name: kind for name, kind in fields.items() if name not in json_fields}
    whole = Schema(schema.resource, schema.key, MappingProxyType(fields))
    return Layout(schema.resource, "json" if nested == "json" else "tables", whole, json_fields, main, _children(typed, main))


def _check_name(table: str) -> None:
    if not table or "\0" in table or '"' in table or len(table.encode()) > LONGEST_NAME:
        raise InvalidQueryError(
            f"table={table!r} cannot be a table's name. Give one of 1 to {LONGEST_NAME} bytes, without quotation marks; "
            "the schema has an argument of its own."
        )


def kind_of(code: str) -> ColumnKind:
    """The kind of column that holds values of a schema's type code."""
    return next(kind for start, kind in _KINDS if code.startswith(start))


def short(name: str) -> str:
    """The name, cut to what every database keeps and made unique by a hash where it is too long."""
    raw = name.encode()
    if len(raw) <= LONGEST_NAME:
        return name
    return f"{raw[: LONGEST_NAME - 9].decode(errors='ignore')}_{hashlib.sha256(raw).hexdigest()[:8]}"


def flat(name: str, kind: Type) -> Iterator[tuple[str, str]]:
    """Column and type code of a field: a struct's fields as ``billing_address__city``; lists are left out."""
    if isinstance(kind, dict):
        for part, inner in kind.items():
            yield from flat(f"{name}__{part}", inner)
    elif isinstance(kind, str):
        yield name, kind


def lists(fields: Mapping[str, Type], where: str = "") -> Iterator[tuple[str, Type]]:
    """Path and item type of every list in these fields, outer ones first."""
    for name, kind in fields.items():
        path = f"{where}.{name}" if where else name
        if isinstance(kind, dict):
            yield from lists(kind, path)
        elif isinstance(kind, list):
            yield path, kind[0]
            if isinstance(kind[0], dict):
                yield from lists(kind[0], f"{path}[]")


def item_columns(item: Type) -> dict[str, str]:
    """Column -> type code of a list's items; plain values are in a column ``value``."""
    if isinstance(item, dict):
        return {short(column): code for name, kind in item.items() for column, code in flat(name, kind)}
    return {"value": item} if isinstance(item, str) else {}


def _children(fields: Mapping[str, Type], main: Table) -> dict[str, Table]:
    """List path -> its table. Lists of one name share a table (``orders__line_items``) unless their columns contradict each other."""
    named: dict[str, dict[str, dict[str, ColumnKind]]] = {}
    for path, item in lists(fields):
        kinds = {column: kind_of(code) for column, code in item_columns(item).items()}
        named.setdefault(path.rpartition(".")[2], {})[path] = kinds
    root = tuple(f"_root_{name}" for name in main.key)
    ours = (
        *(Column(column, main.kinds[name]) for column, name in zip(root, main.key, strict=True)),
        Column(PATH, "text"),
        Column(PARENT_PATH, "text"),
        Column(POSITION, "int"),
    )
    tables: dict[str, Table] = {}
    for last, members in named.items():
        united: dict[str, ColumnKind] = {}
        agree = all(united.setdefault(column, kind) == kind for kinds in members.values() for column, kind in kinds.items())
        for path, kinds in members.items():
            name = last if agree else path.replace("[]", "").replace(".", "__")
            own = tuple(Column(column, kind) for column, kind in (united if agree else kinds).items())
            tables[path] = Table(short(f"{main.name}__{name}"), (*ours, *own), (*root, PATH), root)
    return tables
