"""Values of an input's row as files have them: numbers that came as text, a list that came as JSON, blanks that mean "not given". Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}(?:\.0+)?")
_AMOUNT = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,10})?")


def is_blank(value: object) -> bool:
    """Whether a value stands for "not given": null, or an empty cell of a CSV file."""
    return value is None or (isinstance(value, str) and not value.strip())


def whole_number(value: object) -> int | None:
    """A whole number, or None where it is none: ``7``, ``"7"``, ``7.0`` and ``Decimal("7")`` are 7; ``True``, ``"7 pcs"``, 7.5 are none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    if isinstance(value, (float, Decimal)):
        number = Decimal(str(value))
        return int(number) if number.is_finite() and number == number.to_integral_value() else None
    return None


def amount(value: object) -> Decimal | None:
    """An amount of money, exact; None where it is none. A float counts as the digits that it is written with."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return Decimal(value.strip()) if _AMOUNT.fullmatch(value.strip()) else None
    if isinstance(value, (int, float, Decimal)):
        try:
            number = Decimal(str(value))
        except InvalidOperation:  # a number of more digits than a decimal takes
            return None
        return number if number.is_finite() else None
    return None


def plain_text(value: object) -> str | None:
    """A text without blanks around it, or None where it is none. A whole number is its digits: a file's reader may have made it of text."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def objects(value: object) -> list[Mapping[str, Any]] | None:
    """A list of objects, also where a CSV file has it as JSON; None where it is none."""
    found = value
    if isinstance(value, (str, bytes)):
        try:
            found = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
    if isinstance(found, Sequence) and not isinstance(found, (str, bytes)) and all(isinstance(each, Mapping) for each in found):
        return list(found)
    return None
