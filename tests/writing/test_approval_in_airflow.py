"""A person's approval on a real Airflow: the example DAG ``bigcommerce_prices``, answered over the REST API as a click in the UI does.

One Airflow for all. Each case has a store of its own and a copy of the example, which differs in the names of DAG, connections and folder,
and in what the case is about. Airflow 3.1 by hand: ``.venv-3.1/bin/python -m pytest -m 'exhaustive or not exhaustive'`` and this file.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import urllib.error
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.compat import AIRFLOW_VERSION
from airflow_provider_bigcommerce.sandbox.running import TOKEN
from airflow_provider_bigcommerce.sandbox.server import Server, ThreadedServer, connection
from airflow_provider_bigcommerce.sandbox.store import Store
from tests.airflow_server import AirflowServer, until
from tests.conftest import PROJECT

pytestmark = pytest.mark.timeout(900)

EXAMPLE = "bigcommerce_prices"
APPLY = "approval=approve.output)"
#: How long a person has; on Airflow 3.1, the task too must have asked by then.
SECONDS = 30 if AIRFLOW_VERSION.startswith("3.1.") else 1

#: The cases of the suite; the others are the exhaustive tests'.
SHORT = ("approved", "rejected", "changed", "unanswered")

#: Case -> (the new price by the old one, what the copy of the example has instead of what).
CASES: dict[str, tuple[float, tuple[tuple[str, str], ...]]] = {
    "approved": (1.01, ()),
    "rejected": (1.01, ()),
    "changed": (1.01, ()),
    "unanswered": (1.01, (("timedelta(hours=4)", f"timedelta(seconds={SECONDS})"),)),
    "old": (1.01, ((APPLY, APPLY.replace(")", ", max_age=timedelta(microseconds=1))")),)),
    "gone": (1.01, ()),
    "cleared": (1.01, ()),
    "gone_on": (1.01, ()),
    "equal": (1.0, ()),
    "too_much": (1.5, ()),
}

#: Its apply task is no direct follower of the approval, so that Airflow does not skip it after a rejection.
AGAIN = """
from datetime import datetime, timedelta
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param, dag
from airflow_provider_bigcommerce.operators.apply import BigCommerceApplyOperator

@dag(schedule=None, start_date=datetime(2026, 1, 1), params={"plan": Param(""), "store": Param("")})
def again():
    approve = ApprovalOperator(task_id="approve", subject="The same plan once more", defaults="Reject")
    apply = BigCommerceApplyOperator(
        task_id="apply", plan="{{ params.plan }}", approval="{{ ti.xcom_pull('approve') }}", trigger_rule="all_done",
        bigcommerce_conn_id="{{ params.store }}", retries=3, retry_delay=timedelta(0),
    )
    approve >> EmptyOperator(task_id="between") >> apply

again()
"""


@dataclass
class Run:
    """A run with a task ``approve``."""

    server: AirflowServer
    dag_id: str
    run_id: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.server.request(method, f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}{path}", body)

    def states(self) -> dict[str, str | None]:
        return {task["task_id"]: task["state"] for task in self.call("GET", "/taskInstances?limit=100")["task_instances"]}

    def asked(self) -> dict[str, Any]:
        """The question, as soon as it may be answered."""
        until(lambda: self.server.waits_for_a_person(self.dag_id, self.run_id), f"the question of {self.dag_id}")
        return dict(self.call("GET", "/taskInstances/approve/-1/hitlDetails"))

    def answered(self) -> list[str]:
        """What was chosen; the task's own XCom is missing after a rejection."""
        return list(self.call("GET", "/taskInstances/approve/-1/hitlDetails")["chosen_options"])

    def answer(self, chosen: str) -> None:
        """As a person who clicks."""
        self.call("PATCH", "/taskInstances/approve/-1/hitlDetails", {"chosen_options": [chosen], "params_input": {}})

    def ended(self) -> dict[str, str | None]:
        """The states of the tasks when the run has ended."""
        until(lambda: self.call("GET", "")["state"] in ("success", "failed"), f"the end of {self.dag_id}")
        return self.states()

    def returned(self, task: str) -> Any:
        value = self.call("GET", f"/taskInstances/{task}/xcomEntries/return_value?deserialize=true")["value"]
        return json.loads(value) if isinstance(value, str) else value

    def plan(self) -> Path:
        """The folder of its plan."""
        return Path(self.returned("plan")["manifest"].removeprefix("file://")).parent

    def said(self, task: str) -> str:
        """The log of a task, of all its tries."""
        folder = self.server.home / "logs" / f"dag_id={self.dag_id}" / f"run_id={self.run_id}" / f"task_id={task}"
        return "\n".join(file.read_text() for file in sorted(folder.glob("*.log")))

    def clear(self, *tasks: str) -> None:
        body = {"dry_run": False, "dag_run_id": self.run_id, "task_ids": list(tasks), "only_failed": False, "reset_dag_runs": True}
        self.server.request("POST", f"/api/v2/dags/{self.dag_id}/clearTaskInstances", body)


@dataclass
class Case(Run):
    """A run of a copy of the example."""

    store: Store
    before: dict[str, float]
    new: dict[str, float]

    def prices(self) -> dict[str, float]:
        return {row["sku"]: row["price"] for row in self.store.rows("products")}

    def methods(self) -> set[str]:
        """Of all requests that the store got."""
        return {request.method for request in self.store.requests}

    def approve(self) -> dict[str, str | None]:
        """A person approves; the states at the end."""
        self.asked()
        self.answer("Approve")
        return self.ended()


class Airflow:
    """The server, and a run of each case, begun when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stores: dict[str, Store] = {}
        self.server: AirflowServer
        self._cases: dict[str, Case] = {}

    def case(self, name: str) -> Case:
        if name not in self._cases:
            store, factor = self.stores[name], CASES[name][0]
            before = {row["sku"]: row["price"] for row in store.rows("products")}
            new = {sku: round(price * factor, 2) if factor != 1 else price for sku, price in before.items()}
            with closing(sqlite3.connect(self.folder / f"{name}.db")) as erp, erp:
                erp.execute("CREATE TABLE prices (sku TEXT, price REAL)")
                erp.executemany("INSERT INTO prices VALUES (?, ?)", new.items())
            run = self.server.trigger(dag_id(name))
            self._cases[name] = Case(self.server, dag_id(name), run, store, before, new)
        return self._cases[name]

    def applied(self) -> Case:
        """The approved plan, applied."""
        case = self.case("approved")
        if case.states()["approve"] != "success":
            case.approve()
        return case

    def again(self, name: str) -> Run:
        """Another run that applies the plan of a case."""
        conf = {"plan": self.case(name).returned("plan")["manifest"], "store": f"store_of_{name}"}
        return Run(self.server, "again", self.server.trigger("again", conf=conf))


def dag_id(name: str) -> str:
    return EXAMPLE if name == "approved" else f"{EXAMPLE}_{name}"


def copied(name: str) -> str:
    """The example's text, as the case has it."""
    text = (PROJECT / "dags" / f"{EXAMPLE}.py").read_text(encoding="utf-8")
    changes = [
        (EXAMPLE, dag_id(name)),
        ("BIGCOMMERCE_PRICES_CONN_ID", f"ERP_CONN_ID_{name}"),
        ("BIGCOMMERCE_REPORT_PATH", f"REPORT_PATH_{name}"),
        ('"retry_delay": timedelta(minutes=5)', '"retry_delay": timedelta(0)'),
        ("default_args={", f'default_args={{"bigcommerce_conn_id": "store_of_{name}", '),
        *CASES[name][1],
    ]
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def airflow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    found = Airflow(tmp_path_factory.mktemp("approval"))
    dags = found.folder / "dags"
    dags.mkdir()
    environment = {
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",  # the example's own schedule starts no run
        "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",  # the file stays as it is
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "600",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "600",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # on a busy machine, a task that is not answered in time is tried again
        "PYTHONPATH": str(PROJECT),
    }
    if find_spec("psycopg2"):  # a busy SQLite refuses now and then, but the environment of Airflow 3.1 has nothing else
        postgres = request.getfixturevalue("postgres_server")
        place = f"{postgres.user}@{postgres.host}:{postgres.port}/{postgres.new_database()}"
        environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"postgresql+psycopg2://{place}"
        environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"] = f"postgresql+asyncpg://{place}"
    is_whole = "exhaustive" in str(request.config.getoption("-m"))
    with ExitStack() as stack:
        for name in CASES if is_whole else SHORT:
            store = found.stores[name] = Store(products=5, orders=0, customers=0, tokens={TOKEN: None})
            server = stack.enter_context(ThreadedServer(Server(store)))
            environment[f"AIRFLOW_CONN_STORE_OF_{name.upper()}"] = json.dumps(connection(server, TOKEN))
            environment[f"AIRFLOW_CONN_ERP_{name.upper()}"] = json.dumps({"conn_type": "sqlite", "host": str(found.folder / f"{name}.db")})
            environment[f"ERP_CONN_ID_{name}"] = f"erp_{name}"
            environment[f"REPORT_PATH_{name}"] = str(found.folder / "reports" / name)
        # One file, for Airflow reads each in a process of its own.
        (dags / "prices.py").write_text("\n".join([*map(copied, found.stores), AGAIN]), encoding="utf-8")
        found.server = AirflowServer(found.folder / "home", environment, dags)
        stack.callback(found.server.stop)
        found.server.start(timeout=500)
        for name in found.stores:  # side by side: most of a run is waiting
            found.case(name)
        yield found


def test_an_approved_plan_is_applied_once_and_never_by_another_run(airflow: Airflow) -> None:
    case = airflow.applied()

    assert set(case.ended().values()) == {"success"}
    applied = case.returned("apply")
    assert applied["counts"] == {"updated": 5}
    assert applied["approved_by"] == airflow.server.username
    assert case.returned("read_back")["counts"] == {"input": 5, "unchanged": 5}
    assert case.prices() == case.new
    with pytest.raises(urllib.error.HTTPError, match="409"):  # answered once, it stays answered
        case.answer("Reject")
    case.store.requests.clear()

    run = airflow.again("approved")
    assert "once more" in run.asked()["subject"]
    run.answer("Approve")

    assert run.ended()["apply"] == "failed"  # at once, though it has retries
    assert "PlanUsedError" in run.said("apply")
    assert case.methods() <= {"GET"}


def test_a_rejected_plan_sends_nothing(airflow: Airflow) -> None:
    case = airflow.case("rejected")
    asked = case.asked()
    assert case.returned("plan")["digest"][:12] in asked["body"]
    assert all(sku in asked["body"] for sku in case.new)

    case.answer("Reject")

    states = case.ended()
    assert (states["approve"], states["apply"], states["read_back"]) == ("success", "skipped", "skipped")
    assert case.prices() == case.before
    assert case.methods() == {"GET"}


def test_a_plan_that_is_changed_after_the_question_is_refused(airflow: Airflow) -> None:
    case = airflow.case("changed")
    case.asked()
    [rows] = case.plan().glob("plan.jsonl.gz")
    rows.write_bytes(gzip.compress(gzip.decompress(rows.read_bytes()).replace(b'"price":', b'"price":1')))

    assert case.approve()["apply"] == "failed"
    assert "PlanChangedError" in case.said("apply")
    assert case.methods() == {"GET"}


def test_a_question_that_nobody_answers_in_time_is_a_rejection_which_no_late_click_changes(airflow: Airflow) -> None:
    case = airflow.case("unanswered")

    assert case.ended()["apply"] == "skipped"
    assert case.answered() == ["Reject"]
    with pytest.raises(urllib.error.HTTPError, match="409"):
        case.answer("Approve")
    assert case.methods() == {"GET"}


@pytest.mark.exhaustive
def test_a_plan_that_is_older_than_it_may_be_is_refused_though_it_is_approved(airflow: Airflow) -> None:
    case = airflow.case("old")

    assert case.approve()["apply"] == "failed"
    assert "PlanExpiredError" in case.said("apply")
    assert case.methods() == {"GET"}


@pytest.mark.exhaustive
def test_a_plan_whose_folder_is_gone_is_refused(airflow: Airflow) -> None:
    case = airflow.case("gone")
    case.asked()
    shutil.rmtree(case.plan())
    case.answer("Approve")

    assert case.ended()["apply"] == "failed"
    assert "NoManifestError" in case.said("apply")
    assert case.methods() == {"GET"}


@pytest.mark.exhaustive
def test_what_airflow_does_not_skip_after_a_rejection_looks_at_the_answer_itself(airflow: Airflow) -> None:
    case = airflow.case("gone_on")
    case.asked()
    run = airflow.again("gone_on")
    run.asked()

    run.answer("Reject")

    assert run.ended()["apply"] == "failed"
    assert "The plan was not approved: there is no answer." in run.said("apply")  # after a rejection, Airflow's task leaves none behind
    assert case.methods() == {"GET"}


@pytest.mark.exhaustive
def test_an_applied_run_that_is_cleared_sends_nothing_twice(airflow: Airflow) -> None:
    case = airflow.case("cleared")
    assert set(case.approve().values()) == {"success"}
    first = case.returned("apply")
    case.store.requests.clear()

    case.clear("apply")

    assert case.ended()["apply"] == "success"
    assert case.returned("apply")["manifest"] == first["manifest"]
    assert case.methods() <= {"GET"}

    case.clear("plan", "is_anything_to_decide", "approve", "apply", "read_back")

    states = case.ended()  # the new plan finds every price in the store, and nobody is asked
    assert (states["plan"], states["approve"], states["apply"]) == ("success", "skipped", "skipped")
    assert case.methods() == {"GET"}


@pytest.mark.exhaustive
def test_nobody_is_asked_if_the_store_has_every_price(airflow: Airflow) -> None:
    states = airflow.case("equal").ended()

    assert states == {
        "plan": "success", "is_anything_to_decide": "success", "approve": "skipped", "apply": "skipped", "read_back": "skipped",
    }  # fmt: skip


@pytest.mark.exhaustive
def test_nobody_is_asked_about_a_plan_that_changes_too_much(airflow: Airflow) -> None:
    case = airflow.case("too_much")
    states = case.ended()

    assert (states["plan"], states["approve"], states["apply"]) == ("failed", "upstream_failed", "upstream_failed")
    assert "TooManyChangesError" in case.said("plan")
    assert case.methods() == {"GET"}
