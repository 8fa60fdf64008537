"""An Airflow connection as a BigCommerce store: for single calls as an HttpHook, for everything else as a client.

Decides which of a connection's values may leave the machine: the access token, in one header, to the connection's own scheme, host and
port. Does not page, wait for quota or repeat; the client does (``store()``, ``astore()``).
"""

from __future__ import annotations

import json
import logging
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
import requests
from airflow.providers.http.hooks.http import HttpHook

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.client.portal import is_loop_running
from airflow_provider_bigcommerce.client.sending import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.compat import AIRFLOW_VERSION, amask_secrets, connection_and_extra, correlation_id, mask_secrets
from airflow_provider_bigcommerce.core import outside_text
from airflow_provider_bigcommerce.core.credentials import StoreCredentials, from_connection_fields
from airflow_provider_bigcommerce.core.extras import check_extras, settings_of, value_of
from airflow_provider_bigcommerce.core.hosts import B2B, STORE, Host, host_of
from airflow_provider_bigcommerce.core.messages import Request, Response, query_text
from airflow_provider_bigcommerce.core.paths import checked
from airflow_provider_bigcommerce.core.planning import unknown_filters
from airflow_provider_bigcommerce.core.policy import after_one_sending, is_strange, strange_status
from airflow_provider_bigcommerce.core.reading import error_from, header_number
from airflow_provider_bigcommerce.core.redaction import redact, redacted
from airflow_provider_bigcommerce.core.redirects import MOST_REDIRECTS
from airflow_provider_bigcommerce.exceptions import (
    ApiError,
    AuthenticationError,
    BigCommerceError,
    CredentialsError,
    InvalidQueryError,
    NotFoundError,
    PermissionDeniedError,
    StoreSuspendedError,
    TransportError,
)
from airflow_provider_bigcommerce.get_provider_info import CONN_FIELDS, CONN_TYPE, HOOK_NAME, UI_FIELD_BEHAVIOUR
from airflow_provider_bigcommerce.hooks.session import DEFAULT_ANSWER_BYTES, DEFAULT_TOTAL_TIMEOUT, StoreSession, described

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from airflow.sdk import Connection

USER_AGENT: Final = f"airflow-provider-bigcommerce/{__version__} Airflow/{AIRFLOW_VERSION}"

#: Seconds without an answer after which ``run`` gives up, where the connection's extra names no ``timeout``.
DEFAULT_TIMEOUT: Final = 60.0

#: Seconds after which a connection test gives up: a person is waiting in front of the form.
TEST_TIMEOUT: Final = 15.0

#: Bytes of an answer to a connection test that are looked at; a store's description has some 3,000.
TEST_BYTES: Final = 100_000

#: What ``test_connection`` reads, and the scope it needs. Source: store_information.v2.yml.
_STORE_PATH: Final = "/v2/store"
_TOLD: Final = ("name", "domain", "plan_level")
_STORE_SCOPE: Final = "store_v2_information_read_only"

#: What requests raises where no answer arrived, or none that can be unpacked.
_UNANSWERED: Final = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


class Tried(NamedTuple):
    """What a test of a connection found.

    :param works: whether the store told its name.
    :param message: a sentence for a person; never a secret.
    :param lacks_scope: whether all that is wrong is that the token may not read the store's name.
    """

    works: bool
    message: str
    lacks_scope: bool = False


class BigCommerceHook(HttpHook):
    """A BigCommerce store behind an Airflow connection of type ``bigcommerce``.

    ::

        hook = BigCommerceHook()
        hook.run("/v3/catalog/products", {"limit": 5}).json()["data"]
        with hook.store() as store:
            for product in store.rows("products"):
                ...

    :param bigcommerce_conn_id: connection id.
    :param method: HTTP method of :meth:`run`.
    :param http_hook_kwargs: passed on to ``HttpHook`` (``adapter``, ``tcp_keep_alive`` ...).
    """

    conn_name_attr = "bigcommerce_conn_id"
    default_conn_name = "bigcommerce_default"
    conn_type = CONN_TYPE
    hook_name = HOOK_NAME

    def __init__(self, bigcommerce_conn_id: str = default_conn_name, method: str = "GET", **http_hook_kwargs: Any) -> None:
        super().__init__(method=method, http_conn_id=bigcommerce_conn_id, **http_hook_kwargs)
        self.bigcommerce_conn_id = bigcommerce_conn_id
        self._correlation_id: str | None = None
        self._host: Host = STORE  # that the call of run() under way goes to

    # -- the connection ---------------------------------------------------------------------------------------------

    def credentials(self) -> StoreCredentials:
        """The connection's store, token and, where there are, id and secret; masked in Airflow's logs from then on.

        :raises CredentialsError: the connection is of another type, or a field is missing, empty, masked or malformed.
        """
        return self._resolve()[0]

    @property
    def quota_share(self) -> float:
        """The fraction of the store's quota that the connection allows."""
        return self._settings(*self._resolve()).quota_share

    def store(self, **settings: Any) -> BlockingStore:
        """The store, for synchronous code: ``with hook.store() as store``.

        :param settings: fields of ``StoreSettings`` that win over the connection's extra: ``hook.store(max_wait=15)``.
        :raises BigCommerceError: called where an event loop runs, which the store would block.
        :raises CredentialsError: as :meth:`credentials`.
        """
        if is_loop_running():
            raise BigCommerceError(
                "hook.store() was called inside a running event loop, which it would block. Use: async with hook.astore() as store"
            )
        credentials, extra = self._resolve()
        return BlockingStore(BigCommerceStore(credentials, replace(self._settings(credentials, extra), **settings)))

    @asynccontextmanager
    async def astore(self, **settings: Any) -> AsyncIterator[BigCommerceStore]:
        """The store, for coroutines (async tasks, triggers): ``async with hook.astore() as store``.

        :param settings: as in :meth:`store`.
        :raises CredentialsError: as :meth:`credentials`.
        """
        connection, extra = await connection_and_extra(self, self.bigcommerce_conn_id)
        credentials = self._credentials(connection, extra)
        await amask_secrets(credentials.secrets)
        async with BigCommerceStore(credentials, replace(self._settings(credentials, extra), **settings)) as store:
            yield store

    def _resolve(self) -> tuple[StoreCredentials, dict[str, Any]]:
        connection = self.get_connection(self.bigcommerce_conn_id)
        extra = connection.extra_dejson
        credentials = self._credentials(connection, extra)
        mask_secrets(credentials.secrets)
        return credentials, extra

    def _credentials(self, connection: Connection, extra: object) -> StoreCredentials:
        if connection.conn_type != CONN_TYPE:
            raise CredentialsError(
                f"The connection {self.bigcommerce_conn_id!r} is of type {connection.conn_type!r}; BigCommerceHook needs one of type "
                f"{CONN_TYPE!r}. Name such a connection in bigcommerce_conn_id, or make one (airflow-bigcommerce connection --help)."
            )
        if not isinstance(extra, Mapping) or not (extra or _is_empty(connection.extra)):
            raise CredentialsError(
                f"The extra of the connection {self.bigcommerce_conn_id!r} is not a JSON object with the keys {', '.join(CONN_FIELDS)}."
            )
        return from_connection_fields(connection.host, extra, port=connection.port, schema=connection.schema)

    def _settings(self, credentials: StoreCredentials, extra: Mapping[str, Any]) -> StoreSettings:
        """What the connection's extra says about how to send, for the client."""
        trust_env = value_of(extra, "trust_env") is not False
        verify: bool | str = _verify(extra)
        if isinstance(verify, str):
            _require_file("verify", verify)
        if verify is True and trust_env:  # as requests does
            verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True

        def proxy_to(url: str) -> str | None:
            environment = requests.utils.get_environ_proxies(url) if trust_env else {}
            return requests.utils.select_proxy(url, {**environment, **(value_of(extra, "proxies") or {})})

        return StoreSettings(
            verify=verify,
            proxy=proxy_to(credentials.base_url),
            b2b_proxy=proxy_to(credentials.b2b_url or B2B.url),
            correlation_id=self.correlation_id,
            user_agent=USER_AGENT,
            **settings_of(extra),
        )

    @property
    def correlation_id(self) -> str:
        """The ``X-Correlation-Id`` of all requests of this hook: the task instance's id, or a UUID outside of tasks."""
        if self._correlation_id is None:
            self._correlation_id = correlation_id()
        return self._correlation_id

    # -- single calls, as HttpHook has them -------------------------------------------------------------------------

    def get_conn(self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None) -> requests.Session:
        """A requests session for the store.

        Of the connection it sends the access token and nothing else; ``HttpHook`` would send every other extra as a header.

        :param headers: added to the session's headers.
        :param extra_options: win over the connection's ``stream``, ``cert``, ``proxies``, ``timeout``, ``total_timeout``,
            ``max_answer_bytes``, ``verify``, ``allow_redirects``, ``max_redirects``, ``trust_env`` and ``check_response``.
        """
        credentials, extra = self._resolve()
        self._set_store_url(credentials)
        host = self._host
        whole_collection = (extra_options or {}).get("whole_collection", False)  # never the connection's: each call says it by itself
        extra = {**extra, **(extra_options or {})}
        self.merged_extra = {
            "timeout": value_of(extra, "timeout") or DEFAULT_TIMEOUT,
            "allow_redirects": value_of(extra, "allow_redirects") is not False,
            "check_response": value_of(extra, "check_response") is not False,
        }
        session = StoreSession(
            credentials.root(host),
            below=urlsplit(credentials.before(host)).path,
            total_timeout=value_of(extra, "total_timeout") or DEFAULT_TOTAL_TIMEOUT,
            max_answer_bytes=value_of(extra, "max_answer_bytes") or DEFAULT_ANSWER_BYTES,
            whole_collection=whole_collection,
        )
        if self._auth_type:
            session.auth = self._auth_type()
        session.proxies = value_of(extra, "proxies") or {}
        session.stream = value_of(extra, "stream") is True
        session.verify = _verify(extra)
        session.cert = value_of(extra, "cert")
        most_redirects = value_of(extra, "max_redirects")
        session.max_redirects = MOST_REDIRECTS if most_redirects is None else most_redirects
        session.trust_env = value_of(extra, "trust_env") is not False
        self._configure_session_from_mount_adapters(session)
        session.headers.update(
            {
                "User-Agent": USER_AGENT,
                "Accept": "application/json",
                "X-Correlation-Id": self.correlation_id,
                "X-Auth-Token": credentials.access_token,
                **({host.hash_header: credentials.store_hash} if host.hash_header else {}),
            }
        )
        session.headers.update(headers or {})
        return session

    def _set_base_url(self, connection: Connection) -> None:
        """Called by HttpHook where it needs the base URL before a session exists (``url_from_endpoint``)."""
        self._set_store_url(self._credentials(connection, connection.extra_dejson))

    def _set_store_url(self, credentials: StoreCredentials) -> None:
        self.base_url = credentials.before(self._host)
        self._base_url_initialized = True

    def run(
        self,
        endpoint: str | None = None,
        data: dict[str, Any] | list[Any] | str | None = None,
        headers: dict[str, Any] | None = None,
        extra_options: dict[str, Any] | None = None,
        *,
        whole_collection: bool = False,
        **request_kwargs: Any,
    ) -> requests.Response:
        """Send one request to the store; no paging, no waiting for quota, no repetition.

        :param endpoint: API path below the store, such as ``/v3/catalog/products``, without a query; one that begins with
            ``/api/v3/io/`` goes to B2B Edition's host.
        :param data: query parameters for GET, HEAD and DELETE (BigCommerce filters what to delete by them; a body would be ignored),
            otherwise the body; a dict or list is sent as JSON.
        :param headers: added to the request's headers.
        :param extra_options: as in :meth:`get_conn`; ``{"check_response": False}`` returns error answers instead of raising.
        :param whole_collection: True lets a DELETE or PUT through that empties or changes a whole collection (``DELETE /v2/orders``).
        :param request_kwargs: passed on to ``requests.Request`` (``json``, ``params`` ...).
        :raises InvalidQueryError: before anything is sent: the path has an empty or dotted segment or a query, or the call means a whole
            collection and ``whole_collection`` is not True.
        :raises ApiError: BigCommerce refused; see ``airflow_provider_bigcommerce.exceptions``.
        :raises TransportError: no answer arrived.
        :raises UnclearWriteError: no clear answer to a write that may have been carried out, and must not be sent twice.
        :raises RedirectRefusedError: the answer leads to another scheme, host, port or store, or sends a write on.
        """
        if endpoint and "://" in endpoint:
            raise InvalidQueryError("hook.run() takes a path below the store, such as '/v3/catalog/products', not a URL.")
        endpoint = checked(f"/{endpoint}" if endpoint and not endpoint.startswith("/") else endpoint)
        if self.method in ("GET", "HEAD", "DELETE") and isinstance(data, Mapping):
            query = {name: query_text(value) for name, value in {**data, **request_kwargs.pop("params", {})}.items() if value is not None}
            if self.method == "GET":  # HttpHook itself passes a GET's data as parameters
                data = query
            else:
                request_kwargs["params"], data = query, None
            if warning := unknown_filters(self.method, endpoint, query):
                log.warning("%s", warning)
        elif isinstance(data, (dict, list)) and "json" not in request_kwargs:
            request_kwargs["json"], data = data, None
        options = {**(extra_options or {}), "whole_collection": whole_collection}
        self._host = host_of(endpoint)
        try:
            response: requests.Response = super().run(endpoint, data, headers, options, **request_kwargs)  # type: ignore[arg-type]
        finally:
            self._host = STORE
        return response

    def run_and_check(
        self, session: requests.Session, prepped_request: requests.PreparedRequest, extra_options: dict[Any, Any]
    ) -> requests.Response:
        """Send a prepared request and check the answer; failures of the network become :class:`TransportError`.

        Not the base class's: that one logs the exception, whose text holds the URL with its filters.
        """
        url = prepped_request.url or ""
        settings = session.merge_environment_settings(url, session.proxies, session.stream, session.verify, session.cert)
        try:
            response = session.send(
                prepped_request,
                timeout=extra_options.get("timeout", DEFAULT_TIMEOUT),
                allow_redirects=extra_options.get("allow_redirects", True),
                **settings,
            )
        except _UNANSWERED as error:
            failure: BigCommerceError = _transport_error(error, prepped_request.method or self.method, self._path(url), url)
            failure = after_one_sending(described(prepped_request, self._path(url)), failure)
            raise failure from failure.__cause__  # not from requests' exception, whose text holds the URL with its filters
        if extra_options.get("check_response", True):
            self.check_response(response)
        return response

    def check_response(self, response: requests.Response) -> None:
        """Raise the typed error for an answer of status 400 or more, or of one that answers nothing (1xx, 206); the body is not logged.

        :raises ApiError: with BigCommerce's own title and field errors.
        """
        request = described(response.request, self._path(response.request.url or ""))
        if is_strange(response.status_code):
            raise strange_status(request, response.status_code)
        if response.status_code >= 400:
            token = str(response.request.headers.get("X-Auth-Token") or "")
            raise redacted(after_one_sending(request, error_from(request, _wire_response(response))), [token])

    def _path(self, url: str) -> str:
        """API path below the store, without the query."""
        return urlsplit(url).path.removeprefix(urlsplit(self.base_url).path)

    # -- the connection form and its Test button --------------------------------------------------------------------

    def test_connection(self) -> tuple[bool, str]:
        """Read the store's name with one light request, after the connection's extras were checked.

        :returns: whether it worked, and a sentence for the person in front of the form; never a secret.
        """
        tried = self.try_connection()
        return tried.works, tried.message

    def try_connection(self) -> Tried:
        """As :meth:`test_connection`, and whether the token lacks no more than the scope of the test."""
        try:
            credentials, extra = self._resolve()
            self._check(extra)
            session = self.get_conn(extra_options={"total_timeout": TEST_TIMEOUT})
            request = session.prepare_request(requests.Request("GET", f"{credentials.store_url}{_STORE_PATH}"))
            options = {
                "timeout": min(self.merged_extra["timeout"], TEST_TIMEOUT),
                "check_response": False,
            }
            session.stream = True  # so that the body's time can be bounded: a time-out is of one read
            with session, self.run_and_check(session, request, options) as response:
                answer = replace(_wire_head(response), body=_read_within(response, _STORE_PATH))
                works, message = tell_test_result(credentials, answer)
                return Tried(works, message, lacks_scope=answer.status == 403 and not _is_page(answer))
        except BigCommerceError as error:
            return Tried(False, str(error))
        except requests.RequestException as error:  # nothing could be sent; the exception's own text may hold a proxy's password
            return Tried(
                False,
                f"Nothing could be sent to {credentials.base_url} ({type(error).__name__}). Check the proxies in this machine's "
                "environment (HTTPS_PROXY, HTTP_PROXY): accepted are those of http and https, such as http://proxy:3128.",
            )

    def _check(self, extra: Mapping[str, Any]) -> None:
        """Refuse what a task would refuse or ignore: extras, and files that they name.

        :raises CredentialsError: with the extra's name.
        """
        check_extras(extra)
        verify, cert = _verify(extra), value_of(extra, "cert")
        files = [("verify", verify), *(("cert", path) for path in (cert if isinstance(cert, tuple) else (cert,)))]
        for name, path in files:
            if isinstance(path, str):
                _require_file(name, path)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The form's own fields, for Airflow 3.1; later versions read the same from the provider's metadata."""
        from wtforms import PasswordField, StringField  # type: ignore[import-untyped]  # Airflow 3.1 has it, or a stand-in

        return {
            name: (PasswordField if field["schema"].get("format") == "password" else StringField)(
                field["label"], description=field["description"]
            )
            for name, field in CONN_FIELDS.items()
        }

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """What becomes of the form's standard fields, for Airflow 3.1."""
        return {key.replace("-", "_"): value for key, value in UI_FIELD_BEHAVIOUR.items()}


def tell_test_result(credentials: StoreCredentials, response: Response) -> tuple[bool, str]:
    """What the answer to ``GET /v2/store`` says about a connection.

    :param credentials: of the connection.
    :param response: the answer, of any status.
    :returns: whether the connection works, with a sentence that tells the causes apart.
    """
    store_hash, base_url = credentials.store_hash, credentials.base_url
    if response.status < 300:
        return _tell_store(credentials, response)
    error = error_from(Request("GET", _STORE_PATH), response, scopes=(_STORE_SCOPE,))
    said = f" BigCommerce says: {error.title!r}." if error.title else ""
    match error:
        case AuthenticationError():
            return False, (
                f"BigCommerce refused the access token for store {store_hash!r} (401). Either the token is mistyped or its API account was "
                "deleted, or it is the token of another store: compare the store hash with the API path in the token's .txt file." + said
            )
        case StoreSuspendedError():
            return False, f"Store {store_hash!r} is suspended (503): its API is closed until the store's owner has settled that.{said}"
        case ApiError(status=503):
            return False, f"Store {store_hash!r} is down for maintenance or overloaded (503). Try again in a few minutes.{said}"
        case _ if _is_page(response):
            return False, _not_json(credentials, response)
        case PermissionDeniedError():
            return False, (
                f"BigCommerce knows the access token for store {store_hash!r}, but the token lacks a scope (403): reading the store's name "
                f"needs 'Information & settings: read-only' ({_STORE_SCOPE}). Tasks that need only the scopes the token has will work. "
                f"A token's scopes cannot be changed; for this test to pass, create another API account with that scope.{said}"
            )
        case NotFoundError():
            return False, (
                f"There is no store {store_hash!r} at {base_url} (404). Compare the store hash with the control panel's address, "
                f"https://store-<hash>.mybigcommerce.com.{said}"
            )
        case ApiError(status=429):
            return False, f"Store {store_hash!r} answers, but its quota of requests is used up (429). Try again in a minute.{said}"
        case _:
            return False, f"{base_url} answered {response.status} for store {store_hash!r}, so nothing can be said about the token.{said}"


def _tell_store(credentials: StoreCredentials, response: Response) -> tuple[bool, str]:
    try:
        store = response.json()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False, _not_json(credentials, response)
    if not isinstance(store, dict) or not store.get("name") or not store.get("domain"):
        return False, (
            f"{credentials.base_url} answered {'JSON' if response.body else 'an empty body'} that does not describe a store. "
            "Is the API base URL (host) BigCommerce's? "
            "Leave it empty unless you use a proxy or the sandbox."
        )
    quota, left, window_ms = (
        header_number(response.headers, f"x-rate-limit-{name}") for name in ("requests-quota", "requests-left", "time-window-ms")
    )
    told = "not told"
    if quota is not None and left is not None and window_ms:
        told = f"{quota:.0f} requests / {window_ms / 1000:g} s, {left:.0f} left"
    # The store's own name is the merchant's, not a customer's: it is shown as it is, on one line, without what must not be in it.
    name, domain, plan = (redact(outside_text.one_line(store.get(field) or "unknown", 100), credentials.secrets) for field in _TOLD)
    return True, f"Connected to {name} ({domain}), plan {plan}; quota {told}"


def _not_json(credentials: StoreCredentials, response: Response) -> str:
    kind = outside_text.content_type(response.headers.get("content-type"))
    return (
        f"{credentials.base_url} answered {response.status} with {kind} that is not JSON: probably the page of a proxy, a firewall or a "
        "login in between. Check the API base URL (host) and the proxies of this machine."
    )


def _is_page(response: Response) -> bool:
    return response.headers.get("content-type", "").lower().startswith("text/html")


def _wire_head(response: requests.Response) -> Response:
    return Response(response.status_code, {name.lower(): value for name, value in response.headers.items()}, b"")


def _wire_response(response: requests.Response) -> Response:
    return replace(_wire_head(response), body=response.content)


def _read_within(response: requests.Response, path: str, clock: Callable[[], float] = time.monotonic) -> bytes:
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
    except _UNANSWERED as error:
        raise _transport_error(error, "GET", path, response.url) from None
    return bytes(body)


def _transport_error(error: requests.RequestException, method: str, path: str, url: str) -> TransportError:
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


# -- the extra, and files that it names -------------------------------------------------------------------------------


def _is_empty(text: str | None) -> bool:
    """Whether a connection's extra holds nothing; Airflow takes one that it cannot decode for an empty one too."""
    if not (text or "").strip():
        return True
    try:
        return not json.loads(text or "")
    except ValueError:
        return False


def _verify(extra: Mapping[str, Any]) -> bool | str:
    """Whether to verify certificates, or the path of a CA file."""
    value: bool | str | None = value_of(extra, "verify")
    return True if value is None else value


def _require_file(name: str, path: str) -> None:
    """Refuse a file that is not there: requests and Python's TLS say so in words that name no connection.

    :raises CredentialsError: there is none.
    """
    if not Path(path).exists():
        raise CredentialsError(
            f"The connection's extra {name!r} names {path[:200]!r}, and this machine has no such file. Give the path of a PEM file that "
            "every worker has."
        )
