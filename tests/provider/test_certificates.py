"""The file of authorities that a connection names: read where https needs it, once a process, and anew where it was exchanged."""

from __future__ import annotations

import asyncio
import os
import random
import ssl
import time
from pathlib import Path

import pytest

from airflow_provider_bigcommerce.client import certificates
from airflow_provider_bigcommerce.client.sending import Sender
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.sandbox import tls


def authorities(folder: Path) -> bytes:
    """A PEM file with an authority that nobody else has."""
    folder.mkdir()
    return tls.make(folder).ca_file.read_bytes()


def opened(verify: str, base_url: str, b2b_url: str | None = None) -> None:
    credentials = StoreCredentials(store_hash="abc123", access_token="t", base_url=base_url, b2b_url=b2b_url)

    async def open_and_close() -> None:
        settings = StoreSettings(verify=verify)
        async with Sender(credentials, settings, clock=time.monotonic, sleep=asyncio.sleep, random=random.random):
            pass

    asyncio.run(open_and_close())


def test_an_unchanged_file_is_read_once_and_an_exchanged_one_is_trusted_at_once(tmp_path: Path) -> None:
    first, second = authorities(tmp_path / "first"), authorities(tmp_path / "second")
    file = tmp_path / "ca.pem"
    file.write_bytes(first)

    contexts = [asyncio.run(certificates.context_of(str(file))) for _ in range(2)]
    exchanged = tmp_path / "new.pem"  # as certificate managers do it: a new file gets the name
    exchanged.write_bytes(second)
    os.utime(exchanged, ns=(0, file.stat().st_mtime_ns))
    exchanged.replace(file)
    after = asyncio.run(certificates.context_of(str(file)))

    assert contexts[0] is contexts[1]
    assert contexts[0].get_ca_certs(binary_form=True) == [ssl.PEM_cert_to_DER_cert(first.decode())]
    assert after.get_ca_certs(binary_form=True) == [ssl.PEM_cert_to_DER_cert(second.decode())]
    assert after.verify_mode is ssl.CERT_REQUIRED
    assert after.check_hostname


@pytest.mark.parametrize(
    ("base_url", "b2b_url"),
    [
        ("https://api.bigcommerce.com", None),
        ("https://proxy.example", None),
        ("http://127.0.0.1:1", "https://b2b.example"),
        ("https://proxy.example", "http://127.0.0.1:1"),
    ],
)
def test_a_file_that_is_none_fails_where_any_host_is_reached_by_https(base_url: str, b2b_url: str | None, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")

    with pytest.raises(ssl.SSLError):
        opened(str(file), base_url, b2b_url)
    with pytest.raises(FileNotFoundError):
        opened(str(tmp_path / "none.pem"), base_url, b2b_url)


def test_a_store_without_https_needs_no_certificates(tmp_path: Path) -> None:
    opened(str(tmp_path / "none.pem"), "http://127.0.0.1:1")
    opened(str(tmp_path / "none.pem"), "http://127.0.0.1:1", "http://127.0.0.1:2")
