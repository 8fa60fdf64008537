"""Limits on what one write may change, checked against a plan before anything is sent. Pure. A message has numbers and names, no value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from airflow_provider_bigcommerce.exceptions import InvalidQueryError, TooManyChangesError
from airflow_provider_bigcommerce.writing.formats import PlanRow


@dataclass(slots=True)
class Guards:
    """The limits, and what was counted so far.

    :param max_changes: rows that may be sent.
    :param max_changed_percent: of the input's rows, the share that may be sent.
    :param max_value_change_percent: by how much a number may change: one limit for all amounts, or field -> limit. A number that the store
        does not have yet, or that becomes null, is not compared.
    :param where: the file with the rows, for the message; None where the input is all there is.
    """

    max_changes: int | None = None
    max_changed_percent: float | None = None
    max_value_change_percent: float | Mapping[str, float] | None = None
    where: str | None = "the plan's folder"
    rows: int = 0
    changes: int = 0
    beyond: Counter[str] = field(default_factory=Counter)
    #: The farthest that each field moved, in percent; None for a number that was 0.
    farthest: dict[str, Decimal | None] = field(default_factory=dict)

    def take(self, row: PlanRow) -> None:
        """Count a row that would be sent."""
        self.changes += 1
        if self.max_value_change_percent is None or not row.old:
            return
        for name, new in row.new.items():
            limit, old = self._limit(name), row.old.get(name)
            if limit is None or not _is_number(old) or not _is_number(new):
                continue
            before, after = Decimal(str(old)), Decimal(str(new))
            if before == after:
                continue
            # Rounded, for a file's binary fraction times 1.5 may be a trillionth above 50 %.
            moved = round(abs(after - before) / abs(before) * 100, 6) if before else None
            if moved is None or moved > Decimal(str(limit)):
                self.beyond[name] += 1
            known = self.farthest.get(name, Decimal(0))
            self.farthest[name] = None if moved is None or known is None else max(known, moved)

    def _limit(self, name: str) -> float | None:
        limit = self.max_value_change_percent
        if isinstance(limit, Mapping):
            return limit.get(name)
        # An id is no amount: another brand is not 40 % more of one.
        return None if name == "id" or name.endswith(("_id", "_ids")) else limit

    def check(self) -> None:
        """Hold the numbers against the limits.

        :raises TooManyChangesError: one is exceeded.
        """
        rows = f" The rows are in {self.where}, which is no plan. Look at them;" if self.where is not None else " Look at the input;"
        end = f"Nothing was sent.{rows} then correct the input, or raise the limit."
        if self.max_changes is not None and self.changes > self.max_changes:
            raise TooManyChangesError(f"{self.changes:,} of {self.rows:,} rows would be sent, and max_changes={self.max_changes:,}. {end}")
        percent = self.changes / self.rows * 100 if self.rows else 0.0
        if self.max_changed_percent is not None and percent > self.max_changed_percent:
            raise TooManyChangesError(
                f"{self.changes:,} of {self.rows:,} rows ({percent:.1f} %) would be sent, and max_changed_percent="
                f"{self.max_changed_percent:g}. {end}"
            )
        if self.beyond:
            told = ", ".join(f"{name!r} in {count:,} rows (up to {self._far(name)})" for name, count in self.beyond.most_common(5))
            raise TooManyChangesError(f"Values would change by more than max_value_change_percent: {told}. {end}")

    def _far(self, name: str) -> str:
        far = self.farthest.get(name)
        return "from 0" if far is None else f"{far:,.1f} %"

    def told(self) -> dict[str, Any]:
        """The limits and the numbers, for the manifest."""
        limit = self.max_value_change_percent
        return {
            "max_changes": self.max_changes,
            "max_changed_percent": self.max_changed_percent,
            "max_value_change_percent": dict(limit) if isinstance(limit, Mapping) else limit,
            "changes": self.changes,
            "changed_percent": round(self.changes / self.rows * 100, 2) if self.rows else 0.0,
        }


def checked_limit(value: Any) -> float | dict[str, float] | None:
    """``max_value_change_percent`` as it can work.

    :raises InvalidQueryError: neither a number from 0 on, nor a dict of such.
    """
    if value is None:
        return None
    limits = value.values() if isinstance(value, Mapping) else [value]
    names = value if isinstance(value, Mapping) else ()
    is_number = all(isinstance(one, (int, float)) and _is_number(one) and one >= 0 for one in limits)
    if not is_number or not all(isinstance(name, str) for name in names):
        raise InvalidQueryError(
            f"max_value_change_percent is {type(value).__name__} with a value that cannot work. Accepted: a number from 0 on, or one for "
            "each field: {'price': 30}."
        )
    return dict(value) if isinstance(value, Mapping) else value


def _is_number(value: Any) -> bool:
    if isinstance(value, str):  # as V2 has amounts
        try:
            return Decimal(value.strip()).is_finite()
        except ArithmeticError:
            return False
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and Decimal(str(value)).is_finite()
