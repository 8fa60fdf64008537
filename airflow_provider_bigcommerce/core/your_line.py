"""Shows the user's own line where an argument is refused: Airflow's import error ends with the traceback's last lines, which are ours.

The line is a note of the exception, so that its message stays one sentence. Knows neither BigCommerce nor operators.
"""

from __future__ import annotations

import functools
import linecache
import sys
from collections.abc import Callable
from types import FrameType
from typing import Final, ParamSpec, TypeVar

from airflow_provider_bigcommerce.exceptions import BigCommerceError

P = ParamSpec("P")
R = TypeVar("R")

#: Whose frames are not the user's.
_NOT_THE_USERS: Final = ("airflow_provider_bigcommerce", "airflow", "functools", "importlib")


def shows_your_line(function: Callable[P, R]) -> Callable[P, R]:
    """A function that a DAG file calls; what it refuses ends with the line of the DAG file that called it.

    Nothing is done where it is called elsewhere, and nothing twice where one such function calls another.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (BigCommerceError, TypeError) as error:
            line = None if getattr(error, "__notes__", None) else _your_line(sys._getframe(1))  # no other way asks who calls
            if line is not None:
                error.add_note(line)
            raise

    return call


def _your_line(frame: FrameType | None) -> str | None:
    """The innermost line outside of this package and Airflow, as Python's own tracebacks write one; None where there is none."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in _NOT_THE_USERS and not frame.f_code.co_filename.startswith("<"):
            file, number = frame.f_code.co_filename, frame.f_lineno
            text = linecache.getline(file, number, frame.f_globals).strip()
            return f'In your file:\n  File "{file}", line {number}, in {frame.f_code.co_name}' + (f"\n    {text}" if text else "")
        frame = frame.f_back
    return None
