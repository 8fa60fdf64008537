"""The one file that knows Airflow's minor versions: 3.1 to 3.3, with 3.3 as the measure and small fallbacks below it.

Asks for what it needs (a name, a key of the context) instead of comparing version numbers.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

import airflow

if TYPE_CHECKING:
    from airflow.sdk import BaseHook, Connection

#: Airflow's version, for the User-Agent.
AIRFLOW_VERSION: str = airflow.__version__


async def connection_and_extra(hook: BaseHook, conn_id: str) -> tuple[Connection, dict[str, Any]]:
    """A connection and its decoded extra, without a blocking call on the event loop.

    Before 3.3.2, decoding the extra on a loop calls the supervisor synchronously, which can meet an asynchronous call that is under way;
    a worker thread of asgiref's is where Airflow's synchronous calls are safe in tasks and in triggers.

    :param hook: the hook through which the connection is resolved.
    :param conn_id: the connection's id.
    """
    try:
        from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson
    except ImportError:  # common.compat before 1.23
        from asgiref.sync import sync_to_async

        def resolve() -> tuple[Connection, dict[str, Any]]:
            connection = hook.get_connection(conn_id)
            return connection, connection.extra_dejson

        return await sync_to_async(resolve)()
    connection = await get_async_connection(conn_id, hook=hook)
    return connection, await get_async_extra_dejson(connection)


def mask_secrets(secrets: Iterable[str]) -> None:
    """Have Airflow replace these values by ``***`` in everything that is logged from now on; not for event loops."""
    from airflow.sdk.log import mask_secret

    for secret in secrets:
        mask_secret(secret)


async def amask_secrets(secrets: Iterable[str]) -> None:
    """As :func:`mask_secrets`, on an event loop."""
    try:
        from airflow.sdk.log import amask_secret
    except ImportError:  # before 3.3.2
        from asgiref.sync import sync_to_async

        await sync_to_async(mask_secrets)(secrets)
        return
    for secret in secrets:
        await amask_secret(secret)


def correlation_id() -> str:
    """An id for all requests of one try of a task: the task instance's UUID, or a new UUID outside of tasks."""
    from airflow.sdk import get_current_context

    try:
        context = cast("Mapping[str, Any]", get_current_context())
    except RuntimeError:  # not in a task: a trigger, the API server, a script
        context = {}
    return str(getattr(context.get("ti"), "id", None) or uuid.uuid4())
