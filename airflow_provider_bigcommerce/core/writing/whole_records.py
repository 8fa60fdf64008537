"""A change becomes a whole record: what the store has, with the change in it, and without what cannot be written. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog.write_fields import WriteField, WriteFields


def merged(held: Mapping[str, Any], change: Mapping[str, Any], known: WriteFields | None) -> dict[str, Any]:
    """The record to send.

    An object is merged field by field, at any depth; a list, or any other value, is replaced by that of the change.

    :param held: the store's record.
    :param change: what is to be different.
    :param known: what the call's body may hold; None where nothing is published: then all that the store has is sent.
    """
    if known is None or not known.fields:
        return _with(held, change)
    return _with(writable(held, known.fields, known.read_only), change)


def writable(held: Mapping[str, Any], fields: Mapping[str, WriteField], read_only: Collection[str] = ()) -> dict[str, Any]:
    """What of a record can be written."""
    found: dict[str, Any] = {}
    for name, value in held.items():
        field = fields.get(name)
        if field is None or field.read_only or name in read_only or (value is None and not field.nullable):
            continue
        found[name] = writable(value, field.fields) if isinstance(value, Mapping) and field.fields else value
    return found


def _with(held: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(held)
    for name, value in change.items():
        before = found.get(name)
        found[name] = _with(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return found
