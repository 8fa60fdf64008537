"""What the sandbox's tests share: BigCommerce's files, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_bigcommerce.sandbox.store import Store
from tests.sandbox.inside import Inside
from tests.sandbox.published import Published

NOW = 1_780_000_000


@pytest.fixture(scope="session")
def published(openapi_dir: Path) -> Published:
    return Published(openapi_dir)


@pytest.fixture
def inside() -> Inside:
    """A small store at a fixed time, asked in the same process."""
    return Inside(Store(products=9, orders=12, customers=12, clock=lambda: float(NOW)))
