"""A task that Airflow took for dead and that lives on, beside its retry: both write the same run, each waits where the test says.

Whoever commits first has committed the run; the other finds that out, or that its files are gone. What readers see is whole in any case.
"""

from __future__ import annotations

import hashlib
import threading
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.files.manifest import committed
from tests.transfers.conftest import Night
from tests.transfers.killing import PAGE, PART

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


@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
@pytest.mark.parametrize(
    ("mode", "zombie_waits_at", "retry_waits_at"),
    [
        *((mode, *waits) for mode in ("full", "incremental") for waits in WAITS),
        ("incremental", OVERLAP, None),
        ("incremental", OVERLAP, SECOND),
    ],
)
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
    import msgspec
    import pyarrow.parquet as pq

    found: list[int] = []
    for file in committed(str(night.path), "orders")[0].files:
        path = night.path / file.path
        if file_format == "parquet":
            found += pq.read_table(path, columns=["id"])["id"].to_pylist()
        else:
            found += [msgspec.json.decode(line)["id"] for line in path.read_bytes().splitlines()]
    return found
