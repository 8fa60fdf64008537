"""A token with few scopes, lists that fail, hosts that do not answer: each is told, and the rest is asked all the same."""

from __future__ import annotations

from itertools import count

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.report_format import report_text
from airflow_provider_bigcommerce.exceptions import AuthenticationError, StoreSuspendedError, TransportError
from airflow_provider_bigcommerce.sandbox.ways import Ways
from tests.listener import Listener
from tests.reporting.conftest import answer, of, shop


def test_a_limited_token_is_told_what_it_may_not_read() -> None:
    with shop() as (store, report):
        store.add_token("orders-only", ["store_v2_orders_read_only"])
        made = report(("customers", "customer_addresses_v2", "orders", "order_coupons", "b2b_users"), token="orders-only")

    assert {each.name: (each.asked, each.status, each.why) for each in made.resources} == {
        "customers": ("refused_for_scope", 403, None),
        "customer_addresses_v2": ("not_asked", None, "parent_not_read"),
        "orders": ("answered", None, None),
        "order_coupons": ("answered", None, None),
        "b2b_users": ("refused_for_scope", 403, None),
    }


@pytest.mark.parametrize(
    ("scopes", "is_open", "found", "agrees"),
    [
        (["store_v2_information_read_only"], False, None, None),
        (["store_v2_orders_read_only"], False, "yes", True),
        (["store_v2_orders_read_only"], True, "no", False),
    ],
)
def test_whether_the_clock_needs_its_scope_is_told_by_a_token_without_it(
    scopes: list[str], is_open: bool, found: str | None, agrees: bool | None
) -> None:
    with shop() as (store, report):
        store.add_token("some", scopes)
        store.ways = Ways(open_clock=is_open)
        told = answer(report(("time", "store_information"), token="some"), "clock_needs_scope", "time")

    assert (told.found, told.agrees) == (found, agrees)


@pytest.mark.parametrize(("kind", "status"), [("503", 503), ("html", 200), ("reset_before", None), ("truncated_gzip", 200)])
def test_a_list_that_fails_is_told_and_the_others_are_asked(kind: str, status: int | None) -> None:
    with shop() as (store, report):
        store.fail_next(9, kind, match=r"^/v3/catalog/brands\?*$")  # type: ignore[arg-type]  # one of the faults' kinds
        made = report(("products", "brands", "orders"))

    assert [(each.name, each.asked) for each in made.resources] == [("products", "answered"), ("brands", "failed"), ("orders", "answered")]
    assert of(made, "brands").status == status


def test_a_question_that_fails_is_told_and_the_others_are_asked() -> None:
    with shop() as (store, report):
        store.fail_next(9, "503", match="airflow_provider_bigcommerce_unknown")
        made = report(("orders",))

    assert (answer(made, "unknown_filter", "orders").asked, answer(made, "unknown_filter", "orders").status) == ("failed", 503)
    assert answer(made, "count_filter", "orders").found == "takes_filters"


def test_a_host_of_b2b_edition_that_does_not_answer_is_asked_once() -> None:
    with shop() as (_, report):
        with Listener() as gone:  # after the shop, so that the shop cannot get its port
            url = gone.url
        made = report(("orders", "b2b_companies", "b2b_users", "b2b_company_credit"), b2b_url=url)

    assert [(each.asked, each.why) for each in made.resources] == [
        ("answered", None),
        ("failed", None),
        ("not_asked", "host_not_reached"),
        ("not_asked", "parent_not_read"),
    ]


def test_failures_with_an_answer_in_between_stop_nothing() -> None:
    with shop() as (store, report):
        store.odd("^/v3/", answer="503_html", times=None)
        made = report(("brands", "customers", "subscribers", "orders", "channels", "sites", "scripts", "themes"))

    found = {each.name: (each.asked, each.status) for each in made.resources}
    assert [name for name, told in found.items() if told == ("answered", None)] == ["orders"]
    assert {told for name, told in found.items() if name != "orders"} == {("failed", 503)}


def test_after_five_failures_in_a_row_nothing_more_is_asked_of_that_host() -> None:
    with shop() as (store, report):
        store.odd("^/v3/", answer="503_html", times=None)
        made = report(("brands", "customers", "subscribers", "segments", "wishlists", "channels", "orders", "b2b_channels"))

    found = {each.name: (each.asked, each.why) for each in made.resources}
    assert [*found.values()] == [("failed", None)] * 5 + [("not_asked", "host_not_reached")] * 2 + [("answered", None)]


def test_a_store_without_b2b_edition_is_told_so() -> None:
    with shop(b2b=False) as (_, report):
        assert {each.asked for each in report(("b2b_companies", "b2b_users")).resources} == {"refused_for_scope"}


def test_a_wrong_token_a_suspended_store_and_no_store_are_no_report() -> None:
    with shop() as (store, report):
        with Listener() as gone:
            url = gone.url
        with pytest.raises(AuthenticationError):
            report(("orders",), token="wrong")
        with pytest.raises(TransportError):
            report(("orders",), base_url=url)
        store.odd("^/v2/orders", answer="suspended", times=None)
        with pytest.raises(StoreSuspendedError):
            report(("orders",))


def test_values_do_not_get_into_a_report_whatever_the_rows_hold() -> None:
    """Every text and number of every row but its ids is something that no report may hold."""
    numbers = count(7_100_000)

    def marked(value: object, name: str = "") -> object:
        if isinstance(value, dict):
            return {inner: marked(below, inner) for inner, below in value.items()}
        if isinstance(value, list):
            return [marked(each) for each in value]
        if isinstance(value, bool) or value is None or name.lower().endswith("id"):
            return value
        return f"Zq{next(numbers)}" if isinstance(value, str) else next(numbers)

    names = ("products", "brands", "customers", "orders", "b2b_companies", "b2b_users")
    with shop() as (store, report):
        store.ways = Ways(rows={CATALOG[name].path: marked for name in names})  # type: ignore[dict-item]  # a row for a row
        made = report(names)
        text = report_text(made)

    assert next(numbers) > 7_100_500
    assert "Zq" not in text
    assert "71000" not in text
    assert sum(len(each.changed_fields) for each in made.resources) > 10


def test_what_an_include_is_refused_with_is_told() -> None:
    with shop() as (store, report):
        store.odd("^/v3/customers\\?.*include=", answer="422", times=None)

        assert of(report(("customers",)), "customers").include_status == 422


def test_a_parent_that_is_not_reported_is_read_all_the_same_and_once() -> None:
    with shop() as (store, report):
        made = report(("order_coupons", "order_taxes"))
        asked = [request.path for request in store.requests]

    assert [each.name for each in made.resources] == ["order_coupons", "order_taxes"]
    assert not made.is_whole
    assert asked.count("/v2/orders") == 1 + 1  # and once with all that can be included
