"""The sandbox behind the default connection."""

from __future__ import annotations

import json

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox


@pytest.fixture
def connected(bigcommerce_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A store that the connection ``bigcommerce_default`` names."""
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    return bigcommerce_sandbox
