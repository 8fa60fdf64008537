"""Starts the page server and the drivers, one process each, and reads back what a driver took and whether its rows are whole."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec

from tests.benchmarks.sampling import parts

PROJECT = Path(__file__).resolve().parents[2]
#: Peers' environments and the results of earlier measures; ignored by git.
KEPT = PROJECT / ".venv-benchmarks"
DLT_CONSTRAINTS = PROJECT / "tests" / "constraints" / "benchmark-dlt.txt"

_TIMEOUT = 1800


class _Row(msgspec.Struct):
    id: int


_KEY = msgspec.json.Decoder(_Row).decode


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of a driver took.

    :param seconds: from the word to the last byte on the disk, imports excluded.
    :param cpu_seconds: likewise.
    :param start_seconds: from the process's start to the word: interpreter and imports.
    :param rss_mb: peak memory.
    :param growth_mb: of it, above what the imports took.
    :param rows: different rows that came.
    :param lost: rows of the store that did not.
    :param doubled: rows that came more than once.
    :param server: the page server's counters.
    :param execute_seconds: of a whole task process: what the operator's ``execute`` took.
    :param import_seconds: of that, seconds of CPU for import statements that the read waits for.
    :param imports_beside_seconds: of that, seconds of CPU for import statements while the first page is on its way.
    """

    seconds: float
    cpu_seconds: float
    start_seconds: float
    rss_mb: float
    growth_mb: float
    rows: int
    lost: int
    doubled: int
    server: dict[str, Any]
    execute_seconds: float = 0.0
    import_seconds: float = 0.0
    imports_beside_seconds: float = 0.0


class Processes:
    """The page server, and a place for drivers to write; a context manager."""

    def __enter__(self) -> Self:
        self._stack = contextlib.ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bigcommerce-benchmarks-")))
        self._server = self._stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.page_server"],
                cwd=PROJECT,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        self._stack.callback(self._server.terminate)
        assert self._server.stdout is not None
        self.url = self._server.stdout.readline().strip()
        self._env = self._environment()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _environment(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "_AIRFLOW_"))}
        ours = {"conn_type": "bigcommerce", "host": self.url, "extra": {"store_hash": "abc123", "access_token": "no-such-token"}}
        stock = {"conn_type": "http", "host": self.url, "extra": {"X-Auth-Token": "no-such-token"}}
        return env | {
            "AIRFLOW_HOME": str(self.folder / "airflow"),
            "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": json.dumps(ours),
            "AIRFLOW_CONN_HTTP_STORE": json.dumps(stock),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://127.0.0.1:1/execution/",
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "RUNTIME__LOG_LEVEL": "ERROR",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def make_airflow_home(self) -> None:
        """A metadata database for drivers that run a task."""
        if not (self.folder / "airflow" / "airflow.db").exists():
            subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=self._env, cwd=PROJECT, check=True, capture_output=True)

    # -- the server

    def store(self, **settings: Any) -> None:
        """Apply settings (see ``page_server.Settings``) and count anew."""
        body = json.dumps(settings).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/_/settings", data=body, method="POST")) as answer:
            answer.read()

    def counters(self) -> dict[str, Any]:
        """The server's counters since its settings were applied."""
        with urllib.request.urlopen(f"{self.url}/_/stats") as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    # -- drivers

    def run(self, driver: str, resource: str = "products", variant: str = "", *, copies: int = 1, **settings: Any) -> Result:
        """Run a driver on a store of these settings.

        :param copies: processes that begin at the same word, each for itself; the seconds are those of the slowest.
        """
        self.store(**settings)
        with contextlib.ExitStack() as stack:
            running = [stack.enter_context(self._started(driver, resource, variant)) for _ in range(copies)]
            for process, _, _ in running:
                self._await_ready(process, driver)
            start_seconds = time.perf_counter() - running[0][2]
            for process, _, _ in running:
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
            taken = [self._measured(process, driver) for process, _, _ in running]
            server = self.counters()
            writes_nothing = driver == "sockets" or variant == "empty"
            expected = int(settings.get(resource, {"products": 10_000, "orders": 300}[resource]))
            keys = [Counter[int]() if writes_nothing else _keys(folder, resource) for _, folder, _ in running]
        wanted = 0 if writes_nothing else expected
        return Result(
            seconds=max(one["seconds"] for one in taken),
            cpu_seconds=max(one["cpu_seconds"] for one in taken),
            start_seconds=start_seconds,
            rss_mb=max(one["rss_mb"] for one in taken),
            growth_mb=max(one["growth_mb"] for one in taken),
            rows=min(len(found) for found in keys),
            lost=sum(wanted - sum(1 for key in found if 1 <= key <= wanted) for found in keys),
            doubled=sum(found.total() - len(found) for found in keys),
            server=server,
            execute_seconds=max(one.get("execute_seconds", 0.0) for one in taken),
            import_seconds=max(one.get("import_seconds", 0.0) for one in taken),
            imports_beside_seconds=max(one.get("imports_beside_seconds", 0.0) for one in taken),
        )

    def sampled(self, driver: str, variant: str) -> dict[str, float]:
        """Shares of the parts of a driver's work, sampled by py-spy; empty where it is missing or may not look into processes."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        stacks = folder / "stacks.txt"
        beside = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
        command = [
            shutil.which("py-spy", path=beside) or "py-spy",
            "record",
            "--format",
            "raw",
            "--rate",
            "500",
            "--output",
            str(stacks),
            "--",
        ]
        try:
            subprocess.run(
                [*command, *self._command(driver), self.url, str(folder), "products", variant],
                cwd=PROJECT, env=self._env, input="\n", text=True, capture_output=True, check=True, timeout=_TIMEOUT,
            )  # fmt: skip
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            print(f"  no profile: py-spy did not run ({type(error).__name__}); pip install py-spy, and see its page on permissions")
            return {}
        return parts(stacks.read_text().splitlines())

    @contextlib.contextmanager
    def _started(self, driver: str, resource: str, variant: str) -> Iterator[tuple[subprocess.Popen[str], Path, float]]:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        command = [*self._command(driver), self.url, str(folder), resource, variant]
        started = time.perf_counter()
        with (folder.parent / f"{folder.name}.log").open("w") as log:
            process = subprocess.Popen(
                command, cwd=PROJECT, env=self._env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
            with process:
                try:
                    yield process, folder, started
                finally:
                    if process.poll() is None:
                        process.kill()
        shutil.rmtree(folder)

    def _command(self, driver: str) -> list[str]:
        python = str(peer_python()) if driver == "dlt_rest_api" else sys.executable
        return [python, "-m", f"tests.benchmarks.drivers.{driver}"]

    @staticmethod
    def _await_ready(process: subprocess.Popen[str], driver: str) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "ready":
                return
        raise RuntimeError(f"the driver {driver!r} ended before it was ready; its standard error is beside its folder")

    def _measured(self, process: subprocess.Popen[str], driver: str) -> dict[str, float]:
        """The driver's JSON lines, merged; a task's own seconds win over those of the DAG run around it."""
        out, _ = process.communicate(timeout=_TIMEOUT)
        if process.returncode:
            logs = "\n".join(path.read_text()[-2000:] for path in self.folder.glob("*.log"))
            raise RuntimeError(f"the driver {driver!r} ended with status {process.returncode}:\n{logs}\n{out[-2000:]}")
        merged: dict[str, float] = {}
        for line in out.splitlines():
            if line.startswith("{"):
                merged |= json.loads(line)
        for name in ("seconds", "cpu_seconds"):
            merged[name] = merged.get(f"operator_{name}", merged[name])
        return merged


def _keys(folder: Path, resource: str) -> Counter[int]:
    """How often each id is in the files that a driver wrote."""
    found: Counter[int] = Counter()
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        is_of_resource = any(part == resource or part.startswith(f"{resource}.") for part in parts)
        if not path.is_file() or not is_of_resource or parts[0] == "_state" or path.suffix == ".json":
            continue
        if path.suffix == ".parquet":
            import pyarrow.parquet

            for batch in pyarrow.parquet.ParquetFile(path).iter_batches(columns=["id"], batch_size=65_536):
                found.update(batch.column(0).to_pylist())
            continue
        with path.open("rb") as file:
            is_zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_zipped else path.open("rb") as lines:
            found.update(_KEY(line).id for line in lines)
    return found


def peer_python() -> Path:
    """The interpreter of dlt's environment, made on first use and pinned by its constraints."""
    home = KEPT / "dlt"
    python = home / "bin" / "python"
    stamp = home / "constraints.txt"
    wanted = DLT_CONSTRAINTS.read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        print("Making dlt's environment: the first time takes a minute", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-qq", "-r", str(DLT_CONSTRAINTS)], check=True)
        stamp.write_text(wanted)
    return python
