"""Query parameters as BigCommerce reads them: which rows a filter keeps. It knows nothing of paging or of HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from airflow_provider_bigcommerce.sandbox import dates
from airflow_provider_bigcommerce.sandbox.table import Row

OPERATORS = ("in", "not_in", "min", "max", "greater", "less", "like", "not")
Reader = Callable[[Row], Any]


class BadParameterError(ValueError):
    """A parameter's value cannot be read."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name, self.reason = name, reason


@dataclass(frozen=True)
class Filter:
    """One condition: the parameter, the field it looks at, the operator (`is` for none) and the value as text."""

    parameter: str
    name: str
    operator: str
    text: str
    read: Reader | None = field(default=None, compare=False)

    @cached_property
    def _numbers(self) -> frozenset[float]:
        found = set()
        for part in self.text.split(","):
            try:
                found.add(float(part))
            except ValueError:
                continue
        return frozenset(found)

    @cached_property
    def _texts(self) -> frozenset[str]:
        return frozenset(part.strip().lower() for part in self.text.split(","))

    def keeps(self, row: Row) -> bool:
        """Tell whether a row passes; a parameter that is about no field of the row (a template, a page) keeps every row."""
        if self.read is None and self.name not in row:
            return True
        value = self.read(row) if self.read is not None else row.get(self.name)
        if self.operator == "in":
            if isinstance(value, int) and not isinstance(value, bool):
                return value in self._numbers
            if isinstance(value, str) and not _looks_like_date(value):
                return value.lower() in self._texts
            return any(_equal(value, part) for part in self.text.split(","))
        if self.operator == "not_in":
            return not any(_equal(value, part) for part in self.text.split(","))
        if self.operator == "not":
            return not _equal(value, self.text)
        if self.operator == "like":
            return self.text.lower() in str(value).lower()
        if self.operator == "is":
            if isinstance(value, list):  # an equals filter on a list wants a list of just that: catalog spec, `categories`
                return len(value) == 1 and _equal(value[0], self.text)
            return _equal(value, self.text)
        left, right = _order(value, self.text, self.parameter)
        if left is None:
            return False
        if self.operator == "min":
            return bool(left >= right)
        if self.operator == "max":
            return bool(left <= right)
        return bool(left > right) if self.operator == "greater" else bool(left < right)


def parse(query: Mapping[str, str], allowed: Iterable[str], aliases: Mapping[str, str | Reader]) -> list[Filter]:
    """Read the filters among the query parameters.

    :param query: all parameters.
    :param allowed: the parameters this endpoint documents.
    :param aliases: field, or reader, of parameters that are not named as their field.
    :returns: the filters; parameters the endpoint does not document are ignored (`unknown_filters` has refused them before, or not).
    """
    found = []
    for parameter in allowed:
        if parameter not in query:
            continue
        name, _, operator = parameter.partition(":")
        if not operator and name[:4] in ("min_", "max_"):
            name, operator = name[4:], name[:3]
        if operator and operator not in OPERATORS:
            continue
        target = aliases.get(parameter, aliases.get(name, name))
        found.append(
            Filter(
                parameter,
                target if isinstance(target, str) else name,
                operator or "is",
                query[parameter],
                None if isinstance(target, str) else target,
            )
        )
    return found


def _equal(value: Any, text: str) -> bool:
    if isinstance(value, list):
        return any(_equal(item, text) for item in value)
    if isinstance(value, bool):
        return text.strip().lower() in (("1", "true") if value else ("0", "false"))
    if isinstance(value, int | float):
        try:
            return float(text) == value
        except ValueError:
            return False
    if value is None:
        return text == ""
    if _looks_like_date(value):
        try:
            at, wanted = dates.parse(value), dates.parse(text)
        except ValueError:
            return bool(value == text)
        return at // 86_400 == wanted // 86_400 if dates.is_bare(text) else at == wanted
    return bool(str(value).lower() == text.strip().lower())


def _looks_like_date(value: Any) -> bool:
    return isinstance(value, str) and len(value) > 18 and ((value[4:5] == "-" and value[10:11] == "T") or value[3:5] == ", ")


def _order(value: Any, text: str, parameter: str) -> tuple[Any, Any]:
    if value is None or value == "":
        return None, None
    if _looks_like_date(value):
        return dates.parse(value), moment(text, parameter)
    try:
        return float(value), float(text)
    except (TypeError, ValueError) as error:
        if isinstance(value, str):
            return value, text
        raise BadParameterError(parameter, "is not a number") from error


def moment(text: str, parameter: str) -> int:
    """Read a date of a filter.

    :raises BadParameterError: it is none.
    """
    try:
        return dates.parse(text)
    except ValueError as error:
        raise BadParameterError(parameter, "is not a date") from error


def whole(text: str, parameter: str, *, lowest: int = 1) -> int:
    """Read a whole number of a parameter.

    :raises BadParameterError: it is none, or too low.
    """
    try:
        number = int(text)
    except ValueError as error:
        raise BadParameterError(parameter, "is not a whole number") from error
    if number < lowest:
        raise BadParameterError(parameter, f"is below {lowest}")
    return number
