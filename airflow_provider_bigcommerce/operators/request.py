"""Any call to the store's API, for what has no verb of its own.

Sends through the client, so quota, retries and errors are the same as everywhere. It decides only whether a long wait is spent in the
worker or in the triggerer; the request itself is always the worker's, so that no trigger and no event ever holds the store's data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import msgspec
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce.compat import default_deferrable
from airflow_provider_bigcommerce.core.arguments import (
    Checks,
    anything,
    check_arguments,
    check_rendered,
    filters,
    flag,
    function,
    optional,
    seconds,
    text,
)
from airflow_provider_bigcommerce.core.messages import METHODS, Query, Response
from airflow_provider_bigcommerce.core.outside_text import content_type
from airflow_provider_bigcommerce.core.waiting import KeepWaiting, Poller, is_permanent
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.failing import tells_why_it_fails
from airflow_provider_bigcommerce.engine.mapped import named_by_connection
from airflow_provider_bigcommerce.exceptions import BigCommerceError, InvalidQueryError, UnclearWriteError, UnexpectedAnswerError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.triggers.until import BigCommerceUntilTrigger

_READS = ("GET", "HEAD")

#: Seconds that the worker itself waits for the store, where the task defers for longer waits.
_WORKER_WAIT = 15.0
#: Seconds that a deferred task waits in all, unless told otherwise: nobody's worker is held meanwhile.
_DEFERRED_WAIT = 3600.0
#: Seconds before the first try after an outage; each next one waits twice as long.
_AFTER_OUTAGE = 30.0
#: Seconds after the moment of a trigger at which Airflow ends a task whose trigger nobody runs.
_NO_TRIGGERER = 3600.0


class BigCommerceRequestOperator(BaseOperator):
    """Send one request to the store and return what it answers.

    ::

        BigCommerceRequestOperator(task_id="summary", path="/v3/catalog/summary", response_filter=lambda answer: answer.json()["data"])
        BigCommerceRequestOperator(
            task_id="ship", method="POST", path="/v2/orders/{{ params.order_id }}/shipments",
            json={"order_address_id": 12, "items": [{"order_product_id": 16, "quantity": 1}]},
        )

    The result goes into XCom, which is stored in Airflow's database: keep customers' data out of it with ``response_filter``. To read
    a list whole, use ``BigCommerceToObjectStorageOperator`` or ``hook.store().rows()``.

    A write is sent again after an unclear failure only where a second one cannot do harm. Where it could, the task fails at once, without
    the retries that Airflow has left, and its error says by which key to look.

    :param path: API path such as ``/v3/catalog/summary``. (templated)
    :param method: ``GET``, ``HEAD``, ``POST``, ``PUT``, ``PATCH`` or ``DELETE``.
    :param query: query parameters; lists are written ``1,2,3``. Not ``params``: in Airflow these are the DAG's. (templated)
    :param json: the body, or None for none. (templated)
    :param response_check: called with the answer (``status``, ``headers``, ``body``, ``json()``); the task fails if it returns
        False. Answers with status 400 and above are errors in any case.
    :param response_filter: makes the task's result of the answer; the decoded JSON if not given.
    :param bigcommerce_conn_id: connection id. (templated)
    :param max_wait: seconds that the request may wait for the quota and for outages to end. None is the connection's ``max_wait``, and
        an hour for a task that defers.
    :param whole_collection: True lets a DELETE or PUT through that empties or changes a whole collection (``DELETE /v2/orders``), which is
        otherwise refused before anything is sent.
    :param deferrable: for GET and HEAD: release the worker if the store asks to wait longer than 15 seconds. None follows
        ``[operators] default_deferrable``, for reads.
    """

    argument_checks: ClassVar[Checks] = {
        "whole_collection": flag(),
        "path": text("/v3/catalog/summary"),
        "method": text("GET"),
        "query": optional(filters()),
        "json": anything(),
        "response_check": optional(function("of the answer")),
        "response_filter": optional(function("of the answer")),
        "bigcommerce_conn_id": text("bigcommerce_default"),
        "max_wait": optional(seconds()),
        "deferrable": optional(flag()),
    }
    custom_operator_name = "BigCommerce request"
    template_fields: Sequence[str] = ("path", "query", "json", "bigcommerce_conn_id")
    template_fields_renderers = {"query": "json", "json": "json"}  # noqa: RUF012  # Airflow's own declaration
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(
        self,
        *,
        path: str,
        method: str = "GET",
        query: Query | None = None,
        json: Any = None,
        response_check: Callable[[Response], bool] | None = None,
        response_filter: Callable[[Response], Any] | None = None,
        bigcommerce_conn_id: str = "bigcommerce_default",
        max_wait: float | None = None,
        whole_collection: bool = False,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**named_by_connection(kwargs, bigcommerce_conn_id))
        self.path = path
        self.method = method
        self.query = query
        self.json = json
        self.response_check = response_check
        self.response_filter = response_filter
        self.bigcommerce_conn_id = bigcommerce_conn_id
        self.max_wait = max_wait
        self.whole_collection = whole_collection
        self.deferrable = deferrable
        check_arguments(self, self.argument_checks)
        self.method = method.upper()
        if self.method not in METHODS:
            raise InvalidQueryError(f"method={method!r} is unknown. Accepted: {', '.join(METHODS)}.")
        is_read = self.method in _READS
        if deferrable and not is_read:
            raise InvalidQueryError(
                f"deferrable=True does not go with method={self.method!r}: a deferred task sends its request again, and a write must not "
                "be sent twice. Leave deferrable out; only GET and HEAD can be deferred."
            )
        self.deferrable = is_read and (default_deferrable() if deferrable is None else deferrable)

    @tells_why_it_fails
    def execute(self, context: Any) -> Any:  # noqa: ARG002  # Airflow's signature
        """Send the request.

        :raises ApiError: BigCommerce refused.
        :raises TransportError: no answer came.
        :raises AirflowFailException: a write that may have been carried out brought no clear answer; its cause is the
            :class:`UnclearWriteError`.
        :raises BigCommerceError: ``response_check`` returned False.
        """
        check_rendered(self, self.argument_checks)
        return self._go(deadline=self._deadline(), failures=0)

    @tells_why_it_fails
    def execute_complete(self, context: Any, event: Mapping[str, Any], deadline: float | None = None, failures: int = 0) -> Any:  # noqa: ARG002  # Airflow's signature
        """Try again, after the wait in the triggerer.

        :param deadline: when waiting ends, in seconds since 1970. Only ``dag.test()`` leaves it out, and then the limit starts from the
            beginning.
        :param failures: outages met so far.
        """
        return self._go(deadline=self._deadline() if deadline is None else deadline, failures=failures)

    def _deadline(self) -> float:
        return time.time() + (_DEFERRED_WAIT if self.max_wait is None else self.max_wait)

    def _go(self, *, deadline: float, failures: int) -> Any:
        try:
            response = self._send()
        except UnclearWriteError as error:
            raise AirflowFailException(str(error)) from error  # a retry of the task would send it again
        except BigCommerceError as error:
            if not self.deferrable or is_permanent(error):
                raise
            now = time.time()
            poller = Poller(_AFTER_OUTAGE, deadline=deadline, max_failures=None, failures=failures)
            outcome = poller.on_error(error, now=now)
            if not isinstance(outcome, KeepWaiting):
                raise
            self.log.info("%s Trying again in %.0f s, without a worker until then.", outcome.reason, outcome.seconds)
            self.defer(
                trigger=BigCommerceUntilTrigger(datetime.fromtimestamp(now + outcome.seconds, UTC)),
                method_name="execute_complete",
                kwargs={"deadline": deadline, "failures": poller.failures},
                timeout=timedelta(seconds=outcome.seconds + _NO_TRIGGERER),
            )
        return self._result(response)

    def _send(self) -> Response:
        limit = _WORKER_WAIT if self.deferrable else self.max_wait
        settings = {} if limit is None else {"max_wait": limit}
        with BigCommerceHook(self.bigcommerce_conn_id).store(**settings) as store:
            return store.request(self.method, self.path, params=self.query, json=self.json, whole_collection=self.whole_collection)

    def _result(self, response: Response) -> Any:
        where = f"{self.method} {self.path.partition('?')[0]} answered {response.status}"
        if self.response_check is not None and not self.response_check(response):
            raise BigCommerceError(f"{where}, and response_check did not accept it.")
        if self.response_filter is not None:
            return self.response_filter(response)
        try:
            return response.json()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            kind = content_type(response.headers.get("content-type"))
            raise UnexpectedAnswerError(
                f"{where} with something that is not JSON ({kind}). If that is what this path answers, say what to make of it: "
                "response_filter=lambda answer: answer.body.decode()"
            ) from None
