"""Processes for runs side by side that begin at once: forked from one that has imported what a task needs and runs nothing else."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext


def quick_processes() -> ForkServerContext:
    """A context of ``multiprocessing`` whose processes are forked from a server without threads.

    They have the environment that stood when the first of them began: a process is told what is its own.
    """
    context = multiprocessing.get_context("forkserver")
    # Imported once in a test process's life; each process of ``spawn`` would import it anew, which takes seconds.
    context.set_forkserver_preload(["tests.warm"])
    return context
