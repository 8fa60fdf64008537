"""A task that Airflow took for dead and that lives on, beside its retry: both write the same run, each waits where the test says.

Whoever commits first has committed the run; the other finds that out, or that its files are gone. What readers see is whole in any case.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import msgspec
import pytest

from airflow_provider_bigcommerce.engine.manifest import run_key
from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.operators.partition import BigCommercePartitionOperator
from airflow_provider_bigcommerce.targets.files.commits import committed, missing_file, read_manifest
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.file_reader import newest_first
from airflow_provider_bigcommerce.targets.files.pieces import commit_partitions
from airflow_provider_bigcommerce.targets.files.snapshots import current
from tests.airflow_memory import Airflow
from tests.transfers.conftest import Night
from tests.transfers.killing import PAGE, PART
from tests.transfers.stopped import StoppedTry, counted_steps

pytestmark = pytest.mark.bigcommerce_sandbox(orders=130)

WHO: ContextVar[str] = ContextVar("who")

FIRST, SECOND, LAST, MANIFEST = "part-00000", "part-00001", "part-00002", "_manifests/sync"
#: Between two parts of an incremental run: a retry that begins now removes no file that is open.
OVERLAP = "_overlaps/"

#: Where the zombie waits, and where its retry does.
WAITS = [
    (FIRST, None),
    (SECOND, None),
    (LAST, None),
    (FIRST, FIRST),
    (SECOND, SECOND),
    (SECOND, LAST),
    (LAST, FIRST),
    (SECOND, MANIFEST),
]


class Try(threading.Thread):
    """One try of the run, which waits when a file is about to get a name that holds ``until``, and ends at one that holds ``ends_at``."""

    def __init__(self, night: Night, until: str | None, arguments: dict[str, Any], ends_at: str | None = None) -> None:
        super().__init__()
        self._night, self._arguments, self.until, self.ends_at = night, arguments, until, ends_at
        self.waits, self.may_go_on = threading.Event(), threading.Event()
        self.manifest: dict[str, Any] | None = None
        self.error: BigCommerceError | None = None

    def run(self) -> None:
        WHO.set(self.name)
        try:
            self.manifest = self._night.run("r1", **self._arguments)
        except BigCommerceError as error:
            self.error = error
        self.waits.set()

    def at(self, name: str) -> None:
        if self.until is not None and self.until in name:
            self.until = None
            self.waits.set()
            assert self.may_go_on.wait(60)
        if self.ends_at is not None and self.ends_at in name:
            raise OSError("ended")

    def begin(self) -> None:
        """Start, and come back when it waits or has ended."""
        self.start()
        assert self.waits.wait(60)

    def finish(self) -> None:
        self.may_go_on.set()
        self.join(60)


#: Each pair of waits with each mode, and each with Parquet, whose files take longest, in one of the modes.
INTERLEAVED = [
    *((mode, *waits, "jsonl") for mode in ("full", "incremental") for waits in WAITS),
    *(("incremental" if number % 2 else "full", *waits, "parquet") for number, waits in enumerate(WAITS)),
    *(("incremental", OVERLAP, waits, file_format) for waits in (None, SECOND) for file_format in ("jsonl", "parquet")),
]


@pytest.mark.parametrize(("mode", "zombie_waits_at", "retry_waits_at", "file_format"), INTERLEAVED)
def test_a_zombie_and_its_retry_commit_one_whole_run(
    night: Night, monkeypatch: pytest.MonkeyPatch, mode: str, zombie_waits_at: str, retry_waits_at: str | None, file_format: str
) -> None:
    arguments = {"mode": mode, "file_format": file_format, "max_rows_per_file": PART, "query": {"limit": PAGE}}
    zombie, retry = Try(night, zombie_waits_at, arguments), Try(night, retry_waits_at, arguments)
    interleave(night, monkeypatch, zombie, retry)

    assert any(each.manifest is not None for each in (zombie, retry)), (zombie.error, retry.error)
    (manifest,) = committed(str(night.path), "orders")
    if retry_waits_at != MANIFEST:  # between its last look and its manifest the other may commit too: the later one stays
        assert [each.manifest for each in (zombie, retry) if each.manifest not in (None, manifest.as_json())] == []
    assert_whole(night, file_format)
    if zombie.error is None and retry.error is None and retry_waits_at != MANIFEST:
        assert night.data_files() == {file.path for file in manifest.files}

    assert night.run("r2", **arguments)["complete"] is True  # nothing that is left is in the way of the next run
    assert len(committed(str(night.path), "orders")) == 2


@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
@pytest.mark.parametrize(("waits_at", "ends_at"), [(OVERLAP, LAST), (OVERLAP, MANIFEST), (SECOND, LAST)])
def test_a_zombie_that_ends_after_its_retry_has_committed_leaves_that_as_it_is(
    night: Night, monkeypatch: pytest.MonkeyPatch, waits_at: str, ends_at: str, file_format: str
) -> None:
    arguments = {"mode": "incremental", "file_format": file_format, "max_rows_per_file": PART, "query": {"limit": PAGE}}
    zombie, retry = Try(night, waits_at, arguments, ends_at), Try(night, None, arguments)
    interleave(night, monkeypatch, zombie, retry)

    (manifest,) = committed(str(night.path), "orders")
    assert retry.manifest == manifest.as_json()
    assert_whole(night, file_format)


def interleave(night: Night, monkeypatch: pytest.MonkeyPatch, zombie: Try, retry: Try) -> None:
    """The zombie until it waits, the retry until it waits or ends, then the rest of the one and of the other."""
    tries = {zombie.name: zombie, retry.name: retry}
    rename = Path.replace

    def waits_before(self: Path, target: Path) -> Path:
        if (who := WHO.get(None)) is not None:
            tries[who].at(str(target))
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", waits_before)
    zombie.begin()
    edited = night.sandbox.store.rows("orders")[60]["id"]  # in the second part
    night.sandbox.store.edit("orders", edited, staff_notes="edited between the two")  # so that the same parts are not the same bytes
    retry.begin()
    zombie.finish()
    retry.finish()


def assert_whole(night: Night, file_format: str) -> None:
    """Each file that the manifest names is the one that it names, and each row of the store is there once."""
    for file in committed(str(night.path), "orders")[0].files:
        assert hashlib.sha256((night.path / file.path).read_bytes()).hexdigest() == file.sha256
    assert sorted(keys(night, file_format)) == [row["id"] for row in night.sandbox.store.rows("orders")]


def keys(night: Night, file_format: str) -> list[int]:
    """The key of each row of the one committed run: a doubled row shows."""
    import pyarrow.parquet as pq

    found: list[int] = []
    for file in committed(str(night.path), "orders")[0].files:
        path = night.path / file.path
        if file_format == "parquet":
            found += pq.read_table(path, columns=["id"])["id"].to_pylist()
        else:
            found += [msgspec.json.decode(line)["id"] for line in path.read_bytes().splitlines()]
    return found


# -- a try that stops at each of its steps in turn ------------------------------------------------------------------------

#: How a list is read, with the field that is edited; the rows fill several part files.
WAYS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "full": (
        "customers", "notes",
        {"mode": "full", "max_rows_per_file": 6, "query": {"limit": 3}, "deletes": "detect", "max_deleted_percent": 100},
    ),
    "by date": (
        "customers", "notes",
        {"mode": "incremental", "max_rows_per_file": 1, "query": {"limit": 1}, "deletes": "detect", "max_deleted_percent": 100},
    ),
    "compared": (
        "brands", "page_title",
        {"mode": "incremental", "max_rows_per_file": 4, "query": {"limit": 2}, "deletes": "detect", "max_deleted_percent": 100},
    ),
}  # fmt: skip


#: In every run of the tests, at a quarter of their steps. All the others, and all steps of all, are behind ``exhaustive``.
SHORT = {
    ("compared", "disk", "goes on", "before"),
    ("by date", "objects", "is killed", "after"),
    ("full", "disk", "goes on", "after"),
    ("compared", "objects", "goes on", "after"),
}
SOME, ALL = 1 / 4, 1.0
CASES = list(itertools.product(WAYS, ("disk", "objects"), ("goes on", "is killed"), ("before", "after")))
SHARES = [
    *(pytest.param(*case, SOME) for case in CASES if case in SHORT),
    *(pytest.param(*case, ALL, marks=pytest.mark.exhaustive) for case in CASES),
]


def drawn(share: float, *case: str) -> Iterator[int]:
    """The steps at which a case is tried, for ever upwards: a share of all, always the same."""
    dice = random.Random(" ".join(case))
    return (number for number in itertools.count() if dice.random() < share)


@pytest.mark.timeout(1200)
@pytest.mark.bigcommerce_sandbox(customers=9, orders=1)
@pytest.mark.parametrize(("way", "place", "fate", "next_run", "share"), SHARES)
def test_a_try_that_stops_at_any_step_harms_nothing(
    night: Night, monkeypatch: pytest.MonkeyPatch, way: str, place: str, fate: str, next_run: str, share: float
) -> None:
    """The first try stops before one of its calls of the file system or of the state, its retry runs to the end, then it goes on.

    Between the two the store changes, also back to what it was before the first; the next run comes before the first try goes on, or after.
    The suite takes four cases at steps that a seed draws; ``-m exhaustive`` takes each case at each step.
    """
    objects, at = fsspec.filesystem("memory"), Destination.at
    objects.store.clear()
    if place == "objects":

        def in_memory(path: str | Destination) -> Destination:
            return Destination(objects, path, f"memory:/{path}") if isinstance(path, str) else at(path)

        monkeypatch.setattr(Destination, "at", in_memory)
    with counted_steps():
        for number in drawn(share, way, place, fate, next_run):
            path = str(night.path / str(number))
            if stopped_at(night, number, path, *WAYS[way], is_killed=fate == "is killed", is_followed=next_run == "before"):
                break
        assert number > 20


def stopped_at(
    night: Night, step: int, path: str, resource: str, field: str, arguments: dict[str, Any], *, is_killed: bool, is_followed: bool
) -> bool:
    """One try that stops at that step, its retry, and what comes after; whether it had fewer steps."""
    store, hour = night.sandbox.store, timedelta(hours=1)
    night.airflow = Airflow()
    run: Callable[..., dict[str, Any]] = partial(night.run, resource=resource, path=path, **arguments)
    row, second, third, *_ = (row["id"] for row in store.rows(resource))
    store.edit(resource, row, **{field: "as it was"})
    run("r0", after=hour)
    store.edit(resource, row, **{field: f"for a moment {step}"})
    added = store.add_customer()["id"] if resource == "customers" else store.add(resource, name=f"new {step}")["id"]
    night.later(hour)

    zombie = StoppedTry(partial(run, "r1"), step, is_killed=is_killed)
    zombie.begin()
    is_past = len(zombie.steps) <= step
    at = f"step {step}: {(zombie.steps or ['none'])[-1]}"

    store.edit(resource, row, **{field: "as it was"})
    store.edit(resource, second, **{field: f"between the tries {step}"})
    store.delete(resource, added)
    retry = run("r1", try_number=2)
    assert_names_what_is_there(path, resource, at)
    assert_is_told_by_its_snapshot(path, resource, at)
    if is_followed:
        store.edit(resource, third, **{field: f"for the next run {step}"})
        run("r2", after=hour)
    zombie.finish()

    assert zombie.surprise is None, (at, zombie.surprise)
    assert_names_what_is_there(path, resource, at)
    assert_is_told_by_its_snapshot(path, resource, at)
    stands = read_manifest(Destination.at(path), resource, run_key("sync", "r1", resource))
    assert stands is not None, at
    if is_past:  # it had ended before its retry began, which is a clear
        return True
    assert zombie.manifest in (None, stands.as_json()), at  # what it says is what stands
    if not is_killed:  # one that begins after its retry's end is like a cleared task
        assert stands.as_json() in (retry, zombie.manifest), (at, zombie.error)

    store.edit(resource, row, **{field: f"at the end {step}"})
    run("r3", after=hour)
    assert_names_what_is_there(path, resource, at)
    assert_is_told_by_its_snapshot(path, resource, at)
    assert copy_of(path, resource) == {row["id"]: row[field] for row in store.rows(resource)}, at
    stands = read_manifest(Destination.at(path), resource, run_key("sync", "r1", resource))
    if zombie.manifest is None:
        assert stands is not None, at
        assert stands.as_json() == retry, at
    return False


def assert_names_what_is_there(path: str, resource: str, at: str) -> None:
    for manifest in committed(path, resource):
        assert missing_file(Destination.at(path), manifest) is None, at


def assert_is_told_by_its_snapshot(path: str, resource: str, at: str) -> None:
    """A reader of the highest snapshot alone finds what the manifests say."""
    snapshot = current(path, resource)
    assert snapshot is not None, at
    assert [run.manifest for run in snapshot.runs] == committed(path, resource), at


def copy_of(path: str, resource: str) -> dict[int, str]:
    """Key -> edited field of the newest row of each key, without what is marked as deleted."""
    destination, found = Destination.at(path), dict[int, dict[str, Any]]()
    for _, file in newest_first(committed(path, resource)):
        for line in (destination.read(file.path) or b"").splitlines():
            row = msgspec.json.decode(line)
            found.setdefault(row["id"], row)
    return {key: row.get("notes" if resource == "customers" else "page_title") for key, row in found.items() if not row.get("_deleted_at")}


@pytest.mark.bigcommerce_sandbox(orders=30)
@pytest.mark.parametrize("share", [SOME, pytest.param(ALL, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("fate", ["goes on", "is killed"])
def test_a_commit_of_ranges_that_stops_at_any_step_harms_nothing(night: Night, fate: str, share: float) -> None:
    """The commit stops, a range is read again and committed with the others, then the first commit goes on with what it was given.

    The suite stops it at steps that a seed draws; ``-m exhaustive`` at each.
    """
    arguments = {"mode": "full", "query": {"limit": 10}}
    ranges = BigCommercePartitionOperator(task_id="cut", resource="orders", into=2).execute({})
    with counted_steps():
        for number in drawn(share, "ranges", fate):
            path = str(night.path / str(number))
            night.airflow = Airflow()
            returned = [night.run("r1", path=path, partition=each, **arguments) for each in ranges]

            def commit(returned: list[dict[str, Any]], path: str, try_number: int = 1) -> dict[str, Any]:
                return commit_partitions(Destination.at(path), returned, now=night.moment, number=try_number)[0].as_json()

            zombie = StoppedTry(partial(commit, returned, path), number, is_killed=fate == "is killed")
            zombie.begin()
            at = f"step {number}: {(zombie.steps or ['none'])[-1]}"
            if len(zombie.steps) <= number:
                break
            night.later(timedelta(hours=1))
            night.sandbox.store.edit("orders", night.sandbox.store.rows("orders")[0]["id"], staff_notes=f"edited {number}")
            again = [night.run("r1", path=path, partition=ranges[0], try_number=2, **arguments), returned[1]]
            second = commit(again, path, try_number=2)
            assert_names_what_is_there(path, "orders", at)
            zombie.finish()

            assert zombie.surprise is None, (at, zombie.surprise)
            assert_names_what_is_there(path, "orders", at)
            assert_is_told_by_its_snapshot(path, "orders", at)
            found = committed(path, "orders")
            assert len(found) == 1, (at, zombie.error, zombie.steps[number - 3 :])
            [stands] = found
            assert zombie.manifest in (None, stands.as_json()), at
            if fate == "goes on" and stands.as_json() != second:  # it began after the other had ended, and was given an older reading
                assert number < 12, at
    assert number > 10
