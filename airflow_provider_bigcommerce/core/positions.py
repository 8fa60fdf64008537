"""Where a read has got to, so that a later one continues there.

A list's walk makes its own positions (``core/paging.py``); here is what a read of many parents' children adds to them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

#: Where a read has got to: small, and JSON, so that it can be kept next to what was read. Only a read of the same list with the same
#: query knows what it means; one that does not know it starts from the beginning.
Position = Mapping[str, Any]

#: A key of a parent: its id, or placeholder -> value where the path has several.
ParentId = int | str | Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Passed:
    """How many parents have given all their children, and a checksum of their keys."""

    done: int = 0
    digest: int = 0

    def with_parents(self, *parents: ParentId) -> Passed:
        """The same with these behind them."""
        digest = self.digest
        for parent in parents:
            key = ".".join(map(str, parent.values())) if isinstance(parent, Mapping) else str(parent)
            digest = zlib.crc32(f"{key},".encode(), digest)
        return Passed(self.done + len(parents), digest)

    def position(self, begun: Passed, inner: Position | None) -> Position | None:
        """The position behind these parents.

        :param begun: the same with the parent behind them, whose children have come in part.
        :param inner: the position of the walk through these lists.
        """
        if inner and "within" in inner:
            return {**inner, "done": self.done, "digest": begun.digest}
        return {"done": self.done, "digest": self.digest} if self.done else None


def passed_over(parents: Iterable[ParentId], start: Position | None) -> tuple[Passed, Iterable[ParentId], Position | None]:
    """What need not be read again, the parents that remain, and where among these the read begins.

    That is nothing, and all, where the first parents are not those of the position.
    """
    if not start or "done" not in start:
        return Passed(), parents, None
    parents = [*parents]
    done = int(start["done"])
    passed = Passed().with_parents(*parents[:done])
    begun = passed.with_parents(*parents[done : done + 1]) if "within" in start else passed
    if passed.done < done or begun.digest != start["digest"]:
        return Passed(), parents, None
    return passed, parents[done:], {**start, "done": 0}


def below(parents: Position | None, inner: Position | None = None) -> Position | None:
    """A position among children: where the list of their parents continues, and what is done from there on."""
    return {"parents": parents, **(inner or {})} if parents or inner else None
