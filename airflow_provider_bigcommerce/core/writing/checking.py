"""Whether a row can be sent: checked against the published fields of the call before anything is sent.

One bad row in a batch whose answer names no row costs up to ``2 * log2(n)`` requests more. So what BigCommerce's file says of a field is
checked here: its type, length, bounds, the values it takes, whether it must be there, whether it can be written at all.
Pure. A message names fields and limits, never a value.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog.write_fields import WriteField, WriteFields

#: Values of an enumeration that a message shows.
_MOST_SHOWN = 8
#: Levels of a nested value that are looked at.
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of a row.

    :param field: its name, dots for nested ones.
    :param what: the sentence's rest, such as ``is longer than 255 characters``.
    """

    field: str
    what: str


def faults_of(
    row: Mapping[str, Any], known: WriteFields | None, *, keys: Collection[str] = (), must_have: bool = False, is_v2: bool = False
) -> list[Fault]:
    """All that is wrong with a row; empty where it can be sent.

    :param row: what would be sent.
    :param known: what the call's body may hold; None where nothing is published, which lets everything pass.
    :param keys: columns of the row that are not in its body: they fill the path, or name the row.
    :param must_have: whether the fields that are required must be there (a new row; a change of one leaves out what stays).
    :param is_v2: V2 takes amounts and ids as text and as numbers.
    """
    if known is None or not known.fields:
        return []
    found = list(_faults(row, known.fields, "", known.read_only, is_v2=is_v2, depth=0))
    if must_have:
        missing = [name for name in known.required if name not in keys and row.get(name) is None]
        found += [Fault(name, "is required") for name in missing]
        groups = [[name for name in group if name not in keys and name not in known.required] for group in known.alternatives]
        if len(groups) == 1:  # one group of fields of which one is enough, as the text of these calls says
            groups = [[name] for name in groups[0]]
        if groups and not any(all(row.get(name) is not None for name in group) for group in groups):
            ways = dict.fromkeys(" and ".join(map(repr, group)) for group in groups)
            found.append(Fault(groups[0][0], f"is required, or one of these ways: {'; '.join(ways)}"))
    return found


def told(faults: list[Fault]) -> str:
    """The faults on one line."""
    text = "; ".join(f"{fault.field!r} {fault.what.rstrip('.')}" for fault in faults[:5])
    text += "" if len(faults) <= 5 else f"; and {len(faults) - 5} more"
    return text if text.endswith("?") else f"{text}."


def _faults(
    row: Mapping[str, Any], fields: Mapping[str, WriteField], prefix: str, read_only: Collection[str], *, is_v2: bool, depth: int
) -> Iterator[Fault]:
    for name, value in row.items():
        at = f"{prefix}{name}"
        field = fields.get(name)
        # A nested row is recognized by its id, which files mark as read-only.
        if name != "id" and (name in read_only or (field is not None and field.read_only)):
            yield Fault(_name(at), "is read-only")
        elif field is None:
            if name != "id":
                yield Fault(_name(at), f"is no field of this call{_nearest(str(name), fields)}")
        elif value is not None:
            yield from _value_faults(at, value, field, is_v2=is_v2, depth=depth)


def _name(name: str) -> str:
    """An unknown name as it may be shown: it came from the input, and a column without a heading can hold anything."""
    return name if len(name) <= 64 and all(part.isidentifier() or part.isdigit() for part in name.split(".")) else "[...]"


def _nearest(name: str, fields: Mapping[str, WriteField]) -> str:
    near = difflib.get_close_matches(name, [other for other, field in fields.items() if not field.read_only], n=3)
    return f". Did you mean {', '.join(map(repr, near))}?" if near else ""


def _value_faults(at: str, value: Any, field: WriteField, *, is_v2: bool, depth: int) -> Iterator[Fault]:
    wrong = _type_fault(value, field.type, is_v2=is_v2)
    if wrong is not None:
        yield Fault(at, wrong)
        return
    if isinstance(value, str):
        if field.max_length is not None and len(value) > field.max_length:
            yield Fault(at, f"is longer than {field.max_length:,} characters")
        if field.min_length and len(value) < field.min_length:
            yield Fault(at, f"is shorter than {field.min_length:,} character{'s' if field.min_length > 1 else ''}")
    number = _number(value) if field.type in ("integer", "number") else None
    if number is not None and field.maximum is not None and number > Decimal(str(field.maximum)):
        yield Fault(at, f"is above {_figure(field.maximum)}")
    if number is not None and field.minimum is not None and number < Decimal(str(field.minimum)):
        yield Fault(at, f"is below {_figure(field.minimum)}")
    if field.enum and isinstance(value, (str, int)) and value not in field.enum and not (is_v2 and str(value) in map(str, field.enum)):
        shown = ", ".join(repr(one) for one in field.enum[:_MOST_SHOWN]) + (", ..." if len(field.enum) > _MOST_SHOWN else "")
        yield Fault(at, f"is none of {shown}")
    if field.max_items is not None and isinstance(value, (list, tuple)) and len(value) > field.max_items:
        yield Fault(at, f"has more than {field.max_items:,} items")
    if field.fields and depth < _DEEPEST:
        is_list = isinstance(value, (list, tuple))
        for place, element in enumerate(value if is_list else [value]):
            if isinstance(element, Mapping):
                prefix = f"{at}.{place}." if is_list else f"{at}."
                yield from _faults(element, field.fields, prefix, (), is_v2=is_v2, depth=depth + 1)
                if element.get("id") is None:
                    yield from (Fault(f"{prefix}{name}", "is required") for name in field.required if element.get(name) is None)


def _figure(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:,}"


def _type_fault(value: Any, expected: str | None, *, is_v2: bool) -> str | None:
    """Why a value has not the type, or None."""
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        return "is no finite number"
    if expected == "boolean" and not isinstance(value, bool):
        return f"must be true or false, and is {_kind(value)}"
    if expected in ("integer", "number"):
        number = None if isinstance(value, bool) or (isinstance(value, str) and not is_v2) else _number(value)
        if number is None or (expected == "integer" and number != number.to_integral_value()):
            return f"must be a {'whole ' if expected == 'integer' else ''}number, and is {_kind(value)}"
    if expected == "string" and not isinstance(value, (str, date)) and not (is_v2 and _number(value) is not None):
        return f"must be a text, and is {_kind(value)}"
    if expected == "array" and not isinstance(value, (list, tuple)):
        return f"must be a list, and is {_kind(value)}"
    if expected == "object" and not isinstance(value, Mapping):
        return f"must be an object, and is {_kind(value)}"
    return None


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    for kinds, word in (((int, float, Decimal), "a number"), (str, "a text"), ((list, tuple), "a list"), (Mapping, "an object")):
        if isinstance(value, kinds):
            return word
    return f"of type {type(value).__name__}"


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
