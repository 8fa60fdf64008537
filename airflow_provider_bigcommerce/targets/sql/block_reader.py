"""From a block of raw records to Arrow tables, one for each table of the layout, holding only what a database can store.

JSON columns take the bytes as they came; typed columns come from ``files.columns``, by its rules. Sends nothing anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec

from airflow_provider_bigcommerce.rows.careful import is_link, members_of
from airflow_provider_bigcommerce.rows.columns import ColumnReader
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies, below, extra_text
from airflow_provider_bigcommerce.rows.lines import one_line_each
from airflow_provider_bigcommerce.rows.read_types import holds
from airflow_provider_bigcommerce.rows.row_digest import digest
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, EXTRA, STORE_HASH, SYNCED_AT, Schema, Type, load_pyarrow
from airflow_provider_bigcommerce.targets.sql.layout import PARENT_PATH, PATH, POSITION, ROW_HASH, ColumnKind, Layout, Table, short
from airflow_provider_bigcommerce.targets.sql.storable import (
    holds_odd_number,
    holds_odd_text,
    is_odd_json,
    may_be_odd_json,
    may_hold_odd_text,
    members_in_order,
    repeated,
)

Record = bytes | msgspec.Raw
#: For each row, path -> JSON of what goes to ``_extra`` although it may have a column.
Moved = list[dict[str, bytes]]
Test = Callable[[bytes], bool]

_REPEATED = re.compile(r"#\d+$")
_PLACE = re.compile(r"\[\d+\]")

_NULL = b"null"


class BlockReader:
    """Makes the tables of one layout out of raw records.

    :param layout: which tables there are.
    :param discrepancies: where unknown fields and contradictions are counted.
    :param synced_at: of ``_synced_at``; None where it is not known yet: :meth:`stamp` says it before the first block.
    :param store_hash: of ``_store_hash``.
    :param deleted_at: of ``_deleted_at``; None for rows that the store has.
    :param holds_any_text: whether the database stores every Unicode character, NUL too.
    :param holds_any_json: whether its JSON columns hold every number, and each of two members of one name.
    """

    def __init__(
        self,
        layout: Layout,
        discrepancies: Discrepancies,
        *,
        synced_at: datetime | None,
        store_hash: str,
        holds_any_text: bool,
        holds_any_json: bool = True,
        deleted_at: datetime | None = None,
    ) -> None:
        self._layout = layout
        self._found = discrepancies
        self._stamp = {SYNCED_AT: synced_at, STORE_HASH: store_hash, DELETED_AT: deleted_at}
        self._holds_any_text = holds_any_text
        self._holds_any_json = holds_any_json
        fields = layout.schema.fields
        self._typed: Mapping[str, Type] = {name: kind for name, kind in fields.items() if name not in layout.json_fields}
        self._block_found = Discrepancies()  # of a block that may be read again otherwise
        self._typed_reader = ColumnReader(self._schema(self._typed), self._block_found)
        self._json_below = {name: kind for name, kind in self._typed.items() if not isinstance(kind, str) and holds(kind, {"json"})}
        as_text: dict[str, Type] = {name: "json" if name in layout.json_fields else kind for name, kind in fields.items()}
        self._whole_reader = ColumnReader(self._schema(as_text), self._block_found)
        nested: list[tuple[str, Any, Any]] = [
            (f"f{at}", msgspec.Raw | msgspec.UnsetType, msgspec.field(name=name, default=msgspec.UNSET))
            for at, name in enumerate(layout.json_fields)
        ]
        self._nested = msgspec.json.Decoder(msgspec.defstruct("Nested", nested)).decode
        self._nested_names = [b"," + msgspec.json.encode(name) + b":" for name in layout.json_fields]
        self._pa = load_pyarrow()
        import pyarrow.compute

        self._pc: Any = pyarrow.compute

    def stamp(self, synced_at: datetime) -> None:
        """Mark the rows of the blocks from now on with this time."""
        self._stamp[SYNCED_AT] = synced_at

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
        tests = [holds_odd_text] if not self._holds_any_text and may_hold_odd_text(b"".join(records)) else []
        fields, moved = self._fields(records, tests)
        if not self._holds_any_json and self._is_beyond_json(fields):
            fields, moved = self._fields(records, [*tests, holds_odd_number])
            for row, record in enumerate(records):
                self._keep_repeated(bytes(record), moved[row])
        self._found.add(self._block_found)
        self._note(moved)
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

    def _fields(self, records: Sequence[Record], tests: Sequence[Test]) -> tuple[dict[str, Any], Moved]:
        """Field -> array; and what goes to ``_extra`` because one of the tests calls it odd."""
        kept: list[Record] = []
        moved: Moved = [{} for _ in records]
        for record, values in zip(records, moved, strict=True) if tests else ():
            raw = bytes(record)
            members = members_in_order(raw) if any(is_odd(raw) for is_odd in tests) else []
            kept.append(_without_odd(members, tests, values) if members else record)
        self._block_found.clear()
        fields = self._split(kept or records)
        if fields is None:
            self._block_found.clear()
            table = self._whole_reader.table(one_line_each(kept or records), len(records), self._stamp)
            fields = {name: table.column(name).combine_chunks() for name in table.column_names}
        return fields, moved

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
        found = self._block_found
        if found.is_full or any(drift.kind == "new_field" and drift.path in json_fields for drift in found.drift):
            return None  # a name stood twice, or the same text within another value, and what was cut out was the wrong one
        return {name: table.column(name).combine_chunks() for name in table.column_names} | arrays

    def _cut(self, record: bytes) -> tuple[bytes, list[bytes | None]] | None:
        """A record without its JSON columns, and their values: cut out where they stand, in half the time of taking it apart.

        None where they are not there as BigCommerce usually writes them.
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

    def _is_beyond_json(self, fields: Mapping[str, Any]) -> bool:
        """Whether a JSON column holds what ``jsonb`` refuses or drops."""
        columns = [fields[name] for name in self._layout.json_fields]
        columns += [values for name, kind in self._json_below.items() for values in _json_within(fields[name], kind)]
        return any(map(self._has_odd_json, columns))

    def _has_odd_json(self, texts: Any) -> bool:
        pa, pc = self._pa, self._pc
        there = pc.drop_null(texts)
        if not len(there):
            return False
        joined = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(there)], pa.int32()), there), ",")[0].as_buffer()
        # All at once tells in a hundredth of the time that nothing is odd.
        return may_be_odd_json(b"[" + joined.to_pybytes() + b"]") and any(is_odd_json(text.encode()) for text in there.to_pylist())

    def _keep_repeated(self, record: bytes, moved: dict[str, bytes]) -> None:
        """Put the values that ``jsonb`` would drop, as another one of their name stands behind them, into ``moved``."""
        for name, value in dict(members_in_order(record)).items():
            path = below("", name)
            if path not in moved and (name in self._layout.json_fields or name in self._json_below):
                moved.update(repeated(value, path))

    def _note(self, moved: Moved) -> None:
        known = {below("", name) for name in self._layout.schema.fields}
        for values in moved:
            for path, raw in values.items():
                if found := _REPEATED.search(path):
                    self._found.repeated_field(_PLACE.sub("[]", path[: found.start()]), raw)
                else:
                    (self._found.contradiction if path in known else self._found.new_field)(path, raw)

    def _with_moved(self, extra: Any, moved: Moved) -> Any:
        if not any(moved):
            return extra
        texts = extra.to_pylist()
        for row, values in enumerate(moved):
            text = texts[row]
            known = json.loads(text, parse_int=str) if text is not None else {}
            added = extra_text({path: raw for path, raw in values.items() if path not in known})
            if added is not None:
                texts[row] = added if text is None else f"{text[:-1]},{added[1:]}"
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


def _without_odd(members: list[tuple[str, bytes]], tests: Sequence[Test], moved: dict[str, bytes]) -> bytes:
    """An object of the members that no test calls odd, and of those of one name the last; the others go to ``moved``."""
    kept = []
    times: dict[str, int] = {}
    for at, (name, value) in enumerate(members):
        path = below("", name)
        if any(name == later for later, _ in members[at + 1 :]):
            times[name] = times.get(name, 0) + 1
            moved[f"{path}#{times[name]}"] = value
        elif any(is_odd(value) for is_odd in tests):
            moved[path] = value
        else:
            kept.append(json.dumps(name).encode() + b":" + value)
    return b"{" + b",".join(kept) + b"}"


def _json_within(array: Any, kind: Type) -> Iterator[Any]:
    """The arrays of JSON texts within a column."""
    if isinstance(kind, dict):
        for part, values in zip(kind.values(), array.flatten(), strict=True):
            yield from _json_within(values, part)
    elif isinstance(kind, list):
        yield from _json_within(array.flatten(), kind[0])
    elif kind == "json":
        yield array
