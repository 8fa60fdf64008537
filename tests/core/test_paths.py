"""Which paths may be sent: a table, and whatever is accepted is what both libraries really send."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
import requests
import urllib3.util.url
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from airflow_provider_bigcommerce.core.paths import checked, fault_of, is_below
from airflow_provider_bigcommerce.core.planning import filled, resource_of
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

STORE = "https://api.bigcommerce.com/stores/abc123"
SECRET = "jane@example.com"

REFUSED = [
    ("/v2/orders/", "empty segment"),
    ("/v2/orders//products", "empty segment"),
    ("/v2/", "empty segment"),
    ("/v3//catalog/products", "empty segment"),
    ("/v2/orders/ ", "empty segment"),
    ("/v2/orders/%20", "empty segment"),
    ("/v2/orders/%E2%80%83", "empty segment"),
    ("/v2/orders/.", "segment of dots"),
    ("/v2/orders/./", "segment of dots"),
    ("/v2/orders/..", "segment of dots"),
    ("/v2/orders/...", "segment of dots"),
    ("/v2/orders/. .", "segment of dots"),
    ("/v2/orders/%2e", "segment of dots"),
    ("/v2/orders/%2E%2e", "segment of dots"),
    ("/v2/orders/.%2e/7", "segment of dots"),
    ("/v3/%2e%2e/%2e%2e/other", "segment of dots"),
    ("/v3/../../other/v3/x", "segment of dots"),
    ("/v3/%252e%252e/x", "encoded twice"),
    ("/v3/x/%", "encodes nothing"),
    ("/v3/x/%zz", "encodes nothing"),
    ("/v3/x/100%25", "encoded twice"),
    ("/v3/x%2f..%2fy", "encoded slash"),
    ("/v3/x%2Fy", "encoded slash"),
    ("/v3/x\\y", "backslash"),
    ("/v3/x%5cy", "backslash"),
    ("/v3/..;/x", "';'"),
    (f"/v3/customers?email:in={SECRET}", "query string"),
    (f"/v3/customers%3Femail:in={SECRET}", "query string"),
    (f"/v3/customers#{SECRET}", "fragment"),
    (f"/v3/customers%23{SECRET}", "fragment"),
    ("/v3/x\r\nX-Other: 1", "control characters"),
    ("/v3/x%0d%0ay", "control characters"),
    ("/v3/x%00", "control characters"),
    ("/v3/x\u200b", "control characters"),
    ("/v3/ x", "blanks around"),
    ("/v3/\ud83d", "control characters"),
    ("/v3/%ff", "control characters"),
    ("/v2/orders/{order_id}", "braces"),
    ("", "no API path"),
    ("/", "no API path"),
    ("/v3", "no API path"),
    ("/v4/x", "no API path"),
    ("v3/x", "no API path"),
    ("//evil.example/v3/x", "no API path"),
    ("/%76%33/x", "no API path"),
    ("https://evil.example/v3/x", "no API path"),
    (f"?{SECRET}", "no API path"),
    (None, "no API path"),
    (7, "no API path"),
]
ACCEPTED = [
    "/v3/catalog/products",
    "/v2/orders/7/products",
    "/v2/orders.json",
    "/v3/carts/2f3c5d1e-0b5f-4a47-9a5c-7b1f6c1b0a11",
    "/v3/marketing/email-templates/Order%20Message",
    "/v3/pricelists/1/records/2/usd",
    "/v3/x/a.b..c",
    "/v3/x/.hidden",
    "/v3/x/caf\u00e9",
    "/v3/x/a:b@c,d=e+f~g!h*(i)'j&k$",
    "/v3/x/%41",
    "/graphql",
]


@pytest.mark.parametrize(("path", "why"), REFUSED)
def test_a_path_that_may_mean_another_is_refused_and_the_message_holds_nothing_after_the_fault(path: object, why: str) -> None:
    with pytest.raises(InvalidQueryError, match=why) as found:
        checked(path)

    message = str(found.value)
    assert SECRET not in message
    assert message.isprintable()
    assert "Accepted: paths below the store" in message


def test_a_query_in_a_path_says_where_it_belongs() -> None:
    with pytest.raises(
        InvalidQueryError, match=r"'/v3/\.\.\.' is no API path: it has a query string\. Give the parameters by themselves, in params="
    ):
        checked("/v3/customers?email:in=x")


@pytest.mark.parametrize("path", [path for path, why in REFUSED if isinstance(path, str) and path.startswith("/") and why != "braces"])
def test_a_resource_given_by_its_path_is_held_to_the_same(path: str) -> None:
    with pytest.raises(InvalidQueryError):
        resource_of(path)


@pytest.mark.parametrize("path", ACCEPTED)
def test_a_plain_path_is_accepted(path: str) -> None:
    assert checked(path) == path


def test_a_resource_may_be_named_by_the_catalogs_path_with_its_placeholders() -> None:
    assert resource_of("/v2/orders/{order_id}/products").name == "order_products"
    with pytest.raises(InvalidQueryError):
        resource_of("/graphql")


@pytest.mark.parametrize("key", [None, "", " ", ".", "..", "a/b", "a\\b", "a;b", "a?b", "a#b", "%2e", "1\n", "\u200b", "{x}"])
def test_what_is_no_id_fills_no_path(key: object) -> None:
    with pytest.raises(InvalidQueryError, match="is no id"):
        filled("/v2/orders/{order_id}", {"order_id": key})  # type: ignore[dict-item]  # what a careless caller gives


def sent_by_aiohttp(path: str) -> str:
    return URL(STORE + path).raw_path


def sent_by_requests(path: str) -> str:
    prepared = requests.Request("GET", STORE + path).prepare()
    return urllib3.util.url._encode_target(prepared.path_url).partition("?")[0]


PLAIN = ["v2", "v3", "orders", "7", "/", "//", ".", "..", "a.b", "@", ":", "+", "&", "=", "\u00e9", "\uff0e", "\u2215"]
ENCODED = ["%2e", "%2E", "%2f", "%5C", "%25", "%", "%20", "%00", "%c3%a9", "%ff"]
MARKS = ["\\", "?", "#", ";", " ", "\n", "\u200b", "{", "[", "|", "^", "`", '"', "<"]
PIECES = st.sampled_from([*PLAIN, *ENCODED, *MARKS])


@given(st.lists(PIECES, max_size=8).map("".join), st.sampled_from(["/v3/", "/v2/orders/", "/v3/catalog", "/", ""]))
@example("%2e%2e/%2e%2e/other", "/v3/")
@example("\uff0e\uff0e/x", "/v3/")
def test_whatever_is_accepted_is_sent_with_the_same_segments_below_the_store(tail: str, head: str) -> None:
    path = head + tail
    try:
        checked(path)
    except InvalidQueryError:
        return

    for sent in (sent_by_aiohttp(path), sent_by_requests(path)):
        inner = sent.removeprefix("/stores/abc123")
        assert inner != sent
        assert [unquote(part) for part in inner.split("/")] == [unquote(part) for part in path.split("/")]
        assert inner.startswith(("/v2/", "/v3/"))
    assert is_below(STORE + path, STORE)


@given(st.text(max_size=20))
def test_a_segment_without_fault_is_one_segment_for_everybody(segment: str) -> None:
    if fault_of(segment) is None:
        for sent in (sent_by_aiohttp(f"/v3/{segment}/end"), sent_by_requests(f"/v3/{segment}/end")):
            assert len(sent.split("/")) == 6
            assert unquote(sent.split("/")[4]) == unquote(segment)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"{STORE}/v3/x", True),
        (f"{STORE}/v3/x/", True),
        (f"{STORE}/v3/x?a=/../b", True),
        (STORE, False),
        (f"{STORE}/", False),
        (f"{STORE}-other/v3/x", False),
        (f"{STORE}/../other/v3/x", False),
        (f"{STORE}/%2e%2e/other/v3/x", False),
        (f"{STORE}/v3/..%2f..%2fother", False),
        ("https://api.bigcommerce.com/stores/other/v3/x", False),
        ("https://api.bigcommerce.com//stores/abc123/v3/x", False),
        ("https://api.bigcommerce.com/v3/x", False),
        ("http://[", False),
    ],
)
def test_what_lies_below_a_store(url: str, expected: bool) -> None:
    assert is_below(url, STORE) is expected
    assert urlsplit(STORE).path == "/stores/abc123"
