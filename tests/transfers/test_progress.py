"""Progress lines: what they say and how often."""

from __future__ import annotations

import json
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from airflow_provider_bigcommerce.client.settings import ReadStats
from airflow_provider_bigcommerce.engine import run as run_module
from airflow_provider_bigcommerce.engine.progress import Progress, duration
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator


def test_a_line_tells_rows_of_how_many_pages_rate_quota_and_the_end() -> None:
    now = [0.0]
    progress = Progress("products", clock=lambda: now[0])
    now[0] = 10.0

    line = progress.line(12_500, 100_000, 50, ReadStats(quota=150, quota_left=98))

    assert line == ("products: 12,500 of 100,000 rows (12%), 50 pages, 1,250 rows/s, quota 98 of 150 left, about 1 min 10 s to go")


def test_a_line_leaves_out_what_the_store_does_not_tell() -> None:
    now = [0.0]
    progress = Progress("orders", clock=lambda: now[0])
    now[0] = 10.0

    assert progress.line(500, None, 2, ReadStats()) == "orders: 500 rows, 2 pages, 50 rows/s"


def test_there_is_one_line_every_ten_seconds_however_many_pages_come() -> None:
    now = [0.0]
    progress = Progress("orders", clock=lambda: now[0])
    told = []
    for page in range(600):
        now[0] = page / 10
        if progress.line(page * 250, 150_000, page, ReadStats()):
            told.append(now[0])

    assert len(told) == 5
    assert all(later - earlier >= 10 for earlier, later in pairwise(told))


@pytest.mark.parametrize(("minutes", "most"), [(1, 5), (20, 20), (60, 30)])
def test_a_long_read_is_told_in_few_lines_and_never_silent_for_long(minutes: int, most: int) -> None:
    now = [0.0]
    progress = Progress("orders", clock=lambda: now[0])
    told = [0.0]
    for second in range(minutes * 60):
        now[0] = float(second)
        if progress.line(second, None, second, ReadStats()):
            told.append(now[0])

    assert len(told) - 1 <= most
    assert max(later - earlier for earlier, later in pairwise(told)) <= 301


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.2, "1 s"), (59, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (7200, "2 h"), (7500, "2 h 5 min")]
)
def test_durations_are_told_in_two_units_at_most(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_children_are_told_by_their_parents() -> None:
    now = [0.0]
    progress = Progress("order_transactions", parents="orders", clock=lambda: now[0])
    now[0] = 10.0

    assert progress.line(380, None, 95, ReadStats(parents_done=95, parents_total=200)) == (
        "order_transactions: 95 of 200 orders, 380 rows, 95 pages, 38 rows/s, about 11 s to go"
    )
    now[0] = 20.0
    assert progress.line(760, None, 190, ReadStats(parents_done=190)) == ("order_transactions: 190 orders, 760 rows, 190 pages, 38 rows/s")


def test_parents_that_were_read_for_something_else_are_not_told() -> None:
    now = [0.0]
    progress = Progress("orders", clock=lambda: now[0])
    now[0] = 10.0

    told = progress.line(500, None, 2, ReadStats(parents_done=3, parents_total=3))  # orders whose lines were read one by one

    assert told == "orders: 500 rows, 2 pages, 50 rows/s"


@pytest.mark.parametrize(
    ("resource", "parents"), [("order_transactions", "orders"), ("product_images", "products"), ("order_shipping_quotes", "orders")]
)
@pytest.mark.bigcommerce_sandbox(orders=40, products=20)
def test_a_read_parent_by_parent_counts_them(
    bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resource: str, parents: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    monkeypatch.setattr(run_module, "Progress", partial(Progress, every=0.0))
    told: list[str] = []
    operator = BigCommerceToObjectStorageOperator(task_id="children", resource=resource, path=str(tmp_path))
    monkeypatch.setattr(run_module.log, "info", lambda text, *args: told.append(text % args if args else text))

    operator.execute({})

    counted = [line for line in told if line.startswith(f"{resource}: ") and f" {parents}," in line]
    assert counted
    assert f" of {bigcommerce_sandbox.store.count(parents)} {parents}," in counted[-1]
