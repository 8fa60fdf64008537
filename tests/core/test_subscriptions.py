"""Which webhooks are wanted, and what is changed so that a store has them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_bigcommerce.core.subscriptions import EXCEPTIONS, Plan, checked_destination, plan, wanted_scopes
from airflow_provider_bigcommerce.core.webhooks import SECRET_HEADER
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, UnknownResourceError

TO = "https://in.example.com/bigcommerce/webhooks/shop"
ELSEWHERE = "https://others.example.com/in"
SECRET = "5" * 64
SCOPES = ("store/order/updated", "store/sku/updated")


def hook(id_: int, scope: str = SCOPES[0], destination: str = TO, *, headers: Any = ..., is_active: bool = True) -> dict[str, Any]:
    given = {SECRET_HEADER: SECRET} if headers is ... else headers
    return {"id": id_, "scope": scope, "destination": destination, "headers": given, "is_active": is_active}


def planned(*hooks: dict[str, Any], **more: Any) -> Plan:
    return plan(hooks, SCOPES, TO, SECRET, **more)


def test_what_is_missing_is_made_and_what_is_right_is_kept() -> None:
    found = planned(hook(1), hook(9, destination=ELSEWHERE, headers={}))
    assert (found.create, found.kept, found.heal, found.delete, found.extra, found.full) == (((SCOPES[1], TO),), (1,), (), (), (), ())


HEALED: dict[str, tuple[dict[str, Any], str]] = {
    "switched off": (hook(1, is_active=False), "it was switched off"),
    "headers wiped": (hook(1, headers=None), "its header was wiped or is of another token"),
    "headers emptied": (hook(1, headers={}), "its header was wiped or is of another token"),
    "headers that are a list": (hook(1, headers=[]), "its header was wiped or is of another token"),
    "a header of another token": (hook(1, headers={SECRET_HEADER: "6" * 64}), "its header was wiped or is of another token"),
    "destination changed": (hook(1, destination=ELSEWHERE), "its destination was changed"),
    "off and wiped": (hook(1, headers=None, is_active=False), "it was switched off, its header was wiped or is of another token"),
}


@pytest.mark.parametrize("case", sorted(HEALED))
def test_what_somebody_changed_is_mended_whole(case: str) -> None:
    given, why = HEALED[case]
    found = planned(given, hook(2, SCOPES[1]))
    (heal,) = found.heal
    assert (heal.id, heal.why) == (1, why)
    assert heal.changes == {"scope": SCOPES[0], "destination": TO, "is_active": True, "headers": {SECRET_HEADER: SECRET}}
    assert (found.create, found.kept) == ((), (2,))


def test_a_header_in_another_case_is_the_same_header_and_others_headers_stay() -> None:
    found = planned(hook(1, headers={SECRET_HEADER.lower(): SECRET}), hook(2, SCOPES[1], headers={"X-Mine": "1"}))
    assert found.kept == (1,)
    assert found.heal[0].changes["headers"] == {"X-Mine": "1", SECRET_HEADER: SECRET}


def test_ours_that_nobody_asks_for_stays_or_goes_and_others_are_never_touched() -> None:
    others = hook(7, "store/cart/created", ELSEWHERE, headers={})
    mine = [hook(3, "store/cart/created"), hook(4, "store/cart/updated", ELSEWHERE), hook(5, SCOPES[0], ELSEWHERE)]
    right = [hook(1), hook(2, SCOPES[1])]
    stays = planned(*right, *mine, others)
    assert [each["id"] for each in stays.extra] == [3, 4, 5]
    assert stays.delete == ()
    goes = planned(*right, *mine, others, prune=True)
    assert [each["id"] for each in goes.delete] == [3, 4, 5]
    assert goes.extra == ()


def test_an_eleventh_of_a_scope_is_not_made_unless_one_of_ours_goes() -> None:
    others = [hook(n, destination=f"{ELSEWHERE}/{n}", headers={}) for n in range(10)]
    full = planned(*others, hook(90, SCOPES[1]))
    assert (full.full, full.create) == ((SCOPES[0],), ())
    old = [*others[:9], hook(80, SCOPES[0], TO, headers={})]
    assert planned(*old).full == ()


def test_the_exception_hook_is_one_and_goes_elsewhere() -> None:
    made = planned(exceptions_destination=f"{TO}/exceptions")
    assert made.create[-1] == (EXCEPTIONS, f"{TO}/exceptions")
    another = planned(hook(5, EXCEPTIONS, ELSEWHERE, headers={}), exceptions_destination=f"{TO}/exceptions")
    assert another.full == (EXCEPTIONS,)


def test_resources_are_subscribed_to_by_their_exact_scopes_each_event_once() -> None:
    scopes = wanted_scopes(["orders", "products", "product_metafields", "customer_metafields", "inventory_items"])
    assert not {scope for scope in scopes if scope.endswith("/*")}
    assert "store/order/archived" in scopes
    assert "store/product/metafield/updated" in scopes
    assert "store/metafield/updated" in scopes  # customers' have no other
    assert "store/channel/*/inventory/product/stock_changed" in scopes
    assert "store/metafield/updated" not in wanted_scopes(["product_metafields"])


def test_a_scope_that_another_covers_is_dropped() -> None:
    assert wanted_scopes(["orders"], ["store/order/*", "store/sku/updated"]) == ("store/order/*", "store/sku/updated")
    assert wanted_scopes([], ["store/channel/7/order/*", "store/channel/7/order/created"]) == ("store/channel/7/order/*",)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "no scope is named"),
    "every cart": ({"scopes": ["store/channel/*"]}, "brings every cart"),
    "everything": ({"scopes": ["store/*"]}, "brings every cart"),
    "unheard of": ({"scopes": ["store/brand/created"]}, "does not publish"),
    "another case": ({"scopes": ["store/Order/updated"]}, "does not publish"),
    "the exception scope": ({"scopes": [EXCEPTIONS]}, "give exceptions_destination instead"),
    "a resource without webhooks": ({"resources": ["brands"]}, "it is kept fresh by scheduled runs"),
    "a resource that comes by channels alone": ({"resources": ["pages"]}, "it is kept fresh by scheduled runs"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_cannot_be_subscribed_to_is_refused(case: str) -> None:
    arguments, reason = BAD[case]
    with pytest.raises(InvalidQueryError, match=reason):
        wanted_scopes(**arguments)


def test_an_unknown_resource_is_refused() -> None:
    with pytest.raises(UnknownResourceError):
        wanted_scopes(["prodcuts"])


@pytest.mark.parametrize(
    "destination",
    ["https://in.example.com/x", "https://in.example.com:443/x?y=1", "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:80/x"],
)
def test_an_address_that_can_be_delivered_to(destination: str) -> None:
    assert checked_destination("destination", destination) == destination


@pytest.mark.parametrize(
    "destination",
    [
        "http://in.example.com/x",
        "https://in.example.com:8443/x",
        "https://user:secret@in.example.com/x",
        "https:///x",
        "https://in.example.com:port/x",
        "ftp://in.example.com/x",
        "in.example.com/x",
        "https://in.exämple.com/x",
        "https://in.example.com/x#y",
        "http://127.0.0.1.example.com/x",
        "http://[::1/x",
    ],
)
def test_an_address_that_cannot_be_delivered_to_is_refused_and_not_repeated(destination: str) -> None:
    with pytest.raises(InvalidQueryError, match="takes https at port 443") as refused:
        checked_destination("destination", destination)
    assert "secret" not in str(refused.value)
