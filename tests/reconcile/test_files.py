"""A copy in files held against the sandbox: equal copies are equal, and every kind of damage is found by key and field."""

from __future__ import annotations

import contextlib
import json
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.engine.copying import columns_of
from airflow_provider_bigcommerce.exceptions import CopyMismatchError, InvalidQueryError, PermissionDeniedError
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.targets.files import kept_files
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.file_copy import FileCopy
from tests.reconcile.conftest import Archive, Row, both_formats, every_format

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
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore

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


@both_formats
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


@both_formats
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
        ({"path": "/x", "sample": -1}, r"sample=-1 \(int\) cannot work"),
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


# -- what bounds the copy ---------------------------------------------------------------------------------------------


@both_formats
def test_rows_that_are_marked_as_deleted_are_in_no_count_and_no_sample(archive: Archive) -> None:
    for resource in ("orders", "products"):
        archive.make(resource)
        gone = [row["id"] for row in archive.night.sandbox.store.rows(resource)][3:6]
        for key in gone:
            archive.night.sandbox.store.delete(resource, key)
        assert archive.make(resource, deletes="detect")["deleted"] == 3

        report = archive.reconcile(resource, sample=None, days=31)

        assert (report["equal"], found(report)) == (True, ([], [], []))
        assert report["rows"] == report["compared"] == len(archive.night.sandbox.listed(path_of(resource)))


def path_of(resource: str) -> str:
    return {"orders": "/v2/orders", "products": "/v3/catalog/products"}[resource]


@both_formats
def test_archived_orders_that_nobody_marked_are_reported_as_gone_and_not_removed(archive: Archive) -> None:
    archive.make()
    archived = archive.night.sandbox.store.rows("orders")[3]["id"]
    archive.night.sandbox.store.delete("orders", archived)

    assert found(archive.reconcile(on_mismatch="repair")) == ([], [], [archived])
    archive.make(deletes="detect")
    assert archive.reconcile()["equal"] is True


@both_formats
def test_a_marked_row_that_the_store_has_again_is_missing_and_a_repair_brings_it_back(archive: Archive) -> None:
    archive.make()
    order = archive.night.sandbox.store.rows("orders")[3]
    archive.night.sandbox.store.delete("orders", order["id"])
    archive.make(deletes="detect")
    archive.night.sandbox.store.edit("orders", order["id"], is_deleted=False, date_modified=order["date_modified"])

    assert found(archive.reconcile()) == ([], [order["id"]], [])
    assert archive.reconcile(on_mismatch="repair")["equal"] is True
    assert archive.reconcile(sample=None)["equal"] is True


@both_formats
def test_a_damaged_row_with_a_later_change_date_is_repaired(archive: Archive) -> None:
    archive.make()
    archive.make()
    key = archive.night.sandbox.store.rows("orders")[3]["id"]
    is_parquet = archive.file_format == "parquet"
    later = datetime(2027, 1, 1, tzinfo=UTC) if is_parquet else "Fri, 01 Jan 2027 00:00:00 +0000"
    archive.damage(changed(key, date_modified=later, staff_notes="x"))

    assert found(archive.reconcile(sample=None)) == ([(key, ["date_modified", "staff_notes"])], [], [])
    assert archive.reconcile(sample=0)["differences"] == 1  # by the counts alone
    assert archive.reconcile(sample=0, on_mismatch="repair")["equal"] is True
    report = archive.reconcile(sample=None)
    assert (report["equal"], report["newer"], report["compared"]) == (True, 0, 60)


def split_by_age(archive: Archive) -> tuple[list[int], datetime]:
    """The older half of the orders by creation, all of them changed last when they were made, and where the other half begins."""
    orders = sorted(archive.night.sandbox.store.rows("orders"), key=lambda row: parsedate_to_datetime(row["date_created"]))
    for row in orders:
        archive.night.sandbox.store.edit("orders", row["id"], date_modified=row["date_created"])
    return [row["id"] for row in orders[:30]], parsedate_to_datetime(orders[30]["date_created"])


@both_formats
def test_rows_that_only_a_backfill_brought_are_compared_too_and_are_not_newer(archive: Archive) -> None:
    old, border = split_by_age(archive)
    archive.make(initial_since=border)
    archive.make(mode="backfill", since=border - timedelta(days=2000), until=border - timedelta(seconds=1))

    report = archive.reconcile(sample=None, days=31)
    assert (report["equal"], report["newer"], report["rows"], report["compared"]) == (True, 0, 60, 60)
    assert [(count["store"], count["copy"]) for count in report["counts"]] == [(30, 30)]  # of what the live runs hold whole

    archive.damage(changed(old[4], staff_notes="x"), run="backfill")
    archive.damage(without(old[7]), run="backfill")
    assert found(archive.reconcile(sample=None)) == ([(old[4], ["staff_notes"])], [old[7]], [])
    assert archive.reconcile(sample=None, on_mismatch="repair")["equal"] is True
    assert archive.reconcile(sample=None)["compared"] == 60


def test_rows_before_the_live_window_that_nobody_copied_are_neither_missing_nor_newer(archive: Archive) -> None:
    old, border = split_by_age(archive)
    archive.make(initial_since=border)

    report = archive.reconcile(sample=None, days=31)

    assert (report["equal"], report["newer"], report["rows"]) == (True, 0, 30)
    assert old


def test_what_changed_after_the_backfill_that_brought_it_is_newer(archive: Archive) -> None:
    old, border = split_by_age(archive)
    archive.make(initial_since=border)
    archive.make(mode="backfill", since=border - timedelta(days=2000), until=border - timedelta(seconds=1))
    archive.night.moment = datetime.now(UTC) + timedelta(hours=1)  # a backfill is as of the worker's clock
    archive.night.sandbox.store.edit("orders", old[3], staff_notes="later")

    report = archive.reconcile(sample=None)

    assert (report["equal"], report["newer"], found(report)) == (True, 1, ([], [], []))


def test_a_copy_of_backfills_alone_is_compared_and_lacks_only_what_lies_in_their_spans(archive: Archive) -> None:
    old, border = split_by_age(archive)
    archive.make(mode="backfill", since=border - timedelta(days=2000), until=border - timedelta(seconds=1))

    report = archive.reconcile(sample=None)
    assert (report["equal"], report["newer"], report["compared"], report["counts_checked"]) == (True, 0, 30, 0)

    archive.damage(without(old[7]))
    assert found(archive.reconcile(sample=None)) == ([], [old[7]], [])


def test_rows_of_a_run_with_another_filter_are_left_out_unless_they_are_the_newest_of_a_row_that_counts(archive: Archive) -> None:
    visible = archive.night.sandbox.listed("/v3/catalog/products", {"is_visible": "true"})
    archive.make("products", mode="full", query={"is_visible": False})
    archive.make("products", mode="full", query={"is_visible": True})

    report = archive.reconcile("products", sample=None)

    assert (report["equal"], report["rows"]) == (True, len(visible))
    archive.make("products", mode="full")
    assert archive.reconcile("products", sample=None)["rows"] == 40


# -- the store's summary ----------------------------------------------------------------------------------------------


@both_formats
def test_variants_are_held_against_the_stores_summary_with_one_request(archive: Archive) -> None:
    archive.make("product_variants", mode="full")
    archive.night.sandbox.store.requests.clear()

    report = archive.reconcile("product_variants", sample=0)

    rows = archive.night.sandbox.listed("/v3/catalog/variants")
    prices, stock = [row["calculated_price"] for row in rows], sum(row["inventory_level"] for row in rows)
    told = {line["name"]: (line["store"], line["equal"]) for line in report["summary"]}
    assert told["variant_count"] == (str(len(rows)), True)
    assert told["inventory_count"] == (str(stock), True)
    assert told["highest_variant_price"] == (f"{max(prices):g}", True)
    assert told["lowest_variant_price"] == (f"{min(prices):g}", True)
    assert told["average_variant_price"][1] is True
    assert len(archive.night.requests("/v3/catalog/summary")) == 1
    assert report["equal"] is True


def test_a_difference_that_only_the_summary_tells_is_found_row_by_row(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "airflow_provider_bigcommerce")
    archive.make("product_variants", mode="full")
    key = archive.night.sandbox.listed("/v3/catalog/variants")[5]["id"]
    archive.damage(changed(key, inventory_level=9_999), "product_variants")

    report = archive.reconcile("product_variants", sample=0)

    assert found(report) == ([(key, ["inventory_level"])], [], [])
    assert [line["name"] for line in report["summary"] if not line["equal"]] == ["inventory_count"]
    assert "The store's summary differs from the rows of the copy" in caplog.text
    assert archive.reconcile("product_variants", sample=0, on_mismatch="repair")["equal"] is True
    archive.night.sandbox.store.edit("product_variants", key, inventory_level=1)  # the store's figures are those of its rows
    assert found(archive.reconcile("product_variants", sample=0)) == ([(key, ["inventory_level"])], [], [])


def test_a_summary_that_counts_otherwise_than_the_rows_is_passed_over_where_every_row_is_equal(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore

    archive.make("product_variants", mode="full")
    get = BigCommerceStore.get

    async def by_another_rule(self: BigCommerceStore, name: str, *arguments: Any, **named: Any) -> Any:
        answer = await get(self, name, *arguments, **named)
        return {**answer, "highest_variant_price": 1} if name == "catalog_summary" else answer

    monkeypatch.setattr(BigCommerceStore, "get", by_another_rule)

    report = archive.reconcile("product_variants", sample=3, on_mismatch="fail")

    (line,) = [line for line in report["summary"] if line["name"] == "highest_variant_price"]
    assert (report["equal"], line["store"] != line["copy"], line["equal"]) == (True, True, True)


@pytest.mark.parametrize("small", [0, 256 * 1024], ids=["large files stay open", "small files are kept"])
@every_format
def test_each_file_is_opened_once_however_often_it_is_looked_into(archive: Archive, monkeypatch: pytest.MonkeyPatch, small: int) -> None:
    for _ in range(3):
        archive.night.sandbox.store.add_order()
        archive.make(mode="incremental")
    [victim, *_] = [row["id"] for row in archive.night.sandbox.listed("/v2/orders")]
    archive.damage(changed(victim, staff_notes="x"))  # so that there is a second look
    opened = counted_opens(monkeypatch)
    monkeypatch.setattr(kept_files, "_SMALL", small)

    report = archive.reconcile(sample=None)

    assert [row["key"] for row in report["changed"]] == [victim]
    assert len(opened) == 3
    assert set(opened.values()) == {1}


def test_beyond_what_is_kept_only_files_with_a_row_that_is_looked_at_are_opened_again(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        order = archive.night.sandbox.store.add_order()
        archive.make(mode="incremental")
    opened = counted_opens(monkeypatch)
    monkeypatch.setattr(kept_files, "_SMALL", 0)
    monkeypatch.setattr(kept_files, "_OPEN", 0)
    destination, row = Destination.at(str(archive.night.path)), CATALOG["orders"]

    with contextlib.closing(FileCopy(destination, row, "orders", columns_of(row))) as copy:
        copy.index()
        assert [list(batch.keys) for batch in copy.batches({order["id"], 987_654_321})] == [[order["id"]]]

    assert sorted(opened.values()) == [1, 1, 2]


def counted_opens(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each data file is opened from now on."""
    opened: Counter[str] = Counter()
    usual = LocalFileSystem._open

    def record(self: Any, path: str, mode: str = "rb", **arguments: Any) -> Any:
        if "/run=" in path and mode == "rb":
            opened[path] += 1
        return usual(self, path, mode, **arguments)

    monkeypatch.setattr(LocalFileSystem, "_open", record)
    return opened
