"""What an argument may be: one check for each kind, used by every operator, sensor, trigger and verb.

A check takes the argument's name and value and returns the value to work with, or raises one sentence that names the argument, its value
and what is accepted. Text where a list is meant is one value (or a list that a template rendered to text), never its characters.
Pure; knows no Airflow: a value that a task gets only when it runs is recognized by its looks.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from numbers import Integral, Real
from typing import Any, NoReturn

from airflow_provider_bigcommerce.core.windows import moment
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

#: No span is longer: what goes back further, or waits longer, is a mistake of units, and arithmetic with dates ends at some year.
LONGEST = timedelta(days=36_500)

_SHOWN = 80
#: What templates render where they find nothing.
_NOTHING = ("", "None", "null")


@dataclass(frozen=True, slots=True)
class Check:
    """What one argument may be.

    :param read: (name, value) -> the value to work with.
    :param is_optional: whether None stands for "not given".
    :param may_vanish: whether a template may come out as nothing, which then means "not given": it does not where that would read or
        write more than was meant.
    """

    read: Callable[[str, Any], Any]
    is_optional: bool = False
    may_vanish: bool = False

    def __call__(self, name: str, value: Any) -> Any:
        """The value to work with.

        :raises InvalidQueryError: what the argument may not be.
        """
        return None if value is None and self.is_optional else self.read(name, value)


Checks = Mapping[str, Check]


def optional(check: Check, *, may_vanish: bool = False) -> Check:
    """The same, or None."""
    return Check(check.read, is_optional=True, may_vanish=may_vanish)


def refuse(name: str, value: object, accepted: str, *, is_private: bool = False) -> NoReturn:
    """Raise the sentence.

    :param accepted: what the argument may be, and what to do.
    :param is_private: whether the value may be a customer's: then its kind is told alone.
    """
    is_shown = not is_private and isinstance(value, (str, int, float, complex, timedelta, datetime))
    raise InvalidQueryError(f"{name}{'=' + _shown(value) if is_shown else ''} ({type(value).__name__}) cannot work. Accepted: {accepted}")


def _shown(value: object) -> str:
    """The value as it would be written, and not more of it than a line takes."""
    written = str(value) if isinstance(value, timedelta) else repr(value)
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}..."


def _refuse_one(name: str, value: object, accepted: str) -> NoReturn:
    raise InvalidQueryError(f"{name} has {_shown(value)} ({type(value).__name__}), which cannot work. Accepted: {accepted}")


def _is_whole(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral)


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)


# -- numbers, times, words --------------------------------------------------------------------------------------------


def integer(lowest: int, highest: int | None = None) -> Check:
    """A whole number."""
    bounds = f"a whole number of {lowest:,} or more." if highest is None else f"a whole number from {lowest:,} to {highest:,}."

    def read(name: str, value: Any) -> int:
        if not _is_whole(value) or value < lowest or (highest is not None and value > highest):
            refuse(name, value, bounds)
        return int(value)

    return Check(read)


def number(lowest: float, highest: float, *, is_open: bool = False, hint: str = "") -> Check:
    """A number between two others.

    :param is_open: whether the lowest is excluded.
    """
    bounds = f"a number {'above' if is_open else 'from'} {lowest:g} {'and at most' if is_open else 'to'} {highest:g}.{hint}"

    def read(name: str, value: Any) -> Any:
        if not _is_number(value) or not lowest <= value <= highest or (is_open and value == lowest):
            refuse(name, value, bounds)
        return value

    return Check(read)


def seconds(*, is_open: bool = False, takes_timedelta: bool = False) -> Check:
    """Seconds to wait.

    :param is_open: whether 0 is excluded.
    :param takes_timedelta: whether a timedelta will do, as for Airflow's own arguments.
    """
    check = number(0, LONGEST.total_seconds(), is_open=is_open, hint=" They are seconds.")

    def read(name: str, value: Any) -> Any:
        plain = value.total_seconds() if takes_timedelta and isinstance(value, timedelta) else value
        check(name, plain)
        return value

    return Check(read)


def span(*, may_be_zero: bool = False, example: str) -> Check:
    """A ``timedelta``; a number would leave open whether seconds or minutes are meant.

    :param example: one, as it is written.
    """
    bounds = f"a timedelta {'from 0' if may_be_zero else 'above 0 and'} up to {LONGEST.days:,} days, such as {example}."

    def read(name: str, value: Any) -> timedelta:
        if not isinstance(value, timedelta) or value > LONGEST or value < timedelta(0) or (not may_be_zero and not value):
            refuse(name, value, bounds)
        return value

    return Check(read)


def flag() -> Check:
    """True or False: the text ``"false"`` would count as true."""

    def read(name: str, value: Any) -> bool:
        if not isinstance(value, bool):
            refuse(name, value, "True or False.")
        return value

    return Check(read)


def one_of(accepted: Sequence[str]) -> Check:
    """One word of several."""
    words = ", ".join(map(repr, accepted))

    def read(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in accepted:
            raise InvalidQueryError(f"{name}={_shown(value)} is unknown. Accepted: {words}.")
        return value

    return Check(read)


def text(example: str) -> Check:
    """Text that is not empty, nor what a template renders where it finds nothing."""

    def read(name: str, value: Any) -> str:
        if not isinstance(value, str) or value.strip() in _NOTHING:
            refuse(name, value, f"text such as {example!r}.")
        return value

    return Check(read)


def when() -> Check:
    """A moment, as :func:`~airflow_provider_bigcommerce.core.windows.moment` reads it; the value stays as it was written."""

    def read(name: str, value: Any) -> Any:
        moment(value, name)
        return value

    return Check(read)


def function(what: str) -> Check:
    """Something to call."""

    def read(name: str, value: Any) -> Any:
        if not callable(value):
            refuse(name, value, f"a function {what}.")
        return value

    return Check(read)


def anything() -> Check:
    """Whatever it is, it is checked elsewhere, or there is nothing to check."""
    return Check(lambda _, value: value, is_optional=True, may_vanish=True)


# -- lists and mappings -----------------------------------------------------------------------------------------------


def listed(name: str, value: Any, example: str) -> list[Any]:
    """The values of a list, in order.

    A single value is a list of one. Text is one value too, unless it is what a template makes of a list: ``[1, 2]`` or ``1,2``.
    A set has no order, so it is sorted: the same set is the same list each time.

    :param example: a list, as it is written.
    :raises InvalidQueryError: nothing that could be a list.
    """
    if isinstance(value, str):
        return _from_text(name, value, example)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return [value]
    if isinstance(value, Set):
        return sorted(value, key=lambda each: (str(type(each)), str(each)))
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray, memoryview, Mapping)):
        return list(value)
    refuse(name, value, f"a list such as {example}.", is_private=isinstance(value, (bytes, bytearray)))


def _from_text(name: str, value: str, example: str) -> list[Any]:
    plain = value.strip()
    if plain in _NOTHING:
        refuse(name, value, f"a list such as {example}; [] for none of them.")
    if plain[0] not in "[({":
        return [part.strip() for part in plain.split(",")]
    try:
        found = ast.literal_eval(plain)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, (list, tuple)):
        refuse(name, value, f"a list such as {example}.")
    return list(found)


def names(example: str) -> Check:
    """A list of names: of fields, includes, resources."""

    def read(name: str, value: Any) -> list[str]:
        found = listed(name, value, example)
        for each in found:
            if not isinstance(each, str) or each.strip() in _NOTHING:
                _refuse_one(name, each, f"a list of names such as {example}.")
        return found

    return Check(read)


def included() -> Check:
    """Names to include, or none of them: an empty text is an empty list."""
    example = "['images']"
    plain = names(example)

    def read(name: str, value: Any) -> list[str]:
        found = [] if value == "" else listed(name, value, example)
        return list(plain(name, [each for each in found if each != ""]))

    return Check(read)


def ids(*, example: str = "[7, 8]", of_parents: bool = False, of_rows: bool = False) -> Check:
    """A list of ids.

    :param of_parents: whether an id may be a mapping, placeholder -> value, where a path has several.
    :param of_rows: whether an id may be a mapping, column -> value, of which only some are looked at.
    """

    def read(name: str, value: Any) -> list[Any]:
        return [
            dict(each) if of_rows and isinstance(each, Mapping) else _id(name, each, example, of_parents=of_parents)
            for each in listed(name, value, example)
        ]

    return Check(read)


def _id(name: str, value: Any, example: str, *, of_parents: bool = False) -> Any:
    if of_parents and isinstance(value, Mapping) and value:
        return {str(key): _id(name, each, example) for key, each in value.items()}
    if _is_whole(value):
        return int(value)
    if not isinstance(value, str) or value.strip() in _NOTHING:
        _refuse_one(name, value, f"ids such as {example}.")
    return value


def one_id() -> Check:
    """One id; never a list of them."""

    def read(name: str, value: Any) -> Any:
        if isinstance(value, (str, int)) and not isinstance(value, bool) and (not isinstance(value, str) or value.strip() not in _NOTHING):
            return value
        refuse(name, value, "one id, a number or text such as 101.")

    return Check(read)


def filters() -> Check:
    """Filters: parameter -> value; what BigCommerce takes is checked with the resource."""

    def read(name: str, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) and key for key in value):
            refuse(name, value, "a dict of parameters and values, such as {'status_id': 11}.", is_private=True)
        return value

    return Check(read)


def mapping(example: str) -> Check:
    """A dict."""

    def read(name: str, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            refuse(name, value, f"a dict such as {example}.", is_private=True)
        return value

    return Check(read)


# -- of a task --------------------------------------------------------------------------------------------------------


def is_pending(value: object) -> bool:
    """Whether a value is known only when the task runs: a template, another task's result, or a list or dict with one in it."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, Mapping):
        return any(is_pending(each) for pair in value.items() for each in pair)
    if isinstance(value, (list, tuple, Set)):
        return any(map(is_pending, value))
    return hasattr(value, "resolve") and hasattr(value, "iter_references")  # Airflow's XComArg, a mapped task group's argument


def pending_or(check: Check) -> Check:
    """What that check takes, or what a task will get only when it runs."""
    return Check(lambda name, value: value if is_pending(value) else check(name, value), check.is_optional, check.may_vanish)


def check_arguments(owner: Any, checks: Checks) -> None:
    """Check an operator's arguments where the DAG is parsed; those that come only when the task runs are left for then.

    The values to work with take the places of those that were given: a generator, say, becomes a list.

    :raises InvalidQueryError: the first that cannot work.
    """
    waiting = set(getattr(owner, "_pending_arguments", ()))
    for name, check in checks.items():
        value = getattr(owner, name)
        if is_pending(value):
            waiting.add(name)
        else:
            setattr(owner, name, check(name, value))
    owner._pending_arguments = frozenset(waiting)


def check_rendered(owner: Any, checks: Checks) -> None:
    """Check what templates and other tasks have brought, before the task does anything.

    :raises InvalidQueryError: an argument that cannot work; or one that was given and came out as nothing, where leaving it out would
        mean more than it said.
    """
    for name in sorted(getattr(owner, "_pending_arguments", ())):
        check, value = checks[name], getattr(owner, name)
        if value is None and not check.may_vanish:
            raise InvalidQueryError(
                f"{name} was given as a template or as another task's result, and its value is None. Without it the task would do "
                "something else. Give a template that always has a value, or skip the task where there is none."
            )
        setattr(owner, name, check(name, value))
