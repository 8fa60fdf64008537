"""``airflow-bigcommerce status``: where copies stand, by what their tasks left in Airflow's database."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce import cli
from airflow_provider_bigcommerce import status as status_module
from airflow_provider_bigcommerce.engine.telling import ERROR_KEY, STATUS_KEY
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.status import CopyStatus, Failure, Left, Proof, standing, status
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.airflow_dag import known_to_airflow

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
ORDERS = {
    "kind": "copy",
    "conn_id": "shop",
    "resource": "orders",
    "destination": "file:///data/orders",
    "store_hash": "abc123",
    "mode": "incremental",
    "rows": 12,
    "requests": 3,
    "waited": 1.5,
    "watermark": "2026-03-29T11:00:00Z",
    "started_at": "2026-03-29T11:00:01+00:00",
    "finished_at": "2026-03-29T11:00:09+00:00",
    "complete": True,
    "quota": 450,
    "quota_left": 400,
}
PROOF = {"kind": "proof", "conn_id": "shop", "resource": "orders", "destination": "file:///data/orders", "equal": True, "differences": 0}
ERROR = {"conn_id": "shop", "resource": "orders", "error": "ServerError: GET /v2/orders answered 500"}

Run = Callable[..., tuple[int, str, str]]


def left(value: Any, *, hours: float = 1, key: str = STATUS_KEY, task_id: str = "orders", dag_id: str = "sync") -> Left:
    return Left(key, dag_id, task_id, "run", NOW - timedelta(hours=hours), value)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: exit status, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", "status", *arguments])
        ended = cli.main()
        told = capfd.readouterr()
        return ended, told.out, told.err

    return run


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[Left]:
    """What tasks have left, in the place of Airflow's database."""
    kept: list[Left] = []
    monkeypatch.setattr(status_module, "_left", lambda since: kept)
    monkeypatch.setattr(status_module, "_told", lambda since: [])
    monkeypatch.setattr(status_module, "_webhooks", dict)
    return kept


# -- what is made of it


def test_a_copy_is_told_with_its_age_its_quota_and_its_proof() -> None:
    [found] = standing([left(ORDERS), left(PROOF, hours=0.5, task_id="prove")], NOW)

    assert found == CopyStatus(
        conn_id="shop", resource="orders", destination="file:///data/orders", store_hash="abc123",
        last_success="2026-03-29T11:00:09+00:00", mode="incremental", rows=12, requests=3, waited=1.5,
        watermark="2026-03-29T11:00:00Z", lag_seconds=3600.0, quota=450, quota_left=400, complete=True,
        proof=Proof("2026-03-29T11:30:00Z", equal=True, differences=0), failure=None, dag_id="sync", task_id="orders",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("others", "rows", "failing"),
    [
        ([left({**ORDERS, "rows": 7}, hours=2)], 12, False),  # an older run
        ([left({**ORDERS, "rows": 7}, hours=0.1)], 7, False),  # a later run
        ([left(ERROR, hours=0.1, key=ERROR_KEY)], 12, True),
        ([left(ERROR, hours=2, key=ERROR_KEY)], 12, False),  # that failed before
        ([left(ERROR, hours=0.1, key=ERROR_KEY, task_id="another")], 12, False),
        ([left({**ERROR, "resource": "brands"}, hours=2, key=ERROR_KEY), left({**ORDERS, "conn_id": "two"})], 12, False),
    ],
    ids=["an older run", "a later run", "failed since", "failed before", "another task failed", "another resource failed"],
)
def test_the_last_success_stays_and_a_failure_after_it_is_told(others: list[Left], rows: int, failing: bool) -> None:
    found = next(each for each in standing([*others, left(ORDERS)], NOW) if (each.conn_id, each.resource) == ("shop", "orders"))

    assert (found.rows, found.failure is not None) == (rows, failing)


def test_a_resource_that_never_arrived_is_there_too_and_late_by_any_measure() -> None:
    [found] = standing([left(ERROR, key=ERROR_KEY)], NOW)

    assert found.last_success is None
    assert found.failure == Failure("2026-03-29T11:00:00Z", ERROR["error"])
    assert found.is_late(timedelta(days=10_000))


def test_two_places_of_one_resource_are_two_copies() -> None:
    table = {**ORDERS, "destination": "postgres://db:5432/shop/public/orders"}

    found = standing([left(ORDERS), left(table, task_id="into_sql"), left({**PROOF, "equal": False, "differences": 3})], NOW)

    assert [(each.destination, each.proof is not None) for each in found] == [
        ("file:///data/orders", True),
        ("postgres://db:5432/shop/public/orders", False),
    ]


@pytest.mark.parametrize(
    ("changed", "lag"),
    [
        ({"watermark": None}, 3599.0),  # a full read: when it began
        ({"mode": "backfill"}, None),  # follows nothing
        ({"watermark": "2026-03-29T13:00:00Z"}, 0.0),  # a clock before ours
        ({"watermark": "nonsense", "started_at": "2026-03-29T11:00:01+00:00"}, None),
    ],
    ids=["full", "backfill", "the future", "no date"],
)
def test_a_lag_is_one_of_the_copy(changed: dict[str, Any], lag: float | None) -> None:
    [found] = standing([left({**ORDERS, **changed})], NOW)

    assert found.lag_seconds == lag


@pytest.mark.parametrize("value", [{}, {"conn_id": 5, "resource": "orders"}, {"conn_id": "a"}, {"conn_id": "a", "resource": None}])
def test_what_is_none_of_ours_is_passed_by(value: dict[str, Any]) -> None:
    assert standing([left(value)], NOW) == []


def test_values_of_another_kind_are_left_out_and_stop_nothing() -> None:
    odd = {"rows": "many", "requests": None, "waited": "x", "quota": True, "complete": "yes", "finished_at": 7, "mode": None}

    [found] = standing([left({**ORDERS, **odd})], NOW)

    assert (found.rows, found.requests, found.waited, found.quota, found.complete) == (None, None, None, None, None)
    assert found.last_success == "2026-03-29T11:00:00Z"


# -- on the command line


def test_the_table_and_the_json_say_the_same(run: Run, tasks: list[Left]) -> None:
    tasks += [left(ORDERS), left(PROOF), left(ERROR, hours=0.1, key=ERROR_KEY)]

    ended, out, err = run()
    assert (ended, err) == (0, "")
    row = next(line for line in out.splitlines() if line.startswith("shop"))
    for part in ("orders", "2026-03-29T11:00:09+00:00", "12", "400 of 450", "equal 2026-03-29T11:00:00Z", "file:///data/orders"):
        assert part in row
    [told] = json.loads(run("--json")[1])["copies"]
    assert (told["rows"], told["quota_left"], told["proof"]["equal"]) == (12, 400, True)
    assert told["failure"]["error"] == ERROR["error"]


@pytest.mark.parametrize(
    ("kept", "max_lag", "ended"),
    [
        ([ORDERS], "100000d", 0),
        ([ORDERS], "1h", 1),
        ([{**ORDERS, "mode": "backfill"}], "1h", 0),
        ([], "1h", 1),
    ],
    ids=["in time", "late", "a backfill", "nothing known"],
)
def test_a_lag_above_the_most_is_an_exit_status(run: Run, tasks: list[Left], kept: Sequence[Any], max_lag: str, ended: int) -> None:
    tasks += [left(value) for value in kept]

    status_, out, err = run("--max-lag", max_lag, "--json")

    assert status_ == ended
    assert len(json.loads(out)["copies"]) == len(kept)
    assert bool(err) == bool(ended)
    if ended and kept:
        assert "later than 1h: shop/orders (" in err


@pytest.mark.parametrize("text", ["", "1", "h", "1.5h", "-1h", "1w", "1h2m"])
def test_a_span_that_is_none_is_wrong_usage(run: Run, tasks: list[Left], text: str) -> None:
    assert run("--max-lag", text)[0] == 2


def test_one_connection_and_one_resource_can_be_asked_for(run: Run, tasks: list[Left]) -> None:
    tasks += [left(ORDERS), left({**ORDERS, "conn_id": "two"}), left({**ORDERS, "resource": "product_variants"})]

    assert [each["conn_id"] for each in json.loads(run("--conn-id", "two", "--json")[1])["copies"]] == ["two"]
    assert [each["resource"] for each in json.loads(run("--resource", "variants", "--json")[1])["copies"]] == ["product_variants"]
    assert run("--resource", "varants")[0] == 2
    assert "Nothing is known" in run("--conn-id", "three")[1]


# -- of real tasks


@pytest.mark.compat
@pytest.mark.usefixtures("airflow_home")
def test_real_tasks_leave_what_the_status_tells(bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import DAG

    monkeypatch.setenv("AIRFLOW_CONN_OF_STATUS", json.dumps(bigcommerce_sandbox.connection))
    bigcommerce_sandbox.store.fail_next(1, "answer", match="/v3/pricelists", status=403, body=b"{}")
    where = {"path": str(tmp_path), "bigcommerce_conn_id": "of_status"}
    with DAG("status", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        brands = BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", mode="incremental", **where)
        brands >> BigCommerceReconcileOperator(task_id="prove", resource="brands", **where)
        BigCommerceToObjectStorageOperator(task_id="lists", resource="price_lists", **where)
    known_to_airflow(dag).test()

    found = {each.resource: each for each in status(conn_id="of_status").copies}

    assert set(found) == {"brands", "price_lists"}
    copied = found["brands"]
    assert (copied.rows, copied.destination, copied.store_hash) == (
        bigcommerce_sandbox.store.count("brands"),
        f"file://{tmp_path}/brands",
        "sandbox1",
    )
    assert (copied.dag_id, copied.task_id, copied.failure) == ("status", "brands", None)
    assert copied.proof is not None
    assert copied.proof.equal
    failed = found["price_lists"]
    assert failed.last_success is None
    assert failed.failure is not None
    assert failed.failure.error.startswith("PermissionDeniedError: ")
