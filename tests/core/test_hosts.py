"""Which host a path belongs to, where that is, and what a connection may say about it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_bigcommerce.core.budget import Budget
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.credentials import StoreCredentials, connection_extra, connection_json, from_connection_fields
from airflow_provider_bigcommerce.core.hosts import B2B, STORE, host_of
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.paths import checked
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.reading import error_from, read_listing
from airflow_provider_bigcommerce.core.windows import Window, read_moment, window_query
from airflow_provider_bigcommerce.exceptions import CredentialsError, InvalidQueryError, PermissionDeniedError

FIELDS = {"store_hash": "abc123", "access_token": "tok"}


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/api/v3/io/companies", B2B),
        ("/api/v3/io/ip/invoices", B2B),
        ("/v3/catalog/products", STORE),
        ("/v2/orders", STORE),
        ("/graphql", STORE),
        ("/v3/api/v3/io/companies", STORE),
        ("/api/v3/ioX/companies", STORE),
    ],
)
def test_a_path_names_its_host_by_its_beginning(path: str, host: object) -> None:
    assert host_of(path) is host


@pytest.mark.parametrize(
    "path", ["/api/v3/companies", "/api/v3/io", "/api/v3/io/", "/api/v2/io/companies", "/api/v3/iox/companies", "/API/v3/io/companies"]
)
def test_a_path_that_only_resembles_one_is_refused(path: str) -> None:
    with pytest.raises(InvalidQueryError, match=r"'/api/v3/io/companies'|has an empty segment"):
        checked(path)


@pytest.mark.parametrize(
    "path", ["/api/v3/io/companies/../../..", "/api/v3/io//companies", "/api/v3/io/companies?x=1", "/api/v3/io/%2e%2e/x"]
)
def test_the_rules_of_paths_hold_there_too(path: str) -> None:
    with pytest.raises(InvalidQueryError):
        checked(path)


def test_a_path_without_a_row_is_read_by_offset() -> None:
    assert resource_of("/api/v3/io/countries").paging == "offset"
    assert resource_of("/api/v3/io/rfq/7").name == "b2b_quote_details"
    assert resource_of("/api/v3/io/rfq/7").required_params == ("date",)


@pytest.mark.parametrize(
    ("host", "b2b_host", "before"),
    [
        (None, None, "https://api-b2b.bigcommerce.com"),
        (None, "", "https://api-b2b.bigcommerce.com"),
        (None, "b2b.example.com", "https://b2b.example.com"),
        ("https://proxy.example.com", "https://b2b.example.com:8443/", "https://b2b.example.com:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_where_b2b_edition_is(host: str | None, b2b_host: str | None, before: str) -> None:
    credentials = from_connection_fields(host, {**FIELDS, "b2b_host": b2b_host})

    assert credentials.before(B2B) == before
    assert credentials.root(B2B) == f"{before}/api/v3/io"
    assert credentials.before(STORE) == credentials.root(STORE) == credentials.store_url


def test_a_connection_that_leads_elsewhere_must_say_where_it_is() -> None:
    credentials = from_connection_fields("https://proxy.example.com", FIELDS)

    with pytest.raises(CredentialsError, match=r"is https://proxy\.example\.com, and its extra 'b2b_host' does not say") as caught:
        credentials.before(B2B)
    assert "tok" not in str(caught.value).replace("token", "")


@pytest.mark.parametrize(
    ("b2b_host", "message"),
    [
        ("http://b2b.example.com", r"extra 'b2b_host' is plain http.*\"allow_http\": true"),
        ("https://b2b.example.com/api/v3/io", "extra 'b2b_host' has a path"),
        ("ftp://b2b.example.com", "extra 'b2b_host' is not a URL of a web server"),
        ("https://user:pw@b2b.example.com", "extra 'b2b_host' contains a user name or password"),
        (7, "extra 'b2b_host' "),
    ],
)
def test_what_is_no_host_is_refused_by_its_name(b2b_host: object, message: str) -> None:
    if b2b_host == 7:
        assert from_connection_fields(None, {**FIELDS, "b2b_host": b2b_host}).before(B2B) == "https://7"
        return
    with pytest.raises(CredentialsError, match=message):
        from_connection_fields(None, {**FIELDS, "b2b_host": b2b_host})


def test_a_connection_that_is_written_down_keeps_it() -> None:
    credentials = StoreCredentials("abc123", "tok", b2b_url="http://10.0.0.7:1")

    assert '"b2b_host": "http://10.0.0.7:1"' in connection_json(credentials)
    assert '"allow_http": "true"' in connection_json(credentials)
    assert "b2b_host" not in connection_extra(credentials)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_there_is_no_wrong_token_but_a_store_without_it(status: int) -> None:
    body = b'{"code": 403, "data": {}, "meta": {"message": "Forbidden"}}'

    error = error_from(Request.get("/api/v3/io/companies"), Response(status, {}, body), scopes=("B2B Edition",))

    assert isinstance(error, PermissionDeniedError)
    assert str(error) == (
        f"GET /api/v3/io/companies answered {status}. BigCommerce says: 'Forbidden'. The store has no B2B Edition, or the access token "
        "lacks its scope (B2B Edition)."
    )


@pytest.mark.parametrize(
    "meta",
    [b'{"message": "x", "pagination": {"totalCount": 9, "limit": 2, "offset": 4}}', b'{"totalCount": "9", "limit": 2, "offset": 4}'],
    ids=["in pagination", "in meta itself"],
)
def test_totals_are_read_where_the_lists_have_them(meta: bytes) -> None:
    listing = read_listing(Request.get("/api/v3/io/orders"), Response(200, {}, b'{"code": 200, "data": [{}, {}], "meta": ' + meta + b"}"))

    about = listing.meta.pagination
    assert about is not None
    assert (about.total, about.per_page, about.offset) == (9, 2, 4)


@pytest.mark.parametrize(
    ("body", "is_error"),
    [
        (b'{"code": 200, "data": []}', False),
        (b'{"code": "200", "data": []}', False),
        (b'{"code": null, "data": []}', False),
        (b'{"code": "company", "data": []}', False),
        (b'{"code": 403, "data": []}', True),
        (b'{"code": "403", "data": {"errMsg": "x"}}', True),
    ],
)
def test_a_body_that_says_it_is_an_error_is_no_list(body: bytes, is_error: bool) -> None:
    request, response = Request.get("/api/v3/io/companies"), Response(200, {}, body)

    if is_error:
        with pytest.raises(PermissionDeniedError):
            read_listing(request, response)
    else:
        assert read_listing(request, response).records == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(1574999690, 1574999690), ("1574999690", 1574999690), ("20260131", 1769817600), (True, None), ("15749996901234", None), ("", None)],
)
def test_seconds_are_read_as_a_date_and_a_date_without_dashes_stays_one(value: object, seconds: int | None) -> None:
    found = read_moment(value)

    assert (None if found is None else int(found.timestamp())) == seconds


def test_a_window_is_written_in_seconds_with_both_of_its_ends() -> None:
    window = Window(datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))

    assert window_query(CATALOG["b2b_companies"], window) == {"minModified": "0", "maxModified": "1767225600"}
    assert window_query(CATALOG["b2b_orders"], window) == {"minModified": "0", "maxModified": "1767225601"}


def test_a_documented_quota_is_kept_until_an_answer_tells_another() -> None:
    budget = Budget(0.5, quota=10, window_seconds=60.0)
    assert budget.delay(0.0) == 0.0
    budget.receive(budget.send(0.0), {}, 0.1)
    sent = 1
    while budget.delay(0.2) == 0.0:
        budget.receive(budget.send(0.2), {}, 0.2)
        sent += 1

    assert sent <= 5
    assert budget.quota == 10
    told = {"x-rate-limit-requests-quota": "100", "x-rate-limit-requests-left": "90", "x-rate-limit-time-reset-ms": "30000"}
    budget.receive(budget.send(70.0), told, 70.1)
    assert (budget.quota, budget.delay(70.2)) == (100, 0.0)


def test_a_refusal_without_headers_ends_the_documented_window() -> None:
    budget = Budget(quota=150, window_seconds=60.0)
    budget.receive(budget.send(0.0), {}, 0.1)
    budget.receive(budget.send(0.2), {}, 0.3, is_refused=True)

    assert 59 < budget.delay(0.4) <= 60
    assert budget.delay(61.0) == 0.0
