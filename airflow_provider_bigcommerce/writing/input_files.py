"""The rows of an input's files: Parquet, JSON lines, CSV; by a path or a glob. A file that is not whole is an error that names it.

Values keep their exactness: a JSON number with a fraction is a decimal, and so is a decimal of Parquet. CSV has texts alone; what they
mean is told by the field that they go to (``writing/input_columns.py``).
"""

from __future__ import annotations

import contextlib
import csv
import glob
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, Literal, NoReturn
from urllib.parse import urlsplit

import msgspec

from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError, MissingPackageError
from airflow_provider_bigcommerce.rows.schemas import load_pyarrow
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.file_reader import BLOCK_ROWS
from airflow_provider_bigcommerce.targets.files.writers import load_zstd

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_bigcommerce.writing.spool import Row

#: How a file is read, told by its name.
Kind = Literal["parquet", "jsonl", "csv"]
FILE_FORMATS: tuple[Kind, ...] = ("parquet", "jsonl", "csv")
_ENDINGS: dict[str, Kind] = {".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
_WILD = frozenset("*?[")
_DELIMITERS = ",;\t|"
#: Characters of one field of CSV, and bytes of one line of JSON; more is a file that is none.
_MOST = 16 << 20

_DECODER = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file of an input.

    :param name: below the destination.
    :param bytes: its size when it was found.
    :param format: how it is read, None to tell by its name.
    """

    name: str
    bytes: int
    format: Kind | None = None

    @property
    def kind(self) -> Kind | None:
        """How it is read, None where its ending is not known."""
        if self.format is not None:
            return self.format
        plain = self.name.removesuffix(".gz").removesuffix(".zst")
        found = next((kind for ending, kind in _ENDINGS.items() if plain.endswith(ending)), None)
        return None if found == "parquet" and plain != self.name else found


class InputFiles:
    """Files that are read one after the other, in the order of their names.

    :param path: a file, or a glob: ``/data/in/prices-*.csv``.
    :param file_format: how all of them are read; None to tell by their names.
    :raises InvalidQueryError: no file is there, or one has an ending that is not known.
    :raises DestinationError: the place cannot be listed.
    """

    #: Whether all values are texts, whose meaning the fields tell.
    has_texts: bool
    #: Lines of JSON have columns of their own, and the others' are known before.
    has_same_columns = False

    def __init__(self, path: str | Path | ObjectStoragePath, file_format: Kind | None = None) -> None:
        above, _, leaf = str(path).rpartition("/")
        folders: list[str] = []
        while _WILD & set(above):
            above, _, folder = above.rpartition("/")
            folders.insert(0, folder)
        self._shown = _without_password(str(path))
        if not leaf or not above:
            raise InvalidQueryError(f"path={self._shown!r} names no file. Accepted: '/data/in/prices.csv', '/data/in/*.parquet'.")
        self.destination = Destination.at(above)
        self.files = [InputFile(file.name, file.bytes, file_format) for file in self._found("/".join([*folders, leaf]))]
        if not self.files:
            raise InvalidQueryError(f"path={self._shown!r} has no file. Check the path; a sensor waits for a file that comes later.")
        kinds = {file.kind for file in self.files}
        unknown = next((file.name for file in self.files if file.kind is None), None)
        if unknown is not None:
            raise InvalidQueryError(
                f"path={self._shown!r} has the file {unknown!r}, whose ending is not known. Accepted: .parquet, .jsonl, .ndjson and .csv, "
                "the last three also with .gz or .zst behind it; or any name, and file_format='csv'."
            )
        if "csv" in kinds and len(kinds) > 1:
            raise InvalidQueryError(f"path={self._shown!r} has CSV and other files, which are read differently. Give each kind a task.")
        self.has_texts = kinds == {"csv"}

    def _found(self, pattern: str) -> list[InputFile]:
        root = self.destination.root
        try:
            if not _WILD & set(pattern):
                return [InputFile(pattern, int(self.destination.fs.info(self.destination.full(pattern))["size"] or 0))]
            self.destination.fs.invalidate_cache()  # object stores' clients remember listings; another task may have written since
            found = self.destination.fs.glob(f"{glob.escape(root)}/{pattern}", detail=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise DestinationError(f"{self._shown} could not be listed: {error.strerror or type(error).__name__}.") from error
        start = len(self.destination.fs._strip_protocol(root).rstrip("/")) + 1
        return [
            InputFile(name[start:], int(info.get("size") or 0))
            for name, info in sorted(found.items())
            if info.get("type") != "directory" and not name.rpartition("/")[2].startswith((".", "_"))
        ]

    def source(self) -> dict[str, Any]:
        """What was read, for the manifest: names and sizes."""
        return {"path": self.destination.url, "files": [{"name": file.name, "bytes": file.bytes} for file in self.files]}

    def columns(self) -> set[str] | None:
        """All columns that the files have, None where that shows only row by row (JSON lines)."""
        found: set[str] = set()
        for file in self.files:
            if file.kind == "jsonl":
                return None
            with self._reading(file) as stream:
                found |= set(_Csv(stream).header if file.kind == "csv" else _parquet(stream, file).schema_arrow.names)
        return found

    def rows(self) -> Iterator[Row]:
        """The rows of all files.

        :raises DestinationError: a file is not there, not whole, or not of its kind.
        """
        for file in self.files:
            with self._reading(file) as stream:
                if file.kind == "parquet":
                    yield from _parquet_rows(stream, file)
                else:
                    yield from _json_rows(stream) if file.kind == "jsonl" else _Csv(stream)

    @contextlib.contextmanager
    def _reading(self, file: InputFile) -> Iterator[IO[bytes]]:
        """The file, unpacked; its errors name it."""
        name = f"{self.destination.url}/{file.name}"
        try:
            with self.destination.fs.open(self.destination.full(file.name), "rb") as stream:
                if file.name.endswith(".gz"):
                    with gzip.GzipFile(fileobj=stream) as plain:
                        yield plain  # type: ignore[misc]  # a stream as good as any
                elif file.name.endswith(".zst"):
                    with load_zstd().ZstdFile(stream) as plain:
                        yield plain
                else:
                    yield stream
        except _BrokenError as error:
            why = str(error)
        except FileNotFoundError as error:
            raise DestinationError(f"{name} is not there any more. Run the task again.") from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            why = f"it is not whole ({type(error).__name__})"
        except OSError as error:
            raise DestinationError(f"{name} could not be read: {error.strerror or type(error).__name__}.") from error
        except _zstd_error() as error:
            why = f"it is not whole ({type(error).__name__})"
        else:
            return
        raise DestinationError(f"{name} cannot be read: {why}. Nothing was sent. Write it again, and rename it only when complete.")


class _BrokenError(Exception):
    """Why a file cannot be read: the sentence's rest. No value of a row is in it."""


def _without_password(text: str) -> str:
    """A path or URL as it may be shown."""
    parts = urlsplit(text)
    return text if parts.password is None else parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _zstd_error() -> type[Exception]:
    """What the zstd library raises for a broken file; where it is not installed, nothing that is raised here."""
    try:
        found: type[Exception] = load_zstd().ZstdError
    except MissingPackageError:
        return _BrokenError
    return found


def _broken(why: str) -> NoReturn:
    raise _BrokenError(why)


def _parquet(stream: IO[bytes], file: InputFile) -> Any:
    arrow = load_pyarrow()
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(stream)
    except (arrow.ArrowInvalid, arrow.ArrowException):
        _broken(f"it is no whole Parquet file of {file.bytes:,} bytes (it has no footer, or is none)")


def _parquet_rows(stream: IO[bytes], file: InputFile) -> Iterator[Row]:
    arrow = load_pyarrow()
    batches = _parquet(stream, file).iter_batches(BLOCK_ROWS)
    while True:
        try:
            batch = next(batches, None)
        except (arrow.ArrowInvalid, arrow.ArrowException, OSError) as error:
            _broken(f"a block of it is damaged ({type(error).__name__})")
        if batch is None:
            return
        yield from batch.to_pylist()


def _json_rows(stream: IO[bytes]) -> Iterator[Row]:
    for number, line in enumerate(iter(lambda: stream.readline(_MOST), b""), 1):
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not text.strip():
            continue
        try:
            row = _DECODER.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            is_cut = "" if line.endswith(b"\n") else ", and the file ends there: it was cut"
            _broken(f"line {number:,} is no JSON{is_cut}")
        if not isinstance(row, dict):
            _broken(f"line {number:,} is no JSON object. Each line is one row")
        yield row


class _Csv:
    """A CSV file's rows: UTF-8, with or without a byte-order mark; comma, semicolon, tab or bar between the fields.

    An empty field is null.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        csv.field_size_limit(max(csv.field_size_limit(), _MOST))
        lines = io.TextIOWrapper(stream, "utf-8-sig", newline="")
        self._lines = lines
        try:
            first = lines.readline(_MOST)
        except UnicodeDecodeError:
            _broken("it is no UTF-8 text. Write it as UTF-8")
        counts = Counter(_unquoted(first))
        delimiter = max(_DELIMITERS, key=lambda mark: counts[mark])
        self._reader = csv.reader(_with_first(first, lines), delimiter=delimiter, strict=True)
        header = self._next() if first.strip() else []
        self.header = [name.strip() for name in header or []]
        if not self.header:
            _broken("it is empty; even a file without rows has its line of column names")
        wrong = next((name for name, count in Counter(self.header).items() if count > 1), None)
        if wrong is not None:
            _broken(f"two of its columns are called {wrong!r}" if wrong else "two of its columns have no name")

    def __iter__(self) -> Iterator[Row]:
        count = len(self.header)
        while (values := self._next()) is not None:
            if not values:
                continue  # an empty line
            if len(values) != count:
                cut = "" if len(values) > count else "; it may have been cut there"
                _broken(f"line {self._reader.line_num:,} has {len(values)} fields, and the first line {count}{cut}")
            yield {name: value if value != "" else None for name, value in zip(self.header, values, strict=True) if name}

    def _next(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except csv.Error as error:
            _broken(f"line {self._reader.line_num:,} is no CSV ({error})")
        except UnicodeDecodeError:
            _broken(f"line {self._reader.line_num + 1:,} or one near it is no UTF-8 text. Write it as UTF-8")


def _with_first(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _unquoted(line: str) -> str:
    """A line of CSV without what is in quotes."""
    return "".join(line.split('"')[::2])
