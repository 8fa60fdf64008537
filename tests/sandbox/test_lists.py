"""Lists: pages, cursors, filters, sort, includes, in each version's manner."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from airflow_provider_bigcommerce.sandbox import dates
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sandbox.store import Store
from tests.sandbox.wire import ask, walk

PRODUCTS, ORDERS, CUSTOMERS = "/v3/catalog/products", "/v2/orders", "/v3/customers"


def at(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type]  # a date in numbers


@pytest.mark.bigcommerce_sandbox(products=120)
def test_v3_pages_give_every_row_once_and_say_how_many_there_are(bigcommerce_sandbox: Sandbox) -> None:
    rows = walk(bigcommerce_sandbox, PRODUCTS, limit=50)
    last = ask(bigcommerce_sandbox, PRODUCTS, {"page": 3, "limit": 50})

    assert rows == bigcommerce_sandbox.store.rows("products")
    assert {name: last.pagination[name] for name in ("total", "count", "per_page", "current_page", "total_pages")} == {
        "total": 120,
        "count": 20,
        "per_page": 50,
        "current_page": 3,
        "total_pages": 3,
    }
    assert set(last.pagination["links"]) == {"previous", "current"}


@pytest.mark.bigcommerce_sandbox(products=60)
def test_a_page_has_fifty_rows_unless_asked_otherwise(bigcommerce_sandbox: Sandbox) -> None:
    assert ask(bigcommerce_sandbox, PRODUCTS).pagination["per_page"] == 50


def test_a_page_beyond_the_last_is_empty_in_v3_and_204_in_v2(bigcommerce_sandbox: Sandbox) -> None:
    assert ask(bigcommerce_sandbox, PRODUCTS, {"page": 9}).data == []
    assert (ask(bigcommerce_sandbox, ORDERS, {"page": 9}).status, ask(bigcommerce_sandbox, ORDERS, {"page": 9}).body) == (204, b"")


@pytest.mark.bigcommerce_sandbox(orders=0)
def test_an_empty_v2_list_is_204(bigcommerce_sandbox: Sandbox) -> None:
    assert ask(bigcommerce_sandbox, ORDERS).status == 204


@pytest.mark.parametrize(("path", "query", "status"), [
    (PRODUCTS, {"limit": 251}, 413), (PRODUCTS, {"limit": 0}, 422), (PRODUCTS, {"page": "x"}, 422), (PRODUCTS, {"id:min": "x"}, 422),
    (PRODUCTS, {"date_modified:min": "yesterday"}, 422), (CUSTOMERS, {"after": "?"}, 422), (ORDERS, {"limit": 251}, 413),
    (ORDERS, {"page": "x"}, 400), (ORDERS, {"min_date_modified": "yesterday"}, 400),
])  # fmt: skip
def test_a_parameter_out_of_range_is_refused(bigcommerce_sandbox: Sandbox, path: str, query: dict[str, object], status: int) -> None:
    reply = ask(bigcommerce_sandbox, path, query)

    assert reply.status == status
    said = reply.json[0] if path == ORDERS else reply.json
    assert said["status"] == status
    assert said.get("details") == ({"max_limit": 250} if (path, status) == (ORDERS, 413) else None)


@pytest.mark.parametrize(("path", "always", "refused"), [
    (PRODUCTS, False, 422), ("/v3/catalog/products/101", False, 422), ("/v3/catalog/summary", False, 422), (ORDERS, False, 400),
    ("/v2/orders/count", False, 400), (CUSTOMERS, False, 422), ("/v3/channels", True, 422), ("/v3/channels/1/listings", True, 422),
    ("/v3/customers/attributes", True, 422), ("/v3/catalog/trees", True, 422), ("/v3/content/pages", True, 400),
])  # fmt: skip
def test_an_unknown_filter_is_ignored_or_refused_as_the_store_is_told_and_some_always_refuse(
    bigcommerce_sandbox: Sandbox, path: str, always: bool, refused: int
) -> None:
    def status(**query: object) -> int:
        return ask(bigcommerce_sandbox, path, query).status

    assert (status(), status(colour="red")) == (200, refused if always else 200)
    bigcommerce_sandbox.store.unknown_filters = "refuse"
    assert (status(), status(colour="red")) == (200, refused)
    said = ask(bigcommerce_sandbox, path, {"colour": "red", "age": 3}).json
    assert "The filter(s): age, colour are not valid" in (said[0]["message"] if path.startswith("/v2") else said["title"])


def test_a_way_with_unknown_filters_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="ignore, refuse, got 'maybe'"):
        Store(unknown_filters="maybe")  # type: ignore[arg-type]  # that is what is tested


@pytest.mark.bigcommerce_sandbox(products=40)
def test_ids_can_be_listed_and_bounded(bigcommerce_sandbox: Sandbox) -> None:
    ids = [row["id"] for row in bigcommerce_sandbox.store.rows("products")]

    def found(**query: object) -> list[int]:
        return ask(bigcommerce_sandbox, PRODUCTS, {name.replace("__", ":"): value for name, value in query.items()}).ids()

    assert found(id__in=f"{ids[7]},{ids[3]},999999") == [ids[3], ids[7]]
    assert found(id__min=ids[5], id__max=ids[8]) == ids[5:9]
    assert found(id__greater=ids[5], id__less=ids[8]) == ids[6:8]
    assert found(id__not_in=",".join(map(str, ids[1:]))) == ids[:1]
    assert found(sort="id", direction="desc") == ids[::-1]


@pytest.mark.bigcommerce_sandbox(products=40)
def test_products_can_be_had_by_channel(bigcommerce_sandbox: Sandbox) -> None:
    everything = ask(bigcommerce_sandbox, PRODUCTS, {"include": "channels"}).data
    second = ask(bigcommerce_sandbox, PRODUCTS, {"channel_id:in": "2"}).ids()

    assert second == [row["id"] for row in everything if 2 in row["channels"]]
    assert 0 < len(second) < len(everything)


@pytest.mark.bigcommerce_sandbox(products=40)
def test_seeded_ids_have_gaps(bigcommerce_sandbox: Sandbox) -> None:
    ids = [row["id"] for row in bigcommerce_sandbox.store.rows("products")]

    assert len(set(range(ids[0], ids[-1] + 1)) - set(ids)) == 3


@pytest.mark.bigcommerce_sandbox(products=60, orders=60, customers=60)
@pytest.mark.parametrize(("path", "low", "high", "sort"), [
    (PRODUCTS, "date_modified:min", "date_modified:max", {"sort": "date_modified", "direction": "asc"}),
    (CUSTOMERS, "date_modified:min", "date_modified:max", {"sort": "date_modified:asc"}),
    (ORDERS, "min_date_modified", "max_date_modified", {"sort": "date_modified:asc"}),
])  # fmt: skip
def test_a_window_of_dates_has_both_ends_in_it(bigcommerce_sandbox: Sandbox, path: str, low: str, high: str, sort: dict[str, str]) -> None:
    def moment(row: dict[str, str]) -> datetime:
        text = row["date_modified"]
        return parsedate_to_datetime(text) if path == ORDERS else datetime.fromisoformat(text)

    everything = walk(bigcommerce_sandbox, path, limit=250)
    times = sorted({moment(row) for row in everything})
    since, until = times[4], times[9]

    found = walk(bigcommerce_sandbox, path, {low: since.isoformat(), high: until.isoformat(), **sort}, limit=7)

    assert sorted(row["id"] for row in found) == sorted(row["id"] for row in everything if since <= moment(row) <= until)
    assert [moment(row) for row in found] == sorted(moment(row) for row in found)
    assert len({moment(row) for row in found}) < len(found), "rows of the same second are what makes this hard"


def test_orders_take_rfc_2822_dates_and_offsets(bigcommerce_sandbox: Sandbox) -> None:
    order = bigcommerce_sandbox.store.rows("orders")[0]
    moment = parsedate_to_datetime(order["date_modified"])

    for text in (order["date_modified"], moment.isoformat(), moment.strftime("%a, %d %b %Y %H:%M:%S +0000")):
        found = ask(bigcommerce_sandbox, ORDERS, {"min_date_modified": text, "max_date_modified": text})
        assert order["id"] in found.ids()


def test_a_bare_date_of_a_product_gets_the_time_of_the_request(bigcommerce_sandbox: Sandbox) -> None:
    store = bigcommerce_sandbox.store
    store.clock = lambda: at(2026, 3, 5, 9, 0, 0)
    store.edit_product(store.rows("products")[0]["id"], name="changed at nine")

    store.clock = lambda: at(2026, 3, 5, 8, 0, 0)
    assert len(ask(bigcommerce_sandbox, PRODUCTS, {"date_modified:min": "2026-03-05"}).data) == 1
    store.clock = lambda: at(2026, 3, 5, 10, 0, 0)
    assert ask(bigcommerce_sandbox, PRODUCTS, {"date_modified:min": "2026-03-05"}).data == []


@pytest.mark.bigcommerce_sandbox(products=60)
@pytest.mark.parametrize("include", ["options", "modifiers", "variants,options"])
def test_options_and_modifiers_cut_a_page_of_products_to_ten(bigcommerce_sandbox: Sandbox, include: str) -> None:
    reply = ask(bigcommerce_sandbox, PRODUCTS, {"include": include, "limit": 50})

    assert (len(reply.data), reply.pagination["per_page"], reply.pagination["total_pages"]) == (10, 10, 6)


def test_includes_bring_what_the_lists_of_their_own_bring(bigcommerce_sandbox: Sandbox) -> None:
    names = {"variants": "variants", "images": "images", "custom_fields": "custom-fields", "videos": "videos", "options": "options",
             "modifiers": "modifiers", "bulk_pricing_rules": "bulk-pricing-rules", "reviews": "reviews"}  # fmt: skip
    for product in ask(bigcommerce_sandbox, PRODUCTS, {"include": ",".join(names)}).data:
        for field, path in names.items():
            assert product[field] == walk(bigcommerce_sandbox, f"{PRODUCTS}/{product['id']}/{path}", limit=250), (product["id"], field)


def test_the_last_product_has_600_variants_and_all_variants_belong_to_a_product(bigcommerce_sandbox: Sandbox) -> None:
    variants = walk(bigcommerce_sandbox, "/v3/catalog/variants", limit=250)
    by_product = {product: len(list(rows)) for product, rows in itertools.groupby(variants, key=lambda row: row["product_id"])}

    assert list(by_product) == [row["id"] for row in bigcommerce_sandbox.store.rows("products")]
    assert max(by_product.values()) == 600 == list(by_product.values())[-1]
    assert len({row["id"] for row in variants}) == len(variants) == bigcommerce_sandbox.store.count("product_variants")


def test_fields_can_be_chosen_and_left_out(bigcommerce_sandbox: Sandbox) -> None:
    chosen = ask(bigcommerce_sandbox, PRODUCTS, {"include_fields": "name,sku", "include": "images"}).data
    left = ask(bigcommerce_sandbox, PRODUCTS, {"exclude_fields": "description,name"}).data

    assert {frozenset(row) for row in chosen} == {frozenset(("id", "name", "sku", "images"))}
    assert [set(row) & {"description", "name", "id"} for row in left] == [{"id"}] * len(left)


@pytest.mark.bigcommerce_sandbox(customers=25)
@pytest.mark.parametrize("query", [{}, {"sort": "date_modified:asc"}, {"sort": "last_name:asc"}])
def test_cursors_of_customers_give_every_row_once(bigcommerce_sandbox: Sandbox, query: dict[str, str]) -> None:
    pages, cursor = [], {}
    while True:
        reply = ask(bigcommerce_sandbox, CUSTOMERS, {**query, **cursor, "limit": 10})
        pages.append(reply.ids())
        if "next" not in reply.json["meta"]["cursor_pagination"]["links"]:
            break
        cursor = {"after": reply.json["meta"]["cursor_pagination"]["end_cursor"]}
    before = ask(bigcommerce_sandbox, CUSTOMERS, {**query, "limit": 10, "before": reply.json["meta"]["cursor_pagination"]["start_cursor"]})

    assert [len(page) for page in pages] == [10, 10, 5]
    assert sorted(itertools.chain(*pages)) == [row["id"] for row in bigcommerce_sandbox.store.rows("customers")]
    assert before.ids() == pages[1]


def test_customers_show_cursors_on_the_first_page_and_pages_only_without_a_cursor(bigcommerce_sandbox: Sandbox) -> None:
    first = ask(bigcommerce_sandbox, CUSTOMERS, {"limit": 2})
    second = ask(bigcommerce_sandbox, CUSTOMERS, {"limit": 2, "page": 2})
    after = ask(bigcommerce_sandbox, CUSTOMERS, {"limit": 2, "page": 2, "after": first.json["meta"]["cursor_pagination"]["end_cursor"]})

    assert set(first.json["meta"]) == {"pagination", "cursor_pagination"}
    assert set(second.json["meta"]) == {"pagination"}
    assert (set(after.json["meta"]), after.ids()) == ({"cursor_pagination"}, second.ids())


@pytest.mark.bigcommerce_sandbox(products=60)
def test_channel_listings_go_on_after_the_last_listing_id(bigcommerce_sandbox: Sandbox) -> None:
    path = "/v3/channels/1/listings"
    first = ask(bigcommerce_sandbox, path, {"limit": 50})
    second = ask(bigcommerce_sandbox, path, {"limit": 50, "after": first.ids("listing_id")[-1]})

    listed = [row["listing_id"] for row in bigcommerce_sandbox.store.rows("channel_listings") if row["channel_id"] == 1]
    assert first.ids("listing_id") + second.ids("listing_id") == listed
    assert ask(bigcommerce_sandbox, "/v3/channels/999/listings").data == []


def test_a_child_list_of_a_missing_parent_is_404(bigcommerce_sandbox: Sandbox) -> None:
    for path in (f"{PRODUCTS}/999999/images", "/v2/orders/999999/products", "/v3/orders/999999/metafields", "/v2/countries/99/states"):
        assert ask(bigcommerce_sandbox, path).status == 404, path


@pytest.mark.bigcommerce_sandbox(orders=40)
def test_the_count_of_orders_agrees_with_the_list_and_its_filters(bigcommerce_sandbox: Sandbox) -> None:
    orders = walk(bigcommerce_sandbox, ORDERS, limit=50)
    for query in ({}, {"status_id": 10}, {"min_id": orders[7]["id"]}, {"min_date_modified": orders[3]["date_modified"]}):
        count = ask(bigcommerce_sandbox, f"{ORDERS}/count", query).json
        listed = walk(bigcommerce_sandbox, ORDERS, query, limit=50)

        assert count["count"] == len(listed) == sum(status["count"] for status in count["statuses"])
        assert {status["id"]: status["count"] for status in count["statuses"] if status["count"]} == {
            status: len(list(rows)) for status, rows in itertools.groupby(sorted(row["status_id"] for row in listed))
        }


def test_consignments_in_a_list_of_orders_need_the_object_structure(bigcommerce_sandbox: Sandbox) -> None:
    refused = ask(bigcommerce_sandbox, ORDERS, {"include": "consignments.line_items"})

    assert (refused.status, refused.json[0]["status"]) == (400, 400)


def test_embedded_line_items_are_those_of_the_order_and_stop_at_fifty_with_a_warning(bigcommerce_sandbox: Sandbox) -> None:
    embedded = ask(bigcommerce_sandbox, ORDERS, {"include": "consignments.line_items", "consignment_structure": "object"}).json
    for order in embedded:
        consignment = order["consignments"]["shipping"][0]
        lines = walk(bigcommerce_sandbox, f"{ORDERS}/{order['id']}/products", limit=250)

        assert consignment["line_items"] == lines[:50]
        assert ("__warning__" in consignment) == (len(lines) > 50)
    assert len(lines) == 300


def test_line_items_come_fifty_a_page(bigcommerce_sandbox: Sandbox) -> None:
    order = bigcommerce_sandbox.store.rows("orders")[-1]["id"]

    assert [len(ask(bigcommerce_sandbox, f"{ORDERS}/{order}/products", {"page": page}).ids()) for page in (1, 6, 7)] == [50, 50, 0]


@pytest.mark.bigcommerce_sandbox(orders=40)
def test_the_lines_and_costs_of_an_order_add_up(bigcommerce_sandbox: Sandbox) -> None:
    from decimal import Decimal

    for order in bigcommerce_sandbox.store.rows("orders"):
        lines = bigcommerce_sandbox.store.rows("order_products", order["id"])
        taxes = ask(bigcommerce_sandbox, f"{ORDERS}/{order['id']}/taxes", {"limit": 250}).json

        assert sum(line["quantity"] for line in lines) == order["items_total"]
        assert sum(Decimal(line["total_ex_tax"]) for line in lines) == Decimal(order["subtotal_ex_tax"])
        assert Decimal(order["total_ex_tax"]) == sum(
            (Decimal(order["subtotal_ex_tax"]), Decimal(order["shipping_cost_ex_tax"]), -Decimal(order["coupon_discount"])), Decimal(0)
        )
        assert Decimal(order["total_inc_tax"]) == Decimal(order["total_ex_tax"]) + Decimal(order["total_tax"])
        if len(lines) < 200:
            assert sum(Decimal(tax["line_amount"]) for tax in taxes) == Decimal(order["total_tax"])


@pytest.mark.bigcommerce_sandbox(products=40)
def test_a_product_is_the_same_however_it_is_asked_for(bigcommerce_sandbox: Sandbox) -> None:
    changed = bigcommerce_sandbox.store.edit_product(bigcommerce_sandbox.store.rows("products")[3]["id"], name="changed")["id"]
    page = {row["id"]: row for row in ask(bigcommerce_sandbox, PRODUCTS).data}

    assert page[changed]["name"] == "changed"
    assert page == {row_id: ask(bigcommerce_sandbox, f"{PRODUCTS}/{row_id}").data for row_id in page}


@pytest.mark.bigcommerce_sandbox(products=40)
@pytest.mark.parametrize(("child", "kind"), [("images", "product_images"), ("reviews", "product_reviews")])
def test_a_product_without_images_or_reviews_answers_204_and_a_page_beyond_the_last_is_empty(
    bigcommerce_sandbox: Sandbox, child: str, kind: str
) -> None:
    held = {row["id"]: len(bigcommerce_sandbox.store.rows(kind, row["id"])) for row in bigcommerce_sandbox.store.rows("products")}
    bare = bigcommerce_sandbox.store.add_product()["id"]
    bigcommerce_sandbox.store.nested[kind].put((bare,), [])
    some = next(product for product, count in held.items() if count)

    reply = ask(bigcommerce_sandbox, f"{PRODUCTS}/{bare}/{child}")
    assert (reply.status, reply.body) == (204, b"")
    assert ask(bigcommerce_sandbox, f"{PRODUCTS}/{some}/{child}", {"page": 9}).data == []


def test_price_lists_with_a_page_show_page_numbers_only(bigcommerce_sandbox: Sandbox) -> None:
    def kinds(**query: object) -> set[str]:
        return set(ask(bigcommerce_sandbox, "/v3/pricelists", query).json["meta"])

    assert kinds() == kinds(limit=1) == {"pagination", "cursor_pagination"}
    assert kinds(page=1) == {"pagination"}


@pytest.mark.bigcommerce_sandbox(customers=25)
def test_customers_come_by_descending_id_unless_sorted(bigcommerce_sandbox: Sandbox) -> None:
    ids = [row["id"] for row in bigcommerce_sandbox.store.rows("customers")]
    newest = bigcommerce_sandbox.store.add_customer()["id"]

    assert ask(bigcommerce_sandbox, CUSTOMERS).ids() == [newest, *ids[::-1]]
    assert ask(bigcommerce_sandbox, CUSTOMERS, {"page": 2, "limit": 10}).ids() == ids[::-1][9:19]
    assert ask(bigcommerce_sandbox, CUSTOMERS, {"id:in": f"{ids[3]},{ids[7]}"}).ids() == [ids[7], ids[3]]
    assert ask(bigcommerce_sandbox, CUSTOMERS, {"sort": "date_modified:asc"}).ids()[-1] == newest


@pytest.mark.bigcommerce_sandbox(customers=25)
def test_a_cursor_of_customers_stands_although_its_row_goes_and_rows_come(bigcommerce_sandbox: Sandbox) -> None:
    ids = [row["id"] for row in bigcommerce_sandbox.store.rows("customers")][::-1]
    first = ask(bigcommerce_sandbox, CUSTOMERS, {"limit": 10})
    bigcommerce_sandbox.store.delete("customers", ids[9])
    bigcommerce_sandbox.store.add_customer()

    after = first.json["meta"]["cursor_pagination"]["end_cursor"]
    assert (first.ids(), ask(bigcommerce_sandbox, CUSTOMERS, {"limit": 10, "after": after}).ids()) == (ids[:10], ids[10:20])


@pytest.mark.parametrize("size", [5, 10, 50, 100, 4377])
def test_dates_are_spread_over_the_day(size: int) -> None:
    store = Store(products=size, orders=size, customers=size)
    for name in ("products", "orders", "customers"):
        moments = {dates.parse(store.row(name, key)["date_modified"]) for key in store.tables[name].ids()[:60]}
        times = {moment % 86_400 for moment in moments}
        assert len(times) == len(moments) > min(size, 60) // 4, "as many times of day as moments"
        assert not times & {0, 43_200}
    settings = {dates.parse(row["date_modified"]) % 86_400 for row in store.rows("channels")}
    assert len(settings) == 3


def test_a_million_products_are_made_only_when_asked_for() -> None:

    store = Store(products=1_000_000)
    table = store.tables["products"]
    keys = table.by_modification(since=int(at(2025, 10, 1)))

    assert len(table) == 1_000_000
    assert table.get(table.ids()[999_999])["id"] == table.ids()[-1]
    assert 0 < len(keys) < 200_000
    assert list(table.changed) == list(table.ids()[:1])  # the one with a recorded price
