"""Writes over the wire: faults before and after the store acted, rates of single endpoints, requests at once, the outbox from outside."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.faults import WRITE_KINDS, Faults
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.sandbox.wire import ask

COUPONS = "/v2/coupons"
COUPON = {"name": "Neu", "code": "NEU", "type": "per_total_discount", "amount": "5", "applies_to": {"entity": "categories", "ids": [0]}}


def sent(sandbox: Sandbox) -> int:
    """Create a coupon; gives the status a client sees, 0 where it sees none."""
    try:
        return ask(sandbox, COUPONS, method="POST", body=COUPON, timeout=0.3).status
    except (TimeoutError, ConnectionResetError, http.client.HTTPException):
        return 0


@pytest.mark.parametrize(("kind", "status", "acted"), [
    ("500", 500, False), ("503", 503, False), ("reset_before", 0, False), ("timeout_before", 0, False),
    ("500_after", 500, True), ("502_after", 502, True), ("503_after", 503, True), ("504_after", 504, True),
    ("reset_after", 0, True), ("timeout_after", 0, True),
])  # fmt: skip
def test_a_fault_hits_before_or_after_the_store_acted(bigcommerce_sandbox: Sandbox, kind: Any, status: int, acted: bool) -> None:
    store = bigcommerce_sandbox.store
    store.fail_next(1, kind, match="coupons", method="POST")
    before = store.count("coupons")

    assert sent(bigcommerce_sandbox) == status
    assert store.count("coupons") == before + acted
    assert sent(bigcommerce_sandbox) == (409 if acted else 201)  # sent again: its code is there already, or is not
    assert store.faults == {kind: 1}


def test_an_endpoint_fails_at_its_own_rate_whatever_else_is_asked() -> None:
    def drawn(others: int) -> list[str | None]:
        faults = Faults(7)
        faults.add_endpoints("PUT /v3/catalog/products=0.5; POST /v2/orders/{order_id}/shipments=1:reset_after,503_after")
        found = []
        for _ in range(40):
            for _ in range(others):
                assert faults.draw("POST", "/v2/orders/100/shipments") is not None
                assert faults.draw("GET", "/v3/catalog/products") is None
                assert faults.draw("PUT", "/v3/catalog/products/7") is None
            fault = faults.draw("PUT", "/v3/catalog/products?include=variants")
            found.append(None if fault is None else fault.kind)
        return found

    assert drawn(0) == drawn(3)
    kinds = Counter(drawn(0))
    assert 10 < kinds[None] < 30
    assert len(kinds) > 5


def test_half_of_the_kinds_for_writes_hit_after_the_store_acted() -> None:
    assert [kind.endswith("after") for kind in WRITE_KINDS].count(True) == len(WRITE_KINDS) / 2


@pytest.mark.parametrize("text", [
    "products=0.5", "PUT products=0.5", "PUT /v3/x", "PUT /v3/x=2", "PUT /v3/x=0.1:nothing", "put /v3/x=0.1",
])  # fmt: skip
def test_a_rate_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"fault"):
        Faults().add_endpoints(text)


@pytest.mark.bigcommerce_sandbox(faults="POST /v2/coupons=1:503_after", stock_delay=5)
def test_the_fixture_takes_rates_of_endpoints_and_the_delay_of_stock(bigcommerce_sandbox: Sandbox) -> None:
    assert sent(bigcommerce_sandbox) == 503
    assert ask(bigcommerce_sandbox, COUPONS).status == 200
    assert bigcommerce_sandbox.store.stock.delay == 5


def together(sandbox: Sandbox, requests: list[tuple[str, str, Any]]) -> list[int]:
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda one=one: found.append(ask(sandbox, one[1], method=one[0], body=one[2]).status)) for one in requests
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


@pytest.mark.bigcommerce_sandbox(latency_ms=300)
def test_refunds_of_one_order_run_one_at_a_time_and_of_two_orders_at_once(bigcommerce_sandbox: Sandbox) -> None:
    first, second = [row["id"] for row in bigcommerce_sandbox.store.rows("orders")][:2]
    one, other = (f"/v3/orders/{order_id}/payment_actions/refunds" for order_id in (first, second))

    assert together(bigcommerce_sandbox, [("POST", one, {}), ("POST", one, {}), ("POST", other, {})]) == [422, 422, 429]


@pytest.mark.bigcommerce_sandbox(latency_ms=300)
def test_a_third_batch_of_price_records_is_refused_with_quota_left(bigcommerce_sandbox: Sandbox) -> None:
    rows = [{"variant_id": 1, "currency": "usd", "price": 1}]

    assert together(bigcommerce_sandbox, [("PUT", "/v3/pricelists/1/records", rows)] * 3) == [200, 200, 429]


def test_the_outbox_and_sales_are_there_for_other_processes(bigcommerce_sandbox: Sandbox) -> None:
    store = bigcommerce_sandbox.store
    customer = {"email": "new@example.com", "first_name": "A", "last_name": "B", "trigger_account_created_notification": True}
    made = ask(bigcommerce_sandbox, "/v3/customers", method="POST", body=[customer]).data[0]
    before = store.stock.onhand(1, 1)

    def admin(path: str, method: str = "GET", body: Any = None) -> Any:
        connection = http.client.HTTPConnection(bigcommerce_sandbox.url.removeprefix("http://"), timeout=10)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"X-Auth-Token": bigcommerce_sandbox.token})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    mails = admin("/sandbox/outbox")
    assert [(mail["what"], mail["customer_id"], mail["order_id"]) for mail in mails] == [("customer created", made["id"], None)]
    assert admin("/sandbox/state")["mails"] == 1
    assert admin("/sandbox/changes", "POST", {"sell": [[1, 1, 2]], "stock_delay": 9}) == {"sell": [before - 2]}
    assert (store.stock.onhand(1, 1), store.stock.delay) == (before - 2, 9)


@pytest.mark.bigcommerce_sandbox(products=5, orders=3, customers=3)
def test_a_token_that_only_reads_cannot_write(bigcommerce_sandbox: Sandbox) -> None:
    bigcommerce_sandbox.store.add_token("reader", ["store_v2_products_read_only", "store_v2_orders_read_only", "store_inventory_read_only"])

    for method, path in (("PUT", "/v3/catalog/products"), ("POST", "/v2/orders"), ("PUT", "/v3/inventory/adjustments/absolute")):
        assert ask(bigcommerce_sandbox, path, method=method, body=[], token="reader").status == 403


def test_an_upload_is_taken_as_it_comes(bigcommerce_sandbox: Sandbox) -> None:
    brand = bigcommerce_sandbox.store.rows("brands")[0]["id"]
    headers = {"Content-Type": "multipart/form-data; boundary=x"}

    told = ask(bigcommerce_sandbox, f"/v3/catalog/brands/{brand}/image", method="POST", body="--x--", headers=headers)

    assert told.status == 200
    assert bigcommerce_sandbox.store.row("brands", brand)["image_url"] == told.data["image_url"]


@pytest.mark.bigcommerce_sandbox(products=9, orders=12, customers=9, tls=True)
def test_the_official_sdk_writes_orders_shipments_customers_and_coupons(
    bigcommerce_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = pytest.importorskip("bigcommerce.api", reason="pip install bigcommerce")
    monkeypatch.setenv("BC_API_ENDPOINT", bigcommerce_sandbox.url.removeprefix("https://"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bigcommerce_sandbox.ca_file))
    store = bigcommerce_sandbox.store
    client = api.BigcommerceApi(client_id="x", store_hash=store.store_hash, access_token=bigcommerce_sandbox.token)

    address = {"first_name": "Ada", "last_name": "L", "street_1": "x", "city": "Leeds", "zip": "1", "country": "United Kingdom"}
    order = client.Orders.create(billing_address=address, products=[{"product_id": 101, "quantity": 2}])
    order.update(status_id=11, staff_notes="by the SDK")
    order = client.Orders.get(order.id)
    where, line = order.shipping_addresses()[0], order.products()[0]
    items = [{"order_product_id": line.id, "quantity": 2}]
    shipment = client.OrderShipments.create(order.id, order_address_id=where.id, tracking_number="T1", items=items)
    shipment.update(tracking_number="T2")
    customer = client.Customers.create(first_name="Ada", last_name="Lovelace", email="ada@example.com")
    customer.update(notes="by the SDK")
    coupon = client.Coupons.create(**COUPON)
    coupon.update(amount="6")

    shown = store.row("orders", order.id)
    assert (shown["status"], shown["staff_notes"], shown["items_shipped"]) == ("Shipped", "by the SDK", 2)
    assert [row["tracking_number"] for row in store.rows("order_shipments", order.id)] == ["T2"]
    assert [mail.what for mail in store.outbox] == ["status changed", "shipment created"]
    assert store.row("customers", customer.id)["notes"] == "by the SDK"
    assert store.row("coupons", coupon.id)["amount"] == "6"
    with pytest.raises(Exception, match=r"409|[Cc]onflict|in use"):
        client.Coupons.create(**COUPON)
    coupon.delete()
    assert store.row("coupons", coupon.id) is None
