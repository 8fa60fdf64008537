"""An Airflow of the demo's own: `airflow standalone` with SQLite and LocalExecutor on loopback, driven by its REST API."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

from tests.demo.processes import DemoError, Programs, free_port, tail

#: A cold start on two busy cores took 50 s here.
START_SECONDS = 300.0

#: Airflow's own defaults: the web server, and the log servers of executor and triggerer.
PORTS = {"Airflow's UI": 8080, "the task log server": 8793, "the trigger log server": 8794}


class AirflowServer:
    """One Airflow installation under one folder.

    :param home: its AIRFLOW_HOME, made anew.
    :param dags: the folder of DAGs.
    :param programs: starts and ends it.
    :param extra: more environment variables, for the DAGs.
    """

    def __init__(self, home: Path, dags: Path, programs: Programs, extra: dict[str, str]) -> None:
        self.home = home
        self.programs = programs
        self.ports = {name: free_port(wanted) for name, wanted in PORTS.items()}
        port, worker_log_port, trigger_log_port = self.ports.values()
        self.url = f"http://127.0.0.1:{port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "_AIRFLOW_", "PYTHONPATH"))}
        self.environment = {
            **inherited,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",  # standalone starts `airflow` by its name
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_log_port),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_log_port),
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",  # or unpausing starts a scheduled run beside ours
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            **extra,
        }
        self._session = requests.Session()
        self._session.trust_env = False

    @property
    def moved_ports(self) -> dict[str, tuple[int, int]]:
        """What listens elsewhere than usual: name -> (usual port, this one)."""
        return {name: (PORTS[name], port) for name, port in self.ports.items() if port != PORTS[name]}

    def run_command(self, *arguments: str | Path) -> str:
        """Run an `airflow` command to its end.

        :raises DemoError: when it fails, with the end of its output.
        """
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *(str(argument) for argument in arguments)],
            env=self.environment, cwd=self.home, capture_output=True, text=True, check=False,
        )  # fmt: skip
        with (self.home.parent / "logs" / "airflow-commands.log").open("a") as log:
            log.write(f"$ airflow {arguments[0]} {arguments[1]}\n{done.stdout}{done.stderr}")
        if done.returncode:
            raise DemoError(f"airflow {arguments[0]} {arguments[1]} failed:\n{(done.stderr or done.stdout)[-2000:]}")
        return done.stdout

    def import_connection(self, conn_id: str, connection: dict[str, Any]) -> None:
        """Add a connection from a file that only we can read, removed afterwards: no secret in a process list or in Airflow's log table."""
        file = self.home / "connection.json"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as stream:
                json.dump({conn_id: connection}, stream)
            self.run_command("connections", "import", file)
        finally:
            file.unlink()

    def start(self, dag_id: str) -> None:
        """Start it and wait until it answers and knows the DAG."""
        output = self.programs.start("airflow", [sys.executable, "-m", "airflow", "standalone"], self.environment, self.home)
        deadline = time.monotonic() + START_SECONDS
        while not self._is_up():
            self._wait(deadline, f"Airflow did not come up within {START_SECONDS:.0f} s. The end of {output}:\n", output)
        while self._session.get(f"{self.url}/api/v2/dags/{dag_id}", headers=self._login(), timeout=30).status_code != 200:
            errors = self.get("importErrors")["import_errors"]
            if errors:
                raise DemoError(f"{errors[0]['filename']} could not be imported:\n{errors[0]['stack_trace']}")
            self._wait(deadline, f"Airflow did not find the DAG {dag_id}. The end of {output}:\n", output)

    def _is_up(self) -> bool:
        try:
            health = self._session.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        except (requests.RequestException, ValueError):
            return False
        return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))

    def _wait(self, deadline: float, message: str, output: Path) -> None:
        self.programs.check()
        if time.monotonic() > deadline:
            raise DemoError(message + tail(output))
        time.sleep(0.5)

    @property
    def login(self) -> tuple[str, str]:
        """User and password of the UI, as Airflow generated them."""
        (pair,) = json.loads((self.home / "simple_auth_manager_passwords.json.generated").read_text()).items()
        return str(pair[0]), str(pair[1])

    def _login(self) -> dict[str, str]:
        if "Authorization" not in self._session.headers:
            user, password = self.login
            answer = self._session.post(f"{self.url}/auth/token", json={"username": user, "password": password}, timeout=30)
            answer.raise_for_status()
            self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return {}

    def get(self, path: str) -> dict[str, Any]:
        """GET below /api/v2."""
        return self._call("GET", path)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        self._login()
        answer = self._session.request(method, f"{self.url}/api/v2/{path}", json=body, timeout=60)
        if not answer.ok:
            raise DemoError(f"Airflow answered {answer.status_code} to {method} {path}: {answer.text[:500]}")
        return dict(answer.json())

    def unpause(self, dag_id: str) -> None:
        """Let the DAG's runs start."""
        self._call("PATCH", f"dags/{dag_id}?update_mask=is_paused", {"is_paused": False})

    def trigger(self, dag_id: str) -> str:
        """Start a run and return its id."""
        return str(self._call("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None})["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """queued, running, success or failed."""
        return str(self.get(f"dags/{dag_id}/dagRuns/{run_id}")["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The run's task instances, as the REST API tells them."""
        return list(self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100")["task_instances"])

    def returned(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """What a task returned, from XCom."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value?map_index={map_index}&deserialize=true"
        value = self.get(path)["value"]
        return json.loads(value) if isinstance(value, str) else value

    def task_log(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> list[str]:
        """The messages of a task's newest try, as far as it has come; read from disk, where LocalExecutor writes them."""
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        if map_index >= 0:
            folder = folder / f"map_index={map_index}"
        tries = sorted(folder.glob("attempt=*.log"), key=lambda path: int(re.sub(r"\D", "", path.stem) or 0))
        messages = []
        for line in tries[-1].read_text(errors="replace").splitlines() if tries else []:
            try:
                messages.append(str(json.loads(line).get("event", "")))
            except ValueError:  # the line is being written
                continue
        return messages
