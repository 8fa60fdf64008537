"""One list read in ranges by several tasks: exactly the rows, one manifest, and nothing for readers before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import DestinationError, IncompleteReadError, InvalidQueryError
from airflow_provider_bigcommerce.operators.partition import BigCommerceCommitPartitionsOperator, BigCommercePartitionOperator
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.transfers.conftest import Night


def cut(resource: str, into: int, **arguments: Any) -> list[dict[str, Any]]:
    return BigCommercePartitionOperator(task_id="partition", resource=resource, into=into, **arguments).execute({})


def read_range(night: Night, part: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """What the mapped task of one range returns."""
    resource = part["resource"]
    arguments = {"resource": resource, "path": str(night.path), "file_format": "jsonl", "partition": part, **arguments}
    operator = BigCommerceToObjectStorageOperator(task_id=resource, **arguments)
    return operator.execute(night.airflow.context("r1", resource, part["number"]))


def read(night: Night, ranges: list[dict[str, Any]], **arguments: Any) -> list[dict[str, Any]]:
    return [read_range(night, part, **arguments) for part in ranges]


def commit(night: Night, returned: list[Any], path: Path | None = None) -> dict[str, Any]:
    return BigCommerceCommitPartitionsOperator(task_id="commit", returned=returned, path=str(path or night.path)).execute({})


@pytest.mark.bigcommerce_sandbox(orders=430, customers=310, products=120)
@pytest.mark.parametrize("resource", ["orders", "customers", "products"])
def test_ranges_together_are_the_list_in_one_manifest(night: Night, resource: str) -> None:
    ranges = cut(resource, 5)
    returned = read(night, ranges)

    assert committed(str(night.path), resource) == []
    manifest = commit(night, returned)

    assert [found.as_json() for found in committed(str(night.path), resource)] == [manifest]
    assert sorted(night.copy(resource)) == [row["id"] for row in night.sandbox.store.rows(resource)]
    assert night.data_files(resource) == {file["path"] for file in manifest["files"]}
    assert manifest["rows"] == night.sandbox.store.count(resource) == sum(part["rows"] for part in returned)
    assert manifest["complete"] is True
    assert manifest["requests"] == sum(part["requests"] for part in returned)
    assert not {"min_id", "max_id", "id:min", "id:max", "date_created:min", "date_created:max"} & manifest["query"].keys()
    assert max(part["rows"] for part in returned) <= 1.25 * manifest["rows"] / 5


@pytest.mark.bigcommerce_sandbox(orders=200)
def test_ids_with_holes_are_cut_into_equal_ranges(night: Night) -> None:
    for order in night.sandbox.store.rows("orders")[:100]:
        if order["id"] % 10:
            night.sandbox.store.delete("orders", order["id"])
    returned = read(night, cut("orders", 4))

    assert [part["rows"] for part in returned] == [27, 28, 27, 28]
    commit(night, returned)
    assert list(night.copy()) == [row["id"] for row in night.sandbox.store.rows("orders") if not row["is_deleted"]]


@pytest.mark.bigcommerce_sandbox(orders=300)
def test_ranges_follow_the_filters_of_the_transfer(night: Night) -> None:
    query = {"status_id": 11}
    wanted = [row["id"] for row in night.sandbox.listed("/v2/orders", {"status_id": "11"})]
    returned = read(night, cut("orders", 3, query=query), query=query)
    manifest = commit(night, returned)

    assert list(night.copy()) == wanted
    assert max(part["rows"] for part in returned) - min(part["rows"] for part in returned) <= 1
    assert manifest["query"]["status_id"] == "11"


@pytest.mark.bigcommerce_sandbox(orders=90)
def test_a_row_that_is_created_while_the_ranges_are_read_is_in_the_last_one(night: Night) -> None:
    ranges = cut("orders", 3)
    first = read(night, ranges[:1])
    new = night.sandbox.store.add_order()["id"]
    commit(night, first + read(night, ranges[1:]))

    assert list(night.copy()) == [row["id"] for row in night.sandbox.store.rows("orders")]
    assert max(night.copy()) == new


@pytest.mark.bigcommerce_sandbox(orders=3)
def test_a_short_list_gets_fewer_ranges_and_an_empty_one_gets_one(night: Night) -> None:
    assert len(cut("orders", 8)) == 3
    for order in night.sandbox.store.rows("orders"):
        night.sandbox.store.delete("orders", order["id"])
    assert len(cut("orders", 8)) == 1
    assert commit(night, read(night, cut("orders", 8), file_format="parquet"))["rows"] == 0


@pytest.mark.bigcommerce_sandbox(orders=120)
def test_a_range_that_is_missing_commits_nothing(night: Night) -> None:
    returned = read(night, cut("orders", 3))

    with pytest.raises(IncompleteReadError, match=r"1 of the 3 ranges of 'orders' did not come: 1"):
        commit(night, [returned[0], returned[2]])
    with pytest.raises(IncompleteReadError, match="given no range"):
        commit(night, [])
    with pytest.raises(InvalidQueryError, match="that no range of a list returned"):
        commit(night, [returned[0], None, returned[2]])
    assert committed(str(night.path), "orders") == []


@pytest.mark.bigcommerce_sandbox(orders=120)
def test_ranges_of_two_cuts_are_not_put_together(night: Night) -> None:
    before = read(night, cut("orders", 3))
    for order in night.sandbox.store.rows("orders")[:50]:
        night.sandbox.store.delete("orders", order["id"])
    after = read(night, cut("orders", 3))

    with pytest.raises(IncompleteReadError, match="belong together"):
        commit(night, [before[0], after[1], after[2]])
    assert committed(str(night.path), "orders") == []


@pytest.mark.bigcommerce_sandbox(orders=120)
def test_files_that_are_not_there_commit_nothing(night: Night, tmp_path: Path) -> None:
    returned = read(night, cut("orders", 3))

    with pytest.raises(DestinationError, match="was written by this run and is not there any more"):
        commit(night, returned, tmp_path / "elsewhere")
    (night.path / returned[1]["files"][0]["path"]).unlink()
    with pytest.raises(DestinationError, match="was written by this run and is not there any more"):
        commit(night, returned)
    assert committed(str(night.path), "orders") == []


@pytest.mark.bigcommerce_sandbox(orders=120)
def test_a_cleared_range_leaves_readers_what_they_had_until_the_next_commit(night: Night) -> None:
    ranges = cut("orders", 3)
    returned = read(night, ranges)
    first = commit(night, returned)
    before = night.copy()
    night.sandbox.store.set_status(min(before), 10)

    again = read_range(night, ranges[0])

    assert night.copy() == before
    second = commit(night, [again, *returned[1:]])
    assert [found.as_json() for found in committed(str(night.path), "orders")] == [second]
    assert night.copy()[min(before)]["status_id"] == 10
    assert night.data_files() == {file["path"] for file in second["files"]}
    assert first["files"][1:] == second["files"][1:]


@pytest.mark.bigcommerce_sandbox(orders=120)
def test_a_commit_may_be_repeated_and_a_new_cut_replaces_the_run(night: Night) -> None:
    returned = read(night, cut("orders", 4))
    first = commit(night, returned)
    assert commit(night, returned)["files"] == first["files"]

    second = commit(night, read(night, cut("orders", 2)))

    assert len(committed(str(night.path), "orders")) == 1
    assert night.data_files() == {file["path"] for file in second["files"]}
    assert list(night.copy()) == [row["id"] for row in night.sandbox.store.rows("orders")]


@pytest.mark.bigcommerce_sandbox(orders=60)
def test_what_a_killed_range_left_is_not_committed(night: Night) -> None:
    ranges = cut("orders", 2)
    returned = read(night, ranges)
    left = (night.path / returned[0]["files"][0]["path"]).with_name("part-00007.jsonl")
    left.write_bytes(b'{"id":1}\n')
    manifest = commit(night, returned)

    assert night.data_files() == {file["path"] for file in manifest["files"]}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"mode": "incremental"}, "mode='incremental' does not go with partition"),
        ({"query": {"min_id": 3}}, "query has 'min_id', which partition sets itself"),
        ({"resource": "products"}, "partition is a range of 'orders', and the task reads 'products'"),
    ],
)
def test_what_does_not_go_with_a_range_is_refused_before_a_request(night: Night, arguments: dict[str, Any], told: str) -> None:
    (part,) = cut("orders", 1)
    night.sandbox.store.requests.clear()
    with pytest.raises(InvalidQueryError, match=told):
        read_range(night, part, **arguments)
    assert night.sandbox.store.requests == []


def test_a_list_that_cannot_be_cut_is_refused_where_the_dag_is_parsed() -> None:
    with pytest.raises(InvalidQueryError, match="'brands' cannot be cut into ranges"):
        BigCommercePartitionOperator(task_id="partition", resource="brands", into=2)
    with pytest.raises(InvalidQueryError, match=r"into=0 \(int\) cannot work. Accepted: a whole number from 1 to 1,000"):
        BigCommercePartitionOperator(task_id="partition", resource="orders", into=0)
