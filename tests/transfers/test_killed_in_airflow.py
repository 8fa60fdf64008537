"""SIGKILL to the task process of a real Airflow (LocalExecutor), at 10 or 32 moments of a read: the retry has exactly the rows.

Some moments are bytes: a proxy between task and store counts what the run is sent and kills the task at a seeded one. The others lie
after the last byte, or are those at which a file gets its name and a state is kept; there the task kills itself, by an audit hook.

The suite takes three bytes and one moment of each kind, for each run is two tasks of Airflow's; ``-m exhaustive`` takes all.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files.commits import committed
from tests.airflow_server import AirflowServer
from tests.conftest import PROJECT
from tests.cutting_proxy import CuttingProxy, Line
from tests.transfers.killing import BOUND, PAGE, PART, through

SEED = 20260329
ORDERS = 600

#: Moments by the file or state that they are about, in their order. The manifest gets its name after the last part and the overlap's.
HOOKED = (
    "before rename of {first}",
    "after rename of {first}",
    "before rename of {middle}",
    "after rename of {middle}",
    "before rename of {last}",
    "after rename of {last}",
    "before rename of _overlaps",
    "before rename of _manifests/killed",
    "after rename of _manifests/killed",
    "before set of task state 1",
    "after set of task state 1",
    "before set of asset state 1",  # the watermark
    "after set of asset state 1",
    "before delete of task state 1",
    "after delete of task state 1",
)
#: Moments at which the run is committed; a retry reads nothing then.
COMMITTED = HOOKED[8:9] + HOOKED[11:]
#: But for the last one: its checkpoint has gone, so that it looks like a cleared run, which is read anew.
ANEW = HOOKED[-1]
BYTES = 17
#: Those that the suite has time for: the first row's file, the last one's, the manifest, the checkpoint, the watermark, and the end.
SOME_HOOKED = (HOOKED[0], HOOKED[3], HOOKED[5], HOOKED[8], HOOKED[9], HOOKED[12], HOOKED[14])
SOME_BYTES = 3

DAG = """
from datetime import datetime, timedelta
from airflow.sdk import dag
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.transfers.killing import before_the_task

@dag(schedule=None, start_date=datetime(2026, 1, 1), is_paused_upon_creation=False, max_active_runs=4)
def killed():
    BigCommerceToObjectStorageOperator(
        task_id="orders", resource="orders", path={path!r} + "/{{{{ run_id }}}}", bigcommerce_conn_id="{{{{ run_id }}}}",
        mode="incremental", file_format="jsonl", max_rows_per_file={part}, query={{"limit": {page}}},
        retries=5, retry_delay=timedelta(0), pre_execute=before_the_task,
    )

killed()
"""


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("moments", "stretches"),
    [
        pytest.param(SOME_HOOKED, SOME_BYTES, id="some moments"),
        pytest.param(HOOKED, BYTES, id="all moments", marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.bigcommerce_sandbox(orders=ORDERS, latency_ms=20)
def test_a_task_killed_at_any_moment_is_retried_to_exactly_the_rows(
    bigcommerce_sandbox: Sandbox, tmp_path: Path, airflow_database: dict[str, str], moments: tuple[str, ...], stretches: int
) -> None:
    store, dags, copy = bigcommerce_sandbox.store, tmp_path / "dags", tmp_path / "copy"
    dags.mkdir()
    (dags / "killed.py").write_text(DAG.format(path=str(copy), part=PART, page=PAGE))
    hooked = {f"hook{number:02}": moment for number, moment in enumerate(moments)}
    killed = [*hooked, *(f"byte{number:02}" for number in range(stretches))]
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"whole": None}))

    def kill(run: str) -> Callable[[], None]:
        return lambda: os.kill(json.loads((tmp_path / f"{run}.1.json").read_text())["pid"], signal.SIGKILL)

    with CuttingProxy(int(bigcommerce_sandbox.url.rpartition(":")[2])) as proxy:
        lines = {run: proxy.listen(Line(act=kill(run))) for run in ["whole", *killed]}
        stores = {run: through(bigcommerce_sandbox.connection, line.port) for run, line in lines.items()}
        environment = {
            **airflow_database,
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "KILLING": str(tmp_path),
            "PYTHONPATH": str(PROJECT),
            **{f"AIRFLOW_CONN_{run.upper()}": json.dumps(store) for run, store in stores.items()},
        }
        with AirflowServer(tmp_path / "home", env=environment) as server:
            server.trigger("killed", "whole")
            assert server.ended("killed", 1, seconds=120) == {"whole": "success"}
            [reference] = committed(str(copy / "whole"), "orders")
            parts = [Path(file.path).name for file in reference.files]
            names = {"first": parts[0], "middle": parts[len(parts) // 2], "last": parts[-1]}
            plan.write_text(json.dumps({run: hooked[run].format(**names) if run in hooked else None for run in killed}))
            chance, whole = random.Random(SEED), lines["whole"].passed
            for number in range(stretches):  # one in each of as many equal stretches of the read
                lines[f"byte{number:02}"].at = int(whole * (number + chance.random()) / stretches) + 1
            for run in killed:
                server.trigger("killed", run)
            states = server.ended("killed", 1 + len(killed), seconds=700)
    assert set(states.values()) == {"success"}

    assert reference.rows == len(store.rows("orders")) == ORDERS
    rows = digest(copy / "whole")
    for run in killed:
        moment = hooked.get(run, run)
        first, second = (json.loads((tmp_path / f"{run}.{number}.json").read_text()) for number in (1, 2))
        [manifest] = committed(str(copy / run), "orders")
        assert digest(copy / run) == rows, moment
        assert len(second["manifests"]) == (moment in COMMITTED), moment
        assert not (tmp_path / f"{run}.3.json").exists(), moment
        named = {file.path: file.sha256 for file in manifest.files}
        found = {str(file.relative_to(copy / run)): file for file in (copy / run / "orders").glob("run=*/**/*") if file.is_file()}
        assert {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in found.items()} == named, moment
        read = [served(bigcommerce_sandbox, one["correlation_id"]) for one in (first, second)]
        if moment != ANEW:
            assert sum(read) - ORDERS <= BOUND, (moment, read)
            assert read[1] == 0 or moment not in COMMITTED, moment


def digest(copy: Path) -> str:
    """Of the rows of a copy, whatever files and order they came in."""
    [manifest] = committed(str(copy), "orders")
    rows = [line for file in manifest.files for line in (copy / file.path).read_bytes().splitlines()]
    return hashlib.sha256(b"\n".join(sorted(rows, key=lambda row: int(msgspec.json.decode(row)["id"])))).hexdigest()


def served(sandbox: Sandbox, correlation_id: str) -> int:
    """Rows of the list that one try was sent."""
    mine = [one for one in sandbox.store.requests if one.correlation_id == correlation_id and one.path == "/v2/orders"]
    return sum(one.rows or 0 for one in mine)
