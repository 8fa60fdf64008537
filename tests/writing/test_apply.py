"""Applying a plan against the sandbox: what is sent, what is refused, what is left behind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.writing.planned import applying, change, lines, outcomes, planned

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox


def writes(sandbox: Sandbox) -> int:
    """Requests that wrote since the sandbox began."""
    return sum(request.method != "GET" for request in sandbox.store.requests)


def prices(sandbox: Sandbox, to: float = 12.5) -> list[Any]:
    """Planned rows: every product gets this price."""
    return [
        change(place, row["id"], {"price": row["price"]}, {"price": to}) for place, row in enumerate(sandbox.store.rows("products"))
    ]


@pytest.mark.bigcommerce_sandbox(products=25)
def test_a_plan_is_applied_row_by_row(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    plan = planned(tmp_path, bigcommerce_sandbox, "products", prices(bigcommerce_sandbox))

    applied = applying(bigcommerce_sandbox, plan)

    assert applied.manifest.counts == {"updated": 25}
    assert [row.outcome for row in outcomes(applied)] == ["updated"] * 25
    assert {row["price"] for row in bigcommerce_sandbox.store.rows("products")} == {12.5}
    assert applied.manifest.approved_by == "Ann"
    assert lines(applied, "rejected.jsonl.gz") == []
    assert writes(bigcommerce_sandbox) == 3
