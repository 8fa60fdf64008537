"""How a store is asked, and what of that a read counts."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.core.arguments import Checks, integer, number, optional, seconds

_SETTINGS: Checks = {
    "timeout": seconds(is_open=True),
    "quota_share": number(0, 1, is_open=True),
    "max_concurrency": integer(1),
    "max_attempts": integer(1),
    "max_wait": seconds(),
    "hand_back_after": optional(seconds(is_open=True)),
}


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """How a store is talked to; the connection's extras set these.

    :param timeout: seconds without a byte from BigCommerce before an attempt is given up.
    :param total_timeout: seconds that one attempt may take in all, so that a server that sends a byte now and then ends too.
    :param max_answer_bytes: most bytes of one answer, decompressed; more is an error. A page of 250 rows has some hundred KB, and with
        everything included some tens of MB.
    :param verify: whether to check TLS certificates, or the path of a CA file.
    :param proxy: URL of an HTTP proxy, or None; the environment's is the hook's to find. Not used to reach this machine.
    :param b2b_proxy: the same for B2B Edition's host.
    :param quota_share: fraction of the store's quota that may be used; the rest stays for the merchant's other apps.
    :param max_concurrency: requests at once, of all kinds together. There are fewer while an endpoint fails, is far slower than it
        can be, or refuses as many.
    :param max_attempts: attempts of one request after faults and 5xx, the first included.
    :param max_wait: seconds that one request may spend waiting in all, quota waits included.
    :param hand_back_after: seconds without an answer worth having after which a further wait is refused by :class:`LongWaitError`, or None.
    :param correlation_id: value of ``X-Correlation-Id``, the same for all requests of a task; empty for none.
    :param user_agent: value of ``User-Agent``.
    """

    timeout: float = 60.0
    total_timeout: float = 300.0
    max_answer_bytes: int = 256 * 2**20
    verify: bool | str = True
    proxy: str | None = None
    b2b_proxy: str | None = None
    quota_share: float = 1.0
    max_concurrency: int = 20
    max_attempts: int = 10
    max_wait: float = 900.0
    hand_back_after: float | None = None
    correlation_id: str = ""
    user_agent: str = f"airflow-provider-bigcommerce/{__version__}"

    def __post_init__(self) -> None:
        for name, check in _SETTINGS.items():
            check(name, getattr(self, name))


@dataclass(slots=True)
class ReadStats:
    """What a store object has done so far; counts, seconds and bytes.

    :param requests: requests sent, repetitions included.
    :param throttled: answers with status 429.
    :param retries: repetitions after faults and 5xx.
    :param waited_seconds: time spent waiting for the quota or before repetitions, summed over requests.
    :param waiting_seconds: time in which at least one request waited so: never more than has passed.
    :param vanished_parents: parents whose child list answered 404: deleted while reading.
    :param parents_done: of a list that is read parent by parent: parents that have given all their rows.
    :param parents_total: how many there are; None where that is not known, or an earlier try has read some.
    :param quota: requests the store grants a window, None where unknown or unlimited.
    :param quota_left: what is left of it for us.
    :param graphql_complexity: the highest complexity of a GraphQL query so far (the store refuses more than 10,000), or None.
    """

    requests: int = 0
    throttled: int = 0
    retries: int = 0
    waited_seconds: float = 0.0
    waiting_seconds: float = 0.0
    bytes: int = 0
    pages: int = 0
    rows: int = 0
    vanished_parents: int = 0
    parents_done: int = 0
    parents_total: int | None = None
    quota: int | None = None
    quota_left: int | None = None
    graphql_complexity: int | None = None
    window_seconds: float | None = None
