"""Deletes in files: rows that the store has no more are marked, once, and nothing but a whole list may say so."""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_bigcommerce.client.verbs import BigCommerceStore, Page
from airflow_provider_bigcommerce.exceptions import IncompleteReadError, InvalidQueryError, PaginationLoopError, TooManyDeletedError
from airflow_provider_bigcommerce.sandbox.answers import Answer
from airflow_provider_bigcommerce.sandbox.odd_answers import Exchange, page_size
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.transfers.conftest import Night

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def many_brands(night: Night) -> None:
    """The sandbox has three."""
    for number in range(12):
        night.sandbox.store.add("brands", name=f"brand {number}")


def marked(night: Night, resource: str) -> set[Any]:
    """Keys whose newest row says that they are deleted."""
    return {key for key, row in night.copy(resource).items() if row.get("_deleted_at")}


def alive(night: Night, resource: str) -> set[Any]:
    return set(night.copy(resource)) - marked(night, resource)


def ids(night: Night, resource: str) -> set[Any]:
    return {row["id"] for row in night.sandbox.store.rows(resource)}


def delete_some(night: Night, resource: str, count: int = 2) -> set[Any]:
    gone = [row["id"] for row in night.sandbox.store.rows(resource)][3 : 3 + count]
    for row_id in gone:
        assert night.sandbox.store.delete(resource, row_id)
    return set(gone)


@pytest.mark.parametrize(
    ("resource", "mode"),
    [("products", "incremental"), ("customers", "incremental"), ("brands", "incremental"), ("brands", "full"), ("products", "full")],
)
def test_a_deleted_row_is_marked_once_and_the_others_stay(night: Night, resource: str, mode: str) -> None:
    arguments: dict[str, Any] = {"mode": mode, "deletes": "detect", "max_deleted_percent": 50}
    night.run("r1", resource, **arguments)
    gone = delete_some(night, resource)

    second = night.run("r2", resource, after=HOUR, **arguments)
    third = night.run("r3", resource, after=HOUR, **arguments)

    assert (second["deleted"], third["deleted"]) == (2, 0)
    assert sum(file["rows"] for file in second["files"]) == second["rows"] + second["deleted"]
    assert marked(night, resource) == gone
    assert alive(night, resource) == ids(night, resource)


def test_a_mark_in_json_lines_holds_the_key_and_when_it_was_noticed_and_nothing_else(night: Night) -> None:
    night.run("r1", "brands", deletes="detect")
    [gone] = delete_some(night, "brands", 1)
    night.run("r2", "brands", after=HOUR, deletes="detect")

    row = night.copy("brands")[gone]
    assert row.keys() == {"id", "_deleted_at"}
    assert row["_deleted_at"].endswith("Z")


def test_a_mark_in_parquet_is_a_row_of_the_same_schema_that_is_newer_than_the_runs_others(night: Night) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    arguments = {"deletes": "detect", "file_format": "parquet"}
    night.run("r1", "products", **arguments)
    [gone] = delete_some(night, "products", 1)
    second = night.run("r2", "products", after=HOUR, **arguments)

    tables = [parquet.read_table(night.path / file["path"]) for file in second["files"]]
    [row] = tables[-1].to_pylist()
    assert tables[0].schema == tables[-1].schema
    assert {name: value for name, value in row.items() if value is not None} == {
        "id": gone,
        "_deleted_at": row["_synced_at"],
        "_synced_at": row["_synced_at"],
        "_store_hash": night.sandbox.store_hash,
    }
    assert row["_synced_at"].isoformat() > second["started_at"]


@pytest.mark.parametrize("file_format", ["jsonl.gz", "jsonl.zst", "parquet"])
def test_the_copys_keys_are_read_in_every_format(night: Night, file_format: str) -> None:
    night.run("r1", "brands", deletes="detect", file_format=file_format)
    delete_some(night, "brands", 1)

    assert night.run("r2", "brands", after=HOUR, deletes="detect", file_format=file_format)["deleted"] == 1
    assert night.run("r3", "brands", after=HOUR, deletes="detect", file_format=file_format)["deleted"] == 0


def test_an_incremental_run_asks_for_ids_alone_and_a_whole_read_knows_them_already(night: Night) -> None:
    for resource in ("products", "brands"):
        night.run("r1", resource)
        night.run("r2", resource, after=HOUR)
        plain = len(night.requests(f"/v3/catalog/{resource}"))
        night.sandbox.store.requests.clear()
        night.run("r3", resource, after=HOUR, deletes="detect")
        queries = night.requests(f"/v3/catalog/{resource}")
        for_ids = [query for query in queries if "include_fields=id" in query]

        assert all("date_modified" not in query for query in for_ids)
        assert (len(for_ids) > 0) == (resource == "products")
        assert resource == "products" or len(queries) * 2 == plain
        night.sandbox.store.requests.clear()


def test_the_cost_is_told_before(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        night.run("r1", "products", deletes="detect")

    count = night.sandbox.store.count("products")
    assert f"Looking for deleted products: the ids of {count:,} rows, about {-(-count // 250):,} requests." in caplog.text


def test_a_row_that_comes_back_is_alive_again(night: Night) -> None:
    store = night.sandbox.store
    for resource in ("products", "brands"):
        night.run("r1", resource, deletes="detect")
        row = store.rows(resource)[3]
        store.delete(resource, row["id"])
        night.run("r2", resource, after=HOUR, deletes="detect")
        store.add(resource, **row)

        night.run("r3", resource, after=HOUR, deletes="detect")

        assert marked(night, resource) == set()
        assert night.copy(resource)[row["id"]]["name"] == row["name"]


def test_a_row_that_comes_back_with_its_old_change_date_is_read_by_its_id(night: Night) -> None:
    store = night.sandbox.store
    night.run("r1", "products", deletes="detect")
    product = store.rows("products")[3]
    store.delete("products", product["id"])
    night.run("r2", "products", after=HOUR, deletes="detect")
    store.add("products", **product)
    store.edit("products", product["id"], date_modified=product["date_modified"])

    third = night.run("r3", "products", after=HOUR, deletes="detect")

    assert (third["rows"], third["deleted"]) == (1, 0)
    assert night.copy("products")[product["id"]]["name"] == product["name"]


# -- archived orders --------------------------------------------------------------------------------------------------


def test_an_archived_order_is_marked_and_keeps_what_it_holds(night: Night) -> None:
    night.run("r1", deletes="detect")
    [gone] = delete_some(night, "orders", 1)
    night.sandbox.store.requests.clear()

    second = night.run("r2", after=HOUR, deletes="detect")

    order = night.copy()[gone]
    assert (second["deleted"], second["rows"]) == (1, 0)
    assert order["is_deleted"] is True
    assert order["_deleted_at"]
    assert order["total_inc_tax"]
    assert order["consignments"]["shipping"] or order["consignments"]["downloads"]
    assert [request.path for request in night.sandbox.store.requests if request.path == f"/v2/orders/{gone}"]


def test_an_order_that_is_archived_no_more_is_alive_again(night: Night) -> None:
    night.run("r1", deletes="detect")
    [gone] = delete_some(night, "orders", 1)
    night.run("r2", after=HOUR, deletes="detect")
    night.later(HOUR)
    night.sandbox.store.edit("orders", gone, is_deleted=False)

    night.run("r3", after=HOUR, deletes="detect")

    assert marked(night, "orders") == set()
    assert night.copy()[gone]["is_deleted"] is False


# -- what must not delete ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ["brands", "products"])
def test_a_run_that_would_delete_too_much_stops_and_says_how_to_allow_it(night: Night, resource: str) -> None:
    night.run("r1", resource, deletes="detect")
    before = night.copy(resource)
    count = len(before)
    many = count // 4 + 1
    delete_some(night, resource, many)

    message = (
        rf"{many} of the {count} {resource} in the copy are no longer in the store: \d+\.\d%, and max_deleted_percent is 20\. .*higher"
    )
    with pytest.raises(TooManyDeletedError, match=message):
        night.run("r2", resource, after=HOUR, deletes="detect")
    assert night.copy(resource) == before
    assert len(committed(str(night.path), resource)) == 1

    assert night.run("r2", resource, deletes="detect", max_deleted_percent=60)["deleted"] == many


def test_an_empty_answer_empties_no_copy(night: Night) -> None:
    night.run("r1", "brands", deletes="detect")
    for row_id in ids(night, "brands"):
        night.sandbox.store.delete("brands", row_id)

    with pytest.raises(TooManyDeletedError, match=r"100\.0%"):
        night.run("r2", "brands", after=HOUR, deletes="detect", max_deleted_percent=99.9)


@pytest.mark.parametrize("resource", ["brands", "products", "customers"])
def test_a_list_of_ids_that_lacks_rows_is_an_error_before_anything_is_deleted(
    night: Night, resource: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    night.run("r1", resource, deletes="detect")
    pages = BigCommerceStore.pages

    async def without_the_last_rows(self: BigCommerceStore, name: str, **about: Any) -> Any:
        async for page in pages(self, name, **about):
            total = page.total if page.total is not None else night.sandbox.store.count(resource)
            is_narrowed = about.get("since") is not None
            yield page if is_narrowed else Page(page.records[:-1], page.number, total, page.position)

    monkeypatch.setattr(BigCommerceStore, "pages", without_the_last_rows)
    with pytest.raises(IncompleteReadError, match="different rows came"):
        night.run("r2", resource, after=HOUR, deletes="detect", max_deleted_percent=100)
    assert len(committed(str(night.path), resource)) == 1


def test_an_order_that_the_list_leaves_out_and_the_store_still_has_is_an_error(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.run("r1", deletes="detect")
    left_out = night.sandbox.store.rows("orders")[3]["id"]
    pages, count = BigCommerceStore.pages, BigCommerceStore.count

    async def pages_without_it(self: BigCommerceStore, name: str, **about: Any) -> Any:
        async for page in pages(self, name, **about):
            yield Page([record for record in page.records if json.loads(bytes(record))["id"] != left_out], page.number, None, page.position)

    async def count_without_it(self: BigCommerceStore, name: str, **about: Any) -> int:
        return await count(self, name, **about) - 1

    monkeypatch.setattr(BigCommerceStore, "pages", pages_without_it)
    monkeypatch.setattr(BigCommerceStore, "count", count_without_it)
    with pytest.raises(IncompleteReadError, match="the store gives it by its id: the list was not whole"):
        night.run("r2", after=HOUR, deletes="detect")


def test_a_filter_never_makes_a_row_look_deleted(night: Night) -> None:
    store = night.sandbox.store
    night.run("r1", "products", deletes="detect")
    product = store.rows("products")[0]
    visible = {"is_visible": not product["is_visible"]}

    night.run("narrow", "products", after=HOUR, deletes="detect", query=visible)
    night.run("full", "products", after=HOUR, mode="full", deletes="detect", query=visible)

    assert marked(night, "products") == set()


def test_a_cleared_run_marks_again_what_is_gone(night: Night) -> None:
    night.run("r1", "brands", deletes="detect")
    gone = delete_some(night, "brands", 1)
    night.run("r2", "brands", after=HOUR, deletes="detect")

    assert night.run("r2", "brands", after=HOUR, deletes="detect")["deleted"] == 1
    assert marked(night, "brands") == gone


def test_children_of_a_vanished_parent_are_gone(night: Night) -> None:
    night.run("r1", "product_images", deletes="detect", mode="full")
    [product] = delete_some(night, "products", 1)
    had = {key for key, row in night.copy("product_images").items() if row["product_id"] == product}

    night.run("r2", "product_images", after=HOUR, deletes="detect", mode="incremental", max_deleted_percent=60)

    assert marked(night, "product_images") == had


# -- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"deletes": "delete"}, r"deletes='delete' is unknown. Accepted: 'ignore', 'detect'"),
        (
            {"deletes": "detect", "max_deleted_percent": 120},
            r"max_deleted_percent=120 \(int\) cannot work. Accepted: a number from 0 to 100",
        ),
        ({"deletes": "detect", "resource": "store_information"}, r"deletes='detect' does not apply to 'store_information'"),
        ({"deletes": "detect", "resource": "carts"}, r"deletes='detect' does not apply to 'carts'"),
        ({"deletes": "detect", "mode": "backfill"}, r"does not go with mode='backfill'"),
        ({"deletes": "detect", "partition": {"id_min": 1}}, r"deletes does not go with partition"),
    ],
)
def test_what_cannot_work_is_refused_where_the_dag_is_parsed(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidQueryError, match=message):
        BigCommerceToObjectStorageOperator(task_id="t", path="/nowhere", **{"resource": "orders", **arguments})


def test_the_manifest_of_a_run_that_looked_for_no_deletes_says_none(night: Night) -> None:
    assert json.loads(json.dumps(night.run("r1", "brands")))["deleted"] == 0


@pytest.mark.parametrize("times", [1, 2, None], ids=["once", "twice", "for ever"])
@pytest.mark.parametrize("resource", ["products", "customers", "brands"])
def test_a_list_whose_answers_lose_their_rows_and_their_total_marks_nothing(night: Night, resource: str, times: int | None) -> None:
    arguments: dict[str, Any] = {"mode": "incremental", "deletes": "detect", "max_deleted_percent": 100}
    night.run("r1", resource, **arguments)
    path = {"products": "/v3/catalog/products", "customers": "/v3/customers", "brands": "/v3/catalog/brands"}[resource]
    night.sandbox.store.odd(rf"^{path}(\?|$)", answer=page_size(3), times=None)
    night.sandbox.store.odd(rf"^{path}\?(?!.*date_modified)", answer=nothing, nth=3, times=times)

    with contextlib.suppress(IncompleteReadError, PaginationLoopError):
        night.run("r2", resource, after=HOUR, **arguments)

    assert marked(night, resource) == set()
    assert alive(night, resource) == ids(night, resource)


def nothing(_: Exchange) -> Answer:
    return Answer(200, b'{"data":[],"meta":{"pagination":{"total":0}}}')
