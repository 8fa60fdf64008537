"""Conditions on the fields of a row, as plain data: ``{"status_id": 11, "total_inc_tax": (">=", 100)}``.

Decides whether a row meets them; reads nothing. As data they can travel in a trigger's arguments, which a function cannot.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from airflow_provider_bigcommerce.core.windows import read_moment, whole_seconds
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

#: A value to equal, or ``(comparison, value)``.
Conditions = Mapping[str, Any]

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_MEMBERSHIP = ("in", "not in")


def check_conditions(conditions: Conditions) -> dict[str, Any]:
    """The conditions in their plain form, field -> ``[comparison, value]``, which is also a valid input.

    :raises InvalidQueryError: a comparison that does not exist, or a list where it is unclear what it means.
    """
    checked: dict[str, Any] = {}
    for name, wanted in conditions.items():
        comparison, value = wanted if _is_pair(wanted) else ("==", wanted)
        accepted = f"Accepted: a value to equal, or a pair such as ('>=', 100); comparisons: {', '.join([*_COMPARISONS, *_MEMBERSHIP])}."
        if comparison in _MEMBERSHIP:
            if not isinstance(value, (list, tuple)):
                raise InvalidQueryError(f"The condition on {name!r} has {comparison!r} without a list of values. {accepted}")
            value = list(value)
        elif comparison not in _COMPARISONS or isinstance(value, (list, tuple, dict, set)):
            raise InvalidQueryError(f"The condition on {name!r} is {wanted!r}. {accepted} For one of several: ('in', [1, 2]).")
        if comparison not in ("==", "!=", *_MEMBERSHIP) and isinstance(value, str) and read_moment(value) is None:
            raise InvalidQueryError(
                f"The condition on {name!r} orders by the text {value!r}, which is no date. Accepted: numbers, datetimes, dates as text "
                "with time and offset, such as '2026-01-31T00:00:00Z'."
            )
        checked[name] = [comparison, value]
    return checked


def _is_pair(wanted: object) -> bool:
    return isinstance(wanted, (list, tuple)) and len(wanted) == 2 and isinstance(wanted[0], str)


def meets(row: Mapping[str, Any], conditions: Conditions) -> bool:
    """Whether a row meets all conditions; a field that is missing, null or of another kind equals nothing.

    :param row: as the store sent it.
    :param conditions: from :func:`check_conditions`; dots in a name lead into nested fields.
    """
    return all(_holds(_field(row, name), comparison, value) for name, (comparison, value) in conditions.items())


def top_fields(conditions: Conditions) -> frozenset[str]:
    """The fields of a row that the conditions look at."""
    return frozenset(name.partition(".")[0] for name in conditions)


def _field(row: Mapping[str, Any], name: str) -> Any:
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _holds(actual: Any, comparison: str, wanted: Any) -> bool:
    if comparison in _MEMBERSHIP:
        return any(_equals(actual, value) for value in wanted) == (comparison == "in")
    if comparison in ("==", "!="):
        return _equals(actual, wanted) == (comparison == "==")
    left, right = (read_moment(actual), read_moment(wanted)) if isinstance(wanted, str) else _alike(actual, wanted)
    return left is not None and right is not None and _COMPARISONS[comparison](left, right)


def _equals(actual: Any, wanted: Any) -> bool:
    if actual is None or wanted is None:
        return actual is wanted
    left, right = _alike(actual, wanted)
    return left is not None and bool(left == right)


def _alike(actual: Any, wanted: Any) -> tuple[Any, Any]:
    """Both as values of the wanted one's kind; None where the actual one is of another.

    V2 writes money as text and dates as RFC-2822: the kind of the wanted value says how to read them.
    Source: reference/orders.v2.oas2.yml.
    """
    if isinstance(wanted, bool) or isinstance(actual, bool):
        return (actual, wanted) if isinstance(wanted, bool) and isinstance(actual, bool) else (None, wanted)
    if isinstance(wanted, (int, float, Decimal)):
        return _number(actual), _number(wanted)
    if isinstance(wanted, datetime):
        return read_moment(actual), whole_seconds(wanted)
    return (str(actual) if isinstance(actual, (str, int, float)) else None), str(wanted)


def _number(value: Any) -> Decimal | None:
    if not isinstance(value, (str, int, float, Decimal)) or value == "":
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
