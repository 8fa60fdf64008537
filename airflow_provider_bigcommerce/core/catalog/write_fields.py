"""What the body of a write may hold: fields with their types and limits, as BigCommerce publishes them.

Plain data, made by ``tests/tools/generate_write_fields.py`` and read at the first use. A field that is not in it may exist all the same.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources

import msgspec

from airflow_provider_bigcommerce.core.catalog.operations import operation_of
from airflow_provider_bigcommerce.core.catalog.write import Write


class WriteField(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a body.

    :param type: JSON's name of its type (``string``, ``integer``, ``number``, ``boolean``, ``array``, ``object``), or None.
    :param format: BigCommerce's word for what the text or number is (``date-time``, ``email``, ``double``), or None.
    :param max_length: most characters of a text; min_length likewise.
    :param minimum: lowest number, the number itself included; maximum likewise.
    :param max_items: most items of a list.
    :param enum: the values that are taken, empty for any.
    :param nullable: whether null is published as a value.
    :param read_only: whether the store sets it.
    :param required: of an object, or of each object of a list: fields that it must have.
    :param fields: of an object, or of each object of a list: its fields.
    """

    type: str | None = None
    format: str | None = None
    max_length: int | None = None
    min_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    max_items: int | None = None
    enum: tuple[str | int | float | bool | None, ...] = ()
    nullable: bool = False
    read_only: bool = False
    required: tuple[str, ...] = ()
    fields: dict[str, WriteField] = {}


class WriteFields(msgspec.Struct, frozen=True, kw_only=True):
    """The body of one write, or, where it takes many, each of its rows.

    :param fields: its fields.
    :param required: fields that each row must have.
    :param alternatives: groups of fields of which one must be there whole; empty where there is no choice.
    :param read_only: fields that the store sets, also such as only its answers have.
    """

    fields: dict[str, WriteField] = {}
    required: tuple[str, ...] = ()
    alternatives: tuple[tuple[str, ...], ...] = ()
    read_only: frozenset[str] = frozenset()


def fields_of(write: Write) -> WriteFields | None:
    """What the body of that write may hold, or None where BigCommerce publishes no field of it."""
    known = _body(write.name)
    if known is None and (template := operation_of(write.method, write.path)) is not None:  # a path that is filled in part
        known = _body(template.name)
    return known


@functools.cache
def _body(name: str) -> WriteFields | None:
    raw = _bodies().get(name)
    if raw is None:
        return None
    if bytes(raw).startswith(b'"'):  # the name of a write that has the same body
        return _body(msgspec.json.decode(raw, type=str))
    return msgspec.json.decode(raw, type=WriteFields)


@functools.cache
def _bodies() -> Mapping[str, msgspec.Raw]:
    text = resources.files("airflow_provider_bigcommerce.core.catalog").joinpath("write_fields.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, msgspec.Raw])
