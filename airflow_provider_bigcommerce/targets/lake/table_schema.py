"""What a resource's table in a lake looks like: its columns, the key's first, and how rows are distinguished.

Decides alone; opens nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.engine.copying import columns_of
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.rows.row_keys import Key, key_of
from airflow_provider_bigcommerce.rows.schemas import Schema, Type, arrow_schema, load_pyarrow

Nested = Literal["struct", "json"]
NESTED: Final[tuple[Nested, ...]] = ("struct", "json")

#: Digest of a row as it came, in tables whose rows have no change date.
ROW_HASH: Final = "_row_hash"

#: Between the parts of a key in one text; a part that holds its first character has it twice, so that no two keys are one text.
_ESCAPE, _SEPARATOR = "\x1f", "\x1f\x1e"


@dataclass(frozen=True, slots=True)
class Layout:
    """The table of a resource.

    :param resource: catalog name.
    :param nested: how lists and objects are kept in it.
    :param key: the fields that identify a row, dots for nested ones; none where the resource has no key.
    :param schema: its columns, the key's first: readers skip files by the statistics of the first 32 columns.
    :param links: JSON columns in which V2 may put a link instead of a list.
    :param is_hashed: whether each row carries its digest, by which unchanged ones are recognized.
    """

    resource: str
    nested: Nested
    key: tuple[str, ...]
    schema: Schema
    links: tuple[str, ...]
    is_hashed: bool

    @property
    def arrow(self) -> Any:
        """The Arrow schema of the files that a run writes."""
        found = arrow_schema(self.schema)
        return found.append(load_pyarrow().field(ROW_HASH, load_pyarrow().string())) if self.is_hashed else found

    @property
    def key_roots(self) -> list[str]:
        """The columns that the key is read from."""
        return list(dict.fromkeys(path.partition(".")[0] for path in self.key))


def layout_of(row: Resource, nested: str) -> Layout:
    """The table that holds rows of this resource.

    :raises InvalidQueryError: an unknown ``nested``.
    """
    if nested not in NESTED:
        raise InvalidQueryError(f"nested={nested!r} is unknown. Accepted: {', '.join(map(repr, NESTED))}.")
    known = columns_of(row)
    roots = {path.partition(".")[0] for path in row.primary_key}
    fields: dict[str, Type] = {name: "scalar" for name in row.primary_key if "." not in name} | dict(known.fields)
    links: list[str] = []
    if nested == "json":
        for name, kind in fields.items():
            if not isinstance(kind, str) and name not in roots:
                fields[name] = "json"
                if isinstance(kind, list) and len(kind) > 1:
                    links.append(name)
    ordered = dict(sorted(fields.items(), key=lambda field: field[0] not in roots))
    schema = Schema(known.resource, known.key, MappingProxyType(ordered))
    is_hashed = row.modified is None and bool(row.primary_key)
    return Layout(row.name, "json" if nested == "json" else "struct", row.primary_key, schema, tuple(links), is_hashed)


# -- keys -------------------------------------------------------------------------------------------------------------


def column_at(table: Any, path: str) -> Any:
    """The column of a path, dots for fields of structs, as one array."""
    import pyarrow.compute

    top, *below = path.split(".")
    column = table.column(top)
    for name in below:
        column = pyarrow.compute.struct_field(column, name)
    return column.combine_chunks() if hasattr(column, "combine_chunks") else column


def key_array(table: Any, key: Sequence[str]) -> Any:
    """The keys of a table's rows as one array without nulls: whole numbers where the key is one, else text.

    :param key: the key's fields.
    """
    import pyarrow.compute as compute

    pa: Any = load_pyarrow()
    columns = [column_at(table, path) for path in key]
    if len(columns) == 1 and pa.types.is_integer(columns[0].type):
        return columns[0].cast(pa.int64()).fill_null(0)
    texts = []
    for column in columns:
        text = compute.fill_null(column.cast(pa.string()), "")
        is_text = len(columns) > 1 and not pa.types.is_integer(column.type)
        texts.append(compute.replace_substring(text, _ESCAPE, _ESCAPE * 2) if is_text else text)
    return texts[0] if len(texts) == 1 else compute.binary_join_element_wise(*texts, _SEPARATOR)


def keys_as_array(keys: Sequence[Key], layout: Layout) -> Any:
    """Keys that the store gave, as :func:`key_array` has those of rows."""
    pa: Any = load_pyarrow()
    rows = [key if isinstance(key, tuple) else (key,) for key in keys]
    types = [_type_at(layout.arrow, path) for path in layout.key]
    if not rows:
        return pa.array([], pa.int64() if len(types) == 1 and pa.types.is_integer(types[0]) else pa.string())
    arrays, names = [], [f"k{number}" for number in range(len(types))]
    for kind, values in zip(types, zip(*rows, strict=True), strict=True):
        is_number = pa.types.is_integer(kind)
        arrays.append(pa.array([None if value is None else int(value) if is_number else str(value) for value in values], kind))
    return key_array(pa.Table.from_arrays(arrays, names=names), names)


def key_values(table: Any, key: Sequence[str]) -> list[Key]:
    """The keys of a table's rows as the engine has them."""
    columns = [column_at(table, path).to_pylist() for path in key]
    return [key_of(values) for values in zip(*columns, strict=True)]


def _type_at(schema: Any, path: str) -> Any:
    top, *below = path.split(".")
    kind = schema.field(top).type
    for name in below:
        kind = kind.field(name).type
    return kind


# -- rows of another schema -------------------------------------------------------------------------------------------


def conformed(table: Any, schema: Any) -> Any:
    """The rows with exactly these columns: what a table lacks is null, also within objects and lists; what is more is left out.

    A file that was written before a field became known lacks it.
    """
    pa: Any = load_pyarrow()
    if table.schema.equals(schema):
        return table
    arrays = []
    for field in schema:
        if table.schema.get_field_index(field.name) < 0:
            arrays.append(pa.nulls(table.num_rows, field.type))
        else:
            column = table.column(field.name)
            chunks = [_fitted(chunk, field.type) for chunk in column.chunks]
            arrays.append(pa.chunked_array(chunks, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _fitted(array: Any, kind: Any) -> Any:
    pa: Any = load_pyarrow()
    if array.type.equals(kind):
        return array
    if pa.types.is_struct(kind) and pa.types.is_struct(array.type):
        children = []
        for field in kind:
            at = array.type.get_field_index(field.name)
            children.append(pa.nulls(len(array), field.type) if at < 0 else _fitted(array.field(at), field.type))
        mask = array.is_null() if array.null_count else None
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask)
    if pa.types.is_list(kind) and pa.types.is_list(array.type):
        if array.offset:  # as an array of its own, whose offsets begin at nothing
            array = pa.concat_arrays([array, array.slice(0, 0)])
        mask = array.is_null() if array.null_count else None
        values = _fitted(array.values, kind.value_type)
        return pa.ListArray.from_arrays(array.offsets, values, type=kind, mask=mask)
    return array.cast(kind)


def as_identity(layout: Layout, store_hash: str) -> str:
    """What a table's description says: by this a run knows the table as one that it may continue with."""
    return json.dumps(
        {
            "made_by": MADE_BY,
            "format": FORMAT,
            "resource": layout.resource,
            "store_hash": store_hash,
            "nested": layout.nested,
        }
    )


MADE_BY: Final = "airflow-provider-bigcommerce"
#: Of the way in which a table is kept; a later one is refused.
FORMAT: Final = 1
