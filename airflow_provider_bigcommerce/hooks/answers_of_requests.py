"""From requests to our shapes and errors: what arrived, in time and within bounds, and why nothing did."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

import requests

from airflow_provider_bigcommerce.core.messages import Response
from airflow_provider_bigcommerce.exceptions import TransportError

#: Seconds after which a connection test gives up: a person is waiting in front of the form.
TEST_TIMEOUT: Final = 15.0
#: Bytes of an answer to a connection test that are looked at; a store's description has some 3,000.
TEST_BYTES: Final = 100_000
#: What requests raises where no answer arrived, or none that can be unpacked.
UNANSWERED: Final = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


def wire_head(response: requests.Response) -> Response:
    """Status and headers, without the body."""
    return Response(response.status_code, {name.lower(): value for name, value in response.headers.items()}, b"")


def wire_response(response: requests.Response) -> Response:
    """The whole answer; reads the body where it has not come yet."""
    return replace(wire_head(response), body=response.content)


def read_within(response: requests.Response, path: str, clock: Callable[[], float] = time.monotonic) -> bytes:
    """The body of a connection test's answer, within the time that a person waits; no more of it than a store's description can be.

    :raises TransportError: it did not come in time.
    """
    began, body = clock(), bytearray()
    try:
        for byte in response.iter_content(1):  # a larger piece would be waited for until it is whole
            body += byte
            if len(body) >= TEST_BYTES:
                break
            if clock() - began > TEST_TIMEOUT:
                raise requests.ReadTimeout
    except UNANSWERED as error:
        raise transport_error(error, "GET", path, response.url) from None
    return bytes(body)


def transport_error(error: requests.RequestException, method: str, path: str, url: str) -> TransportError:
    """The typed error for a request without an answer; takes host and reason from the exception and nothing else."""
    parts = urlsplit(url)
    host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    via = " through the configured proxy" if isinstance(error, requests.exceptions.ProxyError) else ""
    causes = list(_causes(error))
    check = "Check the connection's API base URL (host) and the network of the machine this ran on."
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        cause, what = "dns", f"the host was not found{via}. {check}"
    elif tls := next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None):
        reason = getattr(tls, "verify_message", "") or getattr(tls, "reason", "") or "handshake failed"
        cause = "tls"
        what = (
            f"TLS failed{via}: {reason}. If a proxy or a private endpoint uses a certificate of its own, put the path of its CA file "
            'into the connection\'s extra as "verify"; if the server speaks plain http, write http:// before the host.'
        )
    elif isinstance(error, requests.Timeout):
        cause, what = "timeout", f"no answer in time{via}. {check}"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        cause, what = "refused", f"the connection was refused{via}. {check}"
    else:
        cause, what = "cut", f"the connection was cut before the answer was complete{via}. {check}"
    was_sent = cause in ("timeout", "cut") and not isinstance(error, requests.ConnectTimeout)
    return TransportError(f"{method} {path} at {host}: {what}", cause=cause, method=method, path=path, was_sent=was_sent)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and everything it was made of: urllib3 keeps reasons in arguments and attributes as well as in ``__cause__``."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        item = waiting.pop()
        if isinstance(item, BaseException) and id(item) not in seen:
            seen.add(id(item))
            yield item
            waiting += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
