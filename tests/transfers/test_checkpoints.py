"""A retry goes on behind the last part file that was closed: nothing is lost, doubled or read again, and nothing stale is gone on with."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.compat import come_again
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.exceptions import BigCommerceError, ConflictError, InvalidQueryError, ServerError, ValidationError
from airflow_provider_bigcommerce.rows.row_keys import SeenKeys
from airflow_provider_bigcommerce.rows.schemas import schema
from airflow_provider_bigcommerce.state import Checkpoint, Part, Reached
from airflow_provider_bigcommerce.targets.files import into_files
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.part_writer import PartWriter
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.transfers.conftest import Night

KEY = "bigcommerce_checkpoint"
REFUSAL = {"status": 409, "body": b"[]"}

#: Resource, its path, how one of its pages is asked for, and arguments that make it several parts; one of each kind of walk.
LISTS = {
    "products": ("/v3/catalog/products", {"query": {"limit": 10}}),  # ranges of ids
    "orders": ("/v2/orders", {"query": {"limit": 10}}),  # ranges of ids, V2
    "customers": ("/v3/customers", {"query": {"limit": 10}}),  # a cursor
    "product_variants": ("/v3/catalog/variants", {"query": {"limit": 10}}),  # page numbers
    "order_products": ("/v2/orders/", {}),  # one list a parent
}


def broken_off(night: Night, resource: str, *, after: int, path: str = "", **arguments: Any) -> None:
    """A try that the store refuses after some pages."""
    match = f"^{re.escape(path or LISTS[resource][0])}"
    night.sandbox.store.fail_next(1, "answer", match=match, skip=after, **REFUSAL)
    with pytest.raises(ConflictError):
        night.run("r1", resource, **arguments)


def reached(night: Night, resource: str) -> dict[str, Any] | None:
    """What the state holds of the run."""
    return night.airflow.task_states["r1", resource, -1].get(KEY, {}).get("reached")


def ids_asked_for(night: Night, path: str) -> list[int]:
    """The ids that the requests' ranges begin with."""
    return [int(match[1]) for query in night.requests(path) if (match := re.search(r"(?:id(?:%3A|:)min|min_id)=(\d+)", query))]


def the_copy_is_the_store(night: Night, resource: str, manifest: dict[str, Any]) -> None:
    copy = night.copy(resource)
    assert sorted(copy) == sorted(row["id"] for row in night.sandbox.store.rows(resource))
    assert manifest["rows"] == len(copy)
    assert sum(file["rows"] for file in manifest["files"]) == manifest["rows"]
    assert night.data_files(resource) == {file["path"] for file in manifest["files"]}


@pytest.mark.bigcommerce_sandbox(products=60, orders=60, customers=60)
@pytest.mark.parametrize("resource", [name for name in LISTS if name != "order_products"])
def test_a_retry_goes_on_behind_what_an_earlier_try_had_read(night: Night, resource: str) -> None:
    path, arguments = LISTS[resource]
    arguments = {"mode": "full", "max_rows_per_file": 20, **arguments}
    # A list with page numbers is read from its first page on when its last one is known.
    broken_off(night, resource, after=4 if CATALOG[resource].guarantee == "exact" else 7, **arguments)
    left = reached(night, resource)
    assert left is not None
    had = sum(rows for _, rows, _, _ in left["parts"])
    assert had >= 20
    assert committed(str(night.path), resource) == []
    requests = len(night.requests(path))
    night.sandbox.store.requests.clear()

    manifest = night.run("r1", resource, **arguments)

    the_copy_is_the_store(night, resource, manifest)
    if "id" in left["position"]:  # how many requests read its ranges depends on which answers come first
        asked = ids_asked_for(night, path)
        assert len(asked) == len(night.requests(path))
        assert min(asked) >= left["position"]["id"]
    elif CATALOG[resource].guarantee == "exact":
        assert len(night.requests(path)) <= (manifest["rows"] - had) / 10 + 3
    assert manifest["requests"] > requests
    assert KEY not in night.airflow.task_states["r1", resource, -1]
    assert not list((night.path / resource).glob("_checkpoints/*"))


@pytest.mark.bigcommerce_sandbox(products=200)
def test_rows_before_the_last_closed_part_are_not_asked_for_again(night: Night) -> None:
    arguments = {"mode": "full", "max_rows_per_file": 50, "query": {"limit": 10}}
    broken_off(night, "products", after=12, **arguments)
    left = reached(night, "products")
    assert left is not None
    night.sandbox.store.requests.clear()

    night.run("r1", "products", **arguments)

    first = left["position"]["id"]
    assert first > 50
    assert min(ids_asked_for(night, "/v3/catalog/products")) == first


@pytest.mark.bigcommerce_sandbox(products=60)
@pytest.mark.parametrize("file_format", ["parquet", "jsonl.gz"])
def test_parts_of_every_format_are_gone_on_with(night: Night, file_format: str) -> None:
    arguments = {"mode": "full", "max_rows_per_file": 20, "query": {"limit": 10}, "file_format": file_format}
    broken_off(night, "products", after=4, **arguments)
    first = set(night.data_files("products"))
    assert first

    manifest = night.run("r1", "products", **arguments)

    assert first <= {file["path"] for file in manifest["files"]}
    assert manifest["rows"] == night.sandbox.store.count("products")


@pytest.mark.bigcommerce_sandbox(products=60)
def test_rows_that_page_numbers_bring_again_are_known_from_the_earlier_try(night: Night) -> None:
    arguments = {"mode": "full", "max_rows_per_file": 20, "query": {"limit": 10}}
    broken_off(night, "product_variants", after=7, **arguments)
    left = reached(night, "product_variants")
    assert left is not None
    assert (night.path / left["keys"]).exists()

    # The first rows go, so that the pages shift between the tries.
    for row in night.sandbox.store.rows("product_variants")[:3]:
        night.sandbox.store.delete("product_variants", row["id"])
    manifest = night.run("r1", "product_variants", **arguments)

    copy = night.copy("product_variants")
    assert {row["id"] for row in night.sandbox.store.rows("product_variants")} <= set(copy)
    assert manifest["rows"] == len(copy)


@pytest.mark.bigcommerce_sandbox(orders=40)
def test_children_are_gone_on_with_behind_the_parents_that_were_done(night: Night) -> None:
    parents = [row["id"] for row in night.sandbox.store.rows("orders")]
    arguments = {"mode": "full", "max_rows_per_file": 5, "parent_ids": parents}
    broken_off(night, "order_products", after=25, path="/v2/orders/", **arguments)
    left = reached(night, "order_products")
    assert left is not None
    night.sandbox.store.requests.clear()

    manifest = night.run("r1", "order_products", **arguments)

    asked = {int(request.path.split("/")[3]) for request in night.sandbox.store.requests if request.path.endswith("/products")}
    assert len(asked) < len(parents)
    rows = {row["id"] for parent in parents for row in night.sandbox.store.rows("order_products", parent)}
    assert set(night.copy("order_products")) == rows
    assert manifest["rows"] == len(rows)


@pytest.mark.bigcommerce_sandbox(orders=60)
def test_an_incremental_run_that_went_on_leaves_out_its_own_rows_next_time(night: Night) -> None:
    arguments = {"max_rows_per_file": 10, "query": {"limit": 5}, "overlap": timedelta(days=4000)}
    broken_off(night, "orders", after=4, **arguments)
    night.run("r1", **arguments)

    second = night.run("r2", after=timedelta(hours=1), **arguments)

    assert second["rows"] == 0
    assert second["duplicates_dropped"] == night.sandbox.store.count("orders")


@pytest.mark.bigcommerce_sandbox(products=60)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"query": {"limit": 10, "is_visible": True}}, "the task or the provider has changed since"),
        ({"exclude_fields": ["description"]}, "the task or the provider has changed since"),
    ],
)
def test_a_task_that_was_changed_begins_anew(night: Night, change: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture) -> None:
    arguments = {"mode": "full", "max_rows_per_file": 20, "query": {"limit": 10}}
    broken_off(night, "products", after=4, **arguments)
    first = night.data_files("products")

    manifest = night.run("r1", "products", **{**arguments, **change})

    assert reason in caplog.text
    assert {file["path"] for file in manifest["files"]} == night.data_files("products")
    visible = [row for row in night.sandbox.store.rows("products") if row["is_visible"] or "query" not in change]
    assert manifest["rows"] == len(visible)
    assert first


@pytest.mark.bigcommerce_sandbox(products=60)
@pytest.mark.parametrize("harm", ["removed", "cut"])
def test_a_part_that_is_not_what_it_was_is_read_again(night: Night, harm: str, caplog: pytest.LogCaptureFixture) -> None:
    arguments = {"mode": "full", "max_rows_per_file": 20, "query": {"limit": 10}}
    broken_off(night, "products", after=4, **arguments)
    part = night.path / sorted(night.data_files("products"))[0]
    part.unlink() if harm == "removed" else part.write_bytes(part.read_bytes()[:-10])

    manifest = night.run("r1", "products", **arguments)

    assert f"{part.relative_to(night.path)} is not there any more, or is not what it was: the run starts from the beginning" in caplog.text
    the_copy_is_the_store(night, "products", manifest)


@pytest.mark.bigcommerce_sandbox(products=60)
def test_what_was_read_more_than_a_day_ago_is_read_again(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    arguments = {"mode": "full", "max_rows_per_file": 20, "query": {"limit": 10}}
    broken_off(night, "products", after=4, **arguments)
    left = reached(night, "products")
    assert left is not None
    left["at"] = (datetime.now(UTC) - timedelta(hours=25)).isoformat(timespec="seconds")

    manifest = night.run("r1", "products", **arguments)

    assert "that was more than a day ago: the run starts from the beginning" in caplog.text
    the_copy_is_the_store(night, "products", manifest)


@pytest.mark.bigcommerce_sandbox(customers=60)
def test_a_place_that_the_store_no_longer_knows_is_given_up(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    arguments = {"mode": "full", "max_rows_per_file": 20, "query": {"limit": 10}}
    broken_off(night, "customers", after=4, **arguments)
    night.sandbox.store.fail_next(1, "answer", match="^/v3/customers.*after=", status=422, body=b"{}")
    with pytest.raises(ValidationError):
        night.run("r1", "customers", **arguments)
    assert "the store refused to continue there (422): the run starts from the beginning" in caplog.text
    assert reached(night, "customers") is None

    the_copy_is_the_store(night, "customers", night.run("r1", "customers", **arguments))


@pytest.mark.bigcommerce_sandbox(products=60)
def test_a_try_that_begins_anew_and_is_broken_off_leaves_no_mixture(night: Night) -> None:
    arguments = {"mode": "full", "max_rows_per_file": 20, "query": {"limit": 10}}
    broken_off(night, "products", after=4, **arguments)
    broken_off(night, "products", after=0, **{**arguments, "exclude_fields": ["description"]})
    assert reached(night, "products") is None
    assert len(night.data_files("products")) == 2  # what was read is not removed before something else is committed
    assert committed(str(night.path), "products") == []

    the_copy_is_the_store(night, "products", night.run("r1", "products", **arguments))


@pytest.mark.bigcommerce_sandbox(products=60)
def test_a_read_shorter_than_a_part_writes_the_state_once(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.airflow_memory import StateStore

    written: list[str] = []
    plain = StateStore.set
    monkeypatch.setattr(StateStore, "set", lambda self, key, value: (written.append(key), plain(self, key, value))[1])

    night.run("r1", "products", mode="full")

    assert written == [KEY]


def test_a_run_of_hundreds_of_parts_fits_into_one_value_of_the_state() -> None:
    from msgspec import json as msgspec_json

    parts = tuple(Part(f"part-{number:05d}.jsonl.zst", 500_000, 10**9, "f" * 64) for number in range(500))
    state = Checkpoint(
        until=None, since=None, replaces=None, reached=Reached(what="0" * 16, at="", position={"id": 2**53}, parts=parts, found=10**9)
    )

    assert len(msgspec_json.encode(state)) < 64 * 1024


def test_a_part_is_closed_when_its_time_is_over(tmp_path: Path) -> None:
    moments = iter([0.0, 100.0, 299.9, 300.0, 310.0, 900.0])
    writer = PartWriter(Destination.at(str(tmp_path)), "x/run=1", "jsonl", schema("brands"), max_seconds=300, clock=lambda: next(moments))

    closed = [[part.rows for part in writer.write([b'{"id":1}'])] for _ in range(3)]

    assert closed == [[], [], [3]]


def test_keys_are_the_same_after_they_were_kept() -> None:
    seen = SeenKeys()
    keys: list[Any] = [0, 1, 250, -3, 2**61, 2**63, "a", ("b", 5), *range(10**6, 10**9, 10**7)]
    for key in keys:
        assert seen.add(key)

    again = SeenKeys.from_bytes(seen.to_bytes())

    assert [again.add(key) for key in keys] == [False] * len(keys)
    assert again.add(2)
    with pytest.raises(ValueError, match=r"."):
        SeenKeys.from_bytes(b"no keys")


# -- a long wait ------------------------------------------------------------------------------------------------------


@pytest.mark.bigcommerce_sandbox(products=60, quota="8/3600")
def test_a_task_that_would_wait_too_long_gives_its_slot_back_and_goes_on_later(night: Night) -> None:
    arguments = {"mode": "full", "query": {"limit": 5}, "hand_back_after": timedelta(minutes=10)}
    with pytest.raises(type(come_again(datetime.now(UTC)))) as raised:
        night.run("r1", "products", **arguments)
    left = reached(night, "products")
    assert left is not None
    had = sum(rows for _, rows, _, _ in left["parts"])

    assert timedelta(minutes=50) < raised.value.reschedule_date - datetime.now(UTC) < timedelta(minutes=61)
    assert 0 < had < 60
    assert committed(str(night.path), "products") == []
    night.sandbox.store.quota.limit = None
    night.sandbox.store.requests.clear()
    manifest = night.run("r1", "products", **arguments)
    the_copy_is_the_store(night, "products", manifest)
    assert len(night.requests("/v3/catalog/products")) <= 60 / 5 - had / 5 + 2


@pytest.mark.bigcommerce_sandbox(products=60)
def test_an_outage_ends_in_one_error_and_keeps_what_was_read(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = night.sandbox.connection
    extra = {**connection["extra"], "max_attempts": 2}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps({**connection, "extra": extra}))
    night.sandbox.store.fail_next(1000, "503", match="^/v3/catalog/products", skip=3)

    with pytest.raises(ServerError, match=r"Gave up after 2 attempts"):
        night.run("r1", "products", mode="full", query={"limit": 10})

    left = reached(night, "products")
    assert left is not None
    assert 0 < left["found"] == sum(rows for _, rows, _, _ in left["parts"]) <= 30  # three pages were answered
    assert committed(str(night.path), "products") == []


@pytest.mark.parametrize("name", ["checkpoint_every", "hand_back_after"])
def test_a_time_that_is_none_is_refused_where_the_dag_is_parsed(name: str) -> None:
    with pytest.raises(InvalidQueryError, match=rf"{name}=0:00:00 .* cannot work. Accepted: a timedelta above 0"):
        BigCommerceToObjectStorageOperator(task_id="t", resource="orders", path="/data", **{name: timedelta(0)})


def test_outside_a_task_a_long_wait_is_waited_for(night: Night) -> None:
    operator = BigCommerceToObjectStorageOperator(
        task_id="t", resource="brands", path=str(night.path), file_format="jsonl", hand_back_after=timedelta(microseconds=1)
    )
    try:
        assert operator.execute({})["rows"] == night.sandbox.store.count("brands")
    except BigCommerceError as error:
        pytest.fail(str(error))


@pytest.mark.bigcommerce_sandbox(products=40)
@pytest.mark.parametrize("most_rows", [500_000, None])
def test_a_file_ends_by_its_bytes_too_unless_time_alone_ends_files(
    night: Night, monkeypatch: pytest.MonkeyPatch, most_rows: int | None
) -> None:
    monkeypatch.setattr(into_files, "FILE_BYTES", 10)  # less than a page

    manifest = night.run("r1", "products", mode="full", max_rows_per_file=most_rows, query={"limit": 10})

    assert (len(manifest["files"]) == 1) is (most_rows is None)
    the_copy_is_the_store(night, "products", manifest)


@pytest.mark.bigcommerce_sandbox(products=60)
@pytest.mark.parametrize("given_back", [0, 1])
def test_a_first_try_has_no_earlier_one_unless_it_gave_its_slot_back(night: Night, given_back: int) -> None:
    arguments = {"mode": "full", "max_rows_per_file": 20, "query": {"limit": 10}, "file_format": "jsonl"}
    broken_off(night, "products", after=4, **arguments)  # and the DAG run is deleted: another one of its name begins
    assert reached(night, "products") is not None
    night.sandbox.store.requests.clear()

    operator = BigCommerceToObjectStorageOperator(task_id="products", resource="products", path=str(night.path), **arguments)
    manifest = operator.execute({**night.airflow.context("r1", "products"), "task_reschedule_count": given_back})

    the_copy_is_the_store(night, "products", manifest)
    asked = night.requests("/v3/catalog/products")
    assert (len(ids_asked_for(night, "/v3/catalog/products")) == len(asked)) is (given_back == 1)
