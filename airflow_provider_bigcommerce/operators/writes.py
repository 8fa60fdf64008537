"""What operators that write have in common: the run's key, the store, a kill, what is told, and which failures no retry cures.

Decides nothing about rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.compat import come_again, is_task, record_metrics, try_number
from airflow_provider_bigcommerce.core.waiting import is_permanent
from airflow_provider_bigcommerce.core.writing.outcomes import OnRejected
from airflow_provider_bigcommerce.engine.manifest import run_key
from airflow_provider_bigcommerce.engine.stoppable import StoppableReading
from airflow_provider_bigcommerce.exceptions import BigCommerceError, DestinationError, LongWaitError, ResourceBusyError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.writing.apply import Applied, Drive, require_good


def write_run(context: Mapping[str, Any], task_id: str, subject: str) -> str:
    """The key of the run that a task's try belongs to.

    :param subject: what is written, for calls outside of a task: the same plan is continued then.
    """
    if is_task(context):
        ti = context["ti"]
        return run_key(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
    return run_key("no_dag", hashlib.sha256(subject.encode()).hexdigest()[:12], task_id)


def is_last_try(context: Mapping[str, Any]) -> bool:
    """Whether Airflow will not try again; outside of a task somebody may."""
    return is_task(context) and try_number(context) > int(getattr(context["ti"], "max_tries", 0) or 0)


def drive(hook: BigCommerceHook, working: StoppableReading, settings: Mapping[str, Any]) -> Drive:
    """What opens the store and runs a coroutine with it, until it ends or is told to stop.

    :param settings: of the store, as :func:`~airflow_provider_bigcommerce.writing.input_arguments.store_settings` makes them.
    """

    def run(send: Callable[[BigCommerceStore], Coroutine[Any, Any, None]]) -> None:
        async def opened() -> None:
            async with hook.astore(**settings) as store:
                await send(store)

        working.run(opened)

    return run


@contextmanager
def failing_for_good(context: Mapping[str, Any], tell: Callable[..., None]) -> Iterator[None]:
    """Fail without a retry what no retry cures, and release the worker slot where the store is busy.

    :param tell: the task's log.
    :raises AirflowFailException: its cause is the error.
    """
    try:
        yield
    except (LongWaitError, ResourceBusyError) as error:
        if not is_task(context):
            raise
        tell("%s The task releases its worker slot and resumes then.", error)
        raise come_again(datetime.now(UTC) + timedelta(seconds=error.seconds)) from error
    except DestinationError:
        raise  # a full disk or a lost bucket: people repair these while a task retries
    except BigCommerceError as error:
        if is_permanent(error):
            raise AirflowFailException(str(error)) from error
        raise


def accounted(applied: Applied, context: Mapping[str, Any], *, on_rejected: OnRejected, **more: Any) -> dict[str, Any]:
    """What a task returns of what came of its rows; told in XCom and in metrics also where the task fails for it.

    :raises WriteFailedError: rows need somebody.
    """
    told = {**applied.as_json(), **more}
    if is_task(context):
        context["ti"].xcom_push(key="outcome", value=told)
    tags = {"resource": applied.manifest.resource}
    record_metrics("bigcommerce.apply", {f"rows_{kind}": count for kind, count in applied.manifest.counts.items()}, tags)
    require_good(applied, on_rejected=on_rejected)
    return told
