"""What the store sent beyond its specs: fields nobody described, values that contradict their column's type, amounts with more decimals.

Collected while a file is written, for the manifest and the log. It names fields and kinds of values, never a value; and since names
come from outside too, only those that have the form of one, and so many that a manifest stays small.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_bigcommerce.core.odd_bytes import as_text, is_deep

DriftKind = Literal["new_field", "changed_type", "repeated_field"]

_ROUNDED = "rounded"

#: Differences that are told one by one; all further ones are counted as one.
MOST_DRIFT = 200
#: What stands for the fields beyond these.
MORE = "[more fields]"
#: Characters of a path that are told.
_LONGEST_PATH = 200
#: A part of a path: a name, a place in a list, or an odd name in quotation marks.
_PARTS = re.compile(r"""[^.\[]+|\["(?:[^"\\]|\\.)*"\]|\[\d*\]""")
#: A name as a programmer gives it; what has another form may be a customer's data (an object by e-mail addresses).
_TOLD_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]{0,63}")
_LONG_NUMBER = re.compile(r"\d{5}")
_PLAIN_NAME = re.compile(r"[^.\[\]\"#\s]+")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between the records and the schema, told once.

    :param path: the field, ``variants[].new_name`` for one inside a list; ``[...]`` for a name of another form.
    :param kind: ``new_field``, ``changed_type`` or ``repeated_field`` (the same name twice in one object).
    :param seen_type: what was seen, such as ``text`` or ``a date that is none``; an example of the type, never the value.
    """

    path: str
    kind: DriftKind
    seen_type: str


class Discrepancies:
    """Counts and first sights over all files of a run.

    :attr contradictions: field -> values that became null because they contradict the column's type.
    :attr rounded: field -> amounts that stand rounded in their column, because they have more decimals than it.
    """

    def __init__(self) -> None:
        self.contradictions: dict[str, int] = {}
        self.rounded: dict[str, int] = {}
        self._drift: dict[tuple[str, DriftKind], Drift] = {}
        self._told: dict[str, str] = {}

    @property
    def is_full(self) -> bool:
        """Whether there are more differences than are told one by one, so that ``drift`` need not name a field that differs."""
        return len(self._drift) >= MOST_DRIFT

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
        told = self._note(path, "changed_type", raw)
        self.contradictions[told] = self.contradictions.get(told, 0) + count

    def rounding(self, path: str) -> None:
        """Count an amount that was rounded to its column's decimals."""
        told = self._shown(path)
        self.rounded[told] = self.rounded.get(told, 0) + 1

    def _note(self, path: str, kind: DriftKind, raw: bytes) -> str:
        told = self._shown(path)
        if (told, kind) not in self._drift:
            if self.is_full:
                told = MORE
            self._drift.setdefault((told, kind), Drift(told, kind, seen_type(raw)))
        return told

    def _shown(self, path: str) -> str:
        told = self._told.get(path)
        if told is None:
            told = _told(path)
            if len(self._told) < 10 * MOST_DRIFT:
                self._told[path] = told
        return told


def _told(path: str) -> str:
    """A path as it is told: parts that have not the form of a name as ``[...]``."""
    told = ""
    for part in _PARTS.findall(path[: 4 * _LONGEST_PATH]):
        is_name = bool(_TOLD_NAME.fullmatch(part)) and not _LONG_NUMBER.search(part)
        shown = part if is_name or part == "[]" else "[]" if part[1:-1].isdigit() and part[0] == "[" else "[...]"
        told += shown if shown[0] == "[" or not told else f".{shown}"
    return told if len(told) <= _LONGEST_PATH else told[: _LONGEST_PATH - 5] + "[...]"


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
    """The path of a field of the object at ``path``; a name with odd characters is in ``["..."]``."""
    if _PLAIN_NAME.fullmatch(name):
        return f"{path}.{name}" if path else name
    return f"{path}[{json.dumps(name)}]"


def extra_text(values: Mapping[str, bytes]) -> str | None:
    """The ``_extra`` column of one row: a JSON object of path -> value as the store sent it; None for none.

    A value of too many levels is a text with its JSON. Bytes that are not UTF-8 become ``\\udcXX`` escapes (Python's
    ``surrogateescape``). So nothing is lost.
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
    if is_deep(raw):
        return as_text(raw).decode()
    text = raw.decode("utf-8", "surrogateescape")
    return text if text.isascii() else _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
