"""A task that is ended from outside in the middle of a read: by its execution_timeout, by SIGTERM, or marked failed in Airflow's UI.

The store stops answering after ten pages, so that the task is reading whenever it is ended.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.airflow_dag import known_to_airflow
from tests.airflow_server import AirflowServer, until
from tests.faults.conftest import Place

KINDS = ["files", "sql"]


@pytest.mark.usefixtures("airflow_home")
@pytest.mark.bigcommerce_sandbox(products=300)
@pytest.mark.parametrize("kind", KINDS)
def test_a_task_whose_time_is_up_leaves_no_session_no_thread_and_no_file(place: Place, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    from airflow.sdk import DAG

    place.stop_answering()
    operator = {"files": BigCommerceToObjectStorageOperator, "sql": BigCommerceToSqlOperator}[kind]
    with DAG(f"time_up_{kind}", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None) as dag:
        operator(task_id="variants", execution_timeout=timedelta(seconds=6), **place.arguments(kind))
    known_to_airflow(dag)

    with caplog.at_level(logging.WARNING):
        state = str(dag.test().state)
        gc.collect()

    assert (state, place.is_reading()) == ("failed", True)
    assert place.sandbox.store.faults["timeout_before"] <= 20  # nothing was repeated: it ended before a request's own 60 s were up
    threads = {thread.name for thread in threading.enumerate() if thread.name.startswith("bigcommerce-")}
    assert threads == {"bigcommerce-sandbox"}
    assert [text for record in caplog.records if "nclosed" in (text := record.getMessage()) or record.name == "asyncio"] == []
    place.assert_nothing_false_remains(kind)


@pytest.mark.bigcommerce_sandbox(products=300)
@pytest.mark.parametrize("kind", KINDS)
def test_a_task_process_that_is_told_to_end_does_so_at_once_and_says_why(place: Place, kind: str) -> None:
    place.stop_answering()
    command = [sys.executable, "-X", "dev", "-W", "ignore::DeprecationWarning", "-m", "tests.faults.ended", kind]
    command.append(json.dumps(place.arguments(kind)))
    with subprocess.Popen(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True) as process:
        try:
            until(place.is_reading, "the read")
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=55)  # less than the 60 s of the requests that are waited for
        finally:
            process.kill()

    assert process.returncode == 1
    assert "BigCommerceError: The task was told to stop." in output
    assert "nclosed" not in output
    assert "never retrieved" not in output
    place.assert_nothing_false_remains(kind)


DAG_FILE = """
from datetime import datetime
from airflow.sdk import DAG
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator

for kind, operator, arguments in (
    ("files", BigCommerceToObjectStorageOperator, {files!r}),
    ("sql", BigCommerceToSqlOperator, {sql!r}),
):
    with DAG("ended_" + kind, start_date=datetime(2026, 1, 1), schedule=None, is_paused_upon_creation=False):
        operator(task_id="variants", **arguments)
"""


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.bigcommerce_sandbox(products=300)
def test_tasks_of_a_running_airflow_end_when_marked_failed_and_when_their_process_is_told_to(
    place: Place, airflow_database: dict[str, str]
) -> None:
    dags = place.folder / "dags"
    dags.mkdir()
    (dags / "ended.py").write_text(DAG_FILE.format(files=place.arguments("files"), sql=place.arguments("sql")))
    environment = {
        **airflow_database,
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": os.environ["AIRFLOW_CONN_BIGCOMMERCE_DEFAULT"],
        "AIRFLOW_CONN_WAREHOUSE": os.environ["AIRFLOW_CONN_WAREHOUSE"],
    }
    with AirflowServer(place.folder / "home", env=environment) as server:
        for kind in KINDS:
            dag = f"/api/v2/dags/ended_{kind}"
            for way in ("marked", "told"):
                place.stop_answering()
                run = server.trigger(f"ended_{kind}", way)
                task = f"{dag}/dagRuns/{run}/taskInstances/variants"
                until(place.is_reading, "the read")
                pid = int(server.request("GET", task)["pid"])
                assert lives(pid)
                if way == "marked":
                    server.request("PATCH", task, {"new_state": "failed"})
                else:
                    os.kill(pid, signal.SIGTERM)

                until(lambda pid=pid: not lives(pid), "the process's end")
                until(lambda task=task: server.request("GET", task)["state"] == "failed", "the task's end")
                (log,) = (place.folder / "home" / "logs").rglob(f"dag_id=ended_{kind}/run_id={run}/**/attempt=1.log")
                text = log.read_text()
                assert "nclosed" not in text
                assert "The task was told to stop." in text
                place.assert_nothing_false_remains(kind)
