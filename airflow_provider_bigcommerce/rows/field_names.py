"""Which fields rows have, checked against the resource's schema: names and kinds of values, never a value. Writes and sends nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from airflow_provider_bigcommerce.core import odd_bytes
from airflow_provider_bigcommerce.core.report_format import ChangedField, NewField
from airflow_provider_bigcommerce.rows.careful import RecordCleaner
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.schemas import Schema, Type

#: More unknown names than these in one object are taken for data by which it is keyed, such as customers' names, and are not told. A row
#: itself may have more.
MOST_NEW: Final = 12
MOST_NEW_OF_A_ROW: Final = 80
#: What stands for a name that is not told.
HIDDEN: Final = "[...]"
#: A name as BigCommerce gives them; one that begins with a capital, or is long, may be a person's or a product's.
_NAME: Final = re.compile(r"[a-z_][A-Za-z0-9_]{0,39}(\[\])*")


class FieldNames:
    """The fields of some rows of one resource.

    :param schema: its columns.
    :param may_lack: columns that rows need not have of themselves: their parents' keys.
    """

    def __init__(self, schema: Schema, may_lack: Iterable[str] = ()) -> None:
        self._fields = dict(schema.fields)
        self._may_lack = frozenset(may_lack)
        self._found = Discrepancies()
        # Without a key: what a row lacks is to be told, and no error.
        self._cleaner = RecordCleaner(Schema(schema.resource, (), self._fields), self._found)
        self._seen: set[str] = set()
        self._looked_into: set[str] = {""}
        self.rows = 0

    def look(self, record: bytes) -> None:
        """Look at one row.

        :param record: its JSON.
        :raises UnexpectedAnswerError: it is no JSON object.
        """
        self._cleaner.clean(record)
        self.rows += 1
        self._note(odd_bytes.python_value(record), self._fields, "")

    def new(self) -> tuple[NewField, ...]:
        """Fields that the schema has not, by path."""
        found = {_shown(drift.path): drift.seen_type for drift in self._found.drift if drift.kind == "new_field"}
        within = Counter(_parent(path) for path in found)
        hidden = {path for path, names in within.items() if names > (MOST_NEW if path else MOST_NEW_OF_A_ROW)}
        told = {_below(_parent(path), HIDDEN) if _parent(path) in hidden else path: seen for path, seen in found.items()}
        return tuple(NewField(path=path, seen_type=seen) for path, seen in sorted(told.items()))

    def changed(self) -> tuple[ChangedField, ...]:
        """Fields with values that do not fit, by path."""
        found = sorted({(_shown(drift.path), drift.seen_type) for drift in self._found.drift if drift.kind == "changed_type"})
        return tuple(ChangedField(path=path, seen_type=seen, documented=self._documented(path)) for path, seen in found)

    def absent(self) -> tuple[str, ...]:
        """Fields of the schema that no row had, though what they are in was there; none where no row was looked at."""
        return tuple(sorted({*self._absent(self._fields, "")} - self._may_lack)) if self.rows else ()

    def _note(self, value: object, kind: Type, path: str) -> None:
        if isinstance(kind, list):
            for item in value if isinstance(value, list) else ():
                self._note(item, kind[0], f"{path}[]")
        elif isinstance(kind, Mapping) and isinstance(value, Mapping):
            self._looked_into.add(path)
            for name, inner in kind.items():
                if name in value:
                    self._seen.add(_below(path, name))
                    self._note(value[name], inner, _below(path, name))

    def _absent(self, fields: Mapping[str, Type], path: str) -> Iterable[str]:
        for name, kind in fields.items():
            here = _below(path, name)
            if here not in self._seen:
                yield here
                continue
            inner = kind
            while isinstance(inner, list):
                inner, here = inner[0], f"{here}[]"
            if isinstance(inner, Mapping) and here in self._looked_into:
                yield from self._absent(inner, here)

    def _documented(self, path: str) -> str:
        kind: Type = self._fields
        for part in path.replace("[]", ".[]").split("."):
            if isinstance(kind, list):
                kind = kind[0]
            elif isinstance(kind, Mapping) and part in kind:
                kind = kind[part]
            else:
                return "unknown"
        return kind if isinstance(kind, str) else "list" if isinstance(kind, list) else "object"


def _shown(path: str) -> str:
    parts = path.replace(HIDDEN, ".?").lstrip(".").split(".")
    return ".".join(part if _NAME.fullmatch(part) else HIDDEN for part in parts)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _parent(path: str) -> str:
    return path.rpartition(".")[0]
