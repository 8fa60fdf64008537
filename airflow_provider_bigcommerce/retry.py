"""Tells Airflow 3.3 which failures of a task are worth another try, and when.

Decides by the error's type alone. The client has already repeated what can be repeated within one try.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_bigcommerce.compat import RetryDecision, RetryPolicy
from airflow_provider_bigcommerce.core.waiting import is_permanent
from airflow_provider_bigcommerce.exceptions import DestinationError, RateLimitError, ServerError, TransportError

if TYPE_CHECKING:
    from airflow.sdk import Context

#: A 429 that names no time is platform load; BigCommerce's longest quota window is 30 seconds. Source: api-rate-limits.
_BUSY = timedelta(minutes=1)
#: After the first failed try of an outage; each next one waits three times as long.
_OUTAGE = timedelta(minutes=1)
_LONGEST_OUTAGE = timedelta(minutes=30)


class BigCommerceRetryPolicy(RetryPolicy):
    """Fail at once what no retry cures, and retry the rest when it makes sense; for any task that talks to a store.

    ::

        BigCommerceToObjectStorageOperator(..., retries=5, retry_policy=BigCommerceRetryPolicy())

    ==========================================================  =========================================================
    a wrong or narrow token, a refused request, an unknown      fails at once
    resource, a suspended store ...
    the store's quota is used up                                retries when the store said that it is free again, after half
                                                                an hour at the latest
    an outage: 5xx, no answer, a cut connection                 retries after 1, 3, 9, 27, 30, 30 ... minutes
    anything else                                               as the task's ``retries`` and ``retry_delay`` say
    ==========================================================  =========================================================

    ``retries`` bounds it: a policy can end a task earlier, not later.

    Airflow below 3.3 has no retry policies; there, importing this works and constructing it fails. Set ``retries`` and
    ``retry_exponential_backoff=True``, and in a ``@task`` of your own end what no retry cures yourself::

        try:
            ...
        except (AuthenticationError, PermissionDeniedError, ValidationError) as error:
            raise AirflowFailException(str(error)) from error
    """

    def __init__(self) -> None:
        if RetryDecision is None:
            raise RuntimeError(
                "BigCommerceRetryPolicy needs Airflow 3.3, where tasks have retry_policy. Below, set retries and "
                "retry_exponential_backoff=True, and raise AirflowFailException for what no retry cures."
            )
        super().__init__()

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None) -> RetryDecision:  # noqa: ARG002  # Airflow's signature
        """What to do after a failed try.

        :param exception: what ended it.
        :param try_number: of the try that failed, from 1.
        """
        reason = type(exception).__name__
        if isinstance(exception, DestinationError):  # a full disk or a lost bucket: people repair these while a task retries
            return RetryDecision.default()
        if is_permanent(exception):
            return RetryDecision.fail(reason)
        if isinstance(exception, RateLimitError):
            asked = exception.retry_after
            if asked is None or not asked >= 0:  # so that a number that is none counts as no time
                return RetryDecision.retry(_BUSY, reason)
            # A header may say anything; no quota of BigCommerce's lasts half an hour.
            return RetryDecision.retry(timedelta(seconds=min(asked, _LONGEST_OUTAGE.total_seconds())), reason)
        if isinstance(exception, (ServerError, TransportError)):
            return RetryDecision.retry(min(_OUTAGE * 3 ** min(max(try_number - 1, 0), 10), _LONGEST_OUTAGE), reason)
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """No arguments to keep."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> BigCommerceRetryPolicy:  # noqa: ARG003  # Airflow's signature
        """The policy again."""
        return cls()
