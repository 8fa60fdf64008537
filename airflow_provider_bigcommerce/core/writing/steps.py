"""What passes between a write of many rows and whoever sends for it: requests out, answers in; and what an error means for a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_bigcommerce.core.catalog import Write
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.writing.items import Item
from airflow_provider_bigcommerce.core.writing.look_ups import Question
from airflow_provider_bigcommerce.exceptions import (
    BigCommerceError,
    LongWaitError,
    RateLimitError,
    ServerError,
    StoreSuspendedError,
    TransportError,
    UnclearWriteError,
    UnexpectedAnswerError,
)

#: Rejections that are read row by row. 401 and 429 are not the rows', and 408, 425 and 5xx leave open what was done.
READ_STATUSES = frozenset({400, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 422, 423, 424, 428, 451})


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A request that writes.

    :param items: its rows, in the order of its body.
    :param write: the call.
    :param request: the request.
    :param is_repeatable: whether a second sending after an unclear failure leaves the store as one does, so that whoever sends it repeats
        it within its limits; else it is sent once.
    """

    items: tuple[Item, ...]
    write: Write
    request: Request
    is_repeatable: bool


Step = Send | Question


@dataclass(frozen=True, slots=True)
class Unclear:
    """No answer that can be read came: the request may have been carried out, or not.

    :param error: what happened.
    :param is_end: whether no request that follows will fare better.
    """

    error: BigCommerceError
    is_end: bool = False


@dataclass(frozen=True, slots=True)
class Hopeless:
    """The request was certainly not carried out, and none that follows will be: no token, no scope, no store.

    :param error: what to tell the caller.
    """

    error: BigCommerceError


@dataclass(frozen=True, slots=True)
class Found:
    """The rows that a question's list has.

    :param rows: as they came.
    """

    rows: Sequence[Mapping[str, Any]]


Result = Response | Unclear | Hopeless | Found


def told_by(error: BigCommerceError, *, is_repeatable: bool) -> Unclear | Hopeless:
    """What an error says of the request that it ended.

    :param is_repeatable: whether the request was sent again within its limits, so that an earlier sending may have been carried out.
    """
    if isinstance(error, (LongWaitError, RateLimitError)):
        return Unclear(error, is_end=True) if is_repeatable else Hopeless(error)
    if isinstance(error, TransportError):
        return Unclear(error) if is_repeatable or error.cause in ("timeout", "cut") else Hopeless(error)
    if isinstance(error, StoreSuspendedError):
        return Hopeless(error)
    return Unclear(error) if isinstance(error, (UnclearWriteError, ServerError, UnexpectedAnswerError)) else Hopeless(error)
