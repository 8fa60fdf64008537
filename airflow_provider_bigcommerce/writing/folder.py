"""Where a write's files stand, how they become valid, and how they are read back.

::

    <report_path>/<resource>/run=<run key>/plan-1/plan.jsonl.gz        one row on each line
                                                  outcomes.jsonl.gz
                                                  manifest.json        written last: the commit
                                           apply-1/...

An attempt's folder is never replaced: a task that was cleared, or whose try was lost, begins the next one. What a manifest names is read
only after its digest was computed again.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import tempfile
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

import msgspec

from airflow_provider_bigcommerce.core.file_names import is_leaf, is_plain, shown
from airflow_provider_bigcommerce.core.naming import kept_name
from airflow_provider_bigcommerce.exceptions import (
    DestinationError,
    FolderUsedError,
    ForeignManifestError,
    NoManifestError,
    PlanChangedError,
)
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.writing.formats import (
    FORMAT,
    Head,
    OutcomeManifest,
    OutcomeRow,
    PlanManifest,
    PlanRow,
    RowFile,
    WriteManifest,
    encoded,
    outcome_row_decoder,
    plan_row_decoder,
)

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import ObjectStoragePath

MANIFEST = "manifest.json"
PLAN_ROWS = "plan.jsonl.gz"
OUTCOME_ROWS = "outcomes.jsonl.gz"
#: Rows of which the store has certainly taken nothing, as they came, to be corrected and used as input again.
REJECTED_ROWS = "rejected.jsonl.gz"
#: Says whose an attempt's folder is, before anything else is in it.
_BEGUN = "_begun"

#: What an attempt does; each has attempts of its own.
AttemptKind = Literal["plan", "apply", "undo", "write"]

#: Attempts of one run that are looked at for a free folder; a task is not cleared a thousand times.
_MOST_ATTEMPTS = 1000
_CHUNK = 1 << 20
#: Characters of a line that are looked at; one row's body with all that it has nested.
_MOST_LINE = 64 << 20
#: Quick, and a fifth of the size; the files are read once or twice.
_LEVEL = 3

#: Amounts stay exact.
_LINES = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)

Row = TypeVar("Row", PlanRow, OutcomeRow)
Told = TypeVar("Told", PlanManifest, OutcomeManifest)


class RowsWriter:
    """One file of rows that is being written; counts them."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.rows = 0

    def write(self, row: msgspec.Struct | dict[str, object]) -> None:
        """Append one row.

        :raises TypeError: it holds a value that JSON has not.
        :raises DestinationError: it cannot be written.
        """
        self._stream.write(encoded(row) + b"\n")
        self.rows += 1


@dataclass(slots=True)
class AttemptFolder:
    """The folder of one attempt while it is being written.

    :param destination: the directory of all reports.
    :param name: the folder's name below it.
    :param number: which attempt, from 1.
    :param files: what was written so far.
    """

    destination: Destination
    name: str
    number: int
    files: list[RowFile] = field(default_factory=list)

    @property
    def uri(self) -> str:
        """The URI of its manifest, as ``open_plan`` takes it."""
        return f"{self.destination.url}/{self.name}/{MANIFEST}"

    @contextlib.contextmanager
    def rows(self, name: str = PLAN_ROWS) -> Iterator[RowsWriter]:
        """A file of rows, gzip'd JSON lines; it is there and in ``files`` when the block has ended well.

        :raises DestinationError: it cannot be written, or ``name`` is no file's name.
        """
        if not is_leaf(name):
            raise DestinationError(f"The name {shown(name)} is no file's name. Accepted: one part of a path, such as 'plan.jsonl.gz'.")
        with self.destination.create(f"{self.name}/{name}") as new:
            # No time and no name in it: the same rows are the same bytes.
            packed = gzip.GzipFile("", "wb", _LEVEL, cast("IO[bytes]", new), mtime=0)
            # In large pieces: each small write costs the compression a call.
            with packed, io.BufferedWriter(cast("io.RawIOBase", packed), _CHUNK) as stream:
                writer = RowsWriter(stream)
                yield writer
            told = new
        self.files.append(RowFile(name=name, rows=writer.rows, bytes=told.bytes, sha256=told.sha256))

    def commit(self, manifest: WriteManifest) -> str:
        """Write the manifest, which makes the files valid; the URI of it.

        :raises FolderUsedError: another has committed there meanwhile.
        :raises DestinationError: it cannot be written.
        """
        name = f"{self.name}/{MANIFEST}"
        data = msgspec.json.format(encoded(manifest), indent=1)
        # A store of objects replaces what is there: nobody else writes here, by the mark of `begin_attempt`, and this looks again.
        if self.destination.read(name) is not None or not self.destination.write_new(name, data):
            raise _used(self.destination, self.name)
        return self.uri


def attempts_folder(resource: str, run: str) -> str:
    """Where all attempts of a run stand, below the report path.

    :raises DestinationError: the run's key is no part of a path.
    """
    if not is_leaf(run):
        raise DestinationError(f"The run's key {shown(run)} is no part of a path: nothing was read or written for it.")
    return f"{kept_name(resource)}/run={run}"


def begin_attempt(
    report_path: str | Path | ObjectStoragePath | Destination, resource: str, run: str, kind: AttemptKind, *, number: int = 1
) -> AttemptFolder:
    """A folder of its own for an attempt: the first number that nobody has begun, from ``number`` on.

    :param report_path: directory or URL of all reports.
    :param resource: catalog name.
    :param run: run key (``engine.manifest.run_key``).
    :param number: the try of the task instance, from 1.
    :raises DestinationError: it cannot be written there.
    :raises FolderUsedError: a thousand attempts are there.
    """
    destination = Destination.at(report_path)
    above = attempts_folder(resource, run)
    taken = {entry.name[len(above) + 1 :].partition("/")[0] for entry in destination.entries(above)}
    for attempt in range(number, number + _MOST_ATTEMPTS):
        if f"{kind}-{attempt}" in taken:
            continue
        folder, mark = f"{above}/{kind}-{attempt}", uuid.uuid4().hex.encode()
        # Where two begin at once, the disk lets one of them have the name; of a store of objects the one whose mark is there has it.
        if destination.write_new(f"{folder}/{_BEGUN}", mark) and destination.read(f"{folder}/{_BEGUN}") == mark:
            return AttemptFolder(destination, folder, attempt)
    raise _used(destination, f"{above}/{kind}-{number}")


def open_attempt(
    report_path: str | Path | ObjectStoragePath | Destination, resource: str, run: str, kind: AttemptKind, number: int
) -> AttemptFolder:
    """The folder of an attempt that was begun earlier, to continue with it.

    :raises FolderUsedError: it has a manifest: it is finished.
    :raises NoManifestError: nobody has begun it.
    """
    destination = Destination.at(report_path)
    name = f"{attempts_folder(resource, run)}/{kind}-{number}"
    if destination.read(f"{name}/{_BEGUN}") is None:
        raise NoManifestError(f"{destination.url}/{name} was not begun: there is nothing to continue. Begin a new attempt.")
    if destination.read(f"{name}/{MANIFEST}") is not None:
        raise _used(destination, name)
    return AttemptFolder(destination, name, number)


def _used(destination: Destination, name: str) -> FolderUsedError:
    return FolderUsedError(
        f"{destination.url}/{name} is an attempt that was begun or finished already, and no attempt's files are replaced. Clear the "
        "task, or run it again: that begins a new folder."
    )


@dataclass(frozen=True, slots=True)
class Written(Generic[Told, Row]):
    """What an attempt left, opened and verified.

    :param manifest: as it is there.
    :param uri: of the manifest.
    """

    manifest: Told
    uri: str
    _decoder: msgspec.json.Decoder[Row]
    _stream: IO[bytes]

    def rows(self) -> Iterator[Row]:
        """The rows in order, from the first on at each call; of one file that was verified whole, one at a time.

        :raises PlanChangedError: a line is no row, or there are not as many as the manifest says.
        """
        self._stream.seek(0)
        file, count = self.manifest.files[0], 0
        try:
            with gzip.GzipFile(fileobj=self._stream, mode="rb") as lines:
                while line := lines.readline(_MOST_LINE):
                    yield self._decoder.decode(line)
                    count += 1
        except (msgspec.MsgspecError, UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
            raise _changed(self.uri, file.name, f"row {count} cannot be read ({type(error).__name__})") from error
        if count != file.rows:
            raise _changed(self.uri, file.name, f"it has {count} rows, and the manifest names {file.rows}")


#: A plan, opened.
Plan = Written[PlanManifest, PlanRow]
#: The outcomes of a write, opened.
Outcomes = Written[OutcomeManifest, OutcomeRow]


@contextlib.contextmanager
def open_plan(uri: str) -> Iterator[Plan]:
    """Open a plan by its manifest's URI: its digest is computed again before a row is given.

    The rows' file is copied to the worker's temporary directory while it is verified, so that what is read is what was verified.

    :raises NoManifestError: there is none.
    :raises ForeignManifestError: it is of another kind or a newer format, or is no manifest.
    :raises PlanChangedError: the rows' file is not there, or not the one that was committed.
    :raises DestinationError: the place cannot be read, or a name leaves the folder.
    """
    folder, data = _manifest(uri)
    manifest = _decoded(uri, data, PlanManifest, "plan")
    if not manifest.files or manifest.files[0].sha256 != manifest.digest:
        raise _changed(uri, MANIFEST, "its digest is not that of its first file")
    with _verified(folder, uri, manifest.files[0]) as stream:
        yield Written(manifest, uri, plan_row_decoder, stream)


@contextlib.contextmanager
def open_outcomes(uri: str) -> Iterator[Outcomes]:
    """Likewise the outcomes of a write; same errors."""
    folder, data = _manifest(uri)
    manifest = _decoded(uri, data, OutcomeManifest, "outcome")
    if not manifest.files:
        raise _changed(uri, MANIFEST, "it names no file of outcomes")
    with _verified(folder, uri, manifest.files[0]) as stream:
        yield Written(manifest, uri, outcome_row_decoder, stream)


@contextlib.contextmanager
def certain_outcomes(plan: Plan) -> Iterator[Iterator[OutcomeRow]]:
    """The outcomes that were certain when a plan was made, of its second file; none where it has none. Errors as of :func:`open_plan`."""
    files = [file for file in plan.manifest.files[1:] if file.name == OUTCOME_ROWS]
    if not files:
        yield iter(())
        return
    with _verified(_manifest(plan.uri)[0], plan.uri, files[0]) as stream:
        stream.seek(0)
        with gzip.GzipFile(fileobj=stream, mode="rb") as lines:
            yield (outcome_row_decoder.decode(line) for line in lines)


@contextlib.contextmanager
def extra_rows(plan: Plan, name: str) -> Iterator[Iterator[dict[str, Any]] | None]:
    """The lines of another file of a plan, as they are; None where it has none of that name. Errors as of :func:`open_plan`."""
    file = next((file for file in plan.manifest.files if file.name == name), None)
    if file is None:
        yield None
        return
    with open_extra(plan.uri, file) as stream, gzip.GzipFile(fileobj=stream, mode="rb") as lines:
        yield (_LINES.decode(line) for line in lines)


@contextlib.contextmanager
def open_extra(uri: str, file: RowFile) -> Iterator[IO[bytes]]:
    """Another file that a manifest names, verified; gzip'd lines. Errors as of :func:`open_plan`."""
    with _verified(_manifest(uri)[0], uri, file) as stream:
        stream.seek(0)
        yield stream


def read_plan_manifest(uri: str) -> PlanManifest:
    """A plan's manifest alone; its rows are not looked at. Errors as of :func:`open_plan`."""
    return _decoded(uri, _manifest(uri)[1], PlanManifest, "plan")


def read_outcome_manifest(uri: str) -> OutcomeManifest:
    """The manifest of a write's outcomes alone; its rows are not looked at. Errors as of :func:`open_outcomes`."""
    return _decoded(uri, _manifest(uri)[1], OutcomeManifest, "outcome")


def _manifest(uri: str) -> tuple[Destination, bytes]:
    folder, _, leaf = str(uri).rstrip("/").rpartition("/")
    if leaf != MANIFEST:  # the folder's own URI does as well
        folder, leaf = str(uri).rstrip("/"), MANIFEST
    destination = Destination.at(folder)
    data = destination.read(leaf)
    if data is None:
        raise NoManifestError(
            f"{destination.url}/{leaf} is not there: the attempt was not finished, was removed, or never was. Give the URI that the plan's "
            "task returned ('manifest' of its XCom)."
        )
    return destination, data


def _decoded(uri: str, data: bytes, kind: type[Told], wanted: str) -> Told:
    try:
        head = msgspec.json.decode(data, type=Head)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ForeignManifestError(
            f"{uri} is no manifest: it cannot be read as JSON with 'kind' and 'format'. Run the task again."
        ) from error
    if head.kind != wanted:
        raise ForeignManifestError(
            f"{uri} is a manifest of the kind {shown(head.kind)}. Accepted here: {wanted!r}. Give the URI that the right task returned."
        )
    if head.format > FORMAT:
        raise ForeignManifestError(
            f"{uri} has the format {head.format}, and this version reads up to {FORMAT}. Install the version that wrote it, or run the "
            "task again."
        )
    try:
        manifest = msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise ForeignManifestError(f"{uri} is no whole manifest: {error}. Run the task again.") from error
    for file in manifest.files:
        if not is_leaf(file.name) or not is_plain(file.name):
            raise DestinationError(
                f"{uri} names the file {shown(file.name)}, which leaves its folder: it was edited. Nothing was read for it. Run the task "
                "again."
            )
    return manifest


@contextlib.contextmanager
def _verified(folder: Destination, uri: str, file: RowFile) -> Iterator[IO[bytes]]:
    """A private copy of a file whose digest is the manifest's."""
    digest, size = hashlib.sha256(), 0
    with tempfile.TemporaryFile() as copy:
        try:
            with folder.fs.open(folder.full(file.name), "rb") as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
                    copy.write(chunk)
                    size += len(chunk)
        except FileNotFoundError as error:
            raise _changed(uri, file.name, "it is not there") from error
        except OSError as error:
            raise DestinationError(f"{folder.url}/{file.name} could not be read: {error.strerror or type(error).__name__}.") from error
        if digest.hexdigest() != file.sha256:
            raise _changed(uri, file.name, f"its SHA-256 is {digest.hexdigest()[:12]}, and the manifest names {file.sha256[:12]}")
        yield copy


def _changed(uri: str, name: str, why: str) -> PlanChangedError:
    return PlanChangedError(
        f"{name!r} of {uri} is not what was committed: {why}. Nothing was sent for it. Make a new plan, and look who may write there."
    )
