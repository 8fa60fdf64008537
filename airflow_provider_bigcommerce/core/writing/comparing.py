"""Whether a row that the store has is the row that was sent: numbers by value, times by instant, only the fields that were sent.

Pure. The store writes 12.5 as ``"12.5000"`` (V2), a time in its own zone, and adds fields of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

#: V2 writes amounts so; a SKU with leading zeros is no amount.
_V2_MONEY = re.compile(r"-?\d+\.\d{2,10}")


def has_all(sent: Mapping[str, Any], held: Mapping[str, Any], *, leave_out: Sequence[str] = ()) -> bool:
    """Whether the store's row has every field that was sent, with the same value.

    :param leave_out: fields that cannot be read back (a password), or need not be.
    """
    return all(is_same(value, held.get(name)) for name, value in sent.items() if name not in leave_out)


def is_same(sent: Any, held: Any) -> bool:
    """Whether two values mean the same to the store."""
    if isinstance(sent, Mapping):
        return isinstance(held, Mapping) and has_all(sent, held)
    if isinstance(sent, (list, tuple)):
        return isinstance(held, list) and _is_same_list(sent, held)
    if sent is None or sent == "":
        return held is None or held == ""
    if isinstance(sent, bool) or isinstance(held, bool):
        return sent is held
    if isinstance(sent, (datetime, date)) or (isinstance(sent, str) and isinstance(held, str) and sent != held):
        first, second = _instant(sent), _instant(held)
        if first is not None and second is not None:
            return first == second
    first_number, second_number = _number(sent), _number(held)
    are_texts = isinstance(sent, str) and isinstance(held, str)
    if first_number is not None and second_number is not None and (not are_texts or _V2_MONEY.fullmatch(held)):
        return first_number == second_number
    return bool(str(sent) == str(held)) if isinstance(held, (str, int, float)) else bool(sent == held)


def _is_same_list(sent: Sequence[Any], held: list[Any]) -> bool:
    """Likewise for lists: each element sent has one of its own among those held, in any order, and none is left over."""
    if len(sent) != len(held):
        return False
    left = list(held)
    for element in sent:
        at = next((place for place, other in enumerate(left) if is_same(element, other)), None)
        if at is None:
            return False
        del left[at]
    return True


def _number(value: Any) -> Decimal | None:
    if isinstance(value, (int, float, Decimal, str)):
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            return None
        return number if number.is_finite() else None
    return None


def _instant(value: Any) -> datetime | None:
    """A time in UTC, out of a datetime, ISO-8601 or RFC-2822."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, str) or not value[:1].isalnum() or len(value) > 40:
        return None
    try:
        found = datetime.fromisoformat(value) if value[:1].isdigit() else parsedate_to_datetime(value)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
