"""Claims about what a log line may hold."""

from __future__ import annotations

import base64
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.redaction import redact, redact_headers, redact_url, redacted, spellings
from airflow_provider_bigcommerce.exceptions import NotFoundError

SECRET = "s3cr/t+&= value"


def test_credentials_in_headers_are_masked_whatever_their_case() -> None:
    assert redact_headers({"X-Auth-Token": "t", "authorization": "b", "Accept": "json"}) == {
        "X-Auth-Token": "***",
        "authorization": "***",
        "Accept": "json",
    }


def test_a_url_is_shown_without_user_query_and_fragment() -> None:
    assert (
        redact_url("https://u:p@api.example.com/stores/abc/v3/customers?email:in=a@b.c#x")
        == "https://api.example.com/stores/abc/v3/customers"
    )


@pytest.mark.parametrize(
    "hidden", [SECRET, quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET), base64.b64encode(SECRET.encode()).decode()]
)
def test_every_spelling_of_a_secret_is_masked(hidden: str) -> None:
    assert redact(f"before {hidden} after", [SECRET]) == "before *** after"


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(st.characters(codec="utf-8"), max_size=20))
def test_a_secret_inside_longer_base64_is_found(before: str, after: str) -> None:
    encoded = base64.b64encode(f"{before}{SECRET}{after}".encode()).decode()
    assert "***" in redact(encoded, [SECRET])


def test_an_empty_secret_masks_nothing() -> None:
    assert spellings("") == ()
    assert redact("text", [""]) == "text"


def test_an_error_keeps_no_secret_that_the_store_sent_back() -> None:
    token = "0123456789abcdef0123"  # has the form of a request id
    error = redacted(NotFoundError(f"GET /v2/x answered 404. Request id {token}.", status=404, title=token, request_id=token), [token, ""])

    assert token not in f"{error} {error.title} {error.request_id} {error.args}"
    assert "answered 404" in str(error)
