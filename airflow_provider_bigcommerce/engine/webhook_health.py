"""How the webhooks of a connection were when they were last looked at: what the webhooks task found, kept where the status reads it.

One record a connection, in the state of an asset (Airflow 3.3) or in a Variable, so that it outlives runs, retries and cleared tasks.
Pure but for :func:`keep`, :func:`keep_failure` and :func:`kept`; nothing here asks BigCommerce.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_provider_bigcommerce.assets import GROUP
from airflow_provider_bigcommerce.compat import asset_state, stored_state
from airflow_provider_bigcommerce.core.windows import whole_seconds

if TYPE_CHECKING:
    from airflow.sdk import Asset

log = logging.getLogger(__name__)

WEBHOOKS_ASSET_NAME: Final = "bigcommerce_webhooks_state"
WEBHOOKS_ASSET_URI: Final = "bigcommerce://webhooks-state"

#: Problems that a record keeps; Airflow takes 64 KiB for a value.
_MOST: Final = 50
#: Characters of an error that a record keeps.
_LONGEST: Final = 1000


def webhooks_state_asset() -> Asset:
    """The asset that holds the health of all connections' webhooks; an inlet of each task that makes webhooks."""
    from airflow.sdk import Asset

    return Asset(name=WEBHOOKS_ASSET_NAME, uri=WEBHOOKS_ASSET_URI, group=GROUP)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is off, or was until it was repaired.

    :param what: a scope, or an address.
    :param why: what is wrong with it.
    :param since: since when, ISO-8601: by BigCommerce where it tells, else when a run first saw it; empty where unknown.
    :param mended_at: when a run mended it; empty while it is off.
    """

    what: str
    why: str
    since: str = ""
    mended_at: str = ""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a connection's webhooks.

    :param store_hash: the store.
    :param destination: where they go.
    :param checked_at: when a run last ended well, ISO-8601; empty where none has.
    :param active: webhooks of ours that deliver.
    :param off: what is off after that run.
    :param mended: what the last run that mended something has mended.
    :param error: why the last run failed; empty where it ended well.
    :param failing_since: when the first of the runs failed that have failed since; empty where the last one ended well.
    :param dag_id: the DAG that looked.
    :param task_id: its task.
    """

    store_hash: str = ""
    destination: str = ""
    checked_at: str = ""
    active: int = 0
    off: tuple[Problem, ...] = ()
    mended: tuple[Problem, ...] = ()
    error: str = ""
    failing_since: str = ""
    dag_id: str = ""
    task_id: str = ""


def looked(before: Health | None, found: Mapping[str, Any], now: datetime) -> Health:
    """The record after a run that ended well.

    :param before: the record that is there.
    :param found: of :meth:`~airflow_provider_bigcommerce.engine.subscribing.Subscribing.ensure`.
    """
    at = _written(now)
    known = {(each.what, each.why): each.since for each in (before.off if before is not None else ())}
    off = []
    for each in found["off"][:_MOST]:
        # BigCommerce's own date of a webhook changes with every write to it; what a run saw before is the better one.
        since = known.get((each["what"], each["why"])) or _moment(each.get("since")) or at
        off.append(Problem(what=each["what"], why=each["why"], since=since))
    mended = tuple(
        Problem(what=each["scope"], why=each["why"], since=_moment(each.get("since")), mended_at=at) for each in found["healed"][:_MOST]
    )
    return Health(
        store_hash=found["store_hash"],
        destination=found["destination"],
        checked_at=at,
        active=found["active"],
        off=tuple(off),
        mended=mended or (before.mended if before is not None else ()),
    )


def failed(before: Health | None, error: str, now: datetime) -> Health:
    """The record after a run that failed: what was known stays, and why nothing newer is."""
    known = Health() if before is None else before
    since = known.failing_since if known.error and known.failing_since else _written(now)
    return msgspec.structs.replace(known, error=error[:_LONGEST], failing_since=since)


def read_health(value: Any) -> Health | None:
    """A record as it is kept, or None where it cannot be read: a person edited it, or a later version wrote it."""
    try:
        return msgspec.convert(value, Health)
    except msgspec.ValidationError:
        return None


def keep(context: Mapping[str, Any], conn_id: str, found: Mapping[str, Any], *, now: datetime | None = None) -> None:
    """Keep what a run found; outside a task nothing is kept."""
    _keep(context, conn_id, lambda before: looked(before, found, now or datetime.now(UTC)))


def keep_failure(context: Mapping[str, Any], conn_id: str, error: str, *, now: datetime | None = None) -> None:
    """Keep why a run failed; outside a task nothing is kept.

    :param error: its type and text, which hold neither a secret nor a customer's data.
    """
    _keep(context, conn_id, lambda before: failed(before, error, now or datetime.now(UTC)))


def _keep(context: Mapping[str, Any], conn_id: str, change: Any) -> None:
    """Never fails: webhooks that are as they should be are worth more than the record of it."""
    try:
        state = asset_state(context, webhooks_state_asset())
        if state is None:
            return
        record = change(read_health(state.get(conn_id) or {}))
        task = {"dag_id": context["ti"].dag_id, "task_id": context["ti"].task_id}
        state.set(conn_id, msgspec.json.decode(msgspec.json.encode(msgspec.structs.replace(record, **task))))
    except KeyError:
        log.warning(
            "The status page does not show these webhooks: the task's inlets lack the asset that keeps their health. For a mapped task add "
            "to .partial(): inlets=[webhooks_state_asset()] (from airflow_provider_bigcommerce.engine.webhook_health)."
        )
    except AirflowRuntimeError as error:
        log.warning("The health of the webhooks of %r could not be kept for the status page (%s).", conn_id, type(error).__name__)


def kept() -> dict[str, Health | None]:
    """Connection id -> the record, None where it cannot be read. For programs with access to Airflow's metadata database; one query.

    :raises sqlalchemy.exc.SQLAlchemyError: it cannot be read.
    """
    return {conn_id: read_health(value) for conn_id, value in stored_state(webhooks_state_asset()).items().items()}


def _moment(epoch: Any) -> str:
    """BigCommerce's epoch seconds as ISO-8601; empty where they are none."""
    is_epoch = isinstance(epoch, int) and not isinstance(epoch, bool) and 0 < epoch < 2**33
    return _written(datetime.fromtimestamp(epoch, UTC)) if is_epoch else ""


def _written(moment: datetime) -> str:
    return whole_seconds(moment).strftime("%Y-%m-%dT%H:%M:%SZ")
