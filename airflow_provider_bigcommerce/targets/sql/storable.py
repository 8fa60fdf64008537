"""What of a record a database cannot store as it is: texts and numbers that PostgreSQL refuses, names that its ``jsonb`` drops.

Looks at bytes and decides; it changes no record and knows no table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from airflow_provider_bigcommerce.rows.careful import scan_list, scan_object
from airflow_provider_bigcommerce.rows.discrepancies import below

#: What JSON holds where a text is beyond PostgreSQL: the character NUL, or half a surrogate pair (a whole one is an emoji).
_SUSPECT = (b"\\u0000", b"\\ud", b"\\uD")
#: A number of jsonb is a ``numeric``: up to so many digits before the point, and so many after.
_MOST_DIGITS, _MOST_DECIMALS = 131_072, 16_383
#: What a number too small for ``numeric`` has: an exponent of five digits, or very many digits. A decoder tells those too large.
#: Their literal start is found many times as fast as the number, and a UUID in a text, which has it too, has no five digits there.
_TINY = (re.compile(rb"e-\d{5}"), re.compile(rb"E-\d{5}"))
_LONG = re.compile(rb"[0-9]{%d}" % _MOST_DECIMALS)
#: Where ``":`` cannot be counted: blanks before a colon, and a quotation mark or a colon of a text written by its number.
_OTHERWISE_WRITTEN = (b" :", b"\t:", b"\n:", b"\r:", b"\\u0022", b"\\u003a", b"\\u003A")
#: What every number beyond ``numeric`` has; a text may have it too.
_HAS_EXPONENT = re.compile(rb"[0-9][eE][+-]?\d{5}|[0-9]{%d}" % _MOST_DECIMALS)


def may_hold_odd_text(data: bytes) -> bool:
    """Whether some text may hold NUL or half a surrogate pair."""
    if b"\\" not in data or b"\\u" not in data:  # one byte is searched for ten times as fast as two
        return False
    return any(mark in data for mark in _SUSPECT)


def holds_odd_text(raw: bytes) -> bool:
    """Whether a JSON value holds text that PostgreSQL's text and jsonb cannot."""
    if not may_hold_odd_text(raw):
        return False
    try:
        return _has_odd_text(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True


def _has_odd_text(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value or any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, dict):
        return any(_has_odd_text(name) or _has_odd_text(part) for name, part in value.items())
    return isinstance(value, list) and any(_has_odd_text(part) for part in value)


def holds_odd_number(raw: bytes) -> bool:
    """Whether a JSON value holds a number that jsonb refuses."""
    if not _HAS_EXPONENT.search(raw):
        return False
    first = raw.lstrip()[:1]
    if first in (b"{", b"["):
        try:
            parts = [value for _, value in scan_object(raw)] if first == b"{" else list(scan_list(raw))
        except ValueError:
            return True
        return any(map(holds_odd_number, parts))
    return first != b'"' and _is_beyond_numeric(raw)


def _is_beyond_numeric(raw: bytes) -> bool:
    try:
        number = Decimal(raw.decode())
    except (InvalidOperation, UnicodeDecodeError):
        return True
    exponent = number.as_tuple().exponent
    return number.adjusted() >= _MOST_DIGITS or not isinstance(exponent, int) or exponent < -_MOST_DECIMALS


def may_be_odd_json(data: bytes) -> bool:
    """Whether JSON may hold what jsonb refuses or drops: a number, or one of two members of a name.

    May say yes for unusual writing, never no. Decoded and encoded again, JSON lacks what a decoder drops: names are counted by what
    stands behind each. Numbers that are too large do not decode; those that are too small are looked for.
    """
    if any(mark in data for mark in _OTHERWISE_WRITTEN) or _may_hold_tiny_number(data):
        return True
    try:
        again = msgspec.json.encode(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True
    return data.count(b'":') != again.count(b'":')


def _may_hold_tiny_number(data: bytes) -> bool:
    if any(mark.search(data) for mark in _TINY) and _HAS_EXPONENT.search(data):
        return True
    # Of a run of so many digits, every place but the last few of a sample is one.
    sample = data[:: _MOST_DECIMALS // 4]
    return any(sample[at : at + 3].isdigit() for at in range(len(sample) - 2)) and _LONG.search(data) is not None


def is_odd_json(raw: bytes) -> bool:
    """Whether a JSON value holds what jsonb refuses or drops."""
    return may_be_odd_json(raw) and (holds_odd_number(raw) or next(repeated(raw, ""), None) is not None)


def members_in_order(raw: bytes) -> list[tuple[str, bytes]]:
    """Name and JSON of all members of an object, repeated ones too; none of what is no object."""
    try:
        return list(scan_object(raw))
    except ValueError:
        return []


def repeated(raw: bytes, path: str) -> Iterator[tuple[str, bytes]]:
    """Path and JSON of every value that another one of the same name stands behind, at any depth, as ``files.careful`` names them.

    :param raw: a JSON value.
    :param path: where it is in its record.
    """
    first = raw.lstrip()[:1]
    try:
        if first == b"[":
            for at, item in enumerate(scan_list(raw)):
                yield from repeated(item, f"{path}[{at}]")
        elif first == b"{":
            last: dict[str, bytes] = {}
            times: dict[str, int] = {}
            for name, value in scan_object(raw):
                if name in last:
                    times[name] = times.get(name, 0) + 1
                    yield f"{below(path, name)}#{times[name]}", last[name]
                last[name] = value
            for name, value in last.items():
                yield from repeated(value, below(path, name))
    except (ValueError, RecursionError):
        return  # no JSON, or endless: it is refused where it is read
