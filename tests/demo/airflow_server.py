"""The demo's Airflow: the usual ports where they are free, started and ended with the demo's other programs, and the DAG's REST verbs."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import urllib.error
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.airflow_server import AirflowServer
from tests.demo.processes import DemoError, Programs, free_port, tail

#: A cold start on two busy cores took 50 s here.
START_SECONDS = 300.0

#: Airflow's own defaults: the web server, and the log servers of executor and triggerer.
PORTS = {"Airflow's UI": 8080, "the task log server": 8793, "the trigger log server": 8794}


class DemoAirflow(AirflowServer):
    """`airflow standalone` with SQLite and LocalExecutor on loopback.

    :param home: its AIRFLOW_HOME.
    :param dags: the folder of DAGs.
    :param programs: starts and ends it.
    :param environment: more environment variables, for the DAGs.
    """

    def __init__(self, home: Path, dags: Path, programs: Programs, environment: Mapping[str, str]) -> None:
        self.ports = {name: free_port(wanted) for name, wanted in PORTS.items()}
        port, worker_log_port, trigger_log_port = self.ports.values()
        self.programs = programs
        ours = {
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_log_port),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_log_port),
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # or a task of a busy machine waits minutes for its retry
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        super().__init__(home, {**ours, **environment}, dags, port=port)

    @property
    def moved_ports(self) -> dict[str, tuple[int, int]]:
        """What listens elsewhere than usual: name -> (usual port, this one)."""
        return {name: (PORTS[name], port) for name, port in self.ports.items() if port != PORTS[name]}

    def import_connection(self, conn_id: str, connection: Mapping[str, Any]) -> None:
        """Add a connection from a file that only we can read, removed afterwards: no secret in a process list or in Airflow's log table."""
        file = self.home / "connection.json"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as stream:
                json.dump({conn_id: connection}, stream)
            self.airflow("connections", "import", str(file))
        finally:
            file.unlink()

    def bring_up(self, dag_id: str) -> None:
        """Start it and wait until it works and knows the DAG."""
        output = self.programs.start("airflow", [sys.executable, "-m", "airflow", "standalone"], self.env, self.home)
        self.log_file = output
        deadline = time.monotonic() + START_SECONDS
        while not self.is_healthy():
            self._wait(deadline, f"Airflow did not come up within {START_SECONDS:.0f} s. The end of {output}:\n", output)
        while dag_id not in {dag["dag_id"] for dag in self.api("GET", "dags?limit=100")["dags"]}:
            for error in self.api("GET", "importErrors")["import_errors"]:
                raise DemoError(f"{error['filename']} could not be imported:\n{error['stack_trace']}")
            self._wait(deadline, f"Airflow did not find the DAG {dag_id}. The end of {output}:\n", output)

    def _wait(self, deadline: float, message: str, output: Path) -> None:
        self.programs.check()
        if time.monotonic() > deadline:
            raise DemoError(message + tail(output))
        time.sleep(0.5)

    def api(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Call the REST API below ``/api/v2``.

        :raises DemoError: with Airflow's words, where it refuses.
        """
        try:
            return dict(self.request(method, f"/api/v2/{path}", body))
        except urllib.error.HTTPError as refusal:
            text = refusal.read().decode(errors="replace")[:500]
            raise DemoError(f"Airflow answered {refusal.code} to {method} {path}: {text}") from None

    def unpause(self, dag_id: str) -> None:
        """Let the DAG's runs start."""
        self.api("PATCH", f"dags/{dag_id}?update_mask=is_paused", {"is_paused": False})

    def run_state(self, dag_id: str, run_id: str) -> str:
        """queued, running, success or failed."""
        return str(self.api("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The run's task instances, as the REST API tells them."""
        return list(self.api("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100")["task_instances"])

    def returned(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """What a task returned, from XCom."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value?map_index={map_index}&deserialize=true"
        value = self.api("GET", path)["value"]
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
