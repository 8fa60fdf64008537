"""Decides whether a redirect is followed: a read, on the same scheme, host and port, below the same store, and not for ever.

The access token goes wherever a request goes, and HTTP libraries keep it across hosts. Pure; client and hook share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

from airflow_provider_bigcommerce.core import outside_text
from airflow_provider_bigcommerce.core.credentials import origin_of
from airflow_provider_bigcommerce.core.paths import is_below

#: Redirects of one request that are followed.
MOST_REDIRECTS: Final = 5
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Refused:
    """A redirect that is not followed.

    :param why: as the end of the sentence "... was redirected ...". It holds nothing of the address, which is text from outside.
    :param origin: scheme, host and port where that is why; empty otherwise.
    :param is_endless: whether too many were followed.
    """

    why: str
    origin: str = ""
    is_endless: bool = False


def next_url(
    method: str, status: int, location: str | None, *, url: str, store_url: str, followed: int, most: int = MOST_REDIRECTS
) -> str | Refused | None:
    """Where an answer sends its request on to; None where it is no redirect.

    :param method: upper-case HTTP method of the request.
    :param location: the answer's ``Location``.
    :param url: what was asked.
    :param store_url: base of all paths of the store.
    :param followed: redirects of this request that were followed already.
    """
    if not 300 <= status < 400:
        return None
    if method not in ("GET", "HEAD"):
        return Refused("and a write is not sent on to another address")
    if status not in _MOVED or not location:
        return Refused("without an address")
    try:
        target = urljoin(url, location)
    except ValueError:
        return Refused("to something that is no address")
    if (origin := origin_of(target)) != origin_of(store_url):
        scheme, host, port = origin
        shown = f"{scheme}://{outside_text.host(host)}:{port}" if host else ""
        return Refused("to another host, port or scheme; the access token stays here", shown)
    if not is_below(target, store_url):
        return Refused("to a path outside of this store; the access token stays here")
    if followed >= most:
        return Refused(f"more than {most} times", is_endless=True)
    return target
