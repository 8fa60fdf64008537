"""Finds secrets in files, in every form that a program is likely to write them in.

Looks at bytes, at what compressed files and Parquet columns hold, and at the values of SQLite tables (a long value is split over pages
and would be missed in the raw file). Decides nothing about which place is allowed: it reports all.
"""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

#: Shorter values are found by chance in compressed bytes, and a base64 form of them says nothing.
SHORTEST_SECRET = 8


@dataclass(frozen=True)
class Leak:
    """One place where a secret stands, told without repeating it."""

    secret: str
    form: str
    path: Path
    place: str

    def __str__(self) -> str:
        return f"{self.secret} ({self.form}) in {self.path} ({self.place})"


def find_leaks(paths: Iterable[Path], secrets: Mapping[str, str]) -> list[Leak]:
    """Every place below these paths where one of these secrets stands: plain, base64 at any alignment, URL-encoded or JSON-escaped.

    :param paths: files, or folders to search whole.
    :param secrets: name for the report -> value.
    :returns: one entry for each secret, form, file and place; empty where nothing was found.
    :raises ValueError: when a secret is shorter than eight characters, or a path does not exist: the search would prove nothing.
    """
    needles = [(name, form, needle) for name, value in secrets.items() for form, needle in _forms(name, value)]
    leaks = []
    for path in _files(paths):
        for place, content in _contents(path):
            leaks += [Leak(name, form, path, place) for name, form, needle in needles if needle in content]
    return leaks


def _forms(name: str, value: str) -> Iterator[tuple[str, bytes]]:
    if len(value) < SHORTEST_SECRET:
        raise ValueError(f"{name} has {len(value)} characters; a search for fewer than {SHORTEST_SECRET} proves nothing")
    raw = value.encode()
    seen = set()
    texts = [
        ("plain", value),
        ("URL-encoded", quote(value, safe="")),
        ("URL-encoded", quote(value)),
        ("URL-encoded", quote_plus(value)),
        ("JSON-escaped", json.dumps(value)[1:-1]),
        ("JSON-escaped", json.dumps(json.dumps(value)[1:-1])[1:-1]),
        ("hexadecimal", raw.hex()),
    ]
    forms = [(form, text.encode()) for form, text in texts]
    for skipped in range(3):
        # Three bytes become four characters, so a secret inside longer text has three spellings. Each is cut to the characters
        # that depend on the secret alone.
        padded = base64.b64encode(b"\0" * skipped + raw)
        first = (skipped * 8 + 5) // 6
        last = (skipped + len(raw)) * 8 // 6
        spelling = padded[first:last]
        forms += [("base64", spelling), ("base64", spelling.translate(bytes.maketrans(b"+/", b"-_")))]
    for form, needle in forms:
        if needle not in seen:
            seen.add(needle)
            yield form, needle


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("*")) if file.is_file() and not file.is_symlink())
        elif path.exists():
            yield path
        else:
            raise ValueError(f"{path} does not exist; nothing was searched there")


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """What a file holds, each as (place, bytes): its raw bytes first, its name too, then what its format packs."""
    raw = path.read_bytes()
    yield "file name", str(path).encode()
    yield "raw bytes", raw
    if raw.startswith(b"\x1f\x8b"):
        yield "gzip", gzip.decompress(raw)
    elif raw.startswith(b"\x28\xb5\x2f\xfd"):
        import pyarrow

        yield "zstd", pyarrow.input_stream(path, compression="zstd").read()
    elif raw.startswith(b"PAR1"):
        import pyarrow.parquet

        for name, column in zip(*_columns(pyarrow.parquet.read_table(path)), strict=True):
            for chunk in column.chunks:
                yield f"column {name}", b"".join(buffer.to_pybytes() for buffer in chunk.buffers() if buffer is not None)
    elif raw.startswith(b"SQLite format 3\0"):
        yield from _sqlite_values(path)


def _columns(table: object) -> tuple[list[str], list[object]]:
    return table.column_names, table.columns  # type: ignore[attr-defined]  # pyarrow ships no types


def _sqlite_values(path: Path) -> Iterator[tuple[str, bytes]]:
    with sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True) as database:
        database.text_factory = bytes
        tables = [name.decode() for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    if isinstance(value, bytes):
                        yield f"table {table}", value
                        if value[:1] == b"\x78":
                            try:
                                yield f"table {table}, compressed", zlib.decompress(value)
                            except zlib.error:
                                continue
    database.close()
