"""A copy in files held against the sandbox: equal copies are equal, and every kind of damage is found by key and field."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import CopyMismatchError, InvalidQueryError, PermissionDeniedError
from airflow_provider_bigcommerce.files.manifest import committed
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from tests.reconcile.conftest import Archive, Row, every_format

pytestmark = pytest.mark.bigcommerce_sandbox(products=40, orders=60, customers=30)


def changed(key: int, **fields: Any) -> Any:
    """Damage that changes fields of one row."""
    return lambda rows: [{**row, **fields} if row["id"] == key else row for row in rows]


def without(*keys: int) -> Any:
    return lambda rows: [row for row in rows if row["id"] not in keys]


def with_copy(of: int, key: int) -> Any:
    """Damage that adds a row which no store has."""
    return lambda rows: [*rows, {**next(row for row in rows if row["id"] == of), "id": key}]


def found(report: Row) -> tuple[list[Any], list[Any], list[Any]]:
    return [(row["key"], row["fields"]) for row in report["changed"]], report["missing"], report["deleted"]


@pytest.mark.parametrize("resource", ["orders", "products", "customers"])
def test_a_copy_that_was_just_made_equals_the_store(archive: Archive, resource: str) -> None:
    archive.make(resource)

    report = archive.reconcile(resource, days=31)

    assert (report["equal"], found(report), report["passed"]) == (True, ([], [], []), 0)
    assert report["compared"] == report["rows"] == archive.night.sandbox.store.count(resource)
    assert report["counts_checked"] > 20


@every_format
def test_a_copy_of_several_runs_is_the_newest_row_of_each_key(archive: Archive) -> None:
    archive.make()
    store = archive.night.sandbox.store
    ids = [row["id"] for row in archive.night.sandbox.listed("/v2/orders")]
    archive.night.later(timedelta(minutes=30))
    store.edit("orders", ids[3], status_id=10)
    archive.make()

    assert archive.reconcile()["equal"] is True
    archive.damage(changed(ids[3], staff_notes="in a version that no longer counts"))
    assert archive.reconcile()["equal"] is True


@every_format
def test_every_kind_of_damage_is_found_by_key_and_field_repaired_and_gone(archive: Archive) -> None:
    archive.make()
    ids = sorted(row["id"] for row in archive.night.sandbox.listed("/v2/orders"))
    amount = Decimal("1.5000") if archive.file_format == "parquet" else "1.5000"
    for change in (
        changed(ids[5], staff_notes="x"),
        changed(ids[7], total_inc_tax=amount),
        without(ids[9], ids[11]),
        with_copy(ids[0], 999_999),
    ):
        archive.damage(change)

    report = archive.reconcile()

    assert report["equal"] is False
    assert found(report) == ([(ids[5], ["staff_notes"]), (ids[7], ["total_inc_tax"])], [ids[9], ids[11]], [999_999])
    assert report["totals"]["store"]["sum"] != report["totals"]["copy"]["sum"]
    runs = len(committed(str(archive.night.path), "orders"))

    repaired = archive.reconcile(on_mismatch="repair")

    assert (repaired["equal"], found(repaired)) == (False, ([], [], [999_999]))  # what the store no longer has is reported, not removed
    assert repaired["repaired"] >= 4
    assert len(committed(str(archive.night.path), "orders")) == runs + 1
    assert found(archive.reconcile()) == ([], [], [999_999])
    archive.damage(without(999_999))
    assert archive.reconcile()["equal"] is True


def test_a_repair_leaves_the_watermark_and_the_next_incremental_run_as_they_were(archive: Archive) -> None:
    archive.make()
    before = dict(archive.night.airflow.watermarks)
    ids = [row["id"] for row in archive.night.sandbox.listed("/v2/orders")]
    archive.damage(without(ids[4]))

    assert archive.reconcile(on_mismatch="repair")["equal"] is True
    assert dict(archive.night.airflow.watermarks) == before
    assert archive.make()["rows"] == 0
    assert archive.reconcile()["equal"] is True


def test_a_missing_row_is_found_by_counts_alone_with_a_sample_of_none(archive: Archive) -> None:
    archive.make()
    ids = [row["id"] for row in archive.night.sandbox.listed("/v2/orders")]
    archive.damage(without(ids[17]))

    report = archive.reconcile(sample=0)

    assert found(report) == ([], [ids[17]], [])
    by = {count["by"] for count in report["counts"] if not count["equal"]}
    assert {"all", "status_id"} <= by


def test_the_same_seed_draws_the_same_rows_and_the_sample_is_bounded(archive: Archive) -> None:
    archive.make()
    archive.night.sandbox.store.requests.clear()
    first = archive.reconcile(sample=20, seed="a", days=0)
    asked = archive.night.requests("/v2/orders")
    archive.night.sandbox.store.requests.clear()
    archive.reconcile(sample=20, seed="a", days=0)

    assert first["compared"] == 20
    assert archive.night.requests("/v2/orders") == asked
    archive.night.sandbox.store.requests.clear()
    assert archive.reconcile(sample=None)["compared"] == first["rows"]


def test_what_changed_in_the_store_since_the_copy_was_made_is_no_mismatch(archive: Archive) -> None:
    archive.make()
    store = archive.night.sandbox.store
    ids = [row["id"] for row in archive.night.sandbox.listed("/v2/orders")]
    archive.night.later(timedelta(minutes=20))
    store.edit("orders", ids[2], status_id=10, staff_notes="later")
    store.add_order(customer_id=0)

    report = archive.reconcile()

    assert (report["equal"], report["newer"], found(report)) == (True, 2, ([], [], []))


def test_a_store_that_changes_while_it_is_read_raises_no_false_alarm(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_bigcommerce.client import BigCommerceStore

    archive.make()
    store = archive.night.sandbox.store
    ids = sorted(row["id"] for row in archive.night.sandbox.listed("/v2/orders"))
    archive.night.later(timedelta(minutes=20))
    counted = BigCommerceStore.count
    victims = iter(ids)

    async def count_then_change(self: BigCommerceStore, *arguments: Any, **named: Any) -> int:
        total = await counted(self, *arguments, **named)
        key = next(victims, None)
        if key is not None:
            store.edit("orders", key, staff_notes=f"edited after {total}")
        store.add_order(customer_id=0)
        return total

    monkeypatch.setattr(BigCommerceStore, "count", count_then_change)

    report = archive.reconcile(on_mismatch="fail", days=31)

    assert (report["equal"], found(report)) == (True, ([], [], []))
    assert report["newer"] > 20


def test_fail_names_the_first_differences_and_no_value(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "airflow_provider_bigcommerce")
    archive.make()
    ids = [row["id"] for row in archive.night.sandbox.listed("/v2/orders")]
    archive.damage(changed(ids[1], staff_notes="Mr Smith wants it blue"))
    archive.damage(without(ids[6]))

    with pytest.raises(CopyMismatchError) as caught:
        archive.reconcile(on_mismatch="fail")

    assert f"{ids[1]} differs in staff_notes; {ids[6]} is missing in the copy" in str(caught.value)
    assert "Smith" not in str(caught.value) + caplog.text


def test_the_log_tells_the_requests_beforehand_and_what_was_found(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "airflow_provider_bigcommerce")
    archive.make()
    archive.reconcile(days=3)

    told = [record.getMessage() for record in caplog.records]
    (costs,) = [line for line in told if line.startswith("Reconciling orders")]
    counts = int(costs.partition("This takes ")[2].split()[0])
    (table,) = [line for line in told if "numbers and" in line]
    assert table.startswith(f"{counts} numbers and 60 rows were compared")
    assert "The copy of orders equals the store." in told


def test_the_report_is_written_whole_and_the_result_is_json(archive: Archive) -> None:
    archive.make()
    ids = [row["id"] for row in archive.night.sandbox.listed("/v2/orders")]
    archive.damage(without(ids[6]))

    report = archive.reconcile(report_path=str(archive.night.path))

    (file,) = (archive.night.path / "orders" / "_reports").iterdir()
    assert json.loads(file.read_bytes())["missing"] == [ids[6]]
    assert json.loads(json.dumps(report))["differences"] == 1
    assert archive.reconcile()["missing"] == [ids[6]]  # a report is no data


@pytest.mark.parametrize(
    "resource", ["brands", "categories", "coupons", "customer_groups", "order_transactions", "product_images", "price_lists"]
)
def test_resources_without_dates_statuses_or_a_list_of_their_own_are_proved_too(archive: Archive, resource: str) -> None:
    archive.make(resource, mode="full")

    report = archive.reconcile(resource)
    assert (report["equal"], found(report), report["compared"] > 0) == (True, ([], [], []), True)


@every_format
def test_a_copy_that_is_made_whole_each_time_is_repaired_whole(archive: Archive) -> None:
    archive.make("brands", mode="full")
    ids = [row["id"] for row in archive.night.sandbox.listed("/v3/catalog/brands")]
    archive.damage(changed(ids[0], page_title="x"), "brands")
    archive.damage(without(ids[1]), "brands")

    assert found(archive.reconcile("brands")) == ([(ids[0], ["page_title"])], [ids[1]], [])
    assert archive.reconcile("brands", on_mismatch="repair")["equal"] is True
    newest = committed(str(archive.night.path), "brands")[0]
    assert (newest.mode, newest.rows) == ("full", len(ids))
    assert archive.reconcile("brands")["equal"] is True


def test_children_of_a_parent_are_repaired_by_reading_that_parent_alone(archive: Archive) -> None:
    archive.make("order_transactions", mode="full")
    copied = _rows(archive, "order_transactions")
    archive.damage(changed(copied[3]["id"], gateway="x"), "order_transactions")
    archive.night.sandbox.store.requests.clear()

    report = archive.reconcile("order_transactions", on_mismatch="repair")

    assert (report["equal"], report["repaired"] >= 1) == (True, True)
    assert archive.reconcile("order_transactions")["equal"] is True


def test_a_copy_with_a_filter_is_held_against_the_same_filter(archive: Archive) -> None:
    archive.make("products", mode="full", query={"is_visible": True})

    report = archive.reconcile("products")

    assert (report["equal"], found(report)) == (True, ([], [], []))
    assert report["rows"] == len(archive.night.sandbox.listed("/v3/catalog/products", {"is_visible": "true"}))


@every_format
def test_a_copy_with_fewer_fields_is_compared_by_those(archive: Archive) -> None:
    archive.make(exclude_fields=["billing_address.email", "staff_notes"])

    report = archive.reconcile(exclude_fields=["billing_address.email", "staff_notes"])

    assert (report["equal"], found(report)) == (True, ([], [], []))


def test_fields_that_change_on_their_own_can_be_left_out(archive: Archive) -> None:
    archive.make("products")
    ids = [row["id"] for row in archive.night.sandbox.listed("/v3/catalog/products")]
    archive.damage(changed(ids[0], total_sold=12345), "products")

    assert found(archive.reconcile("products"))[0] == [(ids[0], ["total_sold"])]
    assert archive.reconcile("products", ignore_fields=["total_sold"])["equal"] is True


@pytest.mark.bigcommerce_sandbox(products=3, orders=0, customers=0)
def test_a_store_without_rows_equals_a_copy_without_rows(archive: Archive) -> None:
    archive.make()

    report = archive.reconcile()

    assert (report["equal"], report["rows"], report["compared"]) == (True, 0, 0)


@every_format
def test_no_copy_a_damaged_copy_and_another_store_are_told_apart(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_bigcommerce.exceptions import DestinationError

    with pytest.raises(InvalidQueryError, match="holds no committed run of 'orders', so there is no copy to compare"):
        archive.reconcile()
    manifest = archive.make()
    connection = dict(archive.night.sandbox.connection)
    connection["extra"] = {**connection["extra"], "store_hash": "other12"}
    with monkeypatch.context() as patched:
        patched.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(connection))
        with pytest.raises(InvalidQueryError, match="is of the store 'sandbox1', and the connection points to 'other12'"):
            archive.reconcile()
    (archive.night.path / manifest["files"][0]["path"]).unlink()
    with pytest.raises(DestinationError, match="which is not there: the copy is damaged"):
        archive.reconcile()


def test_a_token_without_the_scope_fails_with_its_name(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.make()
    archive.night.sandbox.store.add_token("products-only", ["store_v2_products"])
    connection = dict(archive.night.sandbox.connection)
    connection["extra"] = {**connection["extra"], "access_token": "products-only"}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(connection))

    with pytest.raises(PermissionDeniedError, match="store_v2_orders"):
        archive.reconcile()


@pytest.mark.parametrize(
    ("arguments", "claim"),
    [
        ({}, "Say where the copy is"),
        ({"path": "/x", "conn_id": "y"}, "and not both"),
        ({"path": "/x", "on_mismatch": "panic"}, "on_mismatch='panic' is unknown"),
        ({"path": "/x", "sample": -1}, "must not be negative"),
    ],
)
def test_arguments_that_cannot_work_are_refused_when_the_dag_is_parsed(arguments: Row, claim: str) -> None:
    with pytest.raises(InvalidQueryError, match=claim):
        BigCommerceReconcileOperator(task_id="prove", resource="orders", **arguments)


def _rows(archive: Archive, resource: str) -> list[Row]:
    import gzip

    import pyarrow.parquet as pq

    rows: list[Row] = []
    for file in committed(str(archive.night.path), resource)[0].files:
        path = archive.night.path / file.path
        if path.suffix == ".parquet":
            rows += pq.read_table(path).to_pylist()
        else:
            data = path.read_bytes()
            rows += [json.loads(line) for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()]
    return rows
