"""The requests session behind ``hook.run``: to one store only, and within bounds of time and size.

Decides what leaves the machine by it; knows no connection and no Airflow.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import requests
import urllib3

from airflow_provider_bigcommerce.core import outside_text
from airflow_provider_bigcommerce.core.catalog.operations import operation_of
from airflow_provider_bigcommerce.core.credentials import is_loopback, origin_of
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.paths import is_below
from airflow_provider_bigcommerce.core.policy import redirect_refused, too_large
from airflow_provider_bigcommerce.core.redirects import MOST_REDIRECTS, Refused, next_url
from airflow_provider_bigcommerce.core.repeating import may_repeat
from airflow_provider_bigcommerce.core.whole_collection import require_part
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, RedirectRefusedError
from airflow_provider_bigcommerce.hooks.header_time import bound, headers_until

#: Seconds that one call of ``run`` may take in all, and bytes that its answer may have, where the extra names none; as for the client.
DEFAULT_TOTAL_TIMEOUT: Final = 300.0
DEFAULT_ANSWER_BYTES: Final = 256 * 2**20

#: Methods that an adapter's own retries may repeat in the place of a write that must not be: none that writes. (Empty would mean all.)
_NO_WRITES: Final = frozenset({"GET"})

#: Bytes of an answer that are read at a time.
_PIECE: Final = 2**16


class StoreSession(requests.Session):
    """A requests session that sends to one store only, and takes no more bytes and time than it may.

    requests drops ``Authorization`` when a redirect leads to another host, but keeps all other headers: ``X-Auth-Token`` would follow.

    :param store_url: base of all paths of the store, on the host that is asked.
    :param below: the part of its path that API paths do not have; all of it if not given.
    :param total_timeout: seconds that a request may take in all, redirects and headers included. The body of one that is streamed is
        the caller's to bound.
    :param max_answer_bytes: most bytes of one answer, decompressed. Not for one that is streamed.
    :param whole_collection: True lets a call through that empties or changes a whole collection.
    """

    def __init__(
        self,
        store_url: str,
        *,
        below: str | None = None,
        total_timeout: float = DEFAULT_TOTAL_TIMEOUT,
        max_answer_bytes: int = DEFAULT_ANSWER_BYTES,
        whole_collection: object = False,
    ) -> None:
        super().__init__()
        self._store_url = store_url
        self._below = urlsplit(store_url).path if below is None else below
        self._total_timeout, self._max_answer_bytes, self._whole_collection = total_timeout, max_answer_bytes, whole_collection
        self.max_redirects = MOST_REDIRECTS
        # A session without credentials of its own would look for some in ~/.netrc.
        self.auth = _no_credentials

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send one request; where it is a read that is redirected below the same store, follow.

        :raises RedirectRefusedError: it goes, or is sent on, elsewhere than the connection says; nothing was sent there.
        :raises InvalidQueryError: it names no row of a collection that it would empty or change; nothing was sent.
        :raises AnswerTooLargeError: the answer has more bytes than are taken.
        """
        follow, stream = kwargs.pop("allow_redirects", True), kwargs.pop("stream", self.stream)
        if is_loopback(urlsplit(self._store_url).hostname or ""):
            kwargs["proxies"] = {}  # a proxy would take the token off this machine, and has another machine behind this name
        self._require_own(request)
        until = time.monotonic() + self._total_timeout
        history: list[requests.Response] = []
        while True:
            response = self._headers(request, until, **kwargs)
            if not stream:
                self._read(request, response, until)
            target = self._target(request, response, len(history)) if follow else None
            if target is None:
                response.history = history
                return response
            history.append(response)
            request = request.copy()
            request.prepare_url(target, {})

    def mount(self, prefix: str | bytes, adapter: requests.adapters.BaseAdapter) -> None:
        """Use an adapter, whose answers' headers are bounded too."""
        bound(adapter)
        super().mount(prefix, adapter)

    def _headers(self, request: requests.PreparedRequest, until: float, **kwargs: Any) -> requests.Response:
        """Send, and wait for the headers of the answer."""
        try:
            with headers_until(until), self._once(request):
                return super().send(request, allow_redirects=False, stream=True, **kwargs)
        except requests.ReadTimeout as error:
            if time.monotonic() < until:
                raise
            raise requests.ReadTimeout("total_timeout", request=error.request) from None

    @contextlib.contextmanager
    def _once(self, request: requests.PreparedRequest) -> Iterator[None]:
        """Keep an adapter of the caller's, whose retries depend on the method, from repeating a write that may have been carried out."""
        known = self._described(request)
        adapter = self.get_adapter(request.url or "")
        retries = getattr(adapter, "max_retries", None)
        if not isinstance(retries, urllib3.Retry) or known.changes_nothing or may_repeat(known, operation_of(known.method, known.path)):
            yield
            return
        adapter.max_retries = retries.new(allowed_methods=_NO_WRITES, other=0)  # type: ignore[attr-defined]  # an HTTPAdapter's
        try:
            yield
        finally:
            adapter.max_retries = retries  # type: ignore[attr-defined]  # likewise

    def resolve_redirects(self, *args: Any, **kwargs: Any) -> Iterator[Any]:  # noqa: ARG002  # the base class's signature
        """Nothing: the base class would read a redirect's body whole, and follow what may not be followed. :meth:`send` does it."""
        return iter(())

    def _require_own(self, request: requests.PreparedRequest) -> None:
        origin = origin_of(request.url or "")
        if origin != origin_of(self._store_url):
            scheme, host, port = origin
            raise RedirectRefusedError(self._refusal(f"{scheme}://{outside_text.host(host)}:{port}" if host else ""))
        if not is_below(request.url or "", self._store_url):
            raise InvalidQueryError("Refused to send to a path outside of this store: the access token goes to paths below the store only.")
        path = self._path(request)
        body = request.body if isinstance(request.body, (bytes, str)) else None
        require_part(
            request.method or "",
            path,
            parse_qsl(urlsplit(request.url or "").query, keep_blank_values=True),
            body,
            whole_collection=self._whole_collection,
        )

    def _refusal(self, origin: str) -> str:
        base_url = self._store_url.removesuffix(urlsplit(self._store_url).path)
        return (
            f"Refused to send to {origin or 'an address that is no URL'}: the access token goes to {base_url} only. If the API moved "
            "there, put that address into the connection's 'API base URL' (host)."
        )

    def _target(self, request: requests.PreparedRequest, response: requests.Response, followed: int) -> str | None:
        target = next_url(
            request.method or "",
            response.status_code,
            response.headers.get("location"),
            url=request.url or "",
            store_url=self._store_url,
            followed=followed,
            most=self.max_redirects,
        )
        if not isinstance(target, Refused):
            return target
        if target.origin:
            raise RedirectRefusedError(self._refusal(target.origin))
        raise redirect_refused(self._described(request), target)

    def _read(self, request: requests.PreparedRequest, response: requests.Response, until: float) -> None:
        """Read the body into the response as requests does, but within bounds."""
        parts: list[bytes] = []
        size = 0
        try:
            for part in _pieces(response):
                size += len(part)
                if size > self._max_answer_bytes:
                    raise too_large(self._described(request), f"{self._max_answer_bytes:,} bytes")
                if time.monotonic() > until:
                    raise requests.ReadTimeout("total_timeout", request=request)
                parts.append(part)
        except BaseException:
            response.close()  # what is left of the body would be taken for the next answer
            raise
        response._content, response._content_consumed = b"".join(parts), True  # type: ignore[attr-defined]  # as requests' own reading does

    def _described(self, request: requests.PreparedRequest) -> Request:
        return described(request, self._path(request))

    def _path(self, request: requests.PreparedRequest) -> str:
        return urlsplit(request.url or "").path.removeprefix(self._below)


def described(request: requests.PreparedRequest, path: str) -> Request:
    """The request as ``core`` knows it.

    :param path: API path below the store.
    """
    body = request.body.encode() if isinstance(request.body, str) else request.body
    return Request(request.method or "", path, body=body if isinstance(body, bytes) else None)


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """The decompressed body, piece by piece as it arrives: requests' own reading waits until a piece is full."""
    raw = response.raw
    if not isinstance(raw, urllib3.BaseHTTPResponse):  # an adapter of the caller's
        yield from response.iter_content(_PIECE)
        return
    try:
        while piece := raw.read1(_PIECE, decode_content=True):
            yield piece
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.ReadTimeout(error, request=response.request) from None
    except urllib3.exceptions.SSLError as error:
        raise requests.exceptions.SSLError(error, request=response.request) from None
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error, request=response.request) from None


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
