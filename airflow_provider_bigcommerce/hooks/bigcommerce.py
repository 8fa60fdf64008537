"""An Airflow connection as a BigCommerce store: for single calls as an HttpHook, for everything else as a client.

Decides which of a connection's values may leave the machine: the access token, in one header, to the connection's own scheme, host and
port. Does not page, wait for quota or repeat; the client does (``store()``, ``astore()``).
"""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec
import requests
from airflow.providers.http.hooks.http import HttpHook

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.compat import AIRFLOW_VERSION, amask_secrets, connection_and_extra, correlation_id, mask_secrets
from airflow_provider_bigcommerce.core import outside_text
from airflow_provider_bigcommerce.core.credentials import StoreCredentials, as_bool, clean, from_connection_fields, origin_of
from airflow_provider_bigcommerce.core.messages import Request, Response, query_text
from airflow_provider_bigcommerce.core.reading import error_from, header_number
from airflow_provider_bigcommerce.core.redaction import redact
from airflow_provider_bigcommerce.exceptions import (
    ApiError,
    AuthenticationError,
    BigCommerceError,
    CredentialsError,
    InvalidQueryError,
    NotFoundError,
    PermissionDeniedError,
    RedirectRefusedError,
    StoreSuspendedError,
    TransportError,
    UnexpectedAnswerError,
)
from airflow_provider_bigcommerce.get_provider_info import CONN_FIELDS, CONN_TYPE, HOOK_NAME, UI_FIELD_BEHAVIOUR

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_bigcommerce.blocking import BlockingStore
    from airflow_provider_bigcommerce.client import BigCommerceStore, StoreSettings

USER_AGENT: Final = f"airflow-provider-bigcommerce/{__version__} Airflow/{AIRFLOW_VERSION}"

#: Seconds without an answer after which ``run`` gives up, where the connection's extra names no ``timeout``.
DEFAULT_TIMEOUT: Final = 60.0

#: Seconds after which a connection test gives up: a person is waiting in front of the form.
TEST_TIMEOUT: Final = 15.0

#: What ``test_connection`` reads, and the scope it needs. Source: store_information.v2.yml.
_STORE_PATH: Final = "/v2/store"
_TOLD: Final = ("name", "domain", "plan_level")
_STORE_SCOPE: Final = "store_v2_information_read_only"


class StoreSession(requests.Session):
    """A requests session that sends to one scheme, host and port only.

    requests drops ``Authorization`` when a redirect leads to another host, but keeps all other headers: ``X-Auth-Token`` would follow.

    :param base_url: the scheme, host and port that may be sent to.
    """

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url
        # A session without credentials of its own would look for some in ~/.netrc.
        self.auth = _no_credentials

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send one request, or one hop of a redirect.

        :raises RedirectRefusedError: it goes elsewhere than the connection says; nothing was sent.
        """
        target = origin_of(request.url or "")
        if target != origin_of(self._base_url):
            scheme, host, port = target
            where = f"{scheme}://{outside_text.host(host)}:{port}" if host else "an address that is no URL"
            raise RedirectRefusedError(
                f"Refused to send to {where}: the access token goes to {self._base_url} only. If the API moved there, put that address "
                "into the connection's 'API base URL' (host)."
            )
        return super().send(request, **kwargs)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """The address of a redirect, or None.

        :raises RedirectRefusedError: it cannot be read as an address.
        """
        target = super().get_redirect_target(resp)
        try:
            urlsplit(target or "")
        except ValueError:
            raise RedirectRefusedError(f"{self._base_url} redirects to something that is no address.") from None
        return target

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Add nothing on a redirect: the base class would look into ``~/.netrc``."""


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
        from airflow_provider_bigcommerce.blocking import BlockingStore
        from airflow_provider_bigcommerce.client import BigCommerceStore
        from airflow_provider_bigcommerce.portal import is_loop_running

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
        from airflow_provider_bigcommerce.client import BigCommerceStore

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
        if not isinstance(extra, Mapping):
            raise CredentialsError(
                f"The extra of the connection {self.bigcommerce_conn_id!r} is not a JSON object with the keys {', '.join(CONN_FIELDS)}."
            )
        return from_connection_fields(connection.host, extra, port=connection.port, schema=connection.schema)

    def _settings(self, credentials: StoreCredentials, extra: Mapping[str, Any]) -> StoreSettings:
        """What the connection's extra says about how to send, for the client."""
        from airflow_provider_bigcommerce.client import StoreSettings

        trust_env = _flag(extra, "trust_env", True)
        verify = _verify(extra)
        if verify is True and trust_env:  # as requests does
            verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        environment = requests.utils.get_environ_proxies(credentials.base_url) if trust_env else {}
        chosen: dict[str, Any] = {
            "verify": verify,
            "proxy": requests.utils.select_proxy(credentials.base_url, {**environment, **_proxies(extra)}),
            "correlation_id": self.correlation_id,
            "user_agent": USER_AGENT,
        }
        for name, lowest, highest, kind in (
            ("timeout", 0.001, 3600.0, float),
            ("quota_share", 0.001, 1.0, float),
            ("max_concurrency", 1, 1000, int),
            ("max_attempts", 1, 1000, int),
            ("max_wait", 0, 86400.0, float),
        ):
            value = _number(extra, name, lowest, highest)
            if value is not None:
                chosen[name] = kind(value)
        return StoreSettings(**chosen)

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
        :param extra_options: win over the connection's ``stream``, ``cert``, ``proxies``, ``timeout``, ``verify``, ``allow_redirects``,
            ``max_redirects``, ``trust_env`` and ``check_response``.
        """
        credentials, extra = self._resolve()
        self._set_store_url(credentials)
        extra = {**extra, **(extra_options or {})}
        self.merged_extra = {
            "timeout": _number(extra, "timeout", 0.001, 3600.0) or DEFAULT_TIMEOUT,
            "allow_redirects": _flag(extra, "allow_redirects", True),
            "check_response": _flag(extra, "check_response", True),
        }
        session = StoreSession(credentials.base_url)
        if self._auth_type:
            session.auth = self._auth_type()
        session.proxies = _proxies(extra)
        session.stream = _flag(extra, "stream", False)
        session.verify = _verify(extra)
        cert = extra.get("cert")
        session.cert = tuple(cert) if isinstance(cert, list) else cert
        session.max_redirects = int(_number(extra, "max_redirects", 0, 1000) or requests.models.DEFAULT_REDIRECT_LIMIT)
        session.trust_env = _flag(extra, "trust_env", True)
        self._configure_session_from_mount_adapters(session)
        session.headers.update(
            {
                "User-Agent": USER_AGENT,
                "Accept": "application/json",
                "X-Correlation-Id": self.correlation_id,
                "X-Auth-Token": credentials.access_token,
            }
        )
        session.headers.update(headers or {})
        return session

    def _set_base_url(self, connection: Connection) -> None:
        """Called by HttpHook where it needs the base URL before a session exists (``url_from_endpoint``)."""
        self._set_store_url(self._credentials(connection, connection.extra_dejson))

    def _set_store_url(self, credentials: StoreCredentials) -> None:
        self.base_url = credentials.store_url
        self._base_url_initialized = True

    def run(
        self,
        endpoint: str | None = None,
        data: dict[str, Any] | list[Any] | str | None = None,
        headers: dict[str, Any] | None = None,
        extra_options: dict[str, Any] | None = None,
        **request_kwargs: Any,
    ) -> requests.Response:
        """Send one request to the store; no paging, no waiting for quota, no repetition.

        :param endpoint: API path below the store, such as ``/v3/catalog/products``.
        :param data: query parameters for GET, HEAD and DELETE (BigCommerce filters what to delete by them; a body would be ignored),
            otherwise the body; a dict or list is sent as JSON.
        :param headers: added to the request's headers.
        :param extra_options: as in :meth:`get_conn`; ``{"check_response": False}`` returns error answers instead of raising.
        :param request_kwargs: passed on to ``requests.Request`` (``json``, ``params`` ...).
        :raises ApiError: BigCommerce refused; see ``airflow_provider_bigcommerce.exceptions``.
        :raises TransportError: no answer arrived.
        :raises RedirectRefusedError: the answer leads to another scheme, host or port.
        """
        if endpoint and "://" in endpoint:
            raise InvalidQueryError("hook.run() takes a path below the store, such as '/v3/catalog/products', not a URL.")
        if self.method in ("GET", "HEAD", "DELETE") and isinstance(data, Mapping):
            query = {name: query_text(value) for name, value in {**data, **request_kwargs.pop("params", {})}.items() if value is not None}
            if self.method == "GET":  # HttpHook itself passes a GET's data as parameters
                data = query
            else:
                request_kwargs["params"], data = query, None
        elif isinstance(data, (dict, list)) and "json" not in request_kwargs:
            request_kwargs["json"], data = data, None
        response: requests.Response = super().run(endpoint, data, headers, extra_options, **request_kwargs)  # type: ignore[arg-type]
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
        except requests.TooManyRedirects:
            raise UnexpectedAnswerError(
                f"{self.method} {self._path(url)} was redirected more than {session.max_redirects} times."
            ) from None
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise _transport_error(error, prepped_request.method or self.method, self._path(url), url) from None
        if extra_options.get("check_response", True):
            self.check_response(response)
        return response

    def check_response(self, response: requests.Response) -> None:
        """Raise the typed error for an answer of status 400 or more; the body is not logged.

        :raises ApiError: with BigCommerce's own title and field errors.
        """
        if response.status_code >= 400:
            request = Request(response.request.method or self.method, self._path(response.request.url or ""))
            raise error_from(request, _wire_response(response))

    def _path(self, url: str) -> str:
        """API path below the store, without the query."""
        return urlsplit(url).path.removeprefix(urlsplit(self.base_url).path)

    # -- the connection form and its Test button --------------------------------------------------------------------

    def test_connection(self) -> tuple[bool, str]:
        """Read the store's name with one light request.

        :returns: whether it worked, and a sentence for the person in front of the form; never a secret.
        """
        try:
            credentials = self.credentials()
            session = self.get_conn()
            request = session.prepare_request(requests.Request("GET", f"{credentials.store_url}{_STORE_PATH}"))
            options = {
                "timeout": min(self.merged_extra["timeout"], TEST_TIMEOUT),
                "check_response": False,
            }
            with session, self.run_and_check(session, request, options) as response:
                return tell_test_result(credentials, _wire_response(response))
        except BigCommerceError as error:
            return False, str(error)

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
    :returns: whether the connection works, and a sentence that tells the causes apart.
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
            f"{credentials.base_url} answered JSON that does not describe a store. Is the API base URL (host) BigCommerce's? "
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


def _wire_response(response: requests.Response) -> Response:
    return Response(response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.content)


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


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
    return TransportError(f"{method} {path} at {host}: {what}", cause=cause, method=method, path=path)


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


# -- extras, which are text where the connection came from a URI ------------------------------------------------------


def _flag(extra: Mapping[str, Any], name: str, default: bool) -> bool:
    value = extra.get(name)
    return default if value is None else as_bool(name, value)


def _number(extra: Mapping[str, Any], name: str, lowest: float, highest: float) -> float | None:
    text = clean(extra.get(name))
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not lowest <= number <= highest:
        raise CredentialsError(f"The connection's extra {name!r} is {text[:40]!r}; accepted: a number from {lowest:g} to {highest:g}.")
    return number


def _verify(extra: Mapping[str, Any]) -> bool | str:
    """Whether to verify certificates, or the path of a CA file."""
    value = extra.get("verify", extra.get("verify_ssl"))
    text = clean(value)
    if value is None or not text:
        return True
    return as_bool("verify", text) if isinstance(value, bool) or text.lower() in ("true", "false", "0", "1", "yes", "no") else text


def _proxies(extra: Mapping[str, Any]) -> dict[str, str]:
    """Scheme to proxy URL, from a JSON object, its text, or one URL for both schemes."""
    value = extra.get("proxies", extra.get("proxy"))
    if isinstance(value, str) and value.strip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            raise CredentialsError('The connection\'s extra \'proxies\' is not JSON; accepted: {"https": "http://proxy:3128"}.') from None
    if isinstance(value, Mapping):
        return {str(scheme): str(url) for scheme, url in value.items() if url}
    url = clean(value)
    return {"http": url, "https": url} if url else {}
