"""Claims about a connection written as JSON, as a URI and as an environment variable: the same credentials come back."""

from __future__ import annotations

import json
import os
from unittest import mock

import pytest
from airflow.sdk import Connection
from airflow.sdk._shared.secrets_masker import reset_secrets_masker
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_bigcommerce.compat import AIRFLOW_VERSION
from airflow_provider_bigcommerce.core.credentials import StoreCredentials, clean, connection_extra, connection_json, connection_uri
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

pytestmark = pytest.mark.compat

ODD = "s/+=&?#%:@\"'\\ é%2F{}[]|^~`$HOME;"
BASES = ("https://api.bigcommerce.com", "https://api.example.com:8443", "http://127.0.0.1:8080", "http://[::1]:8080")


def credentials_from(text: str) -> StoreCredentials:
    """What a task gets from this text in the environment."""
    # Airflow masks each secret that it sees from then on, and compiles one pattern of all of them with each new one.
    reset_secrets_masker()
    with mock.patch.dict(os.environ, {"AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": text}):
        return BigCommerceHook().credentials()


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


# No NUL and no lone surrogate: an environment variable cannot hold them.
secrets = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).map(clean).filter(lambda text: text.strip("*"))


@given(secret=secrets, base_url=st.sampled_from(BASES))
@example(secret=ODD, base_url=BASES[0])
@example(secret=ODD, base_url=BASES[2])
@settings(max_examples=60, deadline=None)
def test_json_comes_back_whole(secret: str, base_url: str) -> None:
    credentials = StoreCredentials("abc123", "tok/+=&?#%'\"", "id", secret, base_url)
    assert credentials_from(connection_json(credentials)) == credentials


@given(secret=secrets, base_url=st.sampled_from(BASES[:3]))
@example(secret=ODD, base_url=BASES[0])
@example(secret=ODD, base_url=BASES[2])
@example(secret="0e0", base_url=BASES[0])
@example(secret="1e5", base_url=BASES[2])
@example(secret="-0.10", base_url=BASES[0])
@example(secret="Infinity", base_url=BASES[0])
@example(secret="null", base_url=BASES[0])
@example(secret="[]", base_url=BASES[0])
@example(secret="0123", base_url=BASES[0])
@example(secret="12345678901234567890123", base_url=BASES[0])
@settings(max_examples=60, deadline=None)
def test_a_uri_comes_back_whole(secret: str, base_url: str) -> None:
    credentials = StoreCredentials("abc123", "tok/+=&?#%'\"", "id", secret, base_url)
    assert credentials_from(connection_uri(credentials)) == credentials
    if AIRFLOW_VERSION.startswith("3.1.") and is_json(secret):  # its own get_uri() does not keep these apart
        return
    connection = Connection(
        conn_id="x",
        conn_type="bigcommerce",
        host=None if base_url == BASES[0] else base_url,
        extra=json.dumps(connection_extra(credentials)),
    )
    assert credentials_from(connection.get_uri()) == credentials


@pytest.mark.parametrize(
    ("uri", "base_url"),
    [
        ("bigcommerce://?store_hash=abc123&access_token=tok", "https://api.bigcommerce.com"),
        ("bigcommerce:///?store_hash=abc123&access_token=tok", "https://api.bigcommerce.com"),
        ("bigcommerce://127.0.0.1:8080/http?store_hash=abc123&access_token=tok", "http://127.0.0.1:8080"),
        ("bigcommerce://api.example.com?store_hash=stores%2Fabc123&access_token=tok&timeout=5&verify=false", "https://api.example.com"),
        ("bigcommerce://http%3A%2F%2F10.0.0.7%3A8080/?store_hash=abc123&access_token=tok&allow_http=true", "http://10.0.0.7:8080"),
    ],
)
def test_a_uri_written_by_hand_is_understood(uri: str, base_url: str) -> None:
    assert credentials_from(uri) == StoreCredentials("abc123", "tok", base_url=base_url)


def test_text_in_a_uris_extras_becomes_settings() -> None:
    uri = "bigcommerce://?store_hash=abc123&access_token=tok&timeout=5&verify=false&quota_share=0.5&max_concurrency=4"
    with mock.patch.dict(os.environ, {"AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": uri}):
        credentials, extra = BigCommerceHook()._resolve()
        settings = BigCommerceHook()._settings(credentials, extra)
    assert (settings.timeout, settings.verify, settings.quota_share, settings.max_concurrency) == (5.0, False, 0.5, 4)
