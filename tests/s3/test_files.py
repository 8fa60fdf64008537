"""Copies in files on an S3 API: what a run asks of it whatever the history, and what it does where the store refuses or forgets."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import msgspec
import pytest

from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.snapshots import current
from tests.s3.conftest import Bucket
from tests.s3.server import KEY_ID, Asked
from tests.transfers.test_snapshots import a_history

pytestmark = [pytest.mark.s3, pytest.mark.bigcommerce_sandbox(orders=20)]

#: Requests of an incremental run, the snapshot included.
MOST = 26


def copy_of(bucket: Bucket) -> dict[int, object]:
    """The newest row of each order, by the snapshot."""
    snapshot = current(Destination.at(bucket.path), "orders")
    assert snapshot is not None
    newest: dict[int, object] = {}
    for run in reversed(snapshot.runs):
        for file in run.manifest.files:
            for line in bucket.s3.objects[f"shop/{file.path}"].data.splitlines():
                row = msgspec.json.decode(line)
                newest[row["id"]] = row.get("staff_notes")
    return newest


def store_of(bucket: Bucket) -> dict[int, object]:
    return {row["id"]: row["staff_notes"] for row in bucket.sandbox.store.rows("orders")}


def change(bucket: Bucket, word: str) -> None:
    for row in bucket.sandbox.store.rows("orders")[:3]:
        bucket.sandbox.store.edit("orders", row["id"], staff_notes=word)


@pytest.mark.parametrize("history", [10, 500])
def test_an_incremental_run_asks_little_whatever_the_history(bucket: Bucket, history: int) -> None:
    bucket.files("first")
    destination = Destination.at(bucket.path)
    a_history(destination, history, committed(destination, "orders")[0].store_hash)
    bucket.files("second")
    change(bucket, "edited")

    with bucket.s3.counted() as asked:
        assert bucket.files("third")["rows"] == 3

    assert len(asked) <= MOST, "\n".join(map(str, asked))
    assert all(f"Credential={KEY_ID}/" in one.headers.get("authorization", "") for one in asked)


def test_a_copy_is_the_store(bucket: Bucket) -> None:
    bucket.files("r1")
    change(bucket, "edited")
    bucket.files("r2")

    assert copy_of(bucket) == store_of(bucket)


def test_a_bucket_without_delete_rights_is_told_before_the_store_is_read(bucket: Bucket) -> None:
    bucket.s3.may_delete = False
    bucket.sandbox.store.requests.clear()

    with pytest.raises(BigCommerceError, match=r"could not be removed.*may write, list and remove"):
        bucket.files("r1")
    assert [one for one in bucket.sandbox.store.requests if "page" in one.query] == []


def test_a_put_whose_answer_was_lost_is_made_once(bucket: Bucket) -> None:
    bucket.files("r1")
    change(bucket, "edited")
    lost: set[str] = set()

    def loses(asked: Asked) -> bool:
        kind = next((kind for kind in ("_manifests/", "_snapshots/", "part-") if kind in asked.key), "")
        if asked.method != "PUT" or not kind or kind in lost:
            return False
        lost.add(kind)
        return True

    bucket.s3.loses = loses
    bucket.files("r2")
    bucket.s3.loses = None

    assert lost == {"_manifests/", "_snapshots/", "part-"}
    assert len(committed(Destination.at(bucket.path), "orders")) == 2
    assert copy_of(bucket) == store_of(bucket)


def test_two_writers_at_once_are_both_in_the_copy(bucket: Bucket) -> None:
    bucket.files("r1")
    start, errors = Barrier(2), list[BaseException]()

    def write(name: str) -> None:
        try:
            start.wait(30)
            bucket.files(name, after=0)
        except BigCommerceError as error:
            errors.append(error)

    for night in range(3):
        change(bucket, f"night {night}")
        bucket.moment += timedelta(hours=1)
        threads = [Thread(target=write, args=(f"{name}-{night}",)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    assert errors == []
    # A snapshot that was overtaken is mended by the next run; the manifests are the commits.
    bucket.files("last")
    assert copy_of(bucket) == store_of(bucket)
    assert len(committed(Destination.at(bucket.path), "orders")) == 8
