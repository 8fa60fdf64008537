"""A copy of a store that answers oddly equals the store, or the task fails, or no watermark moves.

Every odd answer that the sandbox knows, in place of the second page of a list: once, twice (then the second look has it, too), for ever.
"""

from __future__ import annotations

import json
import re

import pytest

from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.sandbox.odd_answers import NAMED
from tests.transfers.conftest import Night

LISTS = {
    "products": "/v3/catalog/products",
    "orders": "/v2/orders",
    "customers": "/v3/customers",
    "customer_groups": "/v2/customer_groups",
    "brands": "/v3/catalog/brands",
}
TIMES = {"once": 1, "twice": 2, "for ever": None}
#: Failures by their status: ``tests/client`` has what becomes of them. They are waited for, which takes its time.
FAILURES = frozenset(name for name in NAMED if re.match(r"\d\d\d|suspended", name))
#: In the suite; ``-m full`` has all.
SOME = ("no_rows", "total_zero", "total_this_page", "meta_empty", "endless", "ignores_page", "ignores_sort")


def outcome(night: Night, monkeypatch: pytest.MonkeyPatch, resource: str, kind: str, times: int | None) -> str:
    """``equal``, ``failed``, ``not moved``, or what is wrong."""
    connection = {**night.sandbox.connection, "extra": {**night.sandbox.connection["extra"], "max_attempts": 2}}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(connection))
    night.sandbox.store.odd(rf"^{LISTS[resource]}(\?|$)", nth=2, answer=kind, times=times)
    try:
        manifest = night.run("r1", resource, query={"limit": 2})
    except BigCommerceError:
        return "failed"
    copy, store = night.copy(resource), {row["id"] for row in night.sandbox.store.rows(resource)}
    if copy.keys() == store and manifest["complete"]:
        return "equal"
    if manifest["watermark"] is None and not manifest["complete"]:
        return "not moved"
    return f"{len(store - copy.keys())} of {len(store)} rows missing, complete={manifest['complete']}"


def check(night: Night, monkeypatch: pytest.MonkeyPatch, resource: str, kind: str, times: str) -> None:
    found = outcome(night, monkeypatch, resource, kind, TIMES[times])
    assert found in ("equal", "failed", "not moved")


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("kind", SOME)
@pytest.mark.parametrize("resource", ["products", "customers", "brands"])
def test_a_copy_of_a_store_that_answers_oddly_is_whole_or_moves_no_watermark(
    night: Night, monkeypatch: pytest.MonkeyPatch, resource: str, kind: str, times: str
) -> None:
    check(night, monkeypatch, resource, kind, times)


@pytest.mark.exhaustive
@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("kind", sorted(NAMED.keys() - FAILURES))
@pytest.mark.parametrize("resource", LISTS)
def test_a_copy_is_whole_or_moves_no_watermark_whatever_the_store_answers(
    night: Night, monkeypatch: pytest.MonkeyPatch, resource: str, kind: str, times: str
) -> None:
    check(night, monkeypatch, resource, kind, times)
