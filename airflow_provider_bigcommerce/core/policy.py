"""Judges one attempt: deliver it, wait and send again, or fail with which error.

Pure: the attempt's number, the time already spent and the randomness are arguments; nothing is sent or slept here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from airflow_provider_bigcommerce.core.catalog.operations import operation_of
from airflow_provider_bigcommerce.core.catalog.write import Write
from airflow_provider_bigcommerce.core.concurrency import Sign
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.reading import error_from, retry_after
from airflow_provider_bigcommerce.core.redirects import Refused
from airflow_provider_bigcommerce.core.repeating import is_deleted, may_repeat, unclear
from airflow_provider_bigcommerce.exceptions import (
    AnswerTooLargeError,
    ApiError,
    BigCommerceError,
    RateLimitError,
    RedirectRefusedError,
    StoreSuspendedError,
    TransportError,
    UnexpectedAnswerError,
)

FaultKind = Literal["dns", "tls", "timeout", "refused", "cut", "not_json", "empty", "redirect", "endless", "too_large"]

#: Faults in which no byte of the request reached BigCommerce, so that any write may be sent again.
NEVER_SENT: frozenset[FaultKind] = frozenset({"dns", "refused"})

#: Faults after which it is clear that nothing was done: those, a handshake that failed, and a redirect in the place of an answer.
_CLEAR: frozenset[FaultKind] = NEVER_SENT | {"tls", "redirect", "endless"}

#: Faults that an overloaded store, or one that nobody can reach, answers with.
_OVERLOAD: frozenset[FaultKind] = frozenset({"timeout", "refused", "cut"})

#: Waiting does not cure these; BigCommerce asks not to retry 501 and 505. Source: docs/start/migration/4_errors.md
RETRYABLE_STATUSES = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524})

#: Taken for the whole, a list would end there.
_PARTIAL = 206

#: Rejections that contradict good answers: of any kind, because the token and the store are the same; or of this very endpoint, for a
#: token's scopes do not change. Others had to ask again after them in the middle of a run.
_DOUBTED_AFTER_ANY = frozenset({401, 422})
_DOUBTED_AFTER_SAME = frozenset({403})


@dataclass(frozen=True, slots=True)
class Fault:
    """An attempt that brought no usable answer.

    :param kind: what happened to it.
    :param detail: the operating system's or library's words, free of credentials.
    :param was_sent: whether any byte of the request may have left; False for a time-out before there was a connection.
    """

    kind: FaultKind
    detail: str = ""
    was_sent: bool = True

    @property
    def may_have_acted(self) -> bool:
        """Whether the store may have carried the request out."""
        return self.was_sent and self.kind not in _CLEAR


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a request is kept alive.

    :param max_attempts: attempts after faults and 5xx, the first included.
    :param max_wait: seconds that one request may spend waiting in all, quota waits included.
    """

    max_attempts: int = 10
    max_wait: float = 900.0


@dataclass(frozen=True, slots=True)
class Deliver:
    """The answer is good."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Send again after ``seconds``.

    :param reason: for the log, in words.
    :param is_quota: the store's quota is used up, nothing is broken.
    """

    seconds: float
    reason: str
    is_quota: bool = False


@dataclass(frozen=True, slots=True)
class Fail:
    """Give up with this error."""

    error: BigCommerceError


Verdict = Deliver | Wait | Fail


def backoff(attempt: int, random: Callable[[], float], *, first: float = 0.1, factor: float = 3.0, cap: float = 30.0) -> float:
    """Seconds before attempt ``attempt + 1``: growing, capped, jittered between half and whole so that workers spread."""
    return min(cap, first * factor ** (attempt - 1)) * (0.5 + 0.5 * random())


def judge(
    request: Request,
    outcome: Response | Fault,
    *,
    attempt: int,
    waited: float,
    limits: Limits,
    random: Callable[[], float],
    scopes: Sequence[str] = (),
    is_doubted: bool = False,
    write: Write | None = None,
    was_unclear: bool = False,
) -> Verdict:
    """Decide what one attempt means.

    :param attempt: attempts made so far that count against ``max_attempts``, this one included; quota waits do not count.
    :param waited: seconds this request has spent waiting so far.
    :param scopes: OAuth scopes that would allow the request, for the error of a 403.
    :param is_doubted: whether a refusal contradicts earlier answers and has not been asked about yet; see :func:`is_doubtful`.
    :param write: the call that the request is, where it writes and the catalog has it.
    :param was_unclear: whether an earlier attempt of this request may have been carried out; see :func:`is_unclear`.
    """
    if isinstance(outcome, Fault):
        return _judge_fault(request, outcome, attempt=attempt, waited=waited, limits=limits, random=random, write=write)
    if is_strange(outcome.status):
        return Fail(strange_status(request, outcome.status))
    if outcome.status < 300 or is_deleted(outcome.status, write, was_unclear=was_unclear):
        return Deliver()
    if outcome.status < 400:
        return Fail(redirect_refused(request, Refused(f"({outcome.status}) and not sent on")))
    error = error_from(request, outcome, scopes=scopes)
    if is_doubted:
        reason = f"{outcome.status} after good answers: asked once more"
        return _retry(error, reason, backoff(attempt, random, first=0.5), attempt=attempt, waited=waited, limits=limits)
    if outcome.status == 429:
        return _judge_429(outcome, error, attempt=attempt, waited=waited, limits=limits, random=random)
    if outcome.status not in RETRYABLE_STATUSES or isinstance(error, StoreSuspendedError):
        if was_unclear and not request.changes_nothing:
            note = "An earlier attempt of this request brought no clear answer and may have been carried out."
            return Fail(_with_note(error, note))
        return Fail(error)
    if not may_repeat(request, write):
        return Fail(unclear(request, write, error))
    return _retry(
        error, f"{outcome.status} from BigCommerce", backoff(attempt, random), attempt=attempt, waited=waited, limits=limits, asked=outcome
    )


def is_unclear(outcome: Response | Fault) -> bool:
    """Whether an attempt leaves open if the store carried it out: no answer to a request that was sent, or one that is no refusal."""
    if isinstance(outcome, Fault):
        return outcome.may_have_acted
    return outcome.status in RETRYABLE_STATUSES


def after_one_sending(request: Request, error: BigCommerceError) -> BigCommerceError:
    """The error of a request that is sent but once: the one given, or :class:`UnclearWriteError` where nobody may repeat it."""
    if isinstance(error, TransportError):
        is_open = error.was_sent and error.cause in ("timeout", "cut")
    else:
        is_open = isinstance(error, ApiError) and error.status in RETRYABLE_STATUSES and not isinstance(error, StoreSuspendedError)
    write = None if request.changes_nothing else operation_of(request.method, request.path)
    return unclear(request, write, error) if is_open and not may_repeat(request, write) else error


def is_doubtful(request: Request, outcome: Response | Fault, *, has_any: bool, has_same: bool) -> bool:
    """Whether a refusal of a read contradicts what the store has answered before, so that it is worth asking once more.

    :param has_any: whether the store has given any good answer.
    :param has_same: whether the endpoint of this request has.
    """
    if isinstance(outcome, Fault) or not (request.method == "GET" or request.is_read):
        return False
    return (has_any and outcome.status in _DOUBTED_AFTER_ANY) or (has_same and outcome.status in _DOUBTED_AFTER_SAME)


def is_strange(status: int) -> bool:
    """Whether no plain request is answered with that status: 1xx, or 206, a part that nobody asked for."""
    return status < 200 or status == _PARTIAL


def strange_status(request: Request, status: int) -> UnexpectedAnswerError:
    """The error for a status of which :func:`is_strange` says so."""
    return UnexpectedAnswerError(
        f"{request.method} {request.path} answered with status {status}, which says nothing about what was asked for. A proxy in between, "
        "or a wrong API base URL (host)?"
    )


def sign_of(outcome: Response | Fault | None) -> Sign:
    """What an attempt shows of how many requests at once its endpoint takes; None for one that was given up by ourselves."""
    if outcome is None:
        return "none"
    if isinstance(outcome, Fault):
        return "failed" if outcome.kind in _OVERLOAD else "none"
    if outcome.status == 429:
        if retry_after(outcome.headers) is None:
            return "failed"
        return "too_many" if _has_quota_left(outcome) else "none"
    return "failed" if outcome.status in RETRYABLE_STATUSES else "good"


def _has_quota_left(refusal: Response) -> bool:
    """Whether a 429 is the endpoint's own: too many requests at once, while the store's quota has some left."""
    return refusal.headers.get("x-rate-limit-requests-left") not in (None, "0")


def _judge_429(
    response: Response, error: BigCommerceError, *, attempt: int, waited: float, limits: Limits, random: Callable[[], float]
) -> Verdict:
    asked = retry_after(response.headers)
    if asked is None:  # platform load, not quota. Source: api-rate-limits, "429 without headers"
        return _retry(
            error,
            "429 without quota headers: the platform is busy",
            backoff(attempt, random, first=1.0),
            attempt=attempt,
            waited=waited,
            limits=limits,
        )
    if _has_quota_left(response):
        reason = "429 with quota left: too many requests at once for this endpoint"
        return _retry(error, reason, backoff(attempt, random, first=0.25), attempt=attempt, waited=waited, limits=limits)
    # The window's end is measured by the store; a hair of jitter keeps several processes from arriving in one instant.
    seconds = asked + 0.01 + 0.05 * random()
    if waited + seconds > limits.max_wait:
        return Fail(
            _with_note(error, f"Waited {waited:.0f} s for the store's quota; the limit is max_wait={limits.max_wait:g} s.", retry=asked)
        )
    return Wait(seconds, "the store's quota is used up", is_quota=True)


def quota_too_late(request: Request, seconds: float, *, waited: float, limits: Limits) -> RateLimitError:
    """The error for a quota that comes back later than the request may wait; nothing was sent.

    :param seconds: until the store's quota is free again, by its own word.
    """
    return RateLimitError(
        f"{request.method} {request.path} was not sent: the store's quota is used up, and its headers say that it is free again in "
        f"{seconds:.0f} s. Waited {waited:.0f} s so far; the limit is max_wait={limits.max_wait:g} s in the connection's extra.",
        retry_after=seconds,
        status=429,
        method=request.method,
        path=request.path,
    )


def _judge_fault(
    request: Request, fault: Fault, *, attempt: int, waited: float, limits: Limits, random: Callable[[], float], write: Write | None
) -> Verdict:
    where = f"{request.method} {request.path}"
    detail = f" ({fault.detail})" if fault.detail else ""
    error: BigCommerceError
    if fault.kind in ("redirect", "endless"):
        return Fail(redirect_refused(request, Refused(fault.detail, is_endless=fault.kind == "endless")))
    if fault.kind == "too_large":
        return Fail(too_large(request, fault.detail))
    if fault.kind == "not_json":
        error = UnexpectedAnswerError(
            f"{where} answered something that is not JSON{detail}. A proxy's or maintenance page, or a wrong API base URL (host)?"
        )
    elif fault.kind == "empty":
        error = UnexpectedAnswerError(f"{where} answered no list{detail}. An empty answer is not taken for an empty list.")
    else:
        error = TransportError(
            f"{where} brought no answer: {_WORDS[fault.kind]}{detail}.",
            cause=fault.kind,
            method=request.method,
            path=request.path,
            was_sent=fault.may_have_acted,
        )
    if fault.kind == "tls":
        return Fail(error)
    if fault.may_have_acted and not may_repeat(request, write):
        return Fail(unclear(request, write, error))
    # A connection that broke once says nothing of the store's load; it may have been an idle one that the other side gave up.
    seconds = backoff(attempt, random) if attempt > 1 or fault.kind != "cut" else 0.02 * random()
    return _retry(error, f"{_WORDS[fault.kind]}", seconds, attempt=attempt, waited=waited, limits=limits)


def redirect_refused(request: Request, refused: Refused) -> RedirectRefusedError | UnexpectedAnswerError:
    """The error for a redirect that is not followed."""
    text = f"{request.method} {request.path} was redirected {refused.why}. Check the connection's API base URL (host)."
    return UnexpectedAnswerError(text) if refused.is_endless else RedirectRefusedError(text)


def too_large(request: Request, limit: str) -> AnswerTooLargeError:
    """The error for an answer with more bytes than are taken.

    :param limit: the most that is taken, in words.
    """
    return AnswerTooLargeError(
        f"{request.method} {request.path} answered more than {limit}. Ask for fewer rows at once (limit=) or fields, or raise "
        "max_answer_bytes in the connection's extra."
    )


_WORDS: dict[FaultKind, str] = {
    "dns": "the host name could not be resolved",
    "tls": "the TLS certificate was not accepted",
    "timeout": "time-out",
    "refused": "the connection was refused",
    "cut": "the connection was cut",
    "not_json": "the answer is not JSON",
    "empty": "the answer holds no list",
    "redirect": "the answer is a redirect",
    "endless": "the answer is a redirect, again and again",
    "too_large": "the answer is too large",
}


def _retry(
    error: BigCommerceError, reason: str, seconds: float, *, attempt: int, waited: float, limits: Limits, asked: Response | None = None
) -> Verdict:
    if asked is not None and (named := retry_after({k: v for k, v in asked.headers.items() if k == "retry-after"})) is not None:
        seconds = max(seconds, named)
    if attempt >= limits.max_attempts or waited + seconds > limits.max_wait:
        return Fail(
            _with_note(
                error,
                f"Gave up after {attempt} attempts and {waited:.0f} s of waiting between them (max_attempts={limits.max_attempts}, "
                f"max_wait={limits.max_wait:g} s in the connection's extra). Let the task try again later: give it retries, and a "
                "retry_delay of minutes.",
            )
        )
    return Wait(seconds, reason)


def _with_note(error: BigCommerceError, note: str, *, retry: float | None = None) -> BigCommerceError:
    error.args = (f"{error.args[0]} {note}", *error.args[1:])
    if retry is not None and isinstance(error, RateLimitError):
        error.retry_after = retry
    return error
