"""Programs the demo starts, each in a session of its own, and how all of them end.

What belongs to the demo is told by three signs, since each can be lost: the session, a marker in the environment (a process that sets its
title overwrites it), and descent. So nothing of ours survives and nothing of anybody else's is touched.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

MARKER = "BIGCOMMERCE_DEMO_RUN"

#: What Airflow's components get to end by themselves after SIGTERM; a task supervisor waits up to 5 s for its task.
GRACE_SECONDS = 15.0


class DemoError(Exception):
    """The demo cannot go on; the message says why and where to look."""


class Programs:
    """The running programs of one demo.

    :param logs: folder for their output.
    :param grace_seconds: what they get to end by themselves.
    """

    def __init__(self, logs: Path, *, grace_seconds: float = GRACE_SECONDS) -> None:
        self.logs = logs
        self.grace_seconds = grace_seconds
        self.run_id = uuid.uuid4().hex
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._seen: set[psutil.Process] = set()

    def start(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str], cwd: Path) -> Path:
        """Start a program; its output goes to a file, which is returned."""
        output = self.logs / f"{name}.log"
        with output.open("wb") as stream:
            self._open(name, command, environment, cwd, stdout=stream, stderr=subprocess.STDOUT)
        return output

    def lines(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str], cwd: Path) -> Iterator[str]:
        """Run a program to its end and give the lines that it prints, as they come; what it says on stderr goes to a file.

        :raises DemoError: it failed; with the end of that file.
        """
        output = self.logs / f"{name}.log"
        with output.open("wb") as stream:
            process = self._open(name, command, environment, cwd, stdout=subprocess.PIPE, stderr=stream)
        assert process.stdout is not None
        with process.stdout:
            yield from map(bytes.decode, process.stdout)
        process.wait()
        self.check(done=name)
        del self._started[name]

    def _open(
        self,
        name: str,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        cwd: Path,
        *,
        stdout: IO[bytes] | int,
        stderr: IO[bytes] | int,
    ) -> subprocess.Popen[bytes]:
        self._started[name] = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**environment, MARKER: self.run_id},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        return self._started[name]

    def check(self, *, done: str | None = None) -> None:
        """:raises DemoError: when one of the programs has ended, with the end of its output; ``done`` may have, if it did not fail."""
        for name, process in self._started.items():
            if process.poll() is not None and (name != done or process.returncode):
                output = self.logs / f"{name}.log"
                raise DemoError(f"{name} ended with exit status {process.returncode}. The end of {output}:\n{tail(output)}")

    def alive(self) -> list[psutil.Process]:
        """All processes of this demo."""
        sessions = {process.pid for process in self._started.values()}
        found = []
        for process in psutil.process_iter():
            # A process that ends meanwhile, or is somebody else's, tells us nothing: it is not ours.
            with contextlib.suppress(psutil.Error, OSError):
                if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if process in self._seen or os.getsid(process.pid) in sessions or process.environ().get(MARKER) == self.run_id:
                    found.append(process)
                    self._seen.update(process.children(recursive=True))
        self._seen.update(found)
        return found

    def stop(self) -> None:
        """End all of them: politely to each group, then by force to whoever is left."""
        self.alive()  # before their parents are gone, while descent can still be seen
        for process in self._started.values():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + self.grace_seconds
        while self.alive() and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.2)
        stubborn = self.alive()
        for process in stubborn:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(stubborn, timeout=GRACE_SECONDS)
        for started in self._started.values():
            started.wait()

    def _reap(self) -> None:
        for process in self._started.values():
            process.poll()


def tail(path: Path, lines: int = 25) -> str:
    """The last lines of a text file."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def free_port(wanted: int) -> int:
    """The wanted port of the loopback interface, or another one where it is taken."""
    for port in (wanted, 0):
        # As servers bind, so that a connection of an earlier demo in TIME_WAIT does not count as taken.
        for host in ("127.0.0.1", "0.0.0.0"):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except OSError:
                    break
                found = int(probe.getsockname()[1])
        else:
            return found
    raise DemoError("No free port on 127.0.0.1")
