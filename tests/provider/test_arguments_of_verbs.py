"""The store's verbs against arguments that cannot be meant: one sentence, no request. And paths with ids filled in: each names one list."""

from __future__ import annotations

import asyncio
import functools
import inspect
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.planning import check_query
from airflow_provider_bigcommerce.exceptions import BigCommerceError, InvalidQueryError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.triggers.changes_feed import ChangesFeed

NO_FILTER: list[dict[str, Any]] = [
    {"Limit": 5},
    {"naem": "x"},
    {"Name": "x"},
    {"status_id": 11},  # an order's
    {"min_id": 7},  # V2's spelling
    {"after": "x"},  # of a list with page numbers
    {"name": None},
    {"name": ""},
    {"id:in": []},
    {"id:in": {1, 2}},
    {"id:in": (each for each in (1, 2))},
    {"name": b"x"},
    {"name": {"a": 1}},
    {"include": "picture"},
    {"limit": 0},
    {"limit": -1},
    {"limit": True},
    {"limit": "many"},
    {"limit": "0"},
    {"page": 0},
    {"page": "last"},
]
NO_MOMENT: list[Any] = [
    datetime.min,  # noqa: DTZ901  # without zone, which is the point
    datetime(2026, 1, 1),  # noqa: DTZ001  # likewise
    datetime.max.replace(tzinfo=UTC),
    date(2026, 1, 1),
    "2026-01-01T00:00:00",
    "yesterday",
    1_767_225_600,
]
NO_IDS: list[Any] = ["None", "", {"a": 1}, b"1", [None], [True], [1.5], True, 1.5, object()]


def cases() -> list[Any]:
    found: list[tuple[str, str, dict[str, Any]]] = []
    for verb in ("rows", "pages", "count", "get"):
        extra = {"id": 7} if verb == "get" else {}
        found += [(verb, "products", {"query": query, **extra}) for query in NO_FILTER]
    for verb in ("rows", "pages", "count"):
        found += [(verb, "products", {name: value}) for name in ("since", "until") for value in NO_MOMENT]
    for verb in ("rows", "pages"):
        found += [(verb, "order_products", {"parent_ids": value}) for value in NO_IDS]
        found += [(verb, "order_products", {"parent_query": query}) for query in ({"naem": 1}, {"status_id": ""}, {"min_id": None})]
        found += [(verb, "order_products", {"parent_ids": [7], "parent_query": {"status_id": 11}})]
        found += [(verb, "order_products", {"parent_ids": [7], "since": datetime(2026, 1, 1, tzinfo=UTC)})]
    found += [("get", "products", {"id": value}) for value in ("", "None", [1, 2], True, 1.5, {"a": 1})]
    found += [("get", "store_information", {"query": {"limit": 1}}), ("get", "products", {"id": 7, "query": {"limit": 5}})]
    found += [("delete", "brands", {"ids": value}) for value in (*NO_IDS, "7", [], (each for each in ()))]
    # Numbered, for a generator's name is another in each process.
    return [pytest.param(*case, id=f"{case[0]}-{case[1]}-{number}") for number, case in enumerate(found)]


@pytest.mark.parametrize(("verb", "resource", "given"), cases())
def test_what_cannot_be_meant_is_refused_and_nothing_is_sent(connected: Sandbox, verb: str, resource: str, given: dict[str, Any]) -> None:
    with BigCommerceHook().store() as store:
        call = functools.partial(getattr(store, verb), resource, **given)
        with pytest.raises(InvalidQueryError) as told:
            list(call()) if verb in ("rows", "pages") else call()

    assert "\n" not in str(told.value)
    assert connected.store.requests == []


def test_every_argument_of_the_verbs_that_read_is_in_the_table() -> None:
    tried = {(case.values[0], name) for case in cases() for name in case.values[2]}  # type: ignore[attr-defined]
    ours = {"self", "resource", "start"}  # the last is a page's position, which is given back as it came
    for verb in ("rows", "pages", "count", "get", "delete"):
        known = inspect.signature(getattr(BigCommerceStore, verb)).parameters.keys() - ours
        assert {(verb, name) for name in known} <= tried, verb


@pytest.mark.parametrize(
    "settings",
    [{"quota_share": 0}, {"max_wait": "x"}, {"max_wait": timedelta(1)}, {"max_concurrency": 0}, {"max_attempts": True}, {"timeout": 0}],
    ids=repr,
)
def test_a_setting_that_cannot_be_meant_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidQueryError, match=next(iter(settings))):
        StoreSettings(**settings)


def test_a_value_that_has_no_place_in_a_query_is_refused_for_any_path() -> None:
    for value in (None, b"x", {"a": 1}, {1}, float("nan"), [None]):
        with pytest.raises(InvalidQueryError, match="no place in a query"):
            Request.get("/v3/anything", {"name": value})  # type: ignore[dict-item]


@pytest.mark.parametrize("name", CATALOG)
def test_a_parameter_that_only_another_resource_has_is_refused(name: str) -> None:
    row = CATALOG[name]
    everywhere = {parameter for other in CATALOG.values() for parameter in other.parameters} | {"before", "after", "Limit", "Page"}
    own = dict.fromkeys((*row.required_params, *row.required_any), "x")
    paging = {"v3_cursor": {"before", "after"}, "keyset": {"after"}}.get(row.paging, set())

    for parameter in sorted(everywhere - row.parameters - paging - {"page", "limit"}):
        with pytest.raises(InvalidQueryError, match="has no parameter"):
            check_query(row, {**own, parameter: "x"})


def test_text_is_one_id_and_not_its_characters(connected: Sandbox) -> None:
    order = connected.store.rows("orders")[0]["id"]
    with BigCommerceHook().store() as store:
        found = {row["order_id"] for row in store.rows("order_products", parent_ids=str(order))}

    assert found == {order}


def test_a_count_with_a_filter_that_the_counting_endpoint_does_not_know_is_counted_by_reading(connected: Sandbox) -> None:
    coupons = connected.store.rows("coupons")
    wanted = coupons[0]["id"]
    with BigCommerceHook().store() as store:
        assert store.count("coupons") == len(coupons)
        connected.store.requests.clear()
        store.count("coupons", query={"min_id": wanted, "max_id": wanted})

    assert "/v2/coupons" in {request.path for request in connected.store.requests}


# -- paths with ids filled in -----------------------------------------------------------------------------------------


def test_a_filled_path_names_one_list_for_every_verb(connected: Sandbox) -> None:
    one, other = (connected.store.add_order(lines=lines)["id"] for lines in (2, 3))
    with BigCommerceHook().store() as store:
        lines = list(store.rows(f"/v2/orders/{other}/products"))
        line = store.get(f"/v2/orders/{other}/products", lines[0]["id"])

        assert {row["order_id"] for row in lines} == {other}
        assert (len(lines), line["order_id"], store.count(f"/v2/orders/{one}/products")) == (3, other, 2)
        assert store.count(f"/v2/orders/{other}/shipments") == len(list(store.rows(f"/v2/orders/{other}/shipments")))


def test_what_a_filled_path_changes_is_below_it(connected: Sandbox) -> None:
    product = connected.store.rows("products")[0]["id"]
    path = f"/v3/catalog/products/{product}/metafields"
    new = {"key": "k", "value": "v", "namespace": "n", "permission_set": "app_only"}
    with BigCommerceHook().store() as store:
        made = store.create(path, new)
        store.delete(path, ids=[made["id"]])

    written = [(request.method, request.path) for request in connected.store.requests if request.method != "GET"]
    assert written == [("POST", path), ("DELETE", f"{path}/{made['id']}")]


def test_a_watch_of_a_filled_path_reads_that_list_alone(connected: Sandbox) -> None:
    one, other = (row["id"] for row in connected.store.rows("products")[:2])
    field = {"key": "k", "value": "v", "namespace": "n", "permission_set": "app_only"}
    with BigCommerceHook().store() as store:
        for product in (one, other):
            store.create("product_metafields", {**field, "resource_id": product})
    feed = ChangesFeed(f"/v3/catalog/products/{one}/metafields", None, frozenset({"resource_id"}), "bigcommerce_default")

    rows = asyncio.run(feed.between(datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)))

    assert {row["resource_id"] for row in rows} == {one}


def test_a_transfer_of_a_filled_path_is_refused_with_what_to_give_and_that_copies_one_order(connected: Sandbox, tmp_path: Any) -> None:
    one, other = (connected.store.add_order(lines=lines)["id"] for lines in (2, 3))
    place = {"task_id": "t", "path": str(tmp_path)}
    with pytest.raises(BigCommerceError, match=rf"Give resource='order_products', parent_ids=\[{other}\]"):
        BigCommerceToObjectStorageOperator(resource=f"/v2/orders/{other}/products", **place)
    late = BigCommerceToObjectStorageOperator(resource="{{ params.path }}", **place)
    late.resource = f"/v2/orders/{other}/products"
    with pytest.raises(InvalidQueryError, match="is a part of 'order_products'"):
        late.execute({})
    assert connected.store.requests == []
    assert list(tmp_path.iterdir()) == []

    manifest = BigCommerceToObjectStorageOperator(resource="order_products", parent_ids=[other], **place).execute({})

    assert manifest["rows"] == 3
    assert one != other
