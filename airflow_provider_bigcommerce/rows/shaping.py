"""Records brought into the shape of their schema without a look at single numbers, texts and dates, which Arrow's reader judges itself.

Between the fast path and the careful one: what has no column goes into ``_extra``, what holds any JSON becomes the text of it, and PHP's
empty values become those of their columns. Two depths: the record's own fields, or those of its objects and lists as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from airflow_provider_bigcommerce.rows.careful import CLEANERS, empty_of, is_link, json_text, split_object
from airflow_provider_bigcommerce.rows.discrepancies import below
from airflow_provider_bigcommerce.rows.schemas import Schema, Type

#: Path -> JSON as it came, by row, for the ``_extra`` column.
Extras = dict[int, dict[str, bytes]]

_NULL = msgspec.Raw(b"null")
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
#: What msgspec raises for text that is no JSON, no UTF-8, or nested beyond Python's recursion limit.
_NOT_READ = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class RefusedError(Exception):
    """The path at hand cannot read this block exactly; the next one can."""


class UnfitError(RefusedError):
    """There is a value that no shape makes fit: only the careful path can tell what becomes of it."""


@dataclass(slots=True)
class Shaped:
    """A block in the schema's shape.

    :param lines: JSON of one record a line.
    :param extras: what has no column.
    :param new_fields: field and JSON of each of these, in the order in which they stand.
    :param is_changed: whether anything was changed that :meth:`Shaper.own_fields` leaves as it is.
    """

    lines: bytes = b""
    extras: Extras = field(default_factory=dict)
    new_fields: list[tuple[str, bytes]] = field(default_factory=list)
    is_changed: bool = False


class Shaper:
    """Shapes blocks of records of one schema.

    :param schema: the columns.
    """

    def __init__(self, schema: Schema) -> None:
        self._fields: dict[str, Type] = dict(schema.fields)
        self._known = frozenset(schema.fields)
        self._texts = tuple(name for name, kind in schema.fields.items() if kind == "json")
        self._links = tuple(name for name, kind in schema.fields.items() if isinstance(kind, list) and len(kind) > 1)
        #: By the identity of each object's type: the names of fields that need no look.
        self._plain = {id(kind): frozenset(name for name, part in kind.items() if _needs_no_look(part)) for kind in _objects(self._fields)}
        self._encode = msgspec.json.Encoder().encode

    @property
    def is_needed(self) -> bool:
        """Whether there are columns that no record fits as it comes, but by chance."""
        return bool(self._texts or self._links)

    def own_fields(self, records: Sequence[bytes]) -> Shaped:
        """The records without fields that have no column, with ``json`` columns as text and links as null.

        :raises RefusedError: a record is no object, has a name twice, or a value that cannot be text.
        """
        shaped, lines = Shaped(), []
        for row, record in enumerate(records):
            members = split_object(record)
            if members is None:
                raise RefusedError
            values: dict[str, Any] = members
            if not self._known.issuperset(members):
                for name in [name for name in members if name not in self._known]:
                    self._put_aside(shaped, row, below("", name), below("", name), values.pop(name))
            for name in self._texts:
                if name in members and bytes(members[name]) != b"null":
                    values[name] = _text(bytes(members[name]))
            for name in self._links:
                if name in members and is_link(bytes(members[name])):
                    values[name] = _NULL
            lines.append(self._encode(values))
        shaped.lines = b"\n".join((*lines, b""))
        return shaped

    def all_fields(self, records: Sequence[bytes]) -> Shaped:
        """The same at every depth; and numbers become texts where columns are texts that the store may send as numbers.

        :raises RefusedError: as :meth:`own_fields`, or an object or a list is due where something else is.
        """
        shaped, lines, plain = Shaped(), [], self._plain[id(self._fields)]
        for row, record in enumerate(records):
            members = split_object(record)
            if members is None:
                raise RefusedError
            values: dict[str, Any] = members
            for name in [name for name in members if name not in plain]:
                if name not in self._known:
                    self._put_aside(shaped, row, below("", name), below("", name), values.pop(name))
                    continue
                value = bytes(members[name])
                if name in self._texts:
                    values[name] = _text(value) if value != b"null" else _NULL
                elif name in self._links and is_link(value):
                    values[name] = _NULL
                else:
                    values[name] = self._value(self._fields[name], members[name], shaped, row, name, name)
            lines.append(self._encode(values))
        shaped.lines = b"\n".join((*lines, b""))
        return shaped

    @staticmethod
    def _put_aside(shaped: Shaped, row: int, where: str, path: str, raw: msgspec.Raw) -> None:
        value = bytes(raw)
        shaped.extras.setdefault(row, {})[where] = value
        shaped.new_fields.append((path, value))

    def _value(self, kind: Type, raw: msgspec.Raw, shaped: Shaped, row: int, where: str, path: str) -> Any:
        """A value that Arrow's reader takes for this type, if it is one of it; something to encode."""
        value = bytes(raw)
        if value == b"null":
            return raw
        if isinstance(kind, str):
            return self._loose(kind, raw, value, shaped)
        if isinstance(kind, dict) and value[:1] == b"{":
            return self._object(kind, value, shaped, row, where, path)
        if isinstance(kind, list):
            if value[:1] == b"[":
                return raw if value == b"[]" or _is_plain(kind) else self._items(kind, value, shaped, row, where, path)
            if len(kind) > 1 and is_link(value):
                shaped.is_changed = True
                return _NULL
        empty = empty_of(kind, value)
        if empty is None:
            raise RefusedError
        shaped.is_changed = True
        return msgspec.Raw(empty)

    @staticmethod
    def _loose(kind: str, raw: msgspec.Raw, value: bytes, shaped: Shaped) -> Any:
        if kind not in _LOOSE:
            return raw
        if kind == "json":
            shaped.is_changed = shaped.is_changed or value[:1] != b'"'
            return _text(value)
        text = CLEANERS[kind](value)
        if text is None:
            return raw  # an empty value, or one that the reader refuses
        shaped.is_changed = shaped.is_changed or text != value
        return msgspec.Raw(text)

    def _object(self, kind: Mapping[str, Any], raw: bytes, shaped: Shaped, row: int, where: str, path: str) -> dict[str, Any]:
        members = split_object(raw)
        if members is None:
            raise RefusedError
        values: dict[str, Any] = members
        plain = self._plain[id(kind)]
        for name in [name for name in members if name not in plain]:
            part = kind.get(name)
            if part is None:
                shaped.is_changed = True
                self._put_aside(shaped, row, below(where, name), below(path, name), values.pop(name))
            else:
                values[name] = self._value(part, members[name], shaped, row, below(where, name), below(path, name))
        return values

    def _items(self, kind: Sequence[Any], raw: bytes, shaped: Shaped, row: int, where: str, path: str) -> list[Any]:
        try:
            items = _LIST.decode(raw)
        except _NOT_READ as error:
            raise RefusedError from error
        return [self._value(kind[0], item, shaped, row, f"{where}[{at}]", f"{path}[]") for at, item in enumerate(items)]


#: Codes whose columns hold, as text, what is not text.
_LOOSE = frozenset({"json", "scalar"})


def _is_plain(kind: Type) -> bool:
    """Whether nothing below this type can be put into shape: a number, a text, a list of these."""
    if isinstance(kind, list):
        return _is_plain(kind[0])
    return isinstance(kind, str) and kind not in _LOOSE


def _needs_no_look(kind: Type) -> bool:
    """Whether a value is left as it is, whatever it is."""
    return isinstance(kind, str) and kind not in _LOOSE


def _objects(kind: Type) -> Iterator[dict[str, Type]]:
    """The type, if it is an object's, and all such types below it."""
    if isinstance(kind, dict):
        yield kind
        for part in kind.values():
            yield from _objects(part)
    elif isinstance(kind, list):
        yield from _objects(kind[0])


def _text(raw: bytes) -> str:
    text = json_text(raw)
    if text is None:
        raise RefusedError
    return text
