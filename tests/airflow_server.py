"""A real Airflow for the time of a ``with`` block: `airflow standalone`, or its API server alone, on free ports in a home of its own.

Knows nothing of BigCommerce. Leaves no process behind: it signals the process group it started, as `airflow standalone` does not end
its children when it alone is signalled.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

Found = TypeVar("Found")

#: In the environment of an Airflow whose database has its tables already, so that none need be made.
IS_MIGRATED = "BIGCOMMERCE_TESTS_DATABASE_IS_MIGRATED"


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(found: Callable[[], Found], what: str = "what is waited for", seconds: float = 240, *, every: float = 0.5) -> Found:
    """Wait for something true, and return it.

    :raises TimeoutError: it did not come.
    """
    end = time.monotonic() + seconds
    while not (value := found()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {seconds:g} s")
        time.sleep(every)
    return value


class Processes:
    """A program and whatever it starts: one process group, ended as one.

    :param arguments: its command line.
    :param env: its whole environment.
    :param cwd: its working directory.
    :param log_file: what it prints is added there.
    """

    def __init__(self, arguments: list[str], env: Mapping[str, str], cwd: Path, log_file: Path) -> None:
        with log_file.open("ab") as log:
            self._leader = subprocess.Popen(
                arguments, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """The program's process id; its children are found by it."""
        return self._leader.pid

    def status(self) -> int | None:
        """The program's exit status; None while it runs."""
        return self._leader.poll()

    def stop(self) -> None:
        """End every process: SIGINT, SIGTERM, and SIGKILL for what is left (idle workers of the LocalExecutor ignore both)."""
        for number, seconds in ((signal.SIGINT, 3.0), (signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0)):
            if not self._end(number, seconds):
                break
        self._leader.wait()

    def kill(self) -> None:
        """End every process as a lost machine does, and return when they are gone."""
        self._end(signal.SIGKILL, 30.0)
        self._leader.wait()

    def _end(self, number: int, seconds: float) -> bool:
        """Signal the group and wait for its end; tells whether a process of it was left to be signalled."""
        try:
            os.killpg(self._leader.pid, number)
        except ProcessLookupError:
            return False
        deadline = time.monotonic() + seconds
        while _group_lives(self._leader) and time.monotonic() < deadline:
            time.sleep(0.1)
        return True


class AirflowServer:
    """An Airflow with the simple auth manager, on SQLite unless ``env`` names another database.

    :param home: AIRFLOW_HOME; made where it is missing, may be used again.
    :param env: environment variables on top of what this class sets (``AIRFLOW__CORE__TEST_CONNECTION`` ...).
    :param dags_folder: folder of DAG files, or None for an empty one.
    :param component: ``standalone`` (scheduler, DAG processor, triggerer, API server) or ``api-server`` alone.
    :param port: of the UI and API; 0 chooses a free one.
    """

    username = "admin"

    def __init__(
        self,
        home: Path,
        env: Mapping[str, str] | None = None,
        dags_folder: Path | None = None,
        *,
        component: Literal["standalone", "api-server"] = "standalone",
        port: int = 0,
    ) -> None:
        self.home = home
        self.component = component
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_file = home / f"{component}.log"
        self.password = secrets.token_urlsafe(12)
        self._passwords = home / "passwords.json"
        self._processes: Processes | None = None
        self._beside: list[Processes] = []
        self._token: str | None = None
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "_AIRFLOW_"))}
        self.env = {
            **kept,
            # `airflow standalone` starts its parts as `airflow` from the PATH, which need not be of this environment.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder or home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{self.username}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords),
            # A task whose start is not answered in time asks again, is refused since it has started, and ends: its run hangs for minutes.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            # A task that has not imported its DAG file by then begins anew, and on a busy machine it never has.
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
            "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "300",
            # The log servers of worker and triggerer, whose default ports 8793 and 8794 another Airflow may hold.
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            **(env or {}),
        }

    def prepare(self) -> None:
        """Make the home, the admin's password and a migrated database; afterwards ``airflow`` commands work."""
        self.home.mkdir(parents=True, exist_ok=True)
        Path(self.env["AIRFLOW__CORE__DAGS_FOLDER"]).mkdir(parents=True, exist_ok=True)
        self._passwords.touch(mode=0o600)
        self._passwords.write_text(json.dumps({self.username: self.password}))
        if IS_MIGRATED not in self.env:
            self.airflow("db", "migrate")

    def start(self, timeout: float = 420) -> Self:
        """Prepare, start, and return when the API (and, in ``standalone``, the scheduler) reports that it is healthy.

        :param timeout: seconds after which an Airflow that is still not ready is stopped.
        :raises RuntimeError: it ended or was not ready in time; the message holds the end of its log.
        """
        self.prepare()
        return self.start_prepared(timeout)

    def start_prepared(self, timeout: float = 420) -> Self:
        """Start again what was prepared before: an Airflow that was stopped or killed comes back to its own database."""
        processes = self._processes = self._run(self.component, self.log_file)
        deadline = time.monotonic() + timeout
        while not self.is_healthy():
            if processes.status() is not None or time.monotonic() > deadline:
                code = processes.status()
                self.stop()
                tail = self.log_file.read_text(errors="replace")[-4000:]
                what = f"ended with status {code}" if code is not None else f"was not ready after {timeout:g} s"
                raise RuntimeError(f"airflow {self.component} {what}. The end of its log:\n{tail}")
            time.sleep(0.25)
        if self.component == "standalone":
            try:
                self.make_ready_for_tasks()
            except OSError:
                self.stop()
                raise
        return self

    def make_ready_for_tasks(self) -> None:
        """Have the API server make the routes that tasks use, which it does at the first request to one of them.

        It answers nobody meanwhile, half a minute on a busy machine, while a task waits 5 s for the answer to its start.
        """
        self._call("GET", "/execution/health", None, {}, timeout=420)

    @property
    def pid(self) -> int:
        """Process id of the component.

        :raises RuntimeError: it does not run.
        """
        if self._processes is None:
            raise RuntimeError(f"airflow {self.component} does not run.")
        return self._processes.pid

    def waits_for_a_person(self, dag_id: str, run_id: str, task_id: str = "approve") -> bool:
        """Whether a task's question may be answered: it waits, and the scheduler has noted that the process that asked has ended.

        Airflow takes a task that is resumed before that for one that was killed, and asks again. No person is that quick.
        """
        task = self.request("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")
        if task["state"] not in ("awaiting_input", "deferred"):
            return False
        noted = f"TaskInstance Finished: dag_id={dag_id}, task_id={task_id}, run_id={run_id},"
        lines = self.log_file.read_text(errors="replace").splitlines()
        return any(noted in line and f" try_number={task['try_number']}," in line for line in lines)

    def stop(self) -> None:
        """End every process, of what was started beside it too."""
        for processes in (*self._beside, *([] if self._processes is None else [self._processes])):
            processes.stop()
        self._processes = None
        self._beside.clear()

    def kill(self) -> None:
        """End it as a lost machine does: SIGKILL to its processes; what runs beside it goes on."""
        processes, self._processes = self._processes, None
        if processes is not None:
            processes.kill()

    def beside(self, component: Literal["scheduler", "dag-processor", "triggerer"]) -> Processes:
        """Start another part of this Airflow, beside an API server that runs alone; `stop` ends it too."""
        processes = self._run(component, self.home / f"{component}.log")
        self._beside.append(processes)
        return processes

    def _run(self, component: str, log_file: Path) -> Processes:
        return Processes([sys.executable, "-m", "airflow", component], self.env, self.home, log_file)

    def __enter__(self) -> Self:
        return self if self._processes is not None else self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def airflow(self, *arguments: str, timeout: float = 280) -> str:
        """Run an ``airflow`` command in this home and return what it printed.

        :raises RuntimeError: it failed; the message holds the end of its output.
        """
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments], env=self.env, cwd=self.home, capture_output=True, text=True, timeout=timeout
        )
        if done.returncode:
            raise RuntimeError(f"airflow {' '.join(arguments[:2])} failed with {done.returncode}:\n{(done.stdout + done.stderr)[-4000:]}")
        return done.stdout

    def request(self, method: str, path: str, body: object = None, *, repeat: bool = False) -> Any:
        """Call the REST API (``/api/v2/...``) and return the decoded answer, None where it has no body.

        A GET that is answered with 500 is asked again for half a minute: while a run that an asset event started is queued, Airflow 3.3.2
        cannot show the event, since its answer demands the start that the run does not have yet. One that is not answered within a minute,
        by a machine that is busy with other things, is asked again for three.

        :param repeat: whether to ask again after a 500 what is no GET, too.
        :raises RuntimeError: it failed within itself; the message holds what it said and the end of its log.
        :raises urllib.error.HTTPError: the API refused.
        """
        began = time.monotonic()
        end = began + (30 if repeat or method == "GET" else 0)
        while True:
            try:
                return self._call(method, path, body, {"Authorization": f"Bearer {self.token}"})
            except TimeoutError:
                if method != "GET" or time.monotonic() > began + 180:
                    raise
            except urllib.error.HTTPError as error:
                if error.code != 500:
                    raise
                if time.monotonic() > end:
                    said = error.read().decode(errors="replace")[:2000]
                    tail = self.log_file.read_text(errors="replace")[-8000:]
                    raise RuntimeError(f"{method} {path} was answered with 500: {said}\nThe end of its log:\n{tail}") from error
                time.sleep(0.25)

    def trigger(self, dag_id: str, run_id: str | None = None, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run, as soon as Airflow knows the DAG, and return its id.

        An Airflow whose SQLite is busy answers 500 after five seconds (with a longer time-out of SQLite's it did not answer for a minute).
        As the run is named beforehand, asking again cannot start a second one: if the first attempt did start it, the next is refused
        with 409.

        :param conf: values of the DAG's parameters.
        """
        name = run_id or f"manual__{secrets.token_hex(8)}"
        until(lambda: self.knows(dag_id), f"the DAG {dag_id}")
        body = {"logical_date": None, "dag_run_id": name, "conf": dict(conf or {})}
        try:
            self.request("POST", f"/api/v2/dags/{dag_id}/dagRuns", body, repeat=True)
        except urllib.error.HTTPError as refusal:
            if refusal.code != 409:
                raise
        return name

    def knows(self, dag_id: str) -> bool:
        """Whether the DAG has been parsed."""
        try:
            return bool(self.request("GET", f"/api/v2/dags/{dag_id}"))
        except urllib.error.HTTPError as refusal:
            if refusal.code != 404:
                raise
            return False

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The DAG's runs, as the REST API tells them."""
        return list(self.request("GET", f"/api/v2/dags/{dag_id}/dagRuns?limit=100")["dag_runs"])

    def ended(self, dag_id: str, count: int, seconds: float) -> dict[str, str]:
        """Run id -> state of so many runs, when all have ended."""

        def states() -> dict[str, str]:
            found = {run["dag_run_id"]: run["state"] for run in self.runs(dag_id)}
            return found if len(found) == count and set(found.values()) <= {"success", "failed"} else {}

        return until(states, f"the end of the runs of {dag_id}", seconds, every=2)

    @property
    def token(self) -> str:
        """A bearer token of the admin."""
        if self._token is None:
            answer = self._call("POST", "/auth/token", {"username": self.username, "password": self.password}, {})
            self._token = str(answer["access_token"])
        return self._token

    def _call(self, method: str, path: str, body: object, headers: Mapping[str, str], timeout: float = 60) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=timeout) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def is_healthy(self) -> bool:
        """Whether what was started answers and works."""
        try:
            health = self._call("GET", "/api/v2/monitor/health", None, {})
        except OSError:  # not listening yet, or answering errors while it starts
            return False
        needed = ("metadatabase", "scheduler", "dag_processor") if self.component == "standalone" else ("metadatabase",)
        return all((health.get(part) or {}).get("status") == "healthy" for part in needed)


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    process.poll()  # reap the leader, which would stay in its group as a zombie
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True
