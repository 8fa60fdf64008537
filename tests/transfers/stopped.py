"""A try of a task that stops at its n-th step: before a call of the file system or of Airflow's state, and there waits, or ends for ever.

Nothing of the package is changed: the file systems' and the states' own methods are what is counted.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from airflow_provider_bigcommerce.exceptions import BigCommerceError
from tests.airflow_memory import StateStore

_WHO: ContextVar[StoppedTry | None] = ContextVar("who", default=None)

#: What a step is.
STEPS: dict[type, tuple[str, ...]] = {
    LocalFileSystem: ("open", "rm_file", "find", "cat_file", "pipe_file", "info"),
    MemoryFileSystem: ("open", "rm_file", "find", "cat_file", "pipe_file", "info"),
    Path: ("replace", "hardlink_to"),
    StateStore: ("get", "set", "delete"),
}


class Killed(BaseException):
    """The end of the process: no code of it runs any more."""


class StoppedTry(threading.Thread):
    """One try, which stops before its step ``at``; None lets it run and counts its steps."""

    def __init__(self, run: Callable[[], dict[str, Any]], at: int | None, *, is_killed: bool) -> None:
        super().__init__()
        self._run, self._at, self._is_killed = run, at, is_killed
        self._stopped, self._may_go_on = threading.Event(), threading.Event()
        self._is_dead = False
        self.steps: list[str] = []
        self.manifest: dict[str, Any] | None = None
        self.error: BigCommerceError | None = None
        self.surprise: BaseException | None = None

    def run(self) -> None:
        _WHO.set(self)
        try:
            self.manifest = self._run()
        except BigCommerceError as error:
            self.error = error
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.surprise = error
        self._stopped.set()

    def step(self, what: str) -> None:
        if self._is_dead:
            raise Killed
        self.steps.append(what)
        if len(self.steps) - 1 != self._at:
            return
        if self._is_killed:
            self._is_dead = True
            self._stopped.set()
            raise Killed
        self._stopped.set()
        assert self._may_go_on.wait(120)

    def begin(self) -> None:
        """Start, and come back when it has stopped or ended."""
        self.start()
        assert self._stopped.wait(120)

    def finish(self) -> None:
        """Let it go on, if it was not killed, to its end."""
        self._may_go_on.set()
        self.join(120)
        assert not self.is_alive()


@contextmanager
def counted_steps() -> Iterator[None]:
    """Every call of :data:`STEPS` is a step of the try that makes it."""
    with pytest.MonkeyPatch.context() as patch:
        for kind, names in STEPS.items():
            for name in names:
                if hasattr(kind, name):
                    patch.setattr(kind, name, _counted(getattr(kind, name), f"{kind.__name__}.{name}"))
        yield


def _counted(plain: Callable[..., Any], title: str) -> Callable[..., Any]:
    @functools.wraps(plain)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        if (who := _WHO.get()) is not None:
            who.step(f"{title} {args[0] if args else ''}")
        return plain(self, *args, **kwargs)

    return counted
