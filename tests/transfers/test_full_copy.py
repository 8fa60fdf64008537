"""Full copies: every row of the store, in files that are what their manifest says."""

from __future__ import annotations

import gzip
import hashlib
import json
import signal
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow.parquet
import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.exceptions import (
    BigCommerceError,
    CredentialsError,
    DestinationError,
    IncompleteReadError,
    InvalidQueryError,
    ServerError,
    UnexpectedAnswerError,
    UnknownResourceError,
    ValidationError,
)
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.transfers.conftest import Night

SIX = ("products", "product_variants", "brands", "categories", "customers", "orders")


def operator(path: Path | str, resource: str = "brands", **arguments: Any) -> BigCommerceToObjectStorageOperator:
    return BigCommerceToObjectStorageOperator(task_id="copy", resource=resource, path=str(path), **arguments)


def key_of(resource: str) -> str:
    return "category_id" if resource == "categories" else "id"


@pytest.mark.parametrize("resource", SIX)
def test_json_lines_hold_every_row_of_the_store_as_it_came(night: Night, resource: str) -> None:
    manifest = operator(night.path, resource, file_format="jsonl").execute({})

    rows = [msgspec.json.decode(line) for file in manifest["files"] for line in (night.path / file["path"]).read_bytes().splitlines()]
    expected = night.sandbox.listed(CATALOG[resource].path)  # in the order of the list
    assert [row[key_of(resource)] for row in rows] == [row[key_of(resource)] for row in expected]
    if resource != "orders":  # whose links became line items
        assert rows == expected


@pytest.mark.parametrize("resource", SIX)
def test_parquet_holds_every_row_of_the_store(night: Night, resource: str) -> None:
    manifest = operator(night.path, resource).execute({})

    tables = [pyarrow.parquet.read_table(night.path / file["path"]) for file in manifest["files"]]
    keys = [key for table in tables for key in table.column(key_of(resource)).to_pylist()]
    assert keys == [row[key_of(resource)] for row in night.sandbox.listed(CATALOG[resource].path)]
    assert {value for table in tables for value in table.column("_store_hash").to_pylist()} == {night.sandbox.store_hash}


def test_a_manifest_is_true_of_its_files(night: Night) -> None:
    manifest = operator(night.path, "product_variants", max_rows_per_file=250).execute({})

    found = []
    for file in manifest["files"]:
        data = (night.path / file["path"]).read_bytes()
        rows = pyarrow.parquet.read_metadata(night.path / file["path"]).num_rows
        found.append({"path": file["path"], "rows": rows, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    assert found == manifest["files"]
    assert [Path(file["path"]).name for file in found] == [f"part-{number:05d}.parquet" for number in range(len(found))]
    assert len(found) == 3
    assert manifest["rows"] == sum(file["rows"] for file in found) == night.sandbox.store.count("product_variants")
    assert manifest["complete"] is True
    assert manifest["requests"] == len(night.requests("/v3/catalog/variants")) + len(night.requests("/v3/catalog/summary"))


def test_the_return_value_is_the_committed_manifest_and_small_plain_json(night: Night) -> None:
    manifest = operator(night.path, "products").execute({})

    [only] = committed(str(night.path), "products")
    assert only.as_json() == manifest == json.loads(json.dumps(manifest))
    assert night.sandbox.token not in json.dumps(manifest)
    assert isinstance(Manifest.decode(json.dumps(manifest).encode()), Manifest)


def test_compressed_json_lines_hold_the_same_lines(night: Night) -> None:
    plain = operator(night.path / "a", file_format="jsonl").execute({})
    zipped = operator(night.path / "b", file_format="jsonl", compression="gzip").execute({})

    one, other = night.path / "a" / plain["files"][0]["path"], night.path / "b" / zipped["files"][0]["path"]
    assert other.name.endswith(".jsonl.gz")
    assert gzip.decompress(other.read_bytes()) == one.read_bytes()


def test_duckdb_reads_the_files_that_a_manifest_names(night: Night) -> None:
    manifest = operator(night.path, "products").execute({})

    files = [str(night.path / file["path"]) for file in manifest["files"]]
    [(rows, price)] = duckdb.sql(f"SELECT count(*), sum(price) FROM read_parquet({files})").fetchall()
    assert rows == manifest["rows"]
    assert float(price) == pytest.approx(sum(row["price"] for row in night.sandbox.store.rows("products")))


def test_a_filter_goes_to_the_store_and_into_the_manifest(night: Night) -> None:
    manifest = operator(night.path, "products", query={"id:in": [111, 112]}, include=["images", "variants"]).execute({})

    assert manifest["query"] == {"id:in": "111,112", "include": "images,variants"}
    [query] = {*night.requests("/v3/catalog/products")}  # sent twice: the list is empty
    assert "include=images,variants" in query
    assert "id:in=111,112" in query


def test_since_and_until_bound_a_full_copy_inclusively_by_change_date(night: Night) -> None:
    for at, name in ((-1, "before"), (0, "first"), (3600, "last"), (3601, "after")):
        night.moment = night.moment.replace(hour=13, minute=0, second=0) + timedelta(seconds=at)
        night.sandbox.store.add_product(name=name)
        night.moment = night.moment.replace(hour=13, minute=0, second=0)

    manifest = operator(
        night.path, "products", file_format="jsonl", since="2026-03-29T13:00:00Z", until="2026-03-29T16:00:00+02:00"
    ).execute({})

    assert {row["name"] for row in night.copy("products").values()} == {"first", "last"}
    assert manifest["window"] == {"since": "2026-03-29T13:00:00Z", "until": "2026-03-29T14:00:00Z"}
    assert manifest["watermark"] is None


def test_an_empty_list_is_a_manifest_without_files(night: Night) -> None:
    manifest = operator(night.path, "brands", file_format="jsonl", query={"name": "no brand has this name"}).execute({})

    assert (manifest["files"], manifest["rows"], manifest["complete"]) == ([], 0, True)
    assert len(committed(str(night.path), "brands")) == 1


def test_an_empty_list_is_a_parquet_file_of_the_same_schema(night: Night) -> None:
    some = operator(night.path / "some", "brands").execute({})
    none = operator(night.path / "none", "brands", query={"name": "no brand has this name"}).execute({})

    (file,) = none["files"]
    empty = pyarrow.parquet.read_table(night.path / "none" / file["path"])
    assert (empty.num_rows, none["rows"], file["rows"]) == (0, 0, 0)
    assert empty.schema == pyarrow.parquet.read_schema(night.path / "some" / some["files"][0]["path"])


def test_variants_are_held_against_the_stores_summary(night: Night) -> None:
    manifest = operator(night.path, "product_variants").execute({})

    assert [check["what"] for check in manifest["checked"]] == ["rows", "summary"]
    assert all(check["agrees"] for check in manifest["checked"])


def test_an_order_whose_lines_do_not_add_up_is_told_and_kept(night: Night) -> None:
    key = night.sandbox.store.rows("orders")[0]["id"]
    night.sandbox.store.edit("orders", key, items_total=999)

    manifest = operator(night.path, "orders", file_format="jsonl").execute({})

    (check,) = [check for check in manifest["checked"] if check["what"] == "items_total"]
    assert (check["found"], check["agrees"]) == (1, False)
    assert key in night.copy("orders")


# -- orders -----------------------------------------------------------------------------------------------------------


def lines_of(order: dict[str, Any]) -> list[int]:
    kinds = order["consignments"]
    holders = [*kinds["pickups"], *kinds["shipping"], *kinds["downloads"], *kinds["email"]["gift_certificates"]]
    return sorted(line["id"] for holder in holders for line in holder["line_items"])


def expected_lines(night: Night) -> dict[int, list[int]]:
    store = night.sandbox.store
    return {order["id"]: sorted(line["id"] for line in store.rows("order_products", order["id"])) for order in store.rows("orders")}


@pytest.mark.bigcommerce_sandbox(orders=300)
def test_orders_come_with_all_their_line_items_in_one_request_a_page(night: Night) -> None:
    operator(night.path, "orders", file_format="jsonl").execute({})

    assert {key: lines_of(order) for key, order in night.copy().items()} == expected_lines(night)
    assert max(map(len, expected_lines(night).values())) == 300
    children = [request.path for request in night.sandbox.store.requests if request.path.endswith("/products")]
    longer_than_embedded = sum(len(lines) >= 50 for lines in expected_lines(night).values())
    assert len(set(children)) == longer_than_embedded
    assert len(night.requests("/v2/orders")) <= 4


@pytest.mark.parametrize("status", [400, 422])
def test_a_store_that_refuses_the_include_gets_its_line_items_read_one_order_at_a_time(
    night: Night, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    refusal = json.dumps([{"status": status, "message": "The field 'include' is not supported."}]).encode()
    night.sandbox.store.fail_next(1, "answer", match=r"^/v2/orders\?.*include=", status=status, body=refusal)

    manifest = operator(night.path, "orders", file_format="jsonl").execute({})

    assert {key: lines_of(order) for key, order in night.copy().items()} == expected_lines(night)
    assert manifest["query"] == {}
    assert caplog.text.count("refused include=consignments.line_items") == 1


def test_orders_without_includes_cost_no_further_request(night: Night) -> None:
    operator(night.path, "orders", file_format="jsonl", include=[]).execute({})

    assert {request.path for request in night.sandbox.store.requests} == {"/v2/orders"}


def test_a_refusal_that_is_not_about_the_include_is_an_error(night: Night) -> None:
    refusal = json.dumps([{"status": 400, "message": "The field 'status_id' is invalid."}]).encode()
    night.sandbox.store.fail_next(9, "answer", match="^/v2/orders", status=400, body=refusal)

    with pytest.raises(ValidationError, match="status_id"):
        operator(night.path, "orders", query={"status_id": "no number"}).execute({})

    assert committed(str(night.path), "orders") == []


# -- duplicates and completeness --------------------------------------------------------------------------------------


def answer(rows: list[dict[str, Any]], *, total: int, page: int = 1, pages: int = 1) -> bytes:
    about = {"total": total, "count": len(rows), "per_page": 250, "current_page": page, "total_pages": pages}
    return json.dumps({"data": rows, "meta": {"pagination": about}}).encode()


def answers(night: Night, rows: list[dict[str, Any]], *, total: int) -> None:
    """The list has these rows on its first page and none behind it, however often it is read."""
    brands = r"/v3/catalog/brands"
    for _ in range(20):
        night.sandbox.store.fail_next(1, "answer", match=brands, body=answer(rows, total=total))
        for _ in range(2):
            night.sandbox.store.fail_next(1, "answer", match=brands, body=answer([], total=total, page=2))


def test_a_row_that_comes_twice_is_written_once(night: Night) -> None:
    rows = [{"id": i, "name": f"brand {i}"} for i in (1, 2, 3, 2, 4)]
    answers(night, rows, total=4)

    manifest = operator(night.path, file_format="jsonl").execute({})

    assert list(night.copy("brands")) == [1, 2, 3, 4]
    assert (manifest["rows"], manifest["complete"]) == (4, True)


def test_a_list_that_lost_rows_while_it_was_read_is_an_error_and_no_data(night: Night) -> None:
    rows = [{"id": i, "name": f"brand {i}"} for i in (1, 2, 3)]
    answers(night, rows, total=4)

    with pytest.raises(IncompleteReadError, match="has 4 rows, and all its pages have 3"):
        operator(night.path, file_format="jsonl").execute({})

    assert committed(str(night.path), "brands") == []


def test_a_record_without_its_key_is_an_error_that_shows_no_data(night: Night) -> None:
    night.sandbox.store.fail_next(1, "answer", match="/v3/catalog/brands", body=answer([{"name": "a private brand"}], total=1))

    with pytest.raises(UnexpectedAnswerError, match=r"brands.*'id'") as caught:
        operator(night.path).execute({})

    assert "private" not in str(caught.value)
    assert night.data_files("brands") == set()


def test_a_page_that_is_not_json_is_an_error(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.sandbox.store.fail_next(
        50, "answer", match="/v3/catalog/brands", body=b"<html>proxy login</html>", headers={"Content-Type": "text/html"}
    )
    one_attempt(night, monkeypatch)

    with pytest.raises(UnexpectedAnswerError, match="JSON"):
        operator(night.path).execute({})


# -- failures ---------------------------------------------------------------------------------------------------------


def one_attempt(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {**night.sandbox.connection, "extra": {**night.sandbox.connection["extra"], "max_attempts": 1}}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(connection))


def test_a_failed_try_leaves_nothing_that_is_data_and_its_retry_has_all_rows(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    one_attempt(night, monkeypatch)
    night.sandbox.store.fail_next(1, "503", match="/v3/catalog/variants.*page=3")

    with pytest.raises(ServerError):
        night.run("r1", "product_variants", mode="full", max_rows_per_file=250)
    left = night.data_files("product_variants")
    assert committed(str(night.path), "product_variants") == []
    assert all(Path(name).name.startswith("part-") for name in left)  # complete parts, no unfinished file

    manifest = night.run("r1", "product_variants", mode="full", max_rows_per_file=250)

    assert sorted(night.copy("product_variants")) == [row["id"] for row in night.sandbox.store.rows("product_variants")]
    assert night.data_files("product_variants") == {file["path"] for file in manifest["files"]}


@pytest.mark.bigcommerce_sandbox(latency_ms=2000)
def test_on_kill_stops_a_read_at_once_and_leaves_no_file(night: Night) -> None:
    task = operator(night.path, "products")
    timer = threading.Timer(0.5, task.on_kill)
    started = time.monotonic()
    timer.start()

    with pytest.raises(BigCommerceError, match="told to stop"):
        task.execute({})

    assert time.monotonic() - started < 2.0
    assert night.data_files("products") == set()
    assert committed(str(night.path), "products") == []


@pytest.mark.bigcommerce_sandbox(latency_ms=2000)
def test_an_execution_timeout_leaves_no_file(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowTaskTimeout
    from airflow.sdk.execution_time.timeout import timeout

    # Python drops what a signal raises while a weak reference's callback runs. The alarm is then set once more.
    monkeypatch.setattr(sys, "unraisablehook", lambda _dropped: signal.setitimer(signal.ITIMER_REAL, 0.1))

    with pytest.raises(AirflowTaskTimeout), timeout(1):
        operator(night.path, "products").execute({})

    assert night.data_files("products") == set()


def test_a_disk_that_is_gone_is_told_before_anything_is_read(night: Night) -> None:
    night.path.write_text("a file where the directory should be")

    with pytest.raises(DestinationError, match="Check that the directory or bucket exists"):
        operator(night.path).execute({})

    assert night.sandbox.store.requests == []


# -- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"resource": "prodcts"}, UnknownResourceError, "'prodcts'.*'products'"),
        ({"file_format": "csv"}, InvalidQueryError, "file_format='csv' is unknown.*'parquet', 'jsonl'"),
        ({"compression": "gzip"}, InvalidQueryError, "compression='gzip' does not go with file_format='parquet'"),
        ({"mode": "delta"}, InvalidQueryError, "mode='delta' is unknown. Accepted: 'full', 'incremental'"),
        ({"max_rows_per_file": 0}, InvalidQueryError, "max_rows_per_file=0"),
    ],
)
def test_a_shape_that_cannot_work_is_refused_where_the_dag_is_parsed(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        operator(tmp_path, **{"resource": "products", **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "since=2026-02-01T00:00:00Z is after until"),
        ({"since": "2026-02-01T00:00:00"}, "has no offset"),
        ({"until": "2026-02-01"}, "has no time"),
        ({"resource": "brands", "since": "2026-02-01T00:00:00Z"}, "'brands' has no date filter"),
        ({"initial_since": "2026-02-01T00:00:00Z"}, "initial_since bounds the first run of mode='incremental'"),
        ({"include": ["picture"]}, "include=\\['picture'\\] is unknown for 'products'.*'images'"),
        ({"query": {"include": "images"}}, "name what rows should carry in the include argument"),
        ({"mode": "incremental", "query": {"date_modified:min": "2026"}}, "sets itself"),
        ({"mode": "incremental", "overlap": timedelta(minutes=-1)}, "overlap=-1 day, 23:59:00 .* Accepted: a timedelta from 0"),
    ],
)
def test_a_value_that_cannot_work_is_refused_before_anything_is_sent(night: Night, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidQueryError, match=message):
        operator(night.path, **{"resource": "products", **arguments}).execute({})

    assert night.sandbox.store.requests == []


def test_a_template_is_not_judged_before_it_is_rendered(tmp_path: Path) -> None:
    task = operator(tmp_path, "{{ params.resource }}", since="{{ data_interval_start }}")

    assert (task.resource, task.since) == ("{{ params.resource }}", "{{ data_interval_start }}")
    assert {"resource", "path", "query", "since", "until", "include"} <= set(task.template_fields)


def test_a_connection_of_another_type_is_refused(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps({"conn_type": "http", "host": "example.com"}))

    with pytest.raises(CredentialsError, match="'other' is of type 'http'"):
        operator(night.path, bigcommerce_conn_id="other").execute({})


def test_the_control_panel_link_is_pushed_for_the_task(night: Night) -> None:
    night.run("r1", "brands", mode="full")

    assert night.airflow.xcoms["bigcommerce_control_panel"] == "https://store-sandbox1.mybigcommerce.com/manage/products/brands"


def test_tasks_that_copy_fully_ask_for_no_state(tmp_path: Path) -> None:
    assert operator(tmp_path).inlets == []
    assert [asset.name for asset in operator(tmp_path, "orders", mode="incremental").inlets] == ["bigcommerce_sync_state"]
