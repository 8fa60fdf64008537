"""From a block of raw records to Arrow tables, one for each table of the layout, holding only what a database can store.

JSON columns take the bytes as they came; typed columns come from ``files.columns``, by its rules. Sends nothing anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec

from airflow_provider_bigcommerce.files.careful import is_link, members_of, split_object
from airflow_provider_bigcommerce.files.columns import ColumnReader
from airflow_provider_bigcommerce.files.discrepancies import Discrepancies, below, extra_text
from airflow_provider_bigcommerce.files.schemas import DELETED_AT, EXTRA, STORE_HASH, SYNCED_AT, Schema, Type, load_pyarrow
from airflow_provider_bigcommerce.files.writers import one_line_each
from airflow_provider_bigcommerce.files.written import digest
from airflow_provider_bigcommerce.sql.layout import PARENT_PATH, PATH, POSITION, ROW_HASH, ColumnKind, Layout, Table, short

Record = bytes | msgspec.Raw

_NULL = b"null"
#: What JSON holds where a text is beyond PostgreSQL: the character NUL, or half a surrogate pair (a whole one is an emoji).
_SUSPECT = (b"\\u0000", b"\\ud", b"\\uD")


class BlockReader:
    """Makes the tables of one layout out of raw records.

    :param layout: which tables there are.
    :param discrepancies: where unknown fields and contradictions are counted.
    :param synced_at: of ``_synced_at``.
    :param store_hash: of ``_store_hash``.
    :param deleted_at: of ``_deleted_at``; None for rows that the store has.
    :param holds_any_text: whether the database stores every Unicode character, NUL too.
    """

    def __init__(
        self,
        layout: Layout,
        discrepancies: Discrepancies,
        *,
        synced_at: datetime,
        store_hash: str,
        holds_any_text: bool,
        deleted_at: datetime | None = None,
    ) -> None:
        self._layout = layout
        self._found = discrepancies
        self._stamp = {SYNCED_AT: synced_at, STORE_HASH: store_hash, DELETED_AT: deleted_at}
        self._holds_any_text = holds_any_text
        fields = layout.schema.fields
        self._typed: Mapping[str, Type] = {name: kind for name, kind in fields.items() if name not in layout.json_fields}
        self._typed_reader = ColumnReader(self._schema(self._typed), discrepancies)
        as_text: dict[str, Type] = {name: "json" if name in layout.json_fields else kind for name, kind in fields.items()}
        self._whole_reader = ColumnReader(self._schema(as_text), discrepancies)
        nested: list[tuple[str, Any, Any]] = [
            (f"f{at}", msgspec.Raw | msgspec.UnsetType, msgspec.field(name=name, default=msgspec.UNSET))
            for at, name in enumerate(layout.json_fields)
        ]
        self._nested = msgspec.json.Decoder(msgspec.defstruct("Nested", nested)).decode
        self._nested_names = [b"," + msgspec.json.encode(name) + b":" for name in layout.json_fields]
        self._pa = load_pyarrow()
        import pyarrow.compute

        self._pc: Any = pyarrow.compute

    def _schema(self, fields: Mapping[str, Type]) -> Schema:
        return Schema(self._layout.resource, self._layout.schema.key, MappingProxyType(dict(fields)))

    def read(self, records: Sequence[Record]) -> dict[str, Any]:
        """Table name -> Arrow table with that table's columns.

        :raises UnexpectedAnswerError: a record is not a JSON object, or lacks its key.
        """
        main = self._layout.main
        columns: dict[str, Any] = {}
        if ROW_HASH in main.kinds:
            columns[ROW_HASH] = self._pa.array([digest(record).hex() for record in records], self._pa.string())
        moved: dict[int, dict[str, bytes]] = {}
        if not self._holds_any_text:
            records = self._without_unstorable(records, moved)
        fields = self._split(records)
        if fields is None:
            table = self._whole_reader.table(one_line_each(records), len(records), self._stamp)
            fields = {name: table.column(name).combine_chunks() for name in table.column_names}
        fields[EXTRA] = self._with_moved(fields[EXTRA], moved)
        for name, kind in self._typed.items():
            self._flatten(name, fields[name], kind, columns)
        for name in self._layout.json_fields:
            columns[short(name)] = fields[name]
        for name in (EXTRA, SYNCED_AT, STORE_HASH, DELETED_AT):
            columns[name] = fields[name]
        for name in main.key:
            # Only a form field's value can lack a part of its key (its address); no id is 0.
            if columns[name].null_count:
                columns[name] = self._pc.fill_null(columns[name], "" if main.kinds[name] == "text" else 0)
        tables = {main.name: self._table(main, columns, len(records))}
        if self._layout.children:
            tables |= self._child_tables(fields, [columns[name] for name in main.key])
        return tables

    # -- records

    def _split(self, records: Sequence[Record]) -> dict[str, Any] | None:
        """Field -> array, JSON columns cut out as bytes before anything is parsed; None where a record is not plain enough."""
        json_fields = self._layout.json_fields
        if not json_fields:
            return None
        texts: dict[str, list[bytes | None]] = {name: [] for name in json_fields}
        columns = list(zip(texts.values(), json_fields.values(), strict=True))
        rest: list[bytes] = []
        for record in records:
            cut = self._cut(bytes(record)) or self._taken_apart(record)
            if cut is None:
                return None
            others, values = cut
            rest.append(others)
            for (column, may_be_link), value in zip(columns, values, strict=True):
                column.append(None if value is None or value == _NULL or (may_be_link and is_link(value)) else value)
        pa = self._pa
        try:
            arrays = {name: pa.array(values, pa.binary()).cast(pa.string()) for name, values in texts.items()}
        except pa.ArrowInvalid:  # not UTF-8
            return None
        table = self._typed_reader.table(one_line_each(rest), len(rest), self._stamp)
        if self._found.is_full or any(drift.kind == "new_field" and drift.path in json_fields for drift in self._found.drift):
            return None  # a name stood twice, or the same text within another value, and what was cut out was the wrong one
        return {name: table.column(name).combine_chunks() for name in table.column_names} | arrays

    def _cut(self, record: bytes) -> tuple[bytes, list[bytes | None]] | None:
        """A record without its JSON columns, and their values: cut out where they stand, in half the time of taking it apart.

        None where they do not stand there as BigCommerce usually writes them.
        """
        try:
            found = self._nested(record)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        values: list[bytes | None] = []
        spans: list[tuple[int, int]] = []
        for raw, name in zip(msgspec.structs.astuple(found), self._nested_names, strict=True):
            if raw is msgspec.UNSET:
                values.append(None)
                continue
            value = bytes(raw)
            values.append(value)
            at = record.rfind(name)  # from behind: lists and objects stand last
            if at < 0 or not record.startswith(value, at + len(name)):
                return None
            spans.append((at, at + len(name) + len(value)))
        kept: list[bytes] = []
        last = 0
        for start, end in sorted(spans):
            if start < last:
                return None
            kept.append(record[last:start])
            last = end
        kept.append(record[last:])
        return b"".join(kept), values

    def _taken_apart(self, record: Record) -> tuple[bytes, list[bytes | None]] | None:
        """The same by all of the record's members; None where it is written with spaces, or a name stands twice."""
        members = members_of(record)
        if members is None:
            return None
        raws = {name: members.pop(name, None) for name in self._layout.json_fields}
        values = [None if raw is None else bytes(raw) for raw in raws.values()]
        taken = sum(len(name) + len(value) + 4 for name, value in zip(raws, values, strict=True) if value is not None)
        others = msgspec.json.encode(members)
        if not members or len(others) + taken != len(record):
            return None
        return others, values

    def _without_unstorable(self, records: Sequence[Record], moved: dict[int, dict[str, bytes]]) -> Sequence[Record]:
        """The records without top-level fields that hold what PostgreSQL cannot store; these go to ``moved``."""
        joined = b"".join(records)
        if b"\\" not in joined or b"\\u" not in joined:  # one byte is searched for ten times as fast as two
            return records
        kept: list[Record] = []
        for row, record in enumerate(records):
            raw = bytes(record)
            members = split_object(raw) if _is_suspect(raw) else None
            bad = [name for name, value in (members or {}).items() if _is_unstorable(bytes(value))]
            if members is None or not bad:
                kept.append(record)
                continue
            for name in bad:
                value = bytes(members.pop(name))
                moved.setdefault(row, {})[below("", name)] = value
                if name in self._layout.schema.fields:
                    self._found.contradiction(below("", name), value)
                else:
                    self._found.new_field(below("", name), value)
            kept.append(msgspec.json.encode(members))
        return kept

    def _with_moved(self, extra: Any, moved: Mapping[int, dict[str, bytes]]) -> Any:
        if not moved:
            return extra
        texts = extra.to_pylist()
        for row, values in moved.items():
            added = extra_text(values) or "{}"
            texts[row] = added if texts[row] is None else f"{texts[row][:-1]},{added[1:]}"
        return self._pa.array(texts, self._pa.string())

    # -- columns

    def _flatten(self, name: str, array: Any, kind: Type, columns: dict[str, Any]) -> None:
        """A struct's fields as columns of their own; lists are left to the child tables."""
        if isinstance(kind, dict):
            for (part, inner), values in zip(kind.items(), array.flatten(), strict=True):
                self._flatten(f"{name}__{part}", values, inner, columns)
        elif isinstance(kind, str):
            columns[short(name)] = array

    def _table(self, table: Table, columns: Mapping[str, Any], count: int) -> Any:
        pa = self._pa
        arrays = [columns[column.name] if column.name in columns else pa.nulls(count, _arrow(column.kind)) for column in table.columns]
        return pa.Table.from_arrays(arrays, names=[column.name for column in table.columns])

    # -- child tables

    def _child_tables(self, fields: Mapping[str, Any], key: list[Any]) -> dict[str, Any]:
        parts: dict[str, list[Any]] = {}
        for name, kind in self._typed.items():
            self._collect(name, name, fields[name], kind, key, None, parts)
        pa = self._pa
        empty = {table.name: [self._table(table, {}, 0)] for table in self._layout.tables[1:]}
        return {name: pa.concat_tables(parts.get(name) or none, promote_options="permissive") for name, none in empty.items()}

    def _collect(
        self, path: str, label: str, array: Any, kind: Type, key: list[Any], parents: Any | None, parts: dict[str, list[Any]]
    ) -> None:
        """Add the items of every list in this field to the parts of its table.

        :param path: of the field, as the layout names it (``consignments.shipping[].line_items``).
        :param label: its last part, below the nearest list item (``consignments.shipping``, ``line_items``).
        :param key: the main row's key, for each value of ``array``.
        :param parents: path of the list item that holds each value, or None at the top.
        """
        if isinstance(kind, dict):
            for (part, inner), values in zip(kind.items(), array.flatten(), strict=True):
                self._collect(f"{path}.{part}", f"{label}.{part}", values, inner, key, parents, parts)
            return
        if not isinstance(kind, list):
            return
        pa, pc = self._pa, self._pc
        items, at = pc.list_flatten(array), pc.list_parent_indices(array)
        if not len(items):
            return
        lengths = pc.fill_null(pc.list_value_length(array), 0).cast(pa.int64())
        starts = pc.subtract(pc.cumulative_sum(lengths), lengths)
        position = pc.subtract(pa.array(range(len(items)), pa.int64()), starts.take(at))
        key = [values.take(at) for values in key]
        holder = parents.take(at) if parents is not None else pa.nulls(len(items), pa.string())
        within = pc.binary_join_element_wise(f"{label}[", position.cast(pa.string()), "]", "")
        paths = within if parents is None else pc.binary_join_element_wise(holder, within, ".")
        table = self._layout.children[path]
        columns: dict[str, Any] = dict(zip(table.root, key, strict=True)) | {PATH: paths, PARENT_PATH: holder, POSITION: position}
        if isinstance(kind[0], dict):
            inner = list(zip(kind[0].items(), items.flatten(), strict=True))
            for (part, part_kind), values in inner:
                self._flatten(part, values, part_kind, columns)
        else:
            inner = []
            columns["value"] = items
        parts.setdefault(table.name, []).append(self._table(table, columns, len(items)))
        for (part, part_kind), values in inner:
            self._collect(f"{path}[].{part}", part, values, part_kind, key, paths, parts)


def _arrow(kind: ColumnKind) -> Any:
    """The Arrow type of a column that a block has no values for."""
    pa = load_pyarrow()
    types = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "time": pa.timestamp("us", "UTC"), "money": pa.decimal128(20, 4)}
    return types.get(kind) or (pa.decimal128(20, 10) if kind == "rate" else pa.string())


def _is_suspect(raw: bytes) -> bool:
    return b"\\u" in raw and any(mark in raw for mark in _SUSPECT)


def _is_unstorable(raw: bytes) -> bool:
    """Whether a JSON value holds text that PostgreSQL's text and jsonb cannot."""
    if not _is_suspect(raw):
        return False
    try:
        return _holds_unstorable(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True


def _holds_unstorable(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value or any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, dict):
        return any(_holds_unstorable(name) or _holds_unstorable(part) for name, part in value.items())
    return isinstance(value, list) and any(_holds_unstorable(part) for part in value)
