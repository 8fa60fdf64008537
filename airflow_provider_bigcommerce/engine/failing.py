"""How a task says why it failed: the store and the reason on lines of their own, before the frames of the traceback.

Decides words; what failed is raised on as it is, so that retry policies and callers see the same error.
"""

from __future__ import annotations

import functools
import logging
import textwrap
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from airflow.providers.common.compat.sdk import AirflowException, AirflowSkipException, AirflowTaskTimeout
from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_provider_bigcommerce.compat import comes_again, is_task
from airflow_provider_bigcommerce.core.outside_text import message, one_line
from airflow_provider_bigcommerce.exceptions import BigCommerceError

Execute = TypeVar("Execute", bound=Callable[..., Any])

log = logging.getLogger(__name__)

#: Characters of a line: as many as fit into Airflow's page of logs next to the time and the level.
WIDTH: Final = 160
#: Characters of a reason.
_LONGEST: Final = 2000


def told_of(error: BaseException) -> str:
    """An error's type and its text.

    Of an error that is not ours the plain words are shown, with ``[...]`` for what could be a customer's data: a library's message may
    quote a row.
    """
    if isinstance(error, AirflowException):  # made by our operators of an error, or of what they found
        return one_line(error, _LONGEST)
    text = one_line(error, _LONGEST) if isinstance(error, BigCommerceError) else message(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def wrapped(text: str) -> list[str]:
    """Lines of no more than 160 characters; an address or a path that is longer stays whole."""
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False) or [text]


def told_for(conn_id: str, store_hash: str) -> str:
    """What begins the errors of a store: ``Connection 'shop' (store abc123): ``.

    :param store_hash: empty where it is not known, because the connection cannot be read.
    """
    return f"Connection {conn_id!r} (store {store_hash}): " if store_hash else f"Connection {conn_id!r}: "


def begin_with(error: BaseException, beginning: str) -> None:
    """Let the message of an error that is ours or Airflow's begin so; others keep theirs, which programs may read."""
    if isinstance(error, (BigCommerceError, AirflowException)) and error.args and isinstance(error.args[0], str):
        error.args = (f"{beginning}{error.args[0]}", *error.args[1:])


def is_failure(error: BaseException) -> bool:
    """Whether what a task raised says that it failed: not that it comes again, defers, is skipped, or ends with its process."""
    if isinstance(error, AirflowSkipException) or comes_again(error):
        return False
    return isinstance(error, (Exception, AirflowTaskTimeout))


def tell(operator: Any, error: BaseException) -> None:
    """Log why a task failed, and let its error begin with the connection.

    :param operator: with ``bigcommerce_conn_id``, rendered, where it has to do with a store.
    """
    conn_id = getattr(operator, "bigcommerce_conn_id", None)
    beginning = "" if conn_id is None else told_for(str(conn_id), _store_of(operator, error))
    reason = told_of(error)
    if conn_id is not None and f"onnection {conn_id!r}" not in reason[:200]:
        begin_with(error, beginning)
        reason = f"{beginning}{reason}"
    for line in wrapped(reason):
        log.error("%s", line)


def tells_why_it_fails(execute: Execute) -> Execute:
    """A task's ``execute``, or what a trigger continues with, whose failure says which connection and why.

    Outside of a task nothing is done.
    """

    @functools.wraps(execute)
    def run(self: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return execute(self, context, *args, **kwargs)
        except BaseException as error:
            if is_task(context) and is_failure(error):
                tell(self, error)
            raise

    return cast("Execute", run)


def _store_of(operator: Any, error: BaseException) -> str:
    """The store's hash, where the operator has learnt it or its connection tells; empty elsewhere."""
    learnt = getattr(getattr(operator, "learnt", None), "store_hash", "")
    if learnt or not isinstance(error, Exception):  # whose time is up asks nobody
        return str(learnt)
    from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

    try:
        return BigCommerceHook(str(operator.bigcommerce_conn_id)).credentials().store_hash
    except (BigCommerceError, AirflowException, AirflowRuntimeError, OSError):  # no connection, or no supervisor to ask for it
        return ""
