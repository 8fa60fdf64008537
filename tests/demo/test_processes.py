"""The demo leaves nothing behind and takes nobody's port."""

from __future__ import annotations

import os
import socket
import sys
import time

import pytest

from tests.demo.processes import DemoError, Programs, free_port

#: Starts a child that leaves the session, drops the marker and ignores SIGTERM: as stubborn as it gets.
STUBBORN = """
import os, signal, subprocess, sys, time
child = "import os, signal, time; os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", child], env={"PATH": os.environ["PATH"]})
time.sleep(600)
"""


def wait_for(text: str, path) -> None:
    deadline = time.monotonic() + 60
    while text not in path.read_text():
        assert time.monotonic() < deadline, path.read_text()
        time.sleep(0.05)


def test_no_descendant_survives_even_one_that_left_its_session_and_ignores_sigterm(tmp_path):
    programs = Programs(tmp_path, grace_seconds=0.5)
    wait_for("ready", programs.start("stubborn", [sys.executable, "-c", STUBBORN], os.environ, tmp_path))
    alive = programs.alive()
    assert len(alive) == 2
    programs.stop()
    assert [process for process in alive if process.is_running() and process.status() != "zombie"] == []
    assert programs.alive() == []


def test_a_program_that_ends_by_itself_is_told_with_the_end_of_its_output(tmp_path):
    programs = Programs(tmp_path)
    output = programs.start("short", [sys.executable, "-c", "print('no luck'); raise SystemExit(3)"], os.environ, tmp_path)
    wait_for("no luck", output)
    programs.stop()
    with pytest.raises(DemoError, match=r"short ended with exit status 3.*\nno luck"):
        programs.check()


def test_the_lines_of_a_program_come_as_it_prints_them_and_its_failure_with_what_it_said(tmp_path):
    programs = Programs(tmp_path)
    code = "import sys; print('one'); print('two'); print('oh', file=sys.stderr); raise SystemExit(int(sys.argv[1]))"
    assert list(programs.lines("good", [sys.executable, "-c", code, "0"], os.environ, tmp_path)) == ["one\n", "two\n"]
    with pytest.raises(DemoError, match=r"bad ended with exit status 4.*\noh"):
        list(programs.lines("bad", [sys.executable, "-c", code, "4"], os.environ, tmp_path))
    programs.stop()


def test_a_taken_port_is_avoided():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert free_port(taken) != taken


def test_the_readme_and_the_quickstart_promise_one_number_of_checks() -> None:
    from tests.demo.__main__ import promised_checks

    assert len(promised_checks()) == 1  # the demo itself holds it against what it checked
