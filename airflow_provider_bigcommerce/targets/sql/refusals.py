"""What may be shown of a database's refusal: its kind, the table, the column, the constraint; never a value.

Databases quote what they refuse: ``Key (email)=(jane@example.com) already exists``, ``Duplicate entry 'jane'``, a trigger's own words.
So the driver's text is never repeated. What is told comes from the places that hold names by contract, by patterns that fit the
server's own sentences and nothing else, and by ``outside_text.message``, which lets plain words through.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from airflow_provider_bigcommerce.core import outside_text

#: Classes of SQLSTATE whose sentences quote values: cardinality, data, integrity, triggers and procedures, the user's own.
_ABOUT_VALUES: Final = ("21", "22", "23", "27", "38", "39", "44", "45", "P0")
#: Fields of PostgreSQL's answer that hold names.
_NAMES: Final = {"table_name": "table", "column_name": "column", "constraint_name": "constraint", "datatype_name": "type"}
#: SQLite's own sentence for a constraint; a trigger's has words of its own.
_SQLITE_CONSTRAINT = re.compile(r"(UNIQUE|NOT NULL|CHECK|FOREIGN KEY|PRIMARY KEY) constraint failed(?:: ([\w., ]+))?", re.ASCII)
#: What MySQL's and MariaDB's numbers mean, and where the sentence names a column or a constraint.
_MYSQL: Final[dict[int, tuple[str, re.Pattern[str] | None]]] = {
    1044: ("access denied", None),
    1045: ("access denied", None),
    1048: ("column cannot be null", re.compile(r"Column '(?P<column>[^']*)' cannot be null")),
    1062: ("duplicate entry", re.compile(r".* for key '(?P<key>[^']*)'", re.DOTALL)),
    1114: ("the table is full", None),
    1142: ("access to the table denied", None),
    1146: ("no such table", None),
    1205: ("lock wait time-out", None),
    1213: ("deadlock", None),
    1264: ("value out of range", re.compile(r"Out of range value for column '(?P<column>[^']*)' at row \d+")),
    1292: ("incorrect value", None),
    1364: ("field without a default value", re.compile(r"Field '(?P<column>[^']*)' doesn't have a default value")),
    1366: ("incorrect value", re.compile(r".* for column [`'](?:[^`']*`\.`)*(?P<column>[^`']*)[`'] at row \d+", re.DOTALL)),
    1406: ("data too long", re.compile(r"Data too long for column '(?P<column>[^']*)' at row \d+")),
    1451: ("a foreign key refers to the row", None),
    1452: ("a foreign key's row is missing", re.compile(r".*CONSTRAINT `(?P<constraint>[^`]*)` FOREIGN KEY.*", re.DOTALL)),
    1644: ("refused by a trigger or procedure", None),
    2002: ("cannot connect", None),
    2003: ("cannot connect", None),
    2006: ("the server has gone away", None),
    2013: ("the connection was lost", None),
    3819: ("check constraint violated", re.compile(r"Check constraint '(?P<constraint>[^']*)' is violated\.?")),
    4025: ("check constraint violated", re.compile(r"CONSTRAINT `(?P<constraint>[^`]*)` failed for .*", re.DOTALL)),
}


def told(error: BaseException) -> str:
    """A driver's error as it may be shown in messages: ``UniqueViolation, SQLSTATE 23505, table orders, constraint orders_pkey``."""
    original = getattr(error, "orig", None)  # SQLAlchemy's wrapping
    found = original if isinstance(original, BaseException) else error
    return ", ".join([type(found).__name__, *_parts(found)])


def unreachable(title: str, hook: Any, why: str) -> str:
    """The message where a database cannot be reached: by which Airflow connection, and why; no host, no login.

    :param hook: an Airflow hook of it.
    :param why: from :func:`told`.
    """
    conn_id = getattr(hook, str(getattr(hook, "conn_name_attr", "")), "")
    return f"{title} cannot be reached by the connection {str(conn_id)!r} ({why}). Check the Airflow connection."


def _parts(error: BaseException) -> Iterator[str]:
    if isinstance(error, sqlite3.Error):
        yield from _sqlite(error)
        return
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    number = error.args[0] if error.args else None
    if isinstance(number, int) and not isinstance(number, bool):  # MySQL's, whose drivers may have an SQLSTATE too
        yield f"error {number}"
        yield from _mysql(number, str(error.args[1]) if len(error.args) > 1 else "")
    elif isinstance(state, str) and re.fullmatch(r"[0-9A-Z]{5}", state):
        yield f"SQLSTATE {state}"
        yield from _named(getattr(error, "diag", None))
        if not state.startswith(_ABOUT_VALUES):
            yield from _words(error.args[0] if error.args else "")
    elif "Data" not in type(error).__name__ and "Integrity" not in type(error).__name__:
        yield from _words(error.args[0] if error.args else "")


def _words(text: object) -> Iterator[str]:
    """The plain words of a sentence that is about the server and not about a row."""
    words = outside_text.message(str(text).strip().partition("\n")[0])
    if words and words != outside_text.LEFT_OUT:
        yield words


def _named(diagnosis: Any) -> Iterator[str]:
    for field, word in _NAMES.items():
        name = getattr(diagnosis, field, None)
        if name:
            yield f"{word} {outside_text.identifier(name)}"


def _sqlite(error: sqlite3.Error) -> Iterator[str]:
    name = getattr(error, "sqlite_errorname", None)
    if name:
        yield str(name)
    text = str(error)
    constraint = _SQLITE_CONSTRAINT.fullmatch(text)
    if constraint:
        columns = ", ".join(map(outside_text.identifier, constraint[2].split(", "))) if constraint[2] else ""
        yield f"{constraint[1]} constraint{f' of {columns}' if columns else ''}"
    elif not name or not name.startswith(("SQLITE_CONSTRAINT", "SQLITE_MISMATCH")):
        yield from _words(text)


def _mysql(number: int, text: str) -> Iterator[str]:
    if number not in _MYSQL:
        return
    words, pattern = _MYSQL[number]
    yield words
    names = pattern.fullmatch(text[-1000:]) if pattern else None
    if names:
        yield from (f"{kind} {outside_text.identifier(name)}" for kind, name in names.groupdict().items())
