"""Tables of a lake on an S3 API: what a run asks of it, and that rows are there once whatever the store or another writer does."""

from __future__ import annotations

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier, Thread
from types import SimpleNamespace

import pytest

from airflow_provider_bigcommerce.exceptions import BigCommerceError, DestinationError
from airflow_provider_bigcommerce.targets.lake import rewrite
from airflow_provider_bigcommerce.targets.lake import table as lake_table
from tests.s3.conftest import SECRET, Bucket
from tests.s3.server import KEY_ID, Asked

pytestmark = [pytest.mark.s3, pytest.mark.bigcommerce_sandbox(products=12)]

#: Requests of an incremental run, and for each part of the table in which a row changes.
MOST, A_PART = 40, 2


def is_commit(asked: Asked) -> bool:
    """Whether a request makes a version."""
    return asked.method == "PUT" and "/_delta_log/" in asked.key and asked.key.endswith(".json")


@contextmanager
def once(bucket: Bucket) -> Iterator[list[Asked]]:
    """The answer to the first commit is lost."""
    lost: list[Asked] = []

    def loses(asked: Asked) -> bool:
        if lost or not is_commit(asked):
            return False
        lost.append(asked)
        return True

    bucket.s3.loses = loses
    yield lost
    bucket.s3.loses = None


def test_a_table_is_kept_equal_to_the_store_by_the_connections_key(bucket: Bucket) -> None:
    first = bucket.lake()
    assert (first["table"], first["version"]) == ("s3://bucket/shop/products", 0)
    assert bucket.equals_store()

    bucket.change()
    gone = bucket.sandbox.store.rows("products")[1]["id"]
    bucket.sandbox.store.delete("products", gone)
    bucket.lake(deletes="detect", max_deleted_percent=50)

    assert bucket.equals_store()
    assert bucket.rows()[gone]["_deleted_at"] is not None
    signed = [asked.headers.get("authorization", "") for asked in bucket.s3.asked]
    assert all(f"Credential={KEY_ID}/" in header for header in signed), "a request was made with other credentials"


def test_an_incremental_run_asks_little_whatever_the_history(bucket: Bucket) -> None:
    bucket.lake()
    taken = []
    for number in range(23):  # over two checkpoints
        bucket.change(number)
        with bucket.s3.counted() as asked:
            bucket.lake(f"r{number}")
        removed = sum("remove" in action for action in commit(bucket, number + 1))
        taken.append((len(asked) - A_PART * removed, asked))

    most, asked = max(taken, key=lambda one: one[0])
    assert most <= MOST, "\n".join(map(str, asked))
    assert bucket.equals_store()


def commit(bucket: Bucket, version: int) -> list[dict[str, object]]:
    """The actions of a commit."""
    data = bucket.s3.objects[f"shop/products/_delta_log/{version:020d}.json"].data
    return [json.loads(line) for line in data.splitlines()]


def test_each_part_that_is_touched_costs_two_requests_more(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite, "GROWING_BYTES", 0)  # so that each run adds a part
    monkeypatch.setattr(rewrite, "SMALL_BYTES", 0)  # and none is folded
    bucket.lake()
    store = bucket.sandbox.store
    for number in range(8):
        store.add("products", name=f"new {number}")
        bucket.lake()
    parts = len(bucket.table().file_uris())
    rows = store.rows("products")
    taken = {}
    for touched in (1, parts - 1):
        for row in rows[-touched:]:
            store.edit("products", row["id"], name=f"edited {touched} {row['id']}")
        with bucket.s3.counted() as asked:
            bucket.lake()
        taken[touched] = asked

    assert bucket.equals_store()
    assert len(taken[parts - 1]) <= MOST + A_PART * (parts - 1), "\n".join(map(str, taken[parts - 1]))


def test_a_quiet_run_writes_no_object_but_its_commit_and_the_probe(bucket: Bucket) -> None:
    bucket.lake()

    with bucket.s3.counted() as asked:
        bucket.lake()

    put = [one.key for one in asked if one.method == "PUT"]
    assert put == ["shop/products/_bigcommerce_probe", f"shop/products/_delta_log/{1:020d}.json"], "\n".join(put)
    assert len(asked) <= MOST, "\n".join(map(str, asked))


def test_a_commit_whose_answer_was_lost_is_not_made_twice(bucket: Bucket) -> None:
    with once(bucket) as lost:
        assert bucket.lake()["version"] == 0
    assert len(lost) == 1
    bucket.change()

    with once(bucket) as lost:
        run = bucket.lake()

    assert len(lost) == 1
    assert (run["version"], bucket.table().version()) == (1, 1)
    assert bucket.equals_store()


def test_a_bucket_without_delete_rights_fails_no_run_and_is_told_of(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.s3.may_delete = False
    with monkeypatch.context() as past:
        past.setattr(lake_table, "time", SimpleNamespace(time=lambda: time.time() - 8 * 86_400))
        bucket.lake()
        bucket.change()
        bucket.lake()
    for name, stored in list(bucket.s3.objects.items()):
        if name.startswith("shop/products/part-"):
            bucket.s3.objects[name] = dataclasses.replace(stored, modified=stored.modified - timedelta(days=8))
    bucket.change()

    bucket.lake(after=48)

    assert bucket.equals_store()
    assert [asked for asked in bucket.s3.asked if asked.method == "DELETE" or "delete" in asked.query], "nothing was to be removed"
    assert "could not be tidied" in caplog.text


def test_a_run_that_another_one_overtakes_at_the_commit_plans_again(bucket: Bucket) -> None:
    bucket.lake()
    bucket.change()
    others: list[int] = []

    def before(asked: Asked) -> None:
        if is_commit(asked) and not others:
            others.append(-1)
            others.append(bucket.lake("other", mode="full")["version"])

    bucket.s3.before = before
    run = bucket.lake("mine")
    bucket.s3.before = None

    assert others == [-1, 1]
    assert run["version"] == 2
    assert bucket.equals_store()
    named = {part for version in (0, 1, 2) for part in parts_of(bucket, version)}
    assert {key for key in bucket.s3.objects if key.endswith(".parquet") and "_delta_log" not in key} == named, "parts of a plan are left"


def parts_of(bucket: Bucket, version: int) -> set[str]:
    """Keys of the parts that a commit adds."""
    added = [action["add"] for action in commit(bucket, version) if "add" in action]
    return {f"shop/products/{one['path']}" for one in added if isinstance(one, dict)}


def test_two_writers_at_once_leave_each_row_once(bucket: Bucket) -> None:
    start, errors = Barrier(2), list[BaseException]()

    def write(name: str) -> None:
        try:
            start.wait(30)
            bucket.lake(name, after=0)
        except BigCommerceError as error:
            errors.append(error)

    for night in range(3):
        bucket.change(night)
        bucket.moment += timedelta(hours=1)
        threads = [Thread(target=write, args=(f"{name}-{night}",)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    assert errors == []
    assert bucket.equals_store()


def test_a_directory_that_a_console_made_is_no_file_of_somebody_else(bucket: Bucket) -> None:
    for name in ("shop/", "shop/products/", "shop/products/empty/"):
        bucket.s3.put(name, b"")

    bucket.lake()

    assert bucket.equals_store()


def test_a_store_that_is_busy_for_a_moment_is_asked_again(bucket: Bucket) -> None:
    bucket.lake()
    bucket.change()
    refused = Counter[str]()

    def before(asked: Asked) -> int | None:
        kind = "commit" if is_commit(asked) else "part" if asked.method == "PUT" and ".parquet" in asked.key else ""
        if kind and not refused[kind]:
            refused[kind] += 1
            return 503
        return None

    bucket.s3.before = before
    bucket.lake()

    assert refused == {"commit": 1, "part": 1}
    assert bucket.equals_store()


@pytest.mark.parametrize("part", ["_delta_log", "part-"])
def test_a_store_that_refuses_is_told_without_a_secret(bucket: Bucket, part: str) -> None:
    bucket.lake()
    bucket.change()
    before = bucket.rows()
    bucket.s3.before = lambda asked: 403 if asked.method == "PUT" and part in asked.key else None

    with pytest.raises(DestinationError, match=r"Let the task try again|Check that the directory or bucket exists") as raised:
        bucket.lake()

    bucket.s3.before = None
    assert SECRET not in str(raised.value)
    assert bucket.rows() == before
    bucket.lake()
    assert bucket.equals_store()
