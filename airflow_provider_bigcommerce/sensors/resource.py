"""Waits until rows of a resource match. Decides nothing about the wait itself: the ``Poller`` does, for sensor and trigger alike."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, AirflowSkipException
from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_bigcommerce.client import portal
from airflow_provider_bigcommerce.compat import default_deferrable
from airflow_provider_bigcommerce.core.arguments import (
    Check,
    Checks,
    check_arguments,
    check_rendered,
    filters,
    flag,
    integer,
    is_pending,
    mapping,
    one_id,
    optional,
    seconds,
    text,
)
from airflow_provider_bigcommerce.core.conditions import Conditions, check_conditions, meets
from airflow_provider_bigcommerce.core.messages import Query
from airflow_provider_bigcommerce.core.waiting import KeepWaiting, Outcome, Poller
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.failing import tells_why_it_fails
from airflow_provider_bigcommerce.engine.mapped import named_by_connection
from airflow_provider_bigcommerce.exceptions import BigCommerceError, InvalidQueryError
from airflow_provider_bigcommerce.triggers.looking import Sought
from airflow_provider_bigcommerce.triggers.resource import BigCommerceResourceTrigger, event_of, look_once

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog.names import ResourceName

#: Seconds after the wait's own end at which Airflow ends a deferred task whose trigger nobody runs.
_NO_TRIGGERER = 300.0


def conditions_or_function() -> Check:
    """Conditions as data, or a function of a row."""
    as_data = mapping("{'status_id': 11}")
    return Check(lambda name, value: value if callable(value) else as_data(name, value))


class BigCommerceResourceSensor(BaseSensorOperator):
    """Wait until a row exists, has certain values, or until there are at least so many.

    ::

        BigCommerceResourceSensor(
            task_id="paid", resource="orders", id="{{ params.order_id }}", conditions={"status_id": 11}, deferrable=True
        )
        BigCommerceResourceSensor(
            task_id="enough", resource="orders", query={"status_id": 11}, conditions={"total_inc_tax": (">=", 100)}, at_least=5
        )

    Returns ``{"rows": ...}``: matching rows seen. It stops counting where there are enough, so there may be more.

    A rejected request (401, 403, a filter that does not exist) fails the task at once and without retries. During an outage the sensor
    keeps looking, with longer and longer pauses, until ``max_failures`` looks in a row have failed. In ``reschedule`` mode each look is a
    process of its own, so failures in a row cannot be counted, and only ``timeout`` limits them.

    :param resource: catalog name, such as ``orders`` (docs/reference/resources.md), or an API path of a list. (templated)
    :param id: the one row to look at; a row that does not exist yet is waited for. None looks at the list. (templated)
    :param query: filters, as BigCommerce names them; the store applies them, which is the cheapest way. (templated)
    :param conditions: on the fields of a row, for what the store cannot filter: ``{"status_id": 11, "total_inc_tax": (">=", 100)}``;
        comparisons are ``== != > >= < <= in`` and ``not in``, dots lead into nested fields. Or, if the sensor does not defer, a
        function of a row. (templated)
    :param at_least: rows that must match.
    :param bigcommerce_conn_id: connection id. (templated)
    :param max_failures: failed looks in a row after which the task fails.
    :param deferrable: wait in the triggerer, without a worker; None follows ``[operators] default_deferrable``.
    :param kwargs: of every sensor: ``poke_interval``, ``timeout``, ``mode``, ``soft_fail`` ...
    """

    argument_checks: ClassVar[Checks] = {
        "resource": text("orders"),
        "id": optional(one_id()),
        "query": optional(filters()),
        "conditions": optional(conditions_or_function()),
        "at_least": integer(1),
        "bigcommerce_conn_id": text("bigcommerce_default"),
        "max_failures": integer(1),
        "deferrable": optional(flag()),
    }
    custom_operator_name = "BigCommerce sensor"
    template_fields: Sequence[str] = ("resource", "id", "query", "conditions", "bigcommerce_conn_id")
    template_fields_renderers = {"query": "json"}  # noqa: RUF012  # Airflow's own declaration
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(
        self,
        *,
        resource: ResourceName | str,
        id: int | str | None = None,  # noqa: A002  # BigCommerce's noun
        query: Query | None = None,
        conditions: Conditions | Callable[[Mapping[str, Any]], bool] | None = None,
        at_least: int = 1,
        bigcommerce_conn_id: str = "bigcommerce_default",
        max_failures: int = 10,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        for name in ("poke_interval", "timeout"):  # Airflow's own; what it takes for them need not be one that can be waited for
            if kwargs.get(name) is not None:
                seconds(takes_timedelta=True)(name, kwargs[name])
        super().__init__(**named_by_connection(kwargs, bigcommerce_conn_id))
        if callable(conditions) and deferrable:
            raise InvalidQueryError(
                "conditions is a function, which cannot travel to the triggerer. Write it as data, such as "
                "{'status_id': 11, 'total_inc_tax': ('>=', 100)}, or set deferrable=False."
            )
        self.resource = resource
        self.id = id
        self.query = query
        self.conditions = conditions
        self.at_least = at_least
        self.bigcommerce_conn_id = bigcommerce_conn_id
        self.max_failures = max_failures
        self.deferrable = deferrable
        check_arguments(self, self.argument_checks)
        self.deferrable = not callable(conditions) and (default_deferrable() if deferrable is None else deferrable)
        if not is_pending([resource, id, query, conditions]):
            self._sought().check()  # so that a mistake shows where the DAG is parsed
        self._poller: Poller | None = None

    @tells_why_it_fails
    def execute(self, context: Any) -> Any:
        """Wait; in the triggerer after a first look, if the sensor defers.

        :raises AirflowSensorTimeout: the time is over.
        :raises AirflowFailException: the store refused in a way that needs a person.
        :raises BigCommerceError: too many failures in a row.
        """
        try:
            check_rendered(self, self.argument_checks)
        except InvalidQueryError as error:
            raise AirflowFailException(str(error)) from error
        if not self.deferrable:
            return super().execute(context)
        rows, outcome = self._look()
        if isinstance(outcome, KeepWaiting):
            self.defer(
                trigger=self._trigger(),
                method_name="execute_complete",
                timeout=timedelta(seconds=self.timeout + _NO_TRIGGERER),
            )
        return self._end(event_of(outcome, rows)).xcom_value

    @tells_why_it_fails
    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> Any:  # noqa: ARG002  # Airflow's signature
        """Called with the trigger's event."""
        return self._end(event).xcom_value

    def poke(self, context: Any) -> PokeReturnValue:  # noqa: ARG002  # Airflow's signature
        """Look once."""
        rows, outcome = self._look()
        if isinstance(outcome, KeepWaiting):
            self.log.info("%s", outcome.reason or f"{rows} rows match, {self.at_least} wanted")
            return PokeReturnValue(is_done=False)
        return self._end(event_of(outcome, rows))

    def _sought(self) -> Sought:
        conditions = self.conditions
        is_match = conditions if callable(conditions) else None
        if isinstance(conditions, Mapping) and conditions:
            is_match = functools.partial(meets, conditions=check_conditions(conditions))
        return Sought(self.resource, self.id, self.query, self.at_least, is_match)

    def _trigger(self) -> BigCommerceResourceTrigger:
        return BigCommerceResourceTrigger(
            resource=self.resource,
            id=self.id,
            query=self.query,
            at_least=self.at_least,
            conditions=self.conditions if isinstance(self.conditions, Mapping) else None,
            bigcommerce_conn_id=self.bigcommerce_conn_id,
            poke_interval=self.poke_interval,
            end_time=datetime.now(UTC) + timedelta(seconds=self.timeout),
            max_failures=self.max_failures,
        )

    def _look(self) -> tuple[int, Outcome]:
        if self._poller is None:
            self._poller = Poller(self.poke_interval, max_failures=self.max_failures)
        return portal.run(look_once(self.bigcommerce_conn_id, self._sought(), self._poller, time.time))

    def _end(self, event: Mapping[str, Any]) -> PokeReturnValue:
        """The same end for a look of ours and for the trigger's event."""
        if event["status"] == "done":
            return PokeReturnValue(is_done=True, xcom_value={"rows": event["rows"]})
        message = event["message"]
        is_outage = event["status"] == "failed" and not event["is_permanent"]
        if self.never_fail or (self.soft_fail and not is_outage):
            raise AirflowSkipException(message)
        if is_outage:
            raise BigCommerceError(message)
        raise AirflowSensorTimeout(message) if event["status"] == "timed_out" else AirflowFailException(message)
