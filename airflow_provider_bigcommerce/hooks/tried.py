"""What a connection test does with its answer: a sentence for the person in front of the form, and whether it works. Sends nothing."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from airflow_provider_bigcommerce.core import outside_text
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.reading import error_from, header_number
from airflow_provider_bigcommerce.core.redaction import redact
from airflow_provider_bigcommerce.exceptions import (
    ApiError,
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
    StoreSuspendedError,
)

#: What ``test_connection`` reads, and the scope it needs. Source: store_information.v2.yml.
STORE_PATH: Final = "/v2/store"
_TOLD: Final = ("name", "domain", "plan_level")
_STORE_SCOPE: Final = "store_v2_information_read_only"


class Tried(NamedTuple):
    """What a test of a connection found.

    :param works: whether the store told its name.
    :param message: a sentence for a person; never a secret.
    :param lacks_scope: whether all that is wrong is that the token may not read the store's name.
    """

    works: bool
    message: str
    lacks_scope: bool = False


def tell_test_result(credentials: StoreCredentials, response: Response) -> tuple[bool, str]:
    """What the answer to ``GET /v2/store`` says about a connection.

    :param credentials: of the connection.
    :param response: the answer, of any status.
    :returns: whether the connection works, with a sentence that tells the causes apart.
    """
    store_hash, base_url = credentials.store_hash, credentials.base_url
    if response.status < 300:
        return _tell_store(credentials, response)
    error = error_from(Request("GET", STORE_PATH), response, scopes=(_STORE_SCOPE,))
    said = f" BigCommerce says: {error.title!r}." if error.title else ""
    match error:
        case AuthenticationError():
            return False, (
                f"BigCommerce refused the access token for store {store_hash!r} (401). Either the token is mistyped or its API account was "
                "deleted, or it is the token of another store: compare the store hash with the API path in the token's .txt file." + said
            )
        case StoreSuspendedError():
            return False, f"Store {store_hash!r} is suspended (503): its API is closed until the store's owner has settled that.{said}"
        case ApiError(status=503):
            return False, f"Store {store_hash!r} is down for maintenance or overloaded (503). Try again in a few minutes.{said}"
        case _ if is_page(response):
            return False, _not_json(credentials, response)
        case PermissionDeniedError():
            return False, (
                f"BigCommerce knows the access token for store {store_hash!r}, but the token lacks a scope (403): reading the store's name "
                f"needs 'Information & settings: read-only' ({_STORE_SCOPE}). Tasks that need only the scopes the token has will work. "
                f"A token's scopes cannot be changed; for this test to pass, create another API account with that scope.{said}"
            )
        case NotFoundError():
            return False, (
                f"There is no store {store_hash!r} at {base_url} (404). Compare the store hash with the control panel's address, "
                f"https://store-<hash>.mybigcommerce.com.{said}"
            )
        case ApiError(status=429):
            return False, f"Store {store_hash!r} answers, but its quota of requests is used up (429). Try again in a minute.{said}"
        case _:
            return False, f"{base_url} answered {response.status} for store {store_hash!r}, so nothing can be said about the token.{said}"


def _tell_store(credentials: StoreCredentials, response: Response) -> tuple[bool, str]:
    try:
        store = response.json()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False, _not_json(credentials, response)
    if not isinstance(store, dict) or not store.get("name") or not store.get("domain"):
        return False, (
            f"{credentials.base_url} answered {'JSON' if response.body else 'an empty body'} that does not describe a store. "
            "Is the API base URL (host) BigCommerce's? "
            "Leave it empty unless you use a proxy or the sandbox."
        )
    quota, left, window_ms = (
        header_number(response.headers, f"x-rate-limit-{name}") for name in ("requests-quota", "requests-left", "time-window-ms")
    )
    told = "not told"
    if quota is not None and left is not None and window_ms:
        told = f"{quota:.0f} requests / {window_ms / 1000:g} s, {left:.0f} left"
    # The store's own name is the merchant's, not a customer's: it is shown as it is, on one line, without what must not be in it.
    name, domain, plan = (redact(outside_text.one_line(store.get(field) or "unknown", 100), credentials.secrets) for field in _TOLD)
    return True, f"Connected to {name} ({domain}), plan {plan}; quota {told}"


def _not_json(credentials: StoreCredentials, response: Response) -> str:
    kind = outside_text.content_type(response.headers.get("content-type"))
    return (
        f"{credentials.base_url} answered {response.status} with {kind} that is not JSON: probably the page of a proxy, a firewall or a "
        "login in between. Check the API base URL (host) and the proxies of this machine."
    )


def is_page(response: Response) -> bool:
    """Whether somebody else than an API answered, with a page for people."""
    return response.headers.get("content-type", "").lower().startswith("text/html")
