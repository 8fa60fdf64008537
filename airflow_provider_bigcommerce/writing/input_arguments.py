"""The arguments that tasks with an input share: their checks, and what is made of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_bigcommerce.compat import is_task, try_number
from airflow_provider_bigcommerce.core.arguments import (
    Check,
    Checks,
    integer,
    is_pending,
    mapping,
    names,
    number,
    one_of,
    optional,
    span,
    text,
)
from airflow_provider_bigcommerce.core.places import place
from airflow_provider_bigcommerce.core.writing.route import OPERATIONS
from airflow_provider_bigcommerce.engine.manifest import run_key
from airflow_provider_bigcommerce.engine.stoppable import QUOTA_SHARE
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.writing.folder import AttemptFolder, AttemptKind, begin_attempt
from airflow_provider_bigcommerce.writing.guards import checked_limit
from airflow_provider_bigcommerce.writing.input_columns import NULLS
from airflow_provider_bigcommerce.writing.input_files import FILE_FORMATS, InputFiles, Kind
from airflow_provider_bigcommerce.writing.input_query import InputQuery
from airflow_provider_bigcommerce.writing.plan import UNCHANGED, Input, PlanSettings

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath


def limit() -> Check:
    """A percentage, or one for each field."""

    def read(_: str, value: Any) -> Any:
        return checked_limit(value)

    return Check(read)


#: What a plan's arguments may be.
PLAN_CHECKS: Checks = {
    "resource": text("products"),
    "operation": one_of(OPERATIONS),
    "match_on": optional(names("['sku']")),
    "mapping": optional(mapping("{'Artikelnummer': 'sku', 'Preis': 'price'}")),
    "lookup": optional(mapping("{'product_id': 'products.sku'}")),
    "nulls": one_of(NULLS),
    "unchanged": one_of(UNCHANGED),
    "max_changes": optional(integer(0)),
    "max_changed_percent": optional(number(0, 100)),
    "max_value_change_percent": optional(limit()),
    "report_path": place("/data/reports"),
    "quota_share": optional(QUOTA_SHARE),
    "hand_back_after": optional(span(example="timedelta(minutes=5)")),
    "bigcommerce_conn_id": text("bigcommerce_default"),
}
#: What may be the input of a task that takes either.
INPUT_CHECKS: Checks = {
    "path": optional(place("/data/in/prices-*.csv")),
    "conn_id": optional(text("erp")),
    "sql": optional(text("SELECT sku, price FROM prices")),
    "file_format": optional(one_of(FILE_FORMATS)),
}


#: Arguments that say what is planned, and those that say how it is sent, for operators that do the other thing alone.
PLANNED: Final = (
    "resource", "operation", "match_on", "mapping", "lookup", "nulls", "unchanged", "max_changes", "max_changed_percent",
    "max_value_change_percent", "file_format",
)  # fmt: skip
SENDING: Final = ("on_rejected", "on_conflict", "verify")


def refuse_absent(owner: object, absent: Mapping[str, str], given: Mapping[str, Any]) -> None:
    """Refuse an argument that other operators that write have, and say why this one has it not.

    :param absent: argument -> why.
    :raises InvalidQueryError: one of them is given.
    """
    for name, why in absent.items():
        if name in given:
            raise InvalidQueryError(f"{type(owner).__name__} has no argument {name!r}: {why}. Leave it out.")


def check_input(path: Any, conn_id: Any, sql: Any) -> None:
    """Whether exactly one input is named.

    :raises InvalidQueryError: none is, or two are, or a connection without a query.
    """
    if (path is None) == (conn_id is None):
        raise InvalidQueryError("Give path= of files, or conn_id= of a database and sql=: one input, and not both.")
    if (conn_id is None) != (sql is None):
        raise InvalidQueryError("conn_id= of a database and sql= go together: one of them is missing.")


def input_of(
    path: str | Path | ObjectStoragePath | None = None, conn_id: str | None = None, sql: str | None = None, file_format: Kind | None = None
) -> Input:
    """The input that the arguments name.

    :raises InvalidQueryError: no file is there, or as :func:`check_input`.
    :raises DestinationError: the place cannot be listed.
    """
    check_input(path, conn_id, sql)
    if path is not None:
        return InputFiles(path, file_format)
    return InputQuery(str(conn_id), str(sql))


def settings_of(owner: Any, **more: Any) -> PlanSettings:
    """A plan's settings, of a task with the arguments of ``PLAN_CHECKS``.

    :param more: of :class:`PlanSettings`, what else there is.
    """
    return PlanSettings(
        resource=owner.resource,
        operation=owner.operation,
        match_on=owner.match_on,
        mapping=owner.mapping,
        lookup=owner.lookup or {},
        nulls=owner.nulls,
        unchanged=owner.unchanged,
        max_changes=owner.max_changes,
        max_changed_percent=owner.max_changed_percent,
        max_value_change_percent=owner.max_value_change_percent,
        **more,
    )


def check_settings(owner: Any, **more: Any) -> None:
    """What can be checked of them before templates are rendered, so that it shows where the DAG is parsed.

    :param more: as in :func:`settings_of`.

    :raises InvalidQueryError: they cannot work.
    """
    names_of_them = ("resource", "operation", "match_on", "mapping", "lookup")
    if not any(is_pending(getattr(owner, name)) for name in names_of_them):
        settings_of(owner, **more).route()


def attempt_of(context: Mapping[str, Any], task_id: str, report_path: Any, resource: str, kind: AttemptKind) -> AttemptFolder:
    """A folder of its own for a task's try.

    :raises DestinationError: it cannot be written there.
    """
    if is_task(context):
        ti = context["ti"]
        run = run_key(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
    else:
        run = run_key("no_dag", f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}-{uuid.uuid4().hex[:6]}", task_id)
    return begin_attempt(report_path, resource, run, kind, number=try_number(context))


def store_settings(owner: Any, context: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of ``hook.store()`` that the task's arguments say."""
    found: dict[str, Any] = {}
    if owner.quota_share is not None:
        found["quota_share"] = owner.quota_share
    if owner.hand_back_after is not None and is_task(context):
        found["hand_back_after"] = owner.hand_back_after.total_seconds()
    return found
