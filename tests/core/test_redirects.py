"""Which redirects are followed."""

from __future__ import annotations

import pytest

from airflow_provider_bigcommerce.core.redirects import MOST_REDIRECTS, Refused, next_url

BASE = "https://api.bigcommerce.com"
STORE = f"{BASE}/stores/abc123"
URL = f"{STORE}/v2/store"


def go(location: str | None, *, method: str = "GET", status: int = 302, followed: int = 0) -> str | Refused | None:
    return next_url(method, status, location, url=URL, store_url=STORE, followed=followed)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "target"),
    [
        (f"{STORE}/v2/elsewhere", f"{STORE}/v2/elsewhere"),
        ("/stores/abc123/v2/elsewhere", f"{STORE}/v2/elsewhere"),
        ("elsewhere?a=b", f"{STORE}/v2/elsewhere?a=b"),
        ("/stores/abc123/v2/store/", f"{STORE}/v2/store/"),
        ("https://api.bigcommerce.com:443/stores/abc123/v2/x", "https://api.bigcommerce.com:443/stores/abc123/v2/x"),
    ],
)
def test_a_read_goes_on_below_the_same_store(method: str, status: int, location: str, target: str) -> None:
    assert go(location, method=method, status=status) == target


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://api.bigcommerce.com/stores/abc123/v2/x", "another host, port or scheme"),
        ("https://api.bigcommerce.com:8443/stores/abc123/v2/x", "another host, port or scheme"),
        ("https://evil.example/stores/abc123/v2/x", "another host, port or scheme"),
        ("https://api.bigcommerce.com@evil.example/stores/abc123/v2/x", "another host, port or scheme"),
        ("//evil.example/stores/abc123/v2/x", "another host, port or scheme"),
        ("javascript:alert(1)", "another host, port or scheme"),
        ("/stores/other/v2/x", "outside of this store"),
        ("/stores/abc1234/v2/x", "outside of this store"),
        ("/stores/abc123/%2e%2e/other/v2/x", "outside of this store"),
        ("/stores/abc123/..%2fother/v2/x", "outside of this store"),
        ("../../../other", "outside of this store"),
        ("/login", "outside of this store"),
        ("/", "outside of this store"),
        ("https://[", "no address"),
        ("", "without an address"),
        (None, "without an address"),
    ],
)
def test_elsewhere_is_refused_and_the_reason_holds_nothing_of_the_address(location: str | None, why: str) -> None:
    found = go(location)

    assert isinstance(found, Refused)
    assert why in found.why
    assert "evil" not in found.why
    assert not found.is_endless


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_is_never_sent_on(method: str) -> None:
    assert isinstance(go(f"{STORE}/v2/elsewhere", method=method), Refused)


@pytest.mark.parametrize("status", [300, 304, 305, 306, 399])
def test_other_answers_of_that_class_are_no_answers(status: int) -> None:
    assert isinstance(go(f"{STORE}/v2/elsewhere", status=status), Refused)


@pytest.mark.parametrize("status", [200, 204, 400, 404, 500])
def test_no_redirect_goes_nowhere(status: int) -> None:
    assert go(f"{STORE}/v2/elsewhere", status=status) is None


def test_they_end() -> None:
    assert go(URL, followed=MOST_REDIRECTS - 1) == URL
    found = go(URL, followed=MOST_REDIRECTS)
    assert isinstance(found, Refused)
    assert found.is_endless
