"""The sandbox's webhooks: who gets which, how they are signed, and what becomes of those that nobody takes. The test is the clock."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox import deliveries
from airflow_provider_bigcommerce.sandbox.deliveries import EXCEPTIONS, RETRIES, Courier, Deliveries, covers, scopes_of
from airflow_provider_bigcommerce.sandbox.program import Options, serve
from airflow_provider_bigcommerce.sandbox.store import Store
from tests.listener import Answer as Reply
from tests.listener import Arrived, Listener

T0 = 1_800_000_000.0


@dataclass
class Receiver:
    """Takes what is sent in place of a server: the network has a test of its own."""

    status: Callable[[str, int], int] = lambda _to, _n: 200
    got: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    def __call__(self, destination: str, body: bytes, headers: dict[str, str], _timeout: float) -> int:
        self.got.append((destination, body, headers))
        return self.status(destination, len(self.got))

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body, _ in self.got]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    found = Receiver()
    monkeypatch.setattr(deliveries, "post", found)
    return found


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store(products=5, orders=3, customers=3, clock=Clock())
    yield made
    made.close()


def hook(store: Store, scope: str, destination: str = "http://127.0.0.1:9/in", **more: Any) -> dict[str, Any]:
    return store.add("webhooks", **{"scope": scope, "destination": destination, "is_active": True, "headers": {}, **more})


def first(store: Store, resource: str) -> Any:
    return store.tables[resource].ids()[0]


@pytest.mark.parametrize(
    ("wanted", "scope", "gets"),
    [
        ("store/order/*", "store/order/created", True),
        ("store/order/*", "store/order/refund/created", True),
        ("store/order/created", "store/order/created", True),
        ("store/order/created", "store/order/updated", False),
        ("store/order/*", "store/orders/created", False),
        ("store/channel/*", "store/channel/1/cart/updated", True),
        ("store/channel/*/inventory/product/stock_changed", "store/channel/*/inventory/product/stock_changed", True),
    ],
)
def test_a_scope_covers_itself_and_what_its_star_stands_for(wanted: str, scope: str, gets: bool) -> None:
    assert covers(wanted, scope) is gets


def test_a_change_is_sent_to_the_hooks_that_want_it_in_the_documented_envelope(store: Store, receiver: Receiver) -> None:
    hook(store, "store/product/updated", headers={"X-Mine": "1"})
    hook(store, "store/product/created", "http://127.0.0.1:9/other")
    hook(store, "store/product/updated", "http://127.0.0.1:9/off", is_active=False)
    product_id = first(store, "products")

    store.edit_product(product_id, name="New name")

    assert scopes_of(store.webhooks.deliver()) == ["store/product/updated"]
    ((to, body, headers),) = receiver.got
    event = json.loads(body)
    told = {name: value for name, value in event.items() if name != "hash"}
    assert to == "http://127.0.0.1:9/in"
    assert headers["X-Mine"] == "1"
    assert told == {
        "scope": "store/product/updated",
        "store_id": "1025646",
        "data": {"type": "product", "id": product_id},
        "created_at": int(T0),
        "producer": "stores/sandbox1",
    }
    assert event["hash"] == hashlib.sha1(json.dumps(told, separators=(",", ":")).encode()).hexdigest()


def _delete_order(store: Store) -> None:
    store.delete("orders", first(store, "orders"))


CHANGES: dict[str, tuple[Callable[[Store], object], list[str]]] = {
    "a product's stock": (
        lambda s: s.edit_product(first(s, "products"), inventory_level=77),
        ["store/product/inventory/updated"],
    ),
    "only a date": (lambda s: s.edit_product(first(s, "products"), images=[]), []),
    "a new product": (lambda s: s.add_product(), ["store/product/created", "store/sku/created"]),
    "a deleted category": (
        lambda s: s.delete("categories", first(s, "categories")),
        ["store/category/deleted", "store/channel/1/category/deleted"],
    ),
    "a brand": (lambda s: s.edit("brands", first(s, "brands"), name="x"), []),
    "a moved customer": (lambda s: s.move_customer(first(s, "customers")), ["store/customer/address/updated"]),
    "an archived order": (_delete_order, ["store/channel/1/order/archived", "store/order/archived"]),
    "an order's status": (
        lambda s: s.set_status(first(s, "orders"), 3),
        ["store/channel/1/order/statusUpdated", "store/channel/1/order/updated", "store/order/statusUpdated", "store/order/updated"],
    ),
    "a metafield": (
        lambda s: s.edit("product_metafields", first(s, "product_metafields"), value="x"),
        ["store/metafield/updated", "store/product/metafield/updated"],
    ),
    "a price": (
        lambda s: s.edit("price_list_records", first(s, "price_list_records"), price=1.5),
        ["store/priceList/records/updated"],
    ),
    "a sale": (
        lambda s: s.stock.sell(first(s, "product_variants"), first(s, "inventory_locations"), 1),
        ["store/channel/*/inventory/product/stock_changed", "store/sku/inventory/updated"],
    ),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_each_kind_of_change_makes_the_events_that_are_documented_for_it(store: Store, receiver: Receiver, change: str) -> None:
    hook(store, "store/*")
    store.edit_product(first(store, "products"), inventory_tracking="none")
    store.webhooks.deliver()
    receiver.got.clear()
    store.edit("orders", first(store, "orders"), status_id=1, channel_id=1)
    store.webhooks.deliver()
    receiver.got.clear()

    act, expected = CHANGES[change]
    act(store)
    store.webhooks.deliver()

    assert sorted(event["scope"] for event in receiver.events()) == expected


def test_nobody_is_sent_to_outside_this_machine(store: Store, receiver: Receiver) -> None:
    for n, destination in enumerate(
        ("https://127.0.0.1/in", "http://10.0.0.1/in", "http://example.com/in", "http://localhost.example.com/")
    ):
        hook(store, "store/product/*", destination, headers={"n": str(n)})

    store.edit_product(first(store, "products"), name="x")

    assert store.webhooks.deliver() == []
    assert receiver.got == []


def test_what_is_sent_is_signed_with_the_secrets_own_bytes_and_a_retry_anew_or_not(store: Store, receiver: Receiver) -> None:
    store.webhooks.client_secret = "secret"
    receiver.status = lambda _to, _n: 500
    hook(store, "store/product/updated")
    store.edit_product(first(store, "products"), name="x")
    store.webhooks.deliver(T0)
    store.webhooks.signs_retries_anew = False
    store.webhooks.deliver(T0 + 60)
    store.webhooks.signs_retries_anew = True
    store.webhooks.deliver(T0 + 240)

    told = [headers for _, _, headers in receiver.got]
    assert {each["webhook-id"] for each in told} == {"msg_000000000001"}
    assert [each["webhook-timestamp"] for each in told] == [str(int(T0)), str(int(T0)), str(int(T0 + 240))]
    _, body, headers = receiver.got[0]
    assert headers["webhook-signature"] == deliveries.signature("secret", headers["webhook-id"], int(T0), body)["webhook-signature"]
    assert told[0]["webhook-signature"] == told[1]["webhook-signature"] != told[2]["webhook-signature"]


def test_the_library_that_bigcommerce_names_takes_the_signature() -> None:
    standardwebhooks = pytest.importorskip("standardwebhooks", reason="standardwebhooks is not installed")
    import base64
    import time

    headers = deliveries.signature("secret", "msg_1", int(time.time()), b"{}")
    standardwebhooks.Webhook(base64.b64encode(b"secret").decode()).verify(b"{}", headers)


def test_a_failed_delivery_is_tried_at_each_documented_moment_and_then_the_hook_is_off(store: Store, receiver: Receiver) -> None:
    receiver.status = lambda _to, _n: 503
    made = hook(store, "store/product/updated")
    store.webhooks.emails = ["ops@example.com"]
    store.edit_product(first(store, "products"), name="x")

    times = []
    while (due := store.webhooks.next_at()) is not None:
        assert store.webhooks.deliver(due - 0.001) == []
        times += [attempt.at - T0 for attempt in store.webhooks.deliver(due)]

    assert times == [sum(RETRIES[:n]) for n in range(len(RETRIES) + 1)]
    row = store.row("webhooks", made["id"])
    assert row is not None
    assert (row["is_active"], row["_deactivated"]) == (False, True)
    assert store.webhooks.mails == [f"ops@example.com: webhook {made['id']} was deactivated"]


def test_one_success_ends_the_retries(store: Store, receiver: Receiver) -> None:
    receiver.status = lambda _to, n: 500 if n < 3 else 204
    hook(store, "store/product/updated")
    store.edit_product(first(store, "products"), name="x")

    done = store.webhooks.deliver(T0 + 10_000)

    assert [(attempt.number, attempt.status) for attempt in done] == [(1, 500), (2, 500), (3, 204)]
    assert store.webhooks.waiting() == 0


def test_below_ninety_percent_of_a_hundred_a_domain_is_blocked_for_three_minutes_and_its_events_are_sent_later(
    store: Store, receiver: Receiver
) -> None:
    receiver.status = lambda to, n: 500 if to.startswith("http://127.0.0.1:9/") and n <= 11 else 200
    hook(store, "store/product/updated")
    hook(store, "store/customer/updated", "http://127.0.0.1:10/in")
    for n in range(101):
        store.webhooks.emit("store/product/updated", {"type": "product", "id": n})
    first_round = store.webhooks.deliver(T0)
    store.webhooks.emit("store/customer/updated", {"type": "customer", "id": 1})

    assert [attempt.status for attempt in first_round] == [500] * 11 + [200] * 89 + [-1]
    blocked = store.webhooks.blocked_domains()
    assert [(each["destination"], each["time_left"]) for each in blocked] == [("127.0.0.1:9", 180)]
    assert blocked[0]["reasons"] == [{"failure_description": "status 500", "count": 11, "timestamp": int(T0)}]
    assert [attempt.status for attempt in store.webhooks.deliver(T0)] == [200]  # another domain
    assert {attempt.status for attempt in store.webhooks.deliver(T0 + 179)} == {-1}  # the retries after 60 s
    assert {attempt.status for attempt in store.webhooks.deliver(T0 + 60 + 180)} == {200}
    assert store.webhooks.waiting() == 0


def test_ninety_of_a_hundred_are_enough(store: Store, receiver: Receiver) -> None:
    receiver.status = lambda _to, n: 500 if n <= 10 else 200
    hook(store, "store/product/updated")
    for n in range(100):
        store.webhooks.emit("store/product/updated", {"type": "product", "id": n})
    store.webhooks.deliver(T0)

    assert store.webhooks.blocked_domains() == []


def test_the_exception_hook_is_told_at_most_once_in_ten_minutes_and_of_the_end(store: Store, receiver: Receiver) -> None:
    receiver.status = lambda to, _n: 500 if to.endswith("/in") else 200
    store.webhooks.retries = (60, 60, 600)
    made = hook(store, "store/product/updated")
    hook(store, EXCEPTIONS, "http://127.0.0.1:9/exceptions")
    store.edit_product(first(store, "products"), name="x")

    store.webhooks.deliver(T0 + 10_000)

    told = [event for event in receiver.events() if event["scope"] == EXCEPTIONS]
    assert [event["data"]["error_code"] for event in told] == [90001, 90002]
    assert {event["data"]["id"] for event in told} == {made["id"]}


def test_an_exception_hook_that_fails_itself_tells_nobody(store: Store, receiver: Receiver) -> None:
    receiver.status = lambda _to, _n: 500
    store.webhooks.retries = (1,)
    hook(store, "store/product/updated")
    exceptions = hook(store, EXCEPTIONS, "http://127.0.0.1:9/exceptions")
    store.edit_product(first(store, "products"), name="x")

    store.webhooks.deliver(T0 + 100)

    row = store.row("webhooks", exceptions["id"])
    assert row is not None
    assert row["is_active"] is False
    assert store.webhooks.waiting() == 0


def test_a_hook_that_was_idle_for_ninety_days_is_off(store: Store, receiver: Receiver) -> None:
    made = hook(store, "store/product/updated")
    store.webhooks.deliver(T0 + 90 * 86_400)
    row = store.row("webhooks", made["id"])
    assert row is not None
    assert row["is_active"] is True
    store.webhooks.deliver(T0 + 90 * 86_400 + 1)
    row = store.row("webhooks", made["id"])
    assert row is not None
    assert row["is_active"] is False


def test_losses_duplicates_and_another_order_are_drawn_from_the_seed(receiver: Receiver) -> None:
    def run() -> tuple[list[int], int]:
        store = Store(products=5, orders=1, customers=1, clock=Clock())
        hook(store, "store/product/updated")
        store.webhooks.loss, store.webhooks.duplication, store.webhooks.reordering = 0.1, 0.2, 0.3
        receiver.got.clear()
        for n in range(200):
            store.webhooks.emit("store/product/updated", {"type": "product", "id": n})
        store.webhooks.deliver(T0)
        return [event["data"]["id"] for event in receiver.events()], store.webhooks.lost

    ids, lost = run()
    assert run() == (ids, lost)
    assert 5 < lost < 40
    assert len(set(ids)) == 200 - lost
    assert len(ids) - len(set(ids)) > 20
    assert ids != sorted(ids)


def test_over_the_wire_a_delivery_is_a_post_with_the_hooks_headers(store: Store) -> None:
    with Listener(lambda _: Reply(204, b"")) as listener:
        hook(
            store,
            "store/product/updated",
            f"{listener.url}/bigcommerce/webhooks/shop?x=1",
            headers={"X-Mine": "ä".encode().decode("latin-1")},
        )
        store.webhooks.parallel = 4
        for name in ("a", "b", "c"):
            store.edit_product(first(store, "products"), name=name)

        assert [attempt.status for attempt in store.webhooks.deliver()] == [204, 204, 204]

    arrived: list[Arrived] = listener.arrived
    assert [(each.method, each.path) for each in arrived] == [("POST", "/bigcommerce/webhooks/shop?x=1")] * 3
    assert arrived[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("value", ["two\nlines", "\ud800", "日本"], ids=["a line break", "half a pair", "no Latin-1"])
def test_a_header_that_cannot_be_sent_is_a_failed_try_and_no_more(store: Store, value: str) -> None:
    with Listener(Reply(204, b"")) as listener:
        hook(store, "store/product/updated", listener.url, headers={"X-Mine": value})
        store.edit_product(first(store, "products"), name="x")
        assert [attempt.status for attempt in store.webhooks.deliver()] == [0]


def test_where_nobody_listens_the_try_has_no_status(store: Store) -> None:
    with Listener() as listener:
        url = listener.url
    hook(store, "store/product/updated", url)
    store.edit_product(first(store, "products"), name="x")

    assert [attempt.status for attempt in store.webhooks.deliver()] == [0]


def test_without_a_hook_that_can_be_delivered_to_changes_are_not_looked_at() -> None:
    store = Store(products=5, orders=1, customers=1)
    assert store.tables["products"].watch is None
    hook(store, "store/product/updated", "https://example.com/in")
    assert store.tables["products"].watch is None
    made = hook(store, "store/product/updated")
    assert store.tables["products"].watch is not None
    assert isinstance(store.webhooks, Deliveries)
    assert made["is_active"]


def test_where_people_use_it_a_courier_carries_what_is_due_and_comes_again(receiver: Receiver) -> None:
    second = threading.Event()

    def status(_to: str, n: int) -> int:
        if n == 2:
            second.set()
        return 500 if n == 1 else 200

    receiver.status = status
    store = Store(products=5, orders=1, customers=1)
    store.webhooks.retries = (0.01,)
    hook(store, "store/product/updated")
    with Courier(store.webhooks, store.clock):
        store.edit_product(first(store, "products"), name="x")
        assert second.wait(30)
    assert [attempt.status for attempt in store.webhooks.attempts] == [500, 200]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"webhook_faults": "0.1/0.1"}, "three shares from 0 to 1"),
        ({"webhook_faults": "0.1/0.1/2"}, "three shares from 0 to 1"),
        ({"webhook_faults": "a/b/c"}, "takes numbers from 0 on with /"),
        ({"webhook_retries": "60,-1"}, "takes numbers from 0 on with ,"),
        ({"webhook_retries": "60,inf"}, "takes numbers from 0 on with ,"),
        ({"webhook_retries": "nan"}, "takes numbers from 0 on with ,"),
    ],
)
def test_a_way_of_webhooks_that_cannot_be_is_refused_before_the_store_listens(options: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        serve(Options(products=1, orders=1, customers=1, **options))  # type: ignore[arg-type]  # all texts
