"""One run that several tasks read: each its own range into its own directory, and one manifest for all of them.

The mapped tasks share a run key; the range's number is a directory below the run's. What a task returns says what it read and
commits nothing; :func:`commit_partitions` holds all of it together and writes the one manifest, so a reader sees all or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.core.file_names import is_leaf, is_within, shown
from airflow_provider_bigcommerce.core.partitions import Partition, without_bounds
from airflow_provider_bigcommerce.engine.manifest import Check, FieldDrift, Manifest
from airflow_provider_bigcommerce.exceptions import IncompleteReadError, InvalidQueryError
from airflow_provider_bigcommerce.targets.files.commits import begin_try, commit, missing_file, run_folder
from airflow_provider_bigcommerce.targets.files.destination import Destination


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """What the task of one range adds to its manifest, which it returns and does not commit.

    :param partition: the range.
    :param run: key of the run that all ranges belong to.
    :param folder: the resource's directory below ``path``.
    :param conn_id: connection id of the store, which the run's asset event names.
    """

    partition: Partition
    run: str
    folder: str
    conn_id: str


def piece_key(run: str, partition: Partition) -> str:
    """The run key of one range: a directory below the run's, which no other range writes to."""
    return f"{run}/{partition.number:04d}"


def piece_of(manifest: Mapping[str, Any], piece: Piece) -> dict[str, Any]:
    """What the task of a range returns."""
    return {**manifest, "piece": msgspec.to_builtins(piece)}


@dataclass(frozen=True, slots=True)
class _Read:
    """One range as it was read."""

    piece: Piece
    manifest: Manifest


def commit_partitions(destination: Destination, returned: Iterable[object], *, now: datetime, number: int = 1) -> tuple[Manifest, Piece]:
    """Write the one manifest of a run whose ranges have all been read; repeating it changes nothing.

    :param returned: what the tasks of the ranges returned, in any order.
    :param now: UTC.
    :param number: which try of its task this is.
    :returns: the manifest, and the first of the ranges, which tells the run, the folder and the connection of all of them.
    :raises InvalidQueryError: something else than that.
    :raises IncompleteReadError: a range is missing, or ranges of two cuts or runs are mixed.
    :raises DestinationError: a file is not there, or the manifest cannot be written.
    """
    pieces = _together([_read(value) for value in returned])
    about = pieces[0].piece
    begun = begin_try(destination, about.folder, about.run, number=number)
    this, replaced = begun.this, begun.replaced
    sequence = begun.found.next_sequence()
    manifest = msgspec.structs.replace(_merged(pieces, now), attempt=this.number, sequence=sequence)
    if replaced is not None and replaced.files == manifest.files and missing_file(destination, replaced) is None:
        return replaced, about
    return commit(destination, about.folder, about.run, manifest, replaced, mark=this.mark, left=begun.left, known=begun.found), about


def _read(value: object) -> _Read:
    try:
        if isinstance(value, Mapping):
            return _checked(_Read(msgspec.convert(value["piece"], Piece), msgspec.convert(value, Manifest)))
    except (KeyError, msgspec.ValidationError):
        pass  # said below
    raise InvalidQueryError(
        f"commit_partitions was given a {type(value).__name__} that no range of a list returned. Give it the mapped transfer's output: "
        "commit_partitions(BigCommerceToObjectStorageOperator.partial(...).expand(partition=...).output, path=...)."
    )


def _checked(read: _Read) -> _Read:
    """What a range returned went through XCom, where others can write: its names are checked against where a range's files are.

    :raises InvalidQueryError: one is elsewhere.
    """
    run, folder = read.piece.run, read.piece.folder
    own = f"{run_folder(folder, run)}/{read.piece.partition.number:04d}"
    outside = [name for name in (run, folder) if not is_leaf(name)]
    outside += [file.path for file in read.manifest.files if not is_within(file.path, own)]
    if outside:
        raise InvalidQueryError(
            f"commit_partitions was given the name {shown(outside[0])}, which is not below {shown(own)}, where that range's files are: "
            "what the range's task returned was edited. Nothing was committed or removed. Clear that task, and this one with it."
        )
    return read


def _together(pieces: Sequence[_Read]) -> list[_Read]:
    """The ranges in order.

    :raises IncompleteReadError: they are not the whole of one cut.
    """
    again = "Nothing was committed. Clear the task that cuts the list, with everything after it."
    if not pieces:
        raise IncompleteReadError(f"commit_partitions was given no range of a list. {again}")
    first = pieces[0]
    for other in pieces:
        if _kinship(other) != _kinship(first):
            raise IncompleteReadError(
                f"The ranges {first.piece.partition.number} and {other.piece.partition.number} of {first.manifest.resource!r} do not "
                f"belong together: they are of two cuts of the list, two runs, two stores or two windows. {again}"
            )
    by_number = {piece.piece.partition.number: piece for piece in pieces}
    missing = sorted(set(range(first.piece.partition.of)) - by_number.keys())
    if missing or len(by_number) != len(pieces):
        raise IncompleteReadError(
            f"{len(missing)} of the {first.piece.partition.of} ranges of {first.manifest.resource!r} did not come: "
            f"{', '.join(map(str, missing[:20]))}. {again}"
        )
    return [by_number[number] for number in sorted(by_number)]


def _kinship(read: _Read) -> tuple[object, ...]:
    """What all ranges of one run have in common."""
    piece, manifest = read.piece, read.manifest
    return piece.run, piece.folder, piece.partition.cut, piece.partition.of, manifest.store_hash, manifest.mode, manifest.window


def _merged(pieces: Sequence[_Read], now: datetime) -> Manifest:
    manifests = [piece.manifest for piece in pieces]
    first = manifests[0]
    started = min(manifest.started_at for manifest in manifests)
    checks = _sums(manifests)
    return Manifest(
        resource=first.resource,
        store_hash=first.store_hash,
        mode=first.mode,
        query=without_bounds(first.query, [piece.piece.partition for piece in pieces]),
        window=first.window,
        watermark=None,
        files=tuple(file for manifest in manifests for file in manifest.files),
        rows=sum(manifest.rows for manifest in manifests),
        duplicates_dropped=sum(manifest.duplicates_dropped for manifest in manifests),
        drift=_drift(manifests),
        rounded=sum(manifest.rounded for manifest in manifests),
        requests=sum(manifest.requests for manifest in manifests),
        throttled=sum(manifest.throttled for manifest in manifests),
        seconds=round((now - datetime.fromisoformat(started)).total_seconds(), 3),
        started_at=started,
        finished_at=now.isoformat(timespec="milliseconds"),
        provider_version=__version__,
        complete=all(manifest.complete for manifest in manifests) and all(check.agrees for check in checks),
        checked=checks,
        waited=max(manifest.waited for manifest in manifests),  # they waited at the same time
        read_at=min((manifest.read_at for manifest in manifests if manifest.read_at), default=None),
    )


def _sums(manifests: Sequence[Manifest]) -> tuple[Check, ...]:
    """The checks of all ranges, added up; one that some ranges could not make is left out."""
    found: list[Check] = []
    for what in dict.fromkeys(check.what for manifest in manifests for check in manifest.checked):
        checks = [check for manifest in manifests for check in manifest.checked if check.what == what]
        if len(checks) == len(manifests):
            low, high = (sum(check.expected[end] for check in checks) for end in (0, 1))
            agrees = all(check.agrees for check in checks)
            found.append(Check(what=what, expected=(low, high), found=sum(check.found for check in checks), agrees=agrees))
    return tuple(found)


def _drift(manifests: Sequence[Manifest]) -> tuple[FieldDrift, ...]:
    nulls: dict[tuple[str, str, str], int] = {}
    for drift in (drift for manifest in manifests for drift in manifest.drift):
        key = (drift.path, drift.kind, drift.seen_type)
        nulls[key] = nulls.get(key, 0) + drift.nulls
    return tuple(FieldDrift(path=path, kind=kind, seen_type=seen, nulls=count) for (path, kind, seen), count in nulls.items())
