"""By which values a row is distinguished from others, and which rows of an input have the same.

Pure. Keys are compared as BigCommerce compares them: e-mail addresses, SKUs and currencies without regard to case.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

#: Fields in which case makes no other value. Source: docs/start/migration/5_migrate.md, customers.v3.yml:3358.
CASELESS = frozenset({"email", "sku", "currency"})

#: What makes two keys the same: one text for each value, types kept apart.
Folded = tuple[str, ...]


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """A field's value, dots for nested ones; None where it is missing."""
    if "." not in path:
        return row.get(path)
    found: Any = row
    for part in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def is_key_value(value: object) -> bool:
    """Whether a value can be part of a key: a whole number, or a text that is not blank."""
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, int) and not isinstance(value, bool)


def fold(field: str, value: object) -> str:
    """One value of a key as it is compared."""
    text = str(value).strip()
    return text.casefold() if field.rsplit(".", 1)[-1] in CASELESS else text


#: Digests that are merged at once.
_BLOCK = 8_192


class SeenKeys:
    """Which keys have come already, in eight bytes a key: a digest of each, in sorted runs that are merged as they grow.

    Two keys of an input of a million rows share a digest once in thirty million inputs.
    """

    def __init__(self) -> None:
        self._runs: list[array[int]] = []
        self._fresh: set[int] = set()

    #: Digests that are held in a set before they become a run.
    _MOST_FRESH = 8192

    def add(self, key: Folded) -> bool:
        """Remember a key; whether it is new."""
        number = int.from_bytes(hashlib.blake2b("\x1f".join(key).encode("utf-8", "surrogatepass"), digest_size=8).digest())
        if number in self._fresh or any(_holds(run, number) for run in self._runs):
            return False
        self._fresh.add(number)
        if len(self._fresh) >= self._MOST_FRESH:
            self._settle()
        return True

    def _settle(self) -> None:
        run = array("Q", sorted(self._fresh))
        self._fresh.clear()
        while self._runs and len(self._runs[-1]) <= len(run):
            run = _merged(self._runs.pop(), run)
        self._runs.append(run)


def _merged(one: array[int], other: array[int]) -> array[int]:
    """Two sorted runs as one, block by block: a list of all of them would be five times as large."""
    merged, at = array("Q"), 0
    for start in range(0, len(one), _BLOCK):
        block = one[start : start + _BLOCK]
        end = bisect_right(other, block[-1], at)
        merged.extend(sorted([*block, *other[at:end]]))
        at = end
    merged.extend(other[at:])
    return merged


def _holds(run: array[int], number: int) -> bool:
    place = bisect_left(run, number)
    return place < len(run) and run[place] == number


def doubled_keys(keys: Iterable[Folded | None]) -> frozenset[Folded]:
    """The keys that come more than once; rows without a key are not counted."""
    seen, doubled = SeenKeys(), set()
    for key in keys:
        if key is not None and not seen.add(key):
            doubled.add(key)
    return frozenset(doubled)
