"""The careful path from a record to columns: row by row, value by value, nothing cut and nothing guessed.

Taken for a block that Arrow's JSON reader refuses. It returns a record that the reader cannot refuse, and what did not fit,
under the path where it was. It works on the bytes as they came: numbers are never read as binary floating point.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core import odd_bytes
from airflow_provider_bigcommerce.exceptions import UnexpectedAnswerError
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies, below
from airflow_provider_bigcommerce.rows.schemas import EXCHANGE_RATE, MONEY, Schema, Type

_NULL = b"null"
_LINK = frozenset({"url", "resource"})
_PLAIN_LINK = re.compile(rb'\{"url":"[ -!#-\[\]-~]*","resource":"[ -!#-\[\]-~]*"\}')

_NUMBER = re.compile(rb"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_WHOLE = re.compile(rb"-?(0|[1-9]\d*)")
#: A number in text, as Arrow's decimal parser reads it too.
_NUMBER_TEXT = re.compile(rb"\"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\"")
_WHOLE_TEXT = re.compile(rb"\"([+-]?\d+)\"")
_RFC_2822 = re.compile(r"([A-Za-z]{3},\s*)?\d{1,2} [A-Za-z]{3} \d{4} \d{2}:\d{2}(:\d{2})? ([+-]\d{4}|[A-Z]{1,4})")
_BEYOND_MICROSECONDS = re.compile(r"[.,]\d{6}\d*[1-9]")
_EMPTY_LIST_OR_OBJECT = re.compile(rb"\[\s*\]|\{\s*\}")

_RECORD = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)

#: What msgspec raises for text that is no JSON, no UTF-8, or nested beyond Python's recursion limit.
_NOT_READ = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class RecordCleaner:
    """Turns records into ones that fit the schema exactly.

    :param schema: the columns.
    :param discrepancies: where contradictions and unknown fields are counted.
    """

    def __init__(self, schema: Schema, discrepancies: Discrepancies) -> None:
        self._schema = schema
        self._found = discrepancies
        self._extra: dict[str, bytes] = {}

    def clean(self, record: bytes) -> tuple[bytes, dict[str, bytes]]:
        """The record with every value in its column's type, and what did not fit: path -> JSON as it came.

        :raises UnexpectedAnswerError: it is no JSON object, or its key is missing.
        """
        self._extra = {}
        fields = self._schema.fields
        try:
            members = self._members(record, "", "")
        except ValueError as error:
            raise UnexpectedAnswerError(
                f"A record of {self._schema.resource} is not a JSON object ({type(error).__name__}); nothing of this block was written. "
                "Read it again; if it stays, report it with the resource's name."
            ) from error
        parts = []
        required = self._schema.required
        for name, raw in members.items():
            kind = fields.get(name)
            if kind is None:
                self._unknown(below("", name), below("", name), raw)
                continue
            value = self._value(kind, raw, name, name)
            if value == _NULL and name in required:
                value = _rescued(kind, raw) or _NULL
            parts.append(b'"%b":%b' % (name.encode(), value))
            if value == _NULL and name in required:
                raise missing_key(self._schema.resource, name)
        for name in required - members.keys():
            raise missing_key(self._schema.resource, name)
        return b"{" + b",".join(parts) + b"}", self._extra

    def _members(self, raw: bytes, where: str, field: str) -> dict[str, bytes]:
        """Name -> JSON of an object's members; of a name that stands twice the last counts, the others go to ``_extra``."""
        split = split_object(raw)
        if split is not None:
            return {name: bytes(value) for name, value in split.items()}
        members: dict[str, bytes] = {}
        seen: dict[str, int] = {}
        for name, value in scan_object(raw):
            if name in members:
                number = seen[name] = seen.get(name, 0) + 1
                self._extra[f"{below(where, name)}#{number}"] = members[name]
                self._found.repeated_field(below(field, name), value)
            members[name] = value
        return members

    @staticmethod
    def _items(raw: bytes) -> list[bytes]:
        """The JSON of a list's items, broken UTF-8 included."""
        try:
            return [bytes(item) for item in _LIST.decode(raw)]
        except _NOT_READ:
            return list(scan_list(raw))

    def _unknown(self, where: str, field: str, raw: bytes) -> None:
        self._extra[where] = raw
        self._found.new_field(field, raw)

    def _value(self, kind: Type, raw: bytes, where: str, field: str) -> bytes:
        if raw == _NULL:
            return raw
        fitting: bytes | None = None
        if isinstance(kind, dict):
            if raw[:1] == b"{":
                return self._struct(kind, raw, where, field)
        elif isinstance(kind, list):
            if raw[:1] == b"[":
                values = self._items(raw)
                items = (self._value(kind[0], item, f"{where}[{at}]", f"{field}[]") for at, item in enumerate(values))
                return b"[" + b",".join(items) + b"]"
            if len(kind) > 1 and is_link(raw):
                return _NULL
        else:
            fitting = CLEANERS[kind](raw)
        if fitting is None:
            fitting = empty_of(kind, raw)
        if fitting is None:
            self._extra[where] = raw
            fitting = rounded(kind, raw)
            if fitting is None:
                self._found.contradiction(field, raw)
                return _NULL
            self._found.rounding(field)
        return fitting

    def _struct(self, kind: dict[str, Any], raw: bytes, where: str, field: str) -> bytes:
        parts = []
        for name, value in self._members(raw, where, field).items():
            part = kind.get(name)
            here, column = below(where, name), below(field, name)
            if part is None:
                self._unknown(here, column, value)
            else:
                parts.append(b'"%b":%b' % (name.encode(), self._value(part, value, here, column)))
        return b"{" + b",".join(parts) + b"}"


def missing_key(resource: str, field: str) -> UnexpectedAnswerError:
    """The error for a record without its key."""
    return UnexpectedAnswerError(
        f"A record of {resource} has no usable value in its key field {field!r}; without it rows cannot be distinguished. "
        "If 'fields' or 'exclude_fields' leave the key out, add it; otherwise report it with the resource's name."
    )


def split_object(raw: bytes) -> dict[str, msgspec.Raw] | None:
    """Name -> JSON of an object's members, or None where a name stands twice or the text is not plain enough to tell."""
    found = members_of(raw)
    if found is None or _is_plain(found, raw):
        return found
    compact = msgspec.json.format(raw, indent=-1)
    return found if _is_plain(_RECORD.decode(compact), compact) else None


def members_of(raw: bytes | msgspec.Raw) -> dict[str, msgspec.Raw] | None:
    """Name -> JSON of an object's members, the last of a name that stands twice; None for what is no JSON object."""
    try:
        return _RECORD.decode(raw)
    except _NOT_READ:
        return None  # no JSON, or broken UTF-8, or half a surrogate pair


def _is_plain(members: dict[str, msgspec.Raw], raw: bytes) -> bool:
    """Whether the members are all there is in an object written without spaces: a repeated name would leave bytes over."""
    return len(raw) == 1 + max(1, sum(map(len, members)) + sum(map(len, members.values())) + 4 * len(members))


def scan_object(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """All members of an object in order, repeated names and broken UTF-8 included.

    :raises ValueError: it is not a JSON object.
    """
    try:
        yield from odd_bytes.members(raw)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


def scan_list(raw: bytes) -> Iterator[bytes]:
    """All items of a list in order, broken UTF-8 included.

    :raises ValueError: it is not a JSON list.
    """
    try:
        yield from odd_bytes.items(raw)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


def is_link(raw: bytes) -> bool:
    """Whether a value is V2's ``{url, resource}`` instead of a list that was not included."""
    if _PLAIN_LINK.fullmatch(raw):  # as BigCommerce writes it, in a tenth of the time
        return True
    members = members_of(raw) if raw[:1] == b"{" else None
    return members is not None and members.keys() <= _LINK


def json_text(raw: bytes) -> str | None:
    """A value's JSON as text for a ``json`` column; None where it is not valid UTF-8, or too deep for databases."""
    try:
        if raw[:1] == b'"':
            return msgspec.json.encode(_TEXT.decode(raw)).decode()
        return None if odd_bytes.is_deep(raw) else raw.decode()
    except _NOT_READ:
        return None


def _rescued(kind: Type, raw: bytes) -> bytes | None:
    """A key in the wrong type whose value is still certain: a whole number as text, or text that came as a number."""
    if kind in ("int", "int_text"):
        return _int_text(raw)
    return b'"%b"' % raw if kind == "text" and _NUMBER.fullmatch(raw) else None


def empty_of(kind: Type, raw: bytes) -> bytes | None:
    """What a column holds for a value with nothing in it, which is not of its type; None where something is in it.

    PHP writes an empty object as ``[]``, and many an absent date, number or object as ``""``: no contradiction, because nothing is lost.
    ``""`` instead of true or false is one: PHP writes it for false.
    """
    if raw == b'""':
        return None if kind == "bool" else _NULL
    if not _EMPTY_LIST_OR_OBJECT.fullmatch(raw):
        return None
    return b"{}" if isinstance(kind, dict) else b"[]" if isinstance(kind, list) else _NULL


#: Codes of amounts -> digits and decimals of their columns.
_AMOUNTS = {"money": MONEY, "money_text": MONEY, "rate_text": EXCHANGE_RATE}
_HALF_EVEN = Context(prec=50, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX)


def rounded(kind: Type, raw: bytes) -> bytes | None:
    """An amount that has more decimals than its column, rounded to them; None where it is none, or too large for the column."""
    if not isinstance(kind, str) or kind not in _AMOUNTS:
        return None
    text = None if kind == "money" else _NUMBER_TEXT.fullmatch(raw)
    if text is None and not _NUMBER.fullmatch(raw):
        return None
    precision, scale = _AMOUNTS[kind]
    try:
        exact = Decimal((text[1] if text else raw).decode())
    except InvalidOperation:
        return None
    if exact.adjusted() >= precision - scale:
        return None
    value = exact.quantize(Decimal(1).scaleb(-scale), context=_HALF_EVEN)
    return _decimal(str(value).encode(), precision, scale)


# One function a code: the JSON token that Arrow reads into the column exactly, or None where there is none.


def _int(raw: bytes) -> bytes | None:
    if _WHOLE.fullmatch(raw):
        return raw if len(raw) < 19 or (len(raw) < 21 and -(2**63) <= int(raw) < 2**63) else None
    return _decimal(raw, 19, 0) if _NUMBER.fullmatch(raw) else None


def _int_text(raw: bytes) -> bytes | None:
    text = _WHOLE_TEXT.fullmatch(raw)
    return _int(b"%d" % int(text[1])) if text and len(raw) < 30 else _int(raw)


def _float(raw: bytes) -> bytes | None:
    if not _NUMBER.fullmatch(raw):
        return None
    number = float(raw)
    if number in (float("inf"), float("-inf")):
        return None
    # A whole number that a double would round; decimal fractions are rounded by nature.
    return None if len(raw) > 15 and _WHOLE.fullmatch(raw) and int(number) != int(raw) else raw


def _float_text(raw: bytes) -> bytes | None:
    text = _NUMBER_TEXT.fullmatch(raw)
    return _float(_as_token(text[1])) if text else _float(raw)


def _as_token(number: bytes) -> bytes:
    """A number in text (``+1.``, ``.5``, ``007``) as JSON writes it."""
    mantissa, mark, exponent = number.lower().partition(b"e")
    sign = b"-" if mantissa[:1] == b"-" else b""
    whole, _, fraction = mantissa.lstrip(b"+-").partition(b".")
    return sign + (whole.lstrip(b"0") or b"0") + (b"." + fraction if fraction else b"") + (mark + exponent)


def _bool(raw: bytes) -> bytes | None:
    return raw if raw in (b"true", b"false") else None


def _text(raw: bytes) -> bytes | None:
    if raw[:1] != b'"':
        return None
    try:
        _TEXT.decode(raw)
    except _NOT_READ:  # not UTF-8, or half a surrogate pair
        return None
    return raw


def _scalar(raw: bytes) -> bytes | None:
    return b'"%b"' % raw if _NUMBER.fullmatch(raw) else _text(raw)


def _json(raw: bytes) -> bytes | None:
    text = json_text(raw)
    return None if text is None else msgspec.json.encode(text)


def _decimal(number: bytes, precision: int, scale: int) -> bytes | None:
    """A number written out with at most ``scale`` places, or None where that would change it."""
    try:
        value = Decimal(number.decode())
    except InvalidOperation:
        return None
    if not value:
        return b"0"
    if not -scale <= value.adjusted() < precision - scale or len(value.as_tuple().digits) > 1000:
        return None
    whole, _, fraction = f"{value:f}".partition(".")
    fraction = fraction.rstrip("0")
    return None if len(fraction) > scale else (whole + ("." + fraction if fraction else "")).encode()


def _money(raw: bytes) -> bytes | None:
    return _decimal(raw, *MONEY) if _NUMBER.fullmatch(raw) else None


def _decimal_text(raw: bytes, precision: int, scale: int) -> bytes | None:
    text = _NUMBER_TEXT.fullmatch(raw)
    if text:
        return _decimal(text[1], precision, scale)
    return _decimal(raw, precision, scale) if _NUMBER.fullmatch(raw) else None


def _money_text(raw: bytes) -> bytes | None:
    return _decimal_text(raw, *MONEY)


def _rate_text(raw: bytes) -> bytes | None:
    return _decimal_text(raw, *EXCHANGE_RATE)


def _time(raw: bytes) -> bytes | None:
    if _text(raw) is None:
        return None
    instant = instant_of(_TEXT.decode(raw))
    return None if instant is None else _iso(instant)


def _iso(instant: datetime) -> bytes:
    return b'"%b"' % instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0").encode()


def instant_of(text: str) -> datetime | None:
    """The instant that an ISO-8601 or RFC-2822 text names, UTC; without a zone it is UTC; None where it names none."""
    try:
        if _RFC_2822.fullmatch(text):
            parsed = parsedate_to_datetime(text)
        elif _BEYOND_MICROSECONDS.search(text):
            return None
        else:
            parsed = datetime.fromisoformat(text)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


#: Seconds between 1970 and the first and last instant that Python's datetime holds.
_FIRST_SECOND, _LAST_SECOND = -62135596800, 253402300799


def _time_unix(raw: bytes) -> bytes | None:
    whole = _int(raw)
    # Zero stands for "never" wherever BigCommerce counts seconds.
    return whole if whole is not None and int(whole) != 0 and _FIRST_SECOND <= int(whole) <= _LAST_SECOND else None


def _time_unix_text(raw: bytes) -> bytes | None:
    whole = _int_text(raw)
    if whole is None:
        return _time(raw)
    seconds = _time_unix(whole)
    return None if seconds is None else _iso(datetime.fromtimestamp(int(seconds), UTC))


#: Type code -> the function that makes a value of it.
CLEANERS: dict[str, Callable[[bytes], bytes | None]] = {
    "int": _int,
    "int_text": _int_text,
    "float": _float,
    "float_text": _float_text,
    "bool": _bool,
    "text": _text,
    "scalar": _scalar,
    "json": _json,
    "money": _money,
    "money_text": _money_text,
    "rate_text": _rate_text,
    "time": _time,
    "time_rfc": _time,
    "time_unix": _time_unix,
    "time_unix_text": _time_unix_text,
}
