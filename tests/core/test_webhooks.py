"""What a webhook is: the table of bad headers, bodies and ids, and that no bytes whatever raise."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core import webhooks
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.catalog.event_members import (
    EVENT_KEYS,
    WITHOUT_RESOURCE,
    known_scope,
    resources_of,
    scopes_to_subscribe,
)
from airflow_provider_bigcommerce.core.webhooks import Change, Event, Refused, Secrets, changes_of, parse, payloads, verify

NOW = 1_800_000_000.0
SECRETS = Secrets("abc123", "the-token", "the-client-secret")
BODY = b'{"scope":"store/product/updated","data":{"type":"product","id":250},"producer":"stores/abc123","created_at":1799999990}'
Pairs = list[tuple[str, str]]


def signature(body: bytes = BODY, secret: bytes = b"the-client-secret", webhook_id: str = "msg_1", at: str = "1800000000") -> str:
    digest = hmac.new(secret, f"{webhook_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(**changed: str | list[str] | None) -> Pairs:
    """Good headers; `_` in a name stands for `-`, None leaves one out, a list sends it as often."""
    good: dict[str, str | list[str] | None] = {
        "X-Airflow-BigCommerce": SECRETS.header,
        "webhook-id": "msg_1",
        "webhook-timestamp": "1800000000",
        "webhook-signature": signature(),
    }
    good |= {name.replace("_", "-"): value for name, value in changed.items()}
    found: Pairs = []
    for name, value in good.items():
        found += [(name, each) for each in (value if isinstance(value, list) else [] if value is None else [value])]
    return found


UNSIGNED: dict[str, str | list[str] | None] = {"webhook_id": None, "webhook_timestamp": None, "webhook_signature": None}
SECRET = "X-Airflow-BigCommerce"


def test_the_header_secret_is_derived_as_it_is_documented() -> None:
    expected = hmac.new(b"the-token", b"airflow-bigcommerce webhooks abc123", hashlib.sha256).hexdigest()
    assert SECRETS.header == expected
    assert "the-token" not in repr(SECRETS)
    assert "the-client-secret" not in repr(SECRETS)


GOOD: dict[str, tuple[Pairs, bytes, webhooks.Signature]] = {
    "both": (headers(), BODY, "required"),
    "the header secret alone": (headers(**UNSIGNED), BODY, "if_present"),
    "names in another case": ([(name.upper(), value) for name, value in headers()], BODY, "required"),
    "the second of two signatures": (headers(webhook_signature=f"v1,AAAA {signature()}"), BODY, "required"),
    "the first of two versions": (headers(webhook_signature=f"{signature()} v2,AAAA"), BODY, "required"),
    "almost three days old": (
        headers(webhook_timestamp="1799740800", webhook_signature=signature(at="1799740800")),
        BODY,
        "required",
    ),
}


@pytest.mark.parametrize("case", sorted(GOOD))
def test_a_delivery_of_the_store_is_taken(case: str) -> None:
    pairs, body, mode = GOOD[case]
    assert verify(pairs, body, SECRETS, NOW, mode) is None


_B64_KEY = base64.b64encode(b"the-client-secret")
BAD: dict[str, tuple[Pairs, bytes, str]] = {
    "no header secret": (headers(**{SECRET: None}), BODY, "is missing"),
    "an empty header secret": (headers(**{SECRET: ""}), BODY, "is not this connection's"),
    "another header secret": (headers(**{SECRET: Secrets("abc123", "other").header}), BODY, "is not this connection's"),
    "the header secret of another store": (headers(**{SECRET: Secrets("other1", "the-token").header}), BODY, "is not this connection's"),
    "the header secret in capitals": (headers(**{SECRET: SECRETS.header.upper()}), BODY, "is not this connection's"),
    "the header secret twice": (headers(**{SECRET: [SECRETS.header, SECRETS.header]}), BODY, "came twice"),
    "a header secret that is not ASCII": (headers(**{SECRET: "ü\ud800"}), BODY, "is not this connection's"),
    "no signature header": (headers(webhook_signature=None), BODY, "webhook-signature is missing"),
    "an empty signature header": (headers(webhook_signature=""), BODY, "webhook-signature is empty"),
    "a double signature header": (headers(webhook_signature=[signature(), signature()]), BODY, "webhook-signature came twice"),
    "a signature without an id": (headers(webhook_id=None), BODY, "webhook-id is missing"),
    "v1 without a comma": (headers(webhook_signature="v1"), BODY, "no signature is by"),
    "no version": (headers(webhook_signature=signature().removeprefix("v1,")), BODY, "no signature is by"),
    "another version": (headers(webhook_signature=signature().replace("v1,", "v1a,")), BODY, "no signature is by"),
    "no base64": (headers(webhook_signature="v1,%%%"), BODY, "no signature is by"),
    "a signature that is not ASCII": (headers(webhook_signature="v1,é\ud800"), BODY, "no signature is by"),
    "the base64 text as key": (headers(webhook_signature=signature(secret=_B64_KEY)), BODY, "no signature is by"),
    "a foreign secret": (headers(webhook_signature=signature(secret=b"other")), BODY, "no signature is by"),
    "a changed body": (headers(), BODY.replace(b"250", b"251"), "no signature is by"),
    "another id": (headers(webhook_id="msg_2"), BODY, "no signature is by"),
    "a timestamp that is text": (headers(webhook_timestamp="now"), BODY, "is no number of seconds"),
    "a negative timestamp": (headers(webhook_timestamp="-1"), BODY, "is no number of seconds"),
    "a timestamp of 1e400": (headers(webhook_timestamp="1e400"), BODY, "is no number of seconds"),
    "a timestamp of many digits": (headers(webhook_timestamp="9" * 5000), BODY, "is no number of seconds"),
    "a timestamp in other digits": (headers(webhook_timestamp="١٨٠٠٠٠٠٠٠٠"), BODY, "is no number of seconds"),
    "more than three days old": (
        headers(webhook_timestamp="1799740799", webhook_signature=signature(at="1799740799")),
        BODY,
        "is older than 72 hours",
    ),
    "from the future": (
        headers(webhook_timestamp="1800003601", webhook_signature=signature(at="1800003601")),
        BODY,
        "is older than 72 hours, or ahead",
    ),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_is_not_the_stores_is_refused_with_a_reason_that_repeats_nothing(case: str) -> None:
    pairs, body, reason = BAD[case]
    refused = verify(pairs, body, SECRETS, NOW)
    assert refused is not None
    assert reason in refused.reason
    assert "the-client-secret" not in refused.reason
    assert SECRETS.header not in refused.reason


def test_without_a_client_secret_a_signature_is_not_looked_at_unless_it_is_required() -> None:
    secrets = Secrets("abc123", "the-token")
    assert verify(headers(webhook_signature="v1,wrong"), BODY, secrets, NOW) is None
    refused = verify(headers(), BODY, secrets, NOW, "required")
    assert refused is not None
    assert "has no client_secret" in refused.reason


def test_an_unsigned_delivery_is_refused_where_a_signature_is_required() -> None:
    refused = verify(headers(**UNSIGNED), BODY, SECRETS, NOW, "required")
    assert refused is not None
    assert "webhook-id is missing" in refused.reason


def body_of(**changed: Any) -> bytes:
    event = {
        "scope": "store/product/updated",
        "data": {"type": "product", "id": 250},
        "producer": "stores/abc123",
        "created_at": 1799999990,
    }
    return json.dumps({name: value for name, value in {**event, **changed}.items() if value is not ...}).encode()


BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "is not JSON"),
    "no UTF-8": (b'{"scope":"\xff"}', "is not JSON"),
    "half a surrogate pair": (body_of(scope="store/x").replace(b"store/x", b"\\ud800"), "is not JSON"),
    "an array": (b"[]", "is not a JSON object"),
    "a number": (b"7", "is not a JSON object"),
    "a number that no computer holds": (b"1e400", "is not JSON"),
    "null": (b"null", "is not a JSON object"),
    "ten thousand levels": (b'{"data":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "is not JSON"),
    "NaN": (body_of().replace(b"250", b"NaN"), "is not JSON"),
    "two values": (BODY + BODY, "is not JSON"),
    "no scope": (body_of(scope=...), "no scope"),
    "a scope that is a number": (body_of(scope=7), "no scope"),
    "a scope of 10 kB": (body_of(scope="store/" + "x" * 10_000), "no scope"),
    "a scope with a line break": (body_of(scope="store/product\nupdated"), "no scope"),
    "a scope in another case": (body_of(scope="STORE/PRODUCT/UPDATED"), "no scope"),
    "no producer": (body_of(producer=...), "not of this connection's store"),
    "another store": (body_of(producer="stores/other1"), "not of this connection's store"),
    "a producer that is a list": (body_of(producer=["stores/abc123"]), "not of this connection's store"),
}


@pytest.mark.parametrize("case", sorted(BODIES))
def test_a_body_that_is_no_event_of_this_store_is_refused_with_a_reason(case: str) -> None:
    body, reason = BODIES[case]
    found = parse(body, "abc123")
    assert isinstance(found, Refused)
    assert reason in found.reason


def test_of_a_key_that_stands_there_twice_the_last_counts() -> None:
    found = parse(BODY.replace(b'"id":250', b'"id":1,"id":250'), "abc123")
    assert isinstance(found, Event)
    assert [change.key for change in changes_of(found)] == [250]


@pytest.mark.parametrize("created_at", [None, "1799999990", True, -1, 0, 2**40, 1e9, ...], ids=repr)
def test_an_event_without_a_sensible_time_has_none(created_at: Any) -> None:
    found = parse(body_of(created_at=created_at), "abc123")
    assert isinstance(found, Event)
    assert found.created_at is None


IDS: dict[str, tuple[Any, list[Any]]] = {
    "a number": (250, [250]),
    "digits in a text": ("250", [250]),
    "the largest": (2**63 - 1, [2**63 - 1]),
    "too large": (2**63, []),
    "too many digits": ("9" * 19, []),
    "zero": (0, []),
    "negative": (-1, []),
    "a float": (250.0, []),
    "true": (True, []),
    "null": (None, []),
    "an object": ({"id": 250}, []),
    "a uuid": ("0b6d1c9e-0000-4000-8000-000000000000", []),
    "leading zeros": ("0250", []),
    "blank": (" 250", []),
    "other digits": ("٢٥٠", []),
    "a list": ([250, "251", -1], [250, 251]),
}


@pytest.mark.parametrize("case", sorted(IDS))
def test_only_what_can_be_an_id_is_one(case: str) -> None:
    value, expected = IDS[case]
    assert [change.key for change in changes_of(Event("store/product/updated", {"id": value}, None))] == expected


@pytest.mark.parametrize("data", [None, 7, "250", [], [7], {}, [[]], {"ID": 250}], ids=repr)
def test_data_without_an_id_names_no_row(data: Any) -> None:
    assert changes_of(Event("store/product/updated", data, None)) == []


CART = "0b6d1c9e-0000-4000-8000-000000000000"
NAMED: list[tuple[str, Any, dict[str, tuple[Any, tuple[Any, ...], bool]]]] = [
    ("store/product/deleted", {"type": "product", "id": 7}, {"products": (7, (), True)}),
    (
        "store/sku/inventory/updated",
        {"type": "sku", "id": 900, "inventory": {"product_id": 7, "variant_id": 70, "method": "absolute", "value": 1}},
        {"product_variants": (70, (7,), False)},
    ),
    (
        "store/order/refund/created",
        {"type": "order", "id": 100, "refund": {"refund_id": 5}},
        {"orders": (100, (), False), "order_refunds": (5, (100,), False), "order_refunds_by_order": (5, (100,), False)},
    ),
    ("store/channel/3/order/archived", {"order_id": 100}, {"orders": (100, (), True)}),
    ("store/shipment/deleted", {"type": "shipment", "id": 8, "orderId": 100}, {"order_shipments": (8, (100,), True)}),
    (
        "store/order/transaction/created",
        {"type": "transaction", "order_id": "250", "transaction_id": "9"},
        {"order_transactions": (9, (250,), False)},
    ),
    (
        "store/customer/address/updated",
        {"type": "customer", "id": 4, "address": {"customer_id": 3}},
        {"customer_addresses": (4, (3,), False)},
    ),
    ("store/cart/lineItem/deleted", {"type": "cart_line_item", "id": "x", "cartId": CART}, {"carts": (CART, (), False)}),
    ("store/cart/converted", {"type": "cart", "id": CART, "orderId": 1}, {"carts": (CART, (), True)}),
    (
        "store/channel/5/product/unassigned",
        {"product_id": 7},
        {"product_channel_assignments": ((7, 5), (), True)},
    ),
    (
        "store/channel/*/inventory/product/stock_changed",
        {"variant_id": 70, "product_id": 7, "location_id": 1},
        {"inventory_items": ((7, 70), (), False), "location_inventory_items": ((1, 7, 70), (1,), False)},
    ),
    (
        "store/channel/5/inventory/product/stock_changed",
        {"variant_id": 70, "product_id": 7, "location_id": 1},
        {"inventory_items": ((7, 70), (), False), "location_inventory_items": ((1, 7, 70), (1,), False)},
    ),
    (
        "store/metafield/updated",
        {"metafield_id": 6, "resource_id": "38", "resource_type": "brand"},
        {"brand_metafields": (6, (38,), False), "brand_metafields_by_brand": (6, (38,), False)},
    ),
    ("store/metafield/updated", {"metafield_id": 6, "resource_id": "38", "resource_type": "unheard"}, {}),
    ("store/information/updated", {"type": "store"}, {"store_information": (None, (), False)}),
    ("store/priceList/records/deleted", [{"price_list_id": 2, "variant_id": 70}], {}),
    (
        "store/priceList/records/deleted",
        [{"price_list_id": 2, "variant_id": 70, "currency_code": "USD"}],
        {"price_list_records": ((2, 70, "USD"), (2,), True)},
    ),
    ("store/priceLists/deleted", {"price_list_ids": [2]}, {"price_lists": (2, (), True)}),
    ("store/heard/of/never", {"id": 1}, {}),
    ("store/product/*", {"id": 1}, {}),
    (webhooks.TEST_SCOPE, {"type": "test"}, {}),
]


@pytest.mark.parametrize(("scope", "data", "expected"), NAMED, ids=[f"{n} {each[0]}" for n, each in enumerate(NAMED)])
def test_an_event_names_the_rows_of_every_resource_that_it_refreshes(scope: str, data: Any, expected: dict[str, Any]) -> None:
    found = {change.resource: (change.key, change.parents, change.is_gone) for change in changes_of(Event(scope, data, None))}
    assert {name: value for name, value in found.items() if name in expected or not expected} == expected


def test_every_resource_with_webhooks_says_which_member_names_its_row_and_every_published_scope_is_accounted_for(openapi_dir: Path) -> None:
    assert set(EVENT_KEYS) == {name for name, row in CATALOG.items() if row.webhook_scopes}
    published = set(json.loads((openapi_dir.parent / "facts" / "webhook-scopes.json").read_text()))
    without = {scope for scope in published if not resources_of(scope)}
    assert {scope for scope in without if not scope.endswith("/*")} == set(WITHOUT_RESOURCE)
    for name, rule in EVENT_KEYS.items():
        assert set(rule.gone) <= set(CATALOG[name].webhook_scopes), name
        assert len(rule.ids) in (0, len(CATALOG[name].primary_key)), name


def test_nobody_is_told_to_subscribe_to_a_channels_scopes() -> None:
    wanted = {scope for name in EVENT_KEYS for scope in scopes_to_subscribe(name)}
    assert not {scope for scope in wanted if "{" in scope or scope.endswith("/*")}
    assert {scope for scope in wanted if scope.startswith("store/channel/*/")} == {
        scope for scope in wanted if scope.startswith("store/channel/*/inventory/product/")
    }
    assert set(scopes_to_subscribe("products")) == set(CATALOG["products"].webhook_scopes)


def test_a_channels_scope_is_known_by_its_published_form() -> None:
    assert known_scope("store/channel/12/order/created") == ("store/channel/{channel_id}/order/created", "12")
    assert known_scope("store/channel/12/unheard") == ("store/channel/12/unheard", None)
    assert known_scope("store/channel/updated") == ("store/channel/updated", None)


def change(key: Any, *, is_gone: bool = False, at: int | None = None, resource: str = "products", parents: tuple[int, ...] = ()) -> Change:
    return Change(resource, key, parents, is_gone, at)


def test_many_changes_are_told_once_each_in_the_order_they_came_with_the_time_they_span() -> None:
    changes = [change(3, at=1_799_999_000), change(1), change(3, at=1_799_990_000), change(2, is_gone=True), change(9, resource="orders")]
    found = dict(payloads(changes, "abc123", NOW))
    assert found["products"] == {
        "resource": "products",
        "store_hash": "abc123",
        "since": "2027-01-15T05:13:20Z",
        "until": "2027-01-15T07:43:20Z",
        "count": 3,
        "ids": [3, 1],
        "is_whole": True,
        "deleted": [2],
        "parents": [],
        "via": "webhook",
    }
    assert found["orders"]["since"] == found["orders"]["until"] == "2027-01-15T08:00:00Z"


def test_a_row_that_was_deleted_before_it_was_created_is_told_both_ways() -> None:
    ((_, told),) = payloads([change(1, is_gone=True), change(1)], "abc123", NOW)
    assert (told["ids"], told["deleted"]) == ([1], [1])


def test_the_same_event_a_thousand_times_is_one_id() -> None:
    ((_, told),) = payloads([change(1)] * 1000, "abc123", NOW)
    assert told["ids"] == [1]


def test_more_than_500_ids_are_several_events_that_together_have_them_all() -> None:
    changes = [change(n) for n in range(1, 1102)] + [change(n, is_gone=True) for n in range(5000, 5600)]
    found = [told for _, told in payloads(changes, "abc123", NOW)]
    assert [len(told["ids"]) + len(told["deleted"]) for told in found] == [500, 500, 500, 201]
    assert [each for told in found for each in told["ids"]] == list(range(1, 1102))
    assert [each for told in found for each in told["deleted"]] == list(range(5000, 5600))
    assert {told["is_whole"] for told in found} == {True}


def test_an_event_that_names_no_row_says_that_its_ids_are_not_all() -> None:
    ((_, told),) = payloads([change(None, resource="order_products", parents=(100,)), change(5, resource="order_products")], "abc123", NOW)
    assert (told["ids"], told["parents"], told["is_whole"]) == ([5], [100], False)


def test_a_key_of_several_fields_is_a_list_in_json() -> None:
    ((_, told),) = payloads([change((2, 70, "USD"), resource="price_list_records", parents=(2,))], "abc123", NOW)
    assert json.loads(json.dumps(told)) == told
    assert told["ids"] == [[2, 70, "USD"]]


def test_an_event_of_an_impossible_time_is_told_as_of_now() -> None:
    ((_, told),) = payloads([change(1, at=5)], "abc123", NOW)
    assert told["since"] == told["until"] == "2027-01-15T08:00:00Z"


def test_our_own_probe_is_an_event_that_refreshes_nothing_and_passes_our_own_check() -> None:
    body = webhooks.probe_event("abc123", NOW)
    sent = webhooks.signed(body, SECRETS, "msg_probe", NOW)
    assert verify(sent.items(), body, SECRETS, NOW, "required") is None
    found = parse(body, "abc123")
    assert isinstance(found, Event)
    assert changes_of(found) == []


def test_the_library_that_bigcommerce_names_agrees() -> None:
    standardwebhooks = pytest.importorskip("standardwebhooks", reason="standardwebhooks is not installed")
    import time

    now = time.time()
    sent = webhooks.signed(BODY, SECRETS, "msg_1", now)
    standardwebhooks.Webhook(base64.b64encode(b"the-client-secret").decode()).verify(BODY, sent)


_names = st.sampled_from([SECRET, "webhook-id", "webhook-timestamp", "webhook-signature", "X-Other"])
_text = st.binary(max_size=40).map(lambda data: data.decode("latin-1"))  # as a server decodes headers
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "sku", "inventory", "variant_id", "x"]), inner),
    max_leaves=8,
)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(
    pairs=st.lists(st.tuples(_names, _text | st.just(SECRETS.header) | st.just("1800000000")), max_size=6),
    body=st.binary(max_size=200) | st.just(BODY),
    mode=st.sampled_from(webhooks.SIGNATURES),
)
def test_whatever_comes_there_is_a_verdict_and_no_exception(pairs: Pairs, body: bytes, mode: webhooks.Signature) -> None:
    verdict = verify(pairs, body, SECRETS, NOW, mode)
    assert verdict is None or verdict.reason
    event = parse(body, "abc123")
    assert isinstance(event, Event) or event.reason


@settings(max_examples=80, derandomize=True, deadline=None)
@given(scope=st.sampled_from([scope for row in CATALOG.values() for scope in row.webhook_scopes]), data=_json)
def test_whatever_data_there_is_every_change_has_a_usable_key_and_goes_into_json(scope: str, data: Any) -> None:
    event = parse(json.dumps({"scope": scope.replace("{channel_id}", "5"), "data": data, "producer": "stores/abc123"}).encode(), "abc123")
    if isinstance(event, Event):
        for _, told in payloads(changes_of(event), "abc123", NOW):
            assert json.loads(json.dumps(told)) == told
