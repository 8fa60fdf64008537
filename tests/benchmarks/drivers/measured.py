"""The frame around a driver: wait for the word, do the work, print what it took.

Standard library only, since peers run in environments of their own.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Job:
    """What a driver is to do.

    :param url: the store's base URL, without ``/stores/...``.
    :param folder: where the files go; empty.
    :param resource: ``products`` or ``orders``.
    :param variant: what else the driver knows, such as a file format.
    """

    url: str
    folder: Path
    resource: str
    variant: str

    @property
    def store_url(self) -> str:
        """Base of the API paths."""
        return f"{self.url}/stores/abc123"


def drive(work: Callable[[Job], object]) -> None:
    """Print ``ready`` once everything is imported, wait for a line, do the work, and print one JSON line.

    The line holds ``seconds``, ``cpu_seconds`` (child processes included), ``rss_mb`` (peak) and ``growth_mb`` (peak over what the
    imports took).
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("resource")
    parser.add_argument("variant", nargs="?", default="")
    job = Job(**vars(parser.parse_args()))
    gc.collect()  # or a collection of all that the imports made, 0.1 s with Airflow's, falls into one driver's time and not another's
    before = status_mb("VmRSS")
    print("ready", flush=True)
    sys.stdin.readline()
    cpu, started = cpu_seconds(), time.perf_counter()
    work(job)
    seconds, cpu = time.perf_counter() - started, cpu_seconds() - cpu
    peak = status_mb("VmHWM")
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "rss_mb": peak, "growth_mb": peak - before}), flush=True)


def cpu_seconds() -> float:
    """CPU seconds of this process and its children that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def status_mb(name: str) -> float:
    """A line of Linux's own account of this process; elsewhere the peak so far, which is all there is.

    ``ru_maxrss`` of Linux would be that of the parent where it had more, for a process inherits it over ``exec``.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024
