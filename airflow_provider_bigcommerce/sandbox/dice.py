"""Deterministic draws: the same (seed, name, number) always gives the same value, whatever was asked before.

No state and no `random.Random` object: a row can be made on demand, alone, a million rows in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from zlib import crc32

T = TypeVar("T")
_MASK = (1 << 64) - 1


class Dice:
    """Draws for one kind of row.

    :param seed: the store's seed.
    :param name: the kind, so that two kinds do not draw alike.
    """

    __slots__ = ("_base",)

    def __init__(self, seed: int, name: str) -> None:
        self._base = (seed * 0x9E3779B97F4A7C15 + crc32(name.encode()) * 0xBF58476D1CE4E5B9) & _MASK

    def roll(self, number: int, face: int = 0) -> int:
        """Draw 64 bits (splitmix64).

        :param number: which row.
        :param face: which draw of that row.
        :returns: 0 <= n < 2**64.
        """
        z = (self._base + number * 0x9E3779B97F4A7C15 + face * 0xD1B54A32D192ED03) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def below(self, limit: int, number: int, face: int = 0) -> int:
        """Draw an integer 0 <= n < limit."""
        return self.roll(number, face) % limit

    def pick(self, values: Sequence[T], number: int, face: int = 0) -> T:
        """Draw one of the values."""
        return values[self.roll(number, face) % len(values)]

    def uuid(self, number: int, face: int = 0) -> str:
        """Draw a version-4 UUID."""
        text = f"{self.roll(number, face):016x}{self.roll(number, face + 101):016x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"
