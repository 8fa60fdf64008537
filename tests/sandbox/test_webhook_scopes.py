"""Every scope that BigCommerce publishes is told of by the sandbox, or stands here with the reason why not; no other is told of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox import channel_events, webhook_events
from airflow_provider_bigcommerce.sandbox.channel_events import settings_events
from airflow_provider_bigcommerce.sandbox.contract import contract
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.webhook_events import events_of

#: The sandbox has no write that these could tell of.
NO_WRITE = "the sandbox has no such write"
OVERRIDES = "tells of overrides for a locale, which GraphQL alone writes"
AS_ONE = "the sandbox tells of each row by itself"
NOT_TOLD = {
    "store/app/uninstalled": NO_WRITE,
    "store/cart/abandoned": "an hour without a change is no write",
    "store/cart/converted": NO_WRITE,
    "store/cart/couponApplied": NO_WRITE,
    "store/cart/lineItem/created": NO_WRITE,
    "store/cart/lineItem/deleted": NO_WRITE,
    "store/cart/lineItem/updated": NO_WRITE,
    "store/channel/*/inventory/product/low_stock_reached": "tells of orders alone; the sandbox's tables do not know why stock changed",
    "store/channel/*/inventory/product/out_of_stock_reached": "the same",
    "store/channel/{channel_id}/cart/abandoned": "an hour without a change is no write",
    "store/channel/{channel_id}/cart/converted": NO_WRITE,
    "store/channel/{channel_id}/cart/couponApplied": NO_WRITE,
    "store/channel/{channel_id}/cart/lineItem/created": NO_WRITE,
    "store/channel/{channel_id}/cart/lineItem/deleted": NO_WRITE,
    "store/channel/{channel_id}/cart/lineItem/updated": NO_WRITE,
    "store/channel/{channel_id}/order/message/created": NO_WRITE,
    "store/channel/{channel_id}/order/refund/created": "store/order/refund/created tells the same",
    "store/channel/{channel_id}/settings/emailStatus/deleted": NO_WRITE,
    "store/channel/{channel_id}/settings/favicon/image/updated": NO_WRITE,
    "store/channel/{channel_id}/settings/locale/added": NO_WRITE,
    "store/channel/{channel_id}/settings/locale/deleted": NO_WRITE,
    "store/channel/{channel_id}/settings/logo/image/updated": NO_WRITE,
    "store/channel/{channel_id}/settings/site/checkoutUrl/deleted": NO_WRITE,
    "store/channel/{channel_id}/settings/site/checkoutUrl/updated": NO_WRITE,
    "store/channel/{channel_id}/socialMediaLinks/updated": NO_WRITE,
    "store/company/superadmin/assignmentUpdated": NO_WRITE,
    "store/customer/payment/instrument/default/updated": NO_WRITE,
    "store/hook/deliveryException": "no change of a row; Deliveries tells it",
    "store/information/updated": NO_WRITE,
    "store/modifier/updated": OVERRIDES,
    "store/option/updated": OVERRIDES,
    "store/order/message/created": NO_WRITE,
    "store/order/transaction/created": NO_WRITE,
    "store/order/transaction/updated": NO_WRITE,
    "store/priceList/record/created": AS_ONE,
    "store/priceList/record/deleted": AS_ONE,
    "store/priceList/record/updated": AS_ONE,
    "store/priceLists/deleted": AS_ONE,
    "store/product/inventory/order/updated": "an order's stock is told as store/product/inventory/updated",
    "store/sku/inventory/order/updated": "an order's stock is told as store/sku/inventory/updated",
    "store/superadmin/assignmentUpdated": NO_WRITE,
}
NESTED: dict[str, dict[str, Any]] = {
    "customer_addresses": {"id": 1, "city": "Rome"},
    "order_refunds": {"id": 1, "reason": "broken"},
    "order_shipments": {"id": 1, "comments": ""},
    "product_channels": {"channel_id": 1},
}
#: Kinds whose rows the store does not have from its beginning.
ROWS: dict[str, dict[str, Any]] = {"stock": {"places": {"1": {"onhand": 5, "safety_stock": 1}}}}


def another(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, list):
        return value[1:] if value else [1]
    return {"onhand": 1} if value is None else {**value, "changed": 1}


def changes(kind: str, row: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """The row that comes, goes, and changes in each of its fields, there and back."""
    if kind in NESTED:
        for other in ([], [{name: another(value) if name != "id" else value for name, value in row.items()}]):
            yield {"rows": other}, {"rows": [row]}
            yield {"rows": [row]}, {"rows": other}
        return
    yield None, row
    yield row, None
    for name, value in row.items():
        changed = {**row, name: another(value)}
        if kind == "stock":
            changed = {"places": {"1": {**row["places"]["1"], "onhand": 4, "safety_stock": 2}}}
        yield row, changed
        yield changed, row


@pytest.fixture(scope="module")
def told() -> set[str]:
    """Every scope of which a change of a row, or of settings, tells."""
    store = Store(products=5, orders=3, customers=3)
    assert store.b2b is not None  # makes its tables
    kinds = {*webhook_events._TABLES, *webhook_events._METAFIELDS, *channel_events.MAKERS}
    found: set[str] = set()
    for kind in kinds:
        row: dict[str, Any] = ROWS.get(kind) or NESTED.get(kind) or next(iter(store.rows(kind)))
        key: Any = 1 if kind in ROWS or kind in NESTED else row.get(store.tables[kind].key)
        for old, new in changes(kind, row):
            found |= {scope for scope, _ in events_of(kind, key, old, new, lambda table, each: store.tables[table].get(each))}
    found |= {scope for path in contract() for scope, _ in settings_events(path)}
    return {re.sub(r"\Astore/channel/\d+/", "store/channel/{channel_id}/", scope) for scope in found}


def test_each_published_scope_is_told_of_or_has_its_reason(told: set[str], openapi_dir: Path) -> None:
    published = json.loads((openapi_dir.parent / "facts" / "webhook-scopes.json").read_text())
    single = {scope for scope in published if not scope.endswith("/*")}

    assert told - single == set(), "no page of BigCommerce's has these"
    assert single - told == NOT_TOLD.keys(), "told of, or missing without a reason"


def test_settings_are_told_of_once_for_the_channel_that_they_are_of() -> None:
    assert settings_events("/v3/carts/settings/channels/7") == [("store/channel/7/settings/checkout/updated", {})]
    assert settings_events("/v3/settings/storefront/seo") == [("store/channel/1/settings/SEO/updated", {})]
    assert settings_events("/v3/settings/analytics/1") == []
    assert settings_events("/v3/settings/nothing") == []


def test_what_requests_write_into_the_store_is_told_of() -> None:
    store = Store(products=3, orders=1, customers=1, clock=lambda: 1_800_000_000.0)
    store.add("webhooks", scope="store/*", destination="http://127.0.0.1:9/in", is_active=True, headers={})
    emitted: list[tuple[str, Any]] = []
    store.webhooks.emit = lambda scope, data: emitted.append((scope, data))  # type: ignore[method-assign]  # in place of the queue
    product_id = store.tables["products"].ids()[0]

    store.keep_singleton("/v3/settings/catalog", {"a": 1})
    script = store.add("scripts", name="a", channel_id=1)
    store.nested["product_channels"].put((product_id,), [{"channel_id": 2}])
    company_id = store.b2b.company_of(store.b2b.buyers[0])
    store.edit("b2b_companies", company_id, companyStatus="9")

    assert emitted == [
        ("store/channel/1/settings/catalog/updated", {}),
        ("store/channel/1/script/created", {"uuid": script["uuid"]}),
        ("store/channel/2/product/assigned", {"product_id": product_id}),
        ("store/channel/1/product/unassigned", {"product_id": product_id}),
        ("store/company/updated", {"company_id": company_id}),
        ("store/company/statusUpdated", {"company_id": company_id}),
    ]
