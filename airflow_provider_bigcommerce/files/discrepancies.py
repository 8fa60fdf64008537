"""What the store sent beyond its specs: fields nobody described, values that contradict their column's type, amounts with more decimals.

Collected while a file is written, for the manifest and the log. It names fields and kinds of values, never a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

DriftKind = Literal["new_field", "changed_type", "repeated_field"]

_ROUNDED = "rounded"

_PLAIN_NAME = re.compile(r"[^.\[\]\"#\s]+")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between the records and the schema, told once.

    :param path: the field, ``variants[].new_name`` for one inside a list.
    :param kind: ``new_field``, ``changed_type`` or ``repeated_field`` (the same name twice in one object).
    :param seen_type: what was seen, such as ``text`` or ``a date that is none``; an example of the type, never the value.
    """

    path: str
    kind: DriftKind
    seen_type: str


class Discrepancies:
    """Counts and first sights over all files of a run.

    :attr contradictions: field -> values that became null because they contradict the column's type.
    :attr rounded: field -> amounts that stand rounded in their column, for they have more decimals than it.
    """

    def __init__(self) -> None:
        self.contradictions: dict[str, int] = {}
        self.rounded: dict[str, int] = {}
        self._drift: dict[tuple[str, DriftKind], Drift] = {}

    @property
    def drift(self) -> list[Drift]:
        """Every difference once, in the order of first sight."""
        return list(self._drift.values())

    @property
    def rounded_values(self) -> int:
        """How many amounts were rounded, in all fields together."""
        return sum(self.rounded.values())

    def as_rows(self) -> tuple[tuple[str, str, str, int], ...]:
        """All of it, for :meth:`restore`: path, kind (that of a drift, or ``rounded``), seen type, and how many values it changed."""
        drift = ((drift.path, drift.kind, drift.seen_type, self.contradictions.get(drift.path, 0)) for drift in self.drift)
        return (*drift, *((path, _ROUNDED, "", count) for path, count in self.rounded.items()))

    def restore(self, rows: Iterable[tuple[str, str, str, int]]) -> None:
        """Take what an earlier try of the run had seen."""
        for path, kind, seen, count in rows:
            if kind == _ROUNDED:
                self.rounded[path] = count
                continue
            known: DriftKind = "new_field" if kind == "new_field" else "repeated_field" if kind == "repeated_field" else "changed_type"
            self._drift[path, known] = Drift(path, known, seen)
            if count:
                self.contradictions[path] = count

    def clear(self) -> None:
        """Forget all."""
        self.contradictions.clear()
        self.rounded.clear()
        self._drift.clear()

    def add(self, others: Discrepancies) -> None:
        """Take what was found in other records."""
        for mine, theirs in ((self.contradictions, others.contradictions), (self.rounded, others.rounded)):
            for path, count in theirs.items():
                mine[path] = mine.get(path, 0) + count
        for drift in others.drift:
            self._drift.setdefault((drift.path, drift.kind), drift)

    def new_field(self, path: str, raw: bytes) -> None:
        """Note a field that the schema does not have."""
        self._note(path, "new_field", raw)

    def repeated_field(self, path: str, raw: bytes) -> None:
        """Note a name that stands twice in one object."""
        self._note(path, "repeated_field", raw)

    def contradiction(self, path: str, raw: bytes, count: int = 1) -> None:
        """Count values that the column cannot hold.

        :param raw: the JSON of one of them; only its type is kept.
        """
        self.contradictions[path] = self.contradictions.get(path, 0) + count
        self._note(path, "changed_type", raw)

    def rounding(self, path: str) -> None:
        """Count an amount that was rounded to its column's decimals."""
        self.rounded[path] = self.rounded.get(path, 0) + 1

    def _note(self, path: str, kind: DriftKind, raw: bytes) -> None:
        if (path, kind) not in self._drift:
            self._drift[path, kind] = Drift(path, kind, seen_type(raw))


def seen_type(raw: bytes) -> str:
    """The kind of a JSON value, in words: ``text``, ``empty text``, ``whole number``, ``number``, ``list``, ``object`` ..."""
    first = raw[:1]
    if first == b'"':
        return "empty text" if raw == b'""' else "text"
    if first == b"{":
        return "object"
    if first == b"[":
        return "list"
    if raw in (b"true", b"false"):
        return "true or false"
    if raw == b"null":
        return "null"
    return "number" if re.search(rb"[.eE]", raw) else "whole number"


def below(path: str, name: str) -> str:
    """The path of a field of the object at ``path``; a name with odd characters stands in ``["..."]``."""
    if _PLAIN_NAME.fullmatch(name):
        return f"{path}.{name}" if path else name
    return f"{path}[{json.dumps(name)}]"


def extra_text(values: Mapping[str, bytes]) -> str | None:
    """The ``_extra`` column of one row: a JSON object of path -> value as the store sent it; None for none.

    Bytes that are not UTF-8 become ``\\udcXX`` escapes (Python's ``surrogateescape``), so that nothing is lost.
    """
    if not values:
        return None
    return "{" + ",".join(f"{json.dumps(path)}:{_text(raw)}" for path, raw in values.items()) + "}"


def without_empty(extra: Any) -> dict[str, Any]:
    """The members of an ``_extra`` column that hold something; copies made before empty values had rules have ``""`` and ``[]`` there.

    :param extra: its text, or what a driver has decoded already; None for none.
    """
    if isinstance(extra, str):
        extra = json.loads(extra, parse_float=str, parse_int=str)
    return {path: value for path, value in (extra or {}).items() if value not in ("", [], {})}


def _text(raw: bytes) -> str:
    text = raw.decode("utf-8", "surrogateescape")
    return text if text.isascii() else _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
