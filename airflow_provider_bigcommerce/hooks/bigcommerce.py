"""An Airflow connection as a BigCommerce store: for single calls as an HttpHook, for everything else as a client.

Decides which of a connection's values may leave the machine: the access token, in one header, to the connection's own scheme, host and
port. Does not page, wait for quota or repeat; the client does (``store()``, ``astore()``).
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from airflow.providers.http.hooks.http import HttpHook

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.client.portal import is_loop_running
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.compat import AIRFLOW_VERSION, amask_secrets, connection_and_extra, correlation_id, mask_secrets
from airflow_provider_bigcommerce.core.credentials import StoreCredentials, from_connection_fields
from airflow_provider_bigcommerce.core.extras import check_extras, settings_of, value_of
from airflow_provider_bigcommerce.core.hosts import B2B, STORE, Host, host_of
from airflow_provider_bigcommerce.core.messages import query_text
from airflow_provider_bigcommerce.core.paths import checked
from airflow_provider_bigcommerce.core.planning import unknown_filters
from airflow_provider_bigcommerce.core.policy import after_one_sending, is_strange, strange_status
from airflow_provider_bigcommerce.core.reading import error_from
from airflow_provider_bigcommerce.core.redaction import redacted
from airflow_provider_bigcommerce.core.redirects import MOST_REDIRECTS
from airflow_provider_bigcommerce.exceptions import (
    BigCommerceError,
    CredentialsError,
    InvalidQueryError,
)
from airflow_provider_bigcommerce.get_provider_info import CONN_FIELDS, CONN_TYPE, HOOK_NAME, UI_FIELD_BEHAVIOUR
from airflow_provider_bigcommerce.hooks.answers_of_requests import (
    TEST_TIMEOUT,
    UNANSWERED,
    read_within,
    transport_error,
    wire_head,
    wire_response,
)
from airflow_provider_bigcommerce.hooks.session import DEFAULT_ANSWER_BYTES, DEFAULT_TOTAL_TIMEOUT, StoreSession, described
from airflow_provider_bigcommerce.hooks.tried import STORE_PATH, Tried, is_page, tell_test_result

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from airflow.sdk import Connection

USER_AGENT: Final = f"airflow-provider-bigcommerce/{__version__} Airflow/{AIRFLOW_VERSION}"

#: Seconds without an answer after which ``run`` gives up, where the connection's extra names no ``timeout``.
DEFAULT_TIMEOUT: Final = 60.0


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
        except UNANSWERED as error:
            failure: BigCommerceError = transport_error(error, prepped_request.method or self.method, self._path(url), url)
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
            raise redacted(after_one_sending(request, error_from(request, wire_response(response))), [token])

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
            request = session.prepare_request(requests.Request("GET", f"{credentials.store_url}{STORE_PATH}"))
            options = {
                "timeout": min(self.merged_extra["timeout"], TEST_TIMEOUT),
                "check_response": False,
            }
            session.stream = True  # so that the body's time can be bounded: a time-out is of one read
            with session, self.run_and_check(session, request, options) as response:
                answer = replace(wire_head(response), body=read_within(response, STORE_PATH))
                works, message = tell_test_result(credentials, answer)
                return Tried(works, message, lacks_scope=answer.status == 403 and not is_page(answer))
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
