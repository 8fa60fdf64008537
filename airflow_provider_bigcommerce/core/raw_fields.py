"""Fields of rows without decoding the rows: read, added, and found below others. Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core import odd_bytes
from airflow_provider_bigcommerce.exceptions import UnexpectedAnswerError

#: A parent's keys as columns of its children's rows.
Columns = Mapping[str, int | str]


@functools.lru_cache(maxsize=64)
def _reader(names: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """Decodes the named fields of a record to raw JSON and skips all others; fields are ``f0``, ``f1`` ... in the names' order."""
    fields = [(f"f{i}", msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for i in range(len(names))]
    rename = {f"f{i}": name for i, name in enumerate(names)}
    return msgspec.json.Decoder(msgspec.defstruct("Fields", fields, rename=rename))


def fields_of(record: msgspec.Raw, names: tuple[str, ...]) -> list[msgspec.Raw | None]:
    """The raw JSON of some of a record's fields; None for one it does not have."""
    try:
        found = odd_bytes.decoded(_reader(names), record)
    except msgspec.ValidationError:
        raise UnexpectedAnswerError("A row of a list is no JSON object, so its fields cannot be read. Report the resource.") from None
    values = [getattr(found, f"f{i}") for i in range(len(names))]
    return [None if value is msgspec.UNSET else value for value in values]


def with_columns(records: Sequence[msgspec.Raw], columns: Columns) -> Sequence[msgspec.Raw]:
    """The records with the columns added at their end, where they do not have them; bytes are spliced, rows are not decoded."""
    if not columns:
        return records
    names = tuple(columns)
    encoded = [msgspec.json.encode(name) + b":" + msgspec.json.encode(value) for name, value in columns.items()]
    out: list[msgspec.Raw] = []
    for record in records:
        missing = [text for text, present in zip(encoded, fields_of(record, names), strict=True) if present is None]
        inner = bytes(record).rstrip()[:-1].rstrip() if missing else b""
        out.append(msgspec.Raw(inner + (b"" if inner == b"{" else b",") + b",".join(missing) + b"}") if missing else record)
    return out


def dig(record: msgspec.Raw, path: tuple[str, ...]) -> Iterator[msgspec.Raw]:
    """The objects at a path below a record; lists on the way are walked, what is absent or null is nothing.

    :param path: field names, such as ``("consignments", "shipping", "line_items")``.
    """
    kind = bytes(memoryview(record)[:1])
    if kind == b"[":
        for item in odd_bytes.decoded(_ITEMS, record):
            yield from dig(item, path)
    elif kind == b"{" and not path:
        yield record
    elif kind == b"{":
        (below,) = fields_of(record, path[:1])
        if below is not None:
            yield from dig(below, path[1:])


_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
