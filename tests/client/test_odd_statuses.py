"""Statuses that the sandbox answers on request, as the client takes them: gateways' pages are waited out, refusals are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_bigcommerce.exceptions import (
    ApiError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    StoreSuspendedError,
)
from tests.client.test_client_on_the_sandbox import read

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox


@pytest.mark.parametrize("kind", ["500_html", "502_html", "503_html", "504_html"])
def test_a_gateways_page_in_the_middle_of_a_list_costs_no_row(bigcommerce_sandbox: Sandbox, kind: str) -> None:
    bigcommerce_sandbox.store.odd("^/v3/catalog/brands", answer=kind)

    found = read(bigcommerce_sandbox, "brands")

    assert [row["id"] for row in found] == [row["id"] for row in bigcommerce_sandbox.store.rows("brands")]
    assert bigcommerce_sandbox.store.faults == {f"odd:{kind}": 1}


@pytest.mark.parametrize(("kind", "error"), [
    ("suspended", StoreSuspendedError), ("403", PermissionDeniedError), ("404", NotFoundError), ("409", ConflictError),
    ("423", ConflictError),
])  # fmt: skip
def test_a_refusal_is_typed_and_tells_what_the_store_said(bigcommerce_sandbox: Sandbox, kind: str, error: type[ApiError]) -> None:
    bigcommerce_sandbox.store.odd("^/v3/catalog/brands", answer=kind, times=None)

    with pytest.raises(error) as raised:
        read(bigcommerce_sandbox, "brands")
    assert raised.value.status == (503 if kind == "suspended" else int(kind))
