"""Ranges of one list in a real Airflow: LocalExecutor, four tasks at once, one quota that nobody but the store keeps count of."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sandbox.store import LoggedRequest
from airflow_provider_bigcommerce.targets.files.commits import committed
from tests.airflow_server import AirflowServer

AT_ONCE = 4
#: Each process leaves about one request of a window unsent, for it cannot know what the others have under way: 4 of 150 here, as in
#: BigCommerce's own 30 seconds (measured: 147), and 4 of 60 were 60 the quota.
QUOTA, SECONDS = 150, 10

DAG = """
import time
from datetime import datetime
from pathlib import Path
from airflow.sdk import dag
from airflow_provider_bigcommerce.operators.partition import commit_partitions, partition
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

def together(context):
    # Airflow starts them seconds apart, or many on a busy machine; each waits for the others, so that what is counted is four at once.
    (begun := Path({path!r} + "-begun")).mkdir(exist_ok=True)
    (begun / str(context["ti"].map_index)).touch()
    while len(list(begun.iterdir())) < {at_once}:
        time.sleep(0.1)

@dag(schedule=None, start_date=datetime(2026, 1, 1), is_paused_upon_creation=False)
def ranges():
    orders = BigCommerceToObjectStorageOperator.partial(
        task_id="orders", resource="orders", path={path!r}, file_format="jsonl", query={{"limit": 5}}, max_active_tis_per_dag={at_once},
        pre_execute=together,
    ).expand(partition=partition("orders", into={at_once}))
    commit_partitions(orders.output, path={path!r})

ranges()
"""


def windows(requests: Sequence[LoggedRequest]) -> list[list[LoggedRequest]]:
    """The quota's windows as the store counted them: each opens with the first request after the last one's end."""
    found: list[list[LoggedRequest]] = []
    for request in sorted(requests, key=lambda request: request.time):
        if not found or request.time >= found[-1][0].time + SECONDS:
            found.append([])
        found[-1].append(request)
    return found


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.bigcommerce_sandbox(orders=4500, quota=f"{QUOTA}/{SECONDS}", latency_ms=50)
def test_four_ranges_at_once_use_up_the_quota_and_no_more_and_bring_exactly_the_rows(
    bigcommerce_sandbox: Sandbox, tmp_path: Path, airflow_database: dict[str, str]
) -> None:
    store, copy, dags = bigcommerce_sandbox.store, tmp_path / "copy", tmp_path / "dags"
    dags.mkdir()
    (dags / "ranges.py").write_text(DAG.format(path=str(copy), at_once=AT_ONCE))
    environment = {
        **airflow_database,
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": json.dumps(bigcommerce_sandbox.connection),
    }
    with AirflowServer(tmp_path / "home", env=environment) as server:
        run = server.trigger("ranges")
        assert server.ended("ranges", 1, seconds=450) == {run: "success"}
        [event] = server.request("GET", "/api/v2/assets/events")["asset_events"]

    [manifest] = committed(str(copy), "orders")
    assert (event["uri"], event["extra"]["rows"]) == ("bigcommerce://bigcommerce_default/orders", manifest.rows)
    ids = [msgspec.json.decode(line)["id"] for file in manifest.files for line in (copy / file.path).read_bytes().splitlines()]
    assert ids == [order["id"] for order in store.rows("orders")]

    pages = [request for request in store.requests if request.path == "/v2/orders" and "include=" in request.query]
    readers = {request.correlation_id for request in pages}
    assert len(readers) == AT_ONCE
    times = {reader: [request.time for request in pages if request.correlation_id == reader] for reader in readers}
    begun, ends = max(map(min, times.values())), sorted(map(max, times.values()))
    # The windows that opened after the last of the four had begun, and were over while two at least were reading.
    whole = [window for window in windows(store.requests) if window[0].time >= begun and window[0].time + SECONDS <= ends[-2]]
    shares = [Counter(request.correlation_id for request in window if request.status != 429) for window in whole]
    told = [sorted(share.values()) for share in shares]
    assert len(whole) >= 3, told
    assert sum(map(sum, told)) >= 0.95 * QUOTA * len(whole), told
    assert sum(request.status == 429 for request in store.requests) <= 0.01 * len(store.requests)
    # Nobody starves: who has more to read gets something in every window. Shares are not equal: who begins first keeps the most for long.
    for window, share in zip(whole, shares, strict=True):
        assert {reader for reader in readers if max(times[reader]) > window[0].time + SECONDS} <= share.keys(), told
