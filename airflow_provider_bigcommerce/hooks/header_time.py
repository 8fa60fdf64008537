"""A bound on the time in which an answer's headers arrive.

``http.client`` reads them line by line, and a read time-out bounds the wait for the next bytes alone: a server that sends one now and
then is listened to for ever. Here each wait ends when the whole attempt has to, too.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import requests
import urllib3

#: When the headers of the answer that this thread waits for must be there, by the monotonic clock.
_UNTIL: ContextVar[float | None] = ContextVar("bigcommerce_headers_until", default=None)


@contextlib.contextmanager
def headers_until(moment: float) -> Iterator[None]:
    """Bound the headers of answers that are waited for meanwhile, in this thread, by adapters that were given to :func:`bound`.

    :param moment: of the monotonic clock. After it a read time-out is raised, as after the session's own.
    """
    token = _UNTIL.set(moment)
    try:
        yield
    finally:
        _UNTIL.reset(token)


class _Waiting(io.RawIOBase):
    """A socket's file whose every read waits until a moment at most.

    :param sock: the socket, with the read time-out set.
    """

    def __init__(self, sock: Any, until: float) -> None:
        self._sock, self._file = sock, sock.makefile("rb", buffering=0)
        self._usual = sock.gettimeout()
        self._until: float | None = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._until is not None:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError("total_timeout")
            self._sock.settimeout(left if self._usual is None else min(self._usual, left))
        count: int | None = self._file.readinto(buffer)
        return count

    def headers_are_there(self) -> None:
        """Wait for the body as the session says."""
        self._until = None
        self._sock.settimeout(self._usual)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer whose headers are waited for within bounds; a proxy's to CONNECT is one, too."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._waiting: _Waiting | None = None
        until = _UNTIL.get()
        if until is not None:
            self.fp.close()  # nothing was read by it, and the socket stays open
            self._waiting = _Waiting(sock, until)
            self.fp = io.BufferedReader(self._waiting)

    def begin(self) -> None:
        super().begin()
        if self._waiting is not None and not self._waiting.closed:
            self._waiting.headers_are_there()


@functools.cache
def _bounded(pool: type[urllib3.HTTPConnectionPool]) -> type[urllib3.HTTPConnectionPool]:
    """The same class of pools, whose connections read answers within bounds."""
    connection = type(pool.ConnectionCls.__name__, (pool.ConnectionCls,), {"response_class": _Response})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


def bound(adapter: requests.adapters.BaseAdapter) -> None:
    """Let an adapter's connections, those by way of a proxy as well, heed :func:`headers_until`; one that is not requests' own stays."""
    if not isinstance(adapter, requests.adapters.HTTPAdapter):
        return
    _bound_manager(adapter.poolmanager)
    by_proxy = adapter.proxy_manager_for

    def proxy_manager_for(*args: Any, **kwargs: Any) -> Any:
        manager = by_proxy(*args, **kwargs)
        _bound_manager(manager)
        return manager

    adapter.proxy_manager_for = proxy_manager_for  # type: ignore[method-assign]  # it makes managers when they are needed


def _bound_manager(manager: Any) -> None:
    pools = manager.pool_classes_by_scheme
    if not all(issubclass(pool.ConnectionCls.response_class, _Response) for pool in pools.values()):
        manager.pool_classes_by_scheme = {scheme: _bounded(pool) for scheme, pool in pools.items()}
