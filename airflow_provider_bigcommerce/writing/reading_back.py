"""Which rows are read back after they were written. Pure."""

from __future__ import annotations

from typing import Any, Final, Literal

from airflow_provider_bigcommerce.core.arguments import Check, refuse

#: Which rows are read back: those whose answers were unclear, all that were written, or so many of them.
Verify = Literal["unclear", "all"] | int

NOT_SHOWN: Final = "The store took the row, and does not show it as it was sent."


def verify_of() -> Check:
    """What ``verify`` may be."""

    def read(name: str, value: Any) -> Any:
        if value not in ("unclear", "all") and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            refuse(name, value, "'unclear', 'all', or how many rows.")
        return value

    return Check(read)


class Chosen:
    """Says of one row after the other whether it is read back.

    :param rows: how many there are, of which a number is spread evenly.
    """

    def __init__(self, verify: Verify, rows: int) -> None:
        self._every = 0
        if verify == "all":
            self._every = 1
        elif isinstance(verify, int) and verify > 0:
            self._every = max(rows // verify, 1)
        self._count = -1

    def next(self) -> bool:
        """Whether the next row is read back."""
        self._count += 1
        return self._every > 0 and self._count % self._every == 0
