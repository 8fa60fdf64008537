"""An input's columns become the fields of rows: which column goes where, what a text of CSV means, and what becomes of nulls. Pure."""

from __future__ import annotations

import difflib
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import msgspec

from airflow_provider_bigcommerce.core.catalog.write_fields import WriteField, fields_of
from airflow_provider_bigcommerce.core.writing.route import Route
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.writing.spool import Row

#: Columns that say what became of a row in an earlier run: a file of rejected rows is used as input again as it is.
OURS = ("_row", "_outcome", "_error")
#: What is done with a null: it is left out, as if the column were missing, or written.
Nulls = Literal["skip", "write"]
NULLS: tuple[Nulls, ...] = ("skip", "write")

_JSON = msgspec.json.Decoder(float_hook=Decimal)
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})


class InputRow(dict[str, Any]):
    """A row with the fields' names, and the row of the input that it is from.

    :attr own: the input's own columns, without those of an earlier run.
    :attr fault: why the row cannot be taken, with the column to blame; None where it can.
    """

    __slots__ = ("fault", "own")

    def __init__(self, fields: Mapping[str, Any], own: Row, fault: tuple[str, str] | None = None) -> None:
        super().__init__(fields)
        self.own = own
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column goes to which field.

    :param mapping: column -> field, dots for nested ones; None takes each column to the field of its name.
    :param nulls: what is done with nulls.
    :param has_texts: whether all values are texts (CSV), whose meaning the fields tell.
    :param fields: the fields that the calls take, as they are published.
    """

    mapping: Mapping[str, str] | None
    nulls: Nulls
    has_texts: bool
    fields: Mapping[str, WriteField]

    def row(self, own: Row) -> InputRow:
        """One row of the input with the fields' names."""
        found: Row = {}
        fault: tuple[str, str] | None = None
        own = {name: value for name, value in own.items() if name not in OURS}
        for column, value in own.items():
            field = column if self.mapping is None else self.mapping.get(column)
            if field is None:
                continue
            if self.has_texts and isinstance(value, str):
                value = _meant(value, self._field(field))  # noqa: PLW2901
            try:
                plain = plain_value(value)
            except TypeError:
                fault = (f"The column {column!r} has a value of type {type(value).__name__}, which JSON does not have.", column)
                continue
            if (plain is None and self.nulls == "skip") or _put(found, field, plain):
                continue
            fault = (f"The column {column!r} goes to {field!r}, within a field that another column fills.", column)
        return InputRow(found, own, fault)

    def rows(self, rows: Iterable[Row]) -> Rows:
        """Rows of the input with the fields' names, as often as they are read."""
        return Rows(self, rows)

    def check(self, columns: Collection[str], needed: Iterable[str]) -> None:
        """Whether an input with these columns can be taken.

        :param needed: fields by which rows are distinguished from others.
        :raises InvalidQueryError: a column of the mapping, or of the key, is missing.
        """
        for name in self.mapping or ():
            if name not in columns:
                raise InvalidQueryError(f"mapping names the column {name!r}, which the input does not have.{_nearest(name, columns)}")
        going = set(self.mapping.values()) if self.mapping is not None else set(columns)
        for name in needed:
            if name not in going:
                raise InvalidQueryError(
                    f"The input has no column for {name!r}, by which rows are distinguished from others.{_nearest(name, columns)} Map it: "
                    f"mapping={{'<column>': {name!r}}}."
                )

    def _field(self, name: str) -> WriteField | None:
        field, fields = None, self.fields
        for part in name.split("."):
            field = fields.get(part)
            if field is None:
                return None
            fields = field.fields
        return field


class Rows:
    """Rows of the input with the fields' names; each iteration starts from the beginning.

    :param columns: what makes them.
    :param rows: the input's rows, which can be read more than once.
    """

    def __init__(self, columns: Columns, rows: Iterable[Row]) -> None:
        self._columns = columns
        self._rows = rows

    def __iter__(self) -> Iterator[InputRow]:
        return map(self._columns.row, self._rows)


def checked_mapping(mapping: Mapping[str, str] | None) -> dict[str, str] | None:
    """A mapping that can work.

    :raises InvalidQueryError: two columns go to one field, or to a field and one within it; a name that is none.
    """
    if not mapping:
        return None
    taken: dict[str, str] = {}
    for column, field in mapping.items():
        if not isinstance(column, str) or not isinstance(field, str) or not column or not all(field.split(".")):
            raise InvalidQueryError(
                f"mapping has {column!r}: {field!r}, which cannot work. Accepted: column -> field, such as {{'Artikelnummer': 'sku'}}."
            )
        for other, first in taken.items():
            if other == field or other.startswith(f"{field}.") or field.startswith(f"{other}."):
                raise InvalidQueryError(
                    f"mapping takes the columns {first!r} and {column!r} to one field, {min(other, field, key=len)!r}. Give each field one "
                    "column."
                )
        taken[field] = column
    return dict(mapping)


def fields_of_route(route: Route) -> dict[str, WriteField]:
    """The fields that the calls of a write take, as they are published; of two calls, the change's."""
    found: dict[str, WriteField] = {}
    for write in (route.create, route.update):
        known = fields_of(write) if write is not None else None
        found |= known.fields if known is not None else {}
    return found


def plain_value(value: Any) -> Any:
    """A value as JSON has it: times as ISO-8601.

    :raises TypeError: JSON has nothing for it (bytes, sets, objects of a program).
    """
    if value is None or isinstance(value, (str, bool, int, float, Decimal)):
        return value
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain_value(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(inner) for inner in value]
    raise TypeError


def _put(row: Row, field: str, value: Any) -> bool:
    """Set a field, dots for nested ones; whether that was possible."""
    *above, last = field.split(".")
    inner: Any = row
    for name in above:
        inner = inner.setdefault(name, {})
        if not isinstance(inner, dict):
            return False
    inner[last] = value
    return True


def _meant(text: str, field: WriteField | None) -> Any:
    """What a text of CSV means in a field; the text itself where it means nothing there, which is then rejected with the reason."""
    kind = field.type if field is not None else None
    plain = text.strip()
    if kind in ("integer", "number"):
        try:
            number = Decimal(plain)
        except InvalidOperation:
            return text
        if not number.is_finite() or "_" in plain:
            return text
        return int(number) if number == number.to_integral_value() and abs(number) < 10**18 else number
    if kind == "boolean":
        return True if plain.casefold() in _TRUE else False if plain.casefold() in _FALSE else text
    if kind in ("array", "object"):
        try:
            return _JSON.decode(plain)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return text
    return text


def _nearest(name: str, names: Iterable[str]) -> str:
    by_fold = {other.casefold(): other for other in names if other.isprintable() and len(other) < 80}
    near = difflib.get_close_matches(name.casefold(), by_fold, n=3)
    if near:
        return f" Did you mean {', '.join(repr(by_fold[one]) for one in near)}?"
    return f" It has: {', '.join(sorted(by_fold.values())[:20])}."
