"""Lists that contradict themselves: read once more as a whole, then an error, or a copy that is not complete and moves no watermark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.exceptions import CountDisagreesError, IncompleteReadError
from airflow_provider_bigcommerce.sandbox.answers import Answer
from airflow_provider_bigcommerce.sandbox.odd_answers import Exchange
from airflow_provider_bigcommerce.targets.files.commits import committed
from tests.sql.conftest import mariadb_server, warehouse  # noqa: F401  # fixtures
from tests.sql.warehouse import Warehouse
from tests.transfers.conftest import Night

DAY = timedelta(days=1)
COUNT = r"^/v2/orders/count(\?|$)"


def counts(*, filtered: int, of_all: int) -> Callable[[Exchange], Answer]:
    """An endpoint that counts so many rows more than there are."""

    def answer(exchange: Exchange) -> Answer:
        is_filtered = bool(set(exchange.query) - {"consignment_structure", "include"})
        body = {**exchange.payload, "count": exchange.payload["count"] + (filtered if is_filtered else of_all)}
        return replace(exchange.answer, body=msgspec.json.encode(body))

    return answer


def orders_of(night: Night, run_id: str, **arguments: Any) -> dict[str, Any]:
    return night.run(run_id, "orders", query={"limit": 2}, **arguments)


def test_a_count_alone_against_two_equal_passes_moves_no_watermark(night: Night) -> None:
    night.sandbox.store.odd(COUNT, answer=counts(filtered=3, of_all=7), times=None)

    first = orders_of(night, "r1")

    rows = night.sandbox.store.count("orders")
    assert (first["rows"], first["complete"], first["watermark"]) == (rows, False, None)
    assert first["checked"][0] == {"what": "rows", "expected": [rows + 3, rows + 3], "found": rows, "agrees": False}
    assert night.airflow.watermarks == {}
    night.sandbox.store.clear_odd()
    second = orders_of(night, "r2", after=DAY)
    assert (second["window"]["since"], second["complete"]) == (None, True)
    assert second["watermark"] is not None
    assert sorted(night.copy("orders")) == [row["id"] for row in night.sandbox.store.rows("orders")]


def test_accept_incomplete_moves_the_watermark_all_the_same(night: Night) -> None:
    night.sandbox.store.odd(COUNT, answer=counts(filtered=3, of_all=7), times=None)

    manifest = orders_of(night, "r1", accept_incomplete=True)

    assert manifest["complete"] is False
    assert manifest["watermark"] is not None
    assert len(night.airflow.watermarks) == 1


def test_a_count_that_ignores_the_filters_tells_nothing(night: Night) -> None:
    more = msgspec.json.encode({"count": night.sandbox.store.count("orders") + 3})
    night.sandbox.store.odd(COUNT, answer=lambda exchange: replace(exchange.answer, body=more), times=None)

    manifest = orders_of(night, "r1")

    assert (manifest["rows"], manifest["complete"]) == (night.sandbox.store.count("orders"), True)


def test_a_count_that_knows_the_window_is_heard_although_the_window_holds_every_order(night: Night) -> None:
    """Counts with and without it are equal then; one of a window without orders tells them apart."""
    night.sandbox.store.odd(r"^/v2/orders(\?|$)", nth=2, answer="no_rows", times=None)

    with pytest.raises(CountDisagreesError, match=r"the store counts \d+"):
        orders_of(night, "r1")

    night.sandbox.store.clear_odd()
    assert orders_of(night, "r2", after=DAY)["complete"]
    assert sorted(night.copy("orders")) == [row["id"] for row in night.sandbox.store.rows("orders")]


def test_a_count_that_is_wrong_once_costs_nothing_but_requests(night: Night) -> None:
    night.sandbox.store.odd(COUNT, answer=counts(filtered=3, of_all=7), times=1)

    manifest = orders_of(night, "r1")

    assert (manifest["complete"], manifest["watermark"] is not None) == (True, True)


def test_deletes_are_not_found_from_a_list_that_is_not_proven_whole(night: Night) -> None:
    orders_of(night, "r1")
    night.sandbox.store.odd(COUNT, answer=counts(filtered=3, of_all=7), times=None)

    with pytest.raises(IncompleteReadError):
        orders_of(night, "r2", after=DAY, deletes="detect")

    assert len(committed(str(night.path), "orders")) == 1


@pytest.mark.parametrize("kind", ["empty_200", "blank_200", "null_200", "data_null"])
@pytest.mark.parametrize("resource", ["products", "orders", "customers", "customer_groups", "brands"])
def test_one_empty_answer_costs_no_row(night: Night, resource: str, kind: str) -> None:
    path = {"products": "/v3/catalog/products", "orders": "/v2/orders", "customers": "/v3/customers", "brands": "/v3/catalog/brands"}
    bodies = {"empty_200": b"", "blank_200": b" \n", "null_200": b"null", "data_null": b'{"data":null}'}
    body = b"null" if kind == "data_null" and resource in ("orders", "customer_groups") else bodies[kind]
    where = path.get(resource, "/v2/customer_groups")
    plan = night.sandbox.store.odd(rf"^{where}(\?|$)", nth=2, answer=lambda exchange: Answer(200, body))

    manifest = night.run("r1", resource, query={"limit": 2})

    assert plan.seen > 2
    assert manifest["complete"] is True
    assert sorted(night.copy(resource)) == sorted(row["id"] for row in night.sandbox.store.rows(resource))


def test_a_table_that_is_not_complete_moves_no_watermark(warehouse: Warehouse) -> None:  # noqa: F811
    warehouse.sandbox.store.odd(COUNT, answer=counts(filtered=3, of_all=7), times=None)

    first = warehouse.run("orders", mode="incremental", query={"limit": 2})

    assert (first["complete"], first["watermark"]) == (False, None)
    assert warehouse.column("SELECT count(*) FROM _bigcommerce_syncs WHERE watermark IS NOT NULL") == [0]
    assert warehouse.column("SELECT count(*) FROM orders") == [warehouse.sandbox.store.count("orders")]
