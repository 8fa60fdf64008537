"""As which types Arrow reads a schema's fields, and which of them may come empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_bigcommerce.rows.careful import empty_of
from airflow_provider_bigcommerce.rows.schemas import EXCHANGE_RATE, MONEY, Type, arrow_type, load_pyarrow


def empties(fields: Mapping[str, Type]) -> dict[tuple[bytes, bytes], bytes]:
    """Name and first byte of an empty value -> what its column holds for it, for names whose columns all want the same."""
    wanted: dict[tuple[bytes, bytes], set[bytes]] = {}
    for name, kind in _named(fields):
        for raw in (b'""', b"[]", b"{}"):
            fits = kind in _AS_IT_IS[raw] or (raw == b"{}" and isinstance(kind, dict)) or (raw == b"[]" and isinstance(kind, list))
            is_link = raw == b"{}" and isinstance(kind, list) and len(kind) > 1
            empty = b"null" if is_link else None if fits else empty_of(kind, raw)
            wanted.setdefault((name.encode(), raw[:1]), set()).add(raw if empty is None else empty)
    return {key: empty for key, values in wanted.items() if len(values) == 1 for empty in values if empty[:1] != key[1]}


#: Empty value -> the codes whose columns hold it as it is.
_AS_IT_IS: dict[bytes, tuple[str, ...]] = {b'""': ("text", "scalar", "json"), b"[]": ("json",), b"{}": ("json",)}


def _named(fields: Mapping[str, Type]) -> Iterator[tuple[str, Type]]:
    """Every name of these fields and below them, with its type."""
    for name, kind in fields.items():
        yield name, kind
        inner = kind[0] if isinstance(kind, list) else kind
        if isinstance(inner, dict):
            yield from _named(inner)


def holds(kind: Type, codes: set[str]) -> bool:
    """Whether a type is, or has inside, one of the codes."""
    if isinstance(kind, dict):
        return any(holds(part, codes) for part in kind.values())
    return holds(kind[0], codes) if isinstance(kind, list) else kind in codes


def read_type(kind: Type, *, exact: bool) -> Any:
    """What Arrow's JSON reader is asked to read: types that it parses without loss, or refuses.

    :param exact: for records that were cleaned, whose numbers are numbers and whose times are ISO-8601.
    """
    pa = load_pyarrow()
    if isinstance(kind, dict):
        return pa.struct([pa.field(name, read_type(part, exact=exact)) for name, part in kind.items()])
    if isinstance(kind, list):
        return pa.list_(read_type(kind[0], exact=exact))
    if kind == "time_unix":
        return pa.int64()
    if exact:
        return arrow_type(kind)
    return {
        # A decimal column would take 12.5 and "12.5" alike; where the spec says number, text must be noticed.
        "money": pa.float64(),
        "money_text": pa.decimal128(*MONEY),
        "rate_text": pa.decimal128(*EXCHANGE_RATE),
        # Decimals are the one type that the reader takes from numbers and from text.
        "float_text": pa.decimal128(38, 18),
        "int_text": pa.decimal128(19, 0),
        "time_unix_text": pa.decimal128(19, 0),
        "time_rfc": pa.string(),
    }.get(kind) or arrow_type(kind)
