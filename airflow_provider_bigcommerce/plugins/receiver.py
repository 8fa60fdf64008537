"""The receiver of webhooks: one route that answers when what it was told is committed.

Answers without a body: 200 for what is stored, and for what nobody waits for (an unknown scope, a resource that no DAG mentions, a body
that is no event): to be sent it again would bring nothing. 401 for a delivery that is not proven to be the store's, and for a connection
that is not listed. 405 for another method. 413 for a body that is too large. 503 where it could not be stored: BigCommerce sends it again.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from airflow_provider_bigcommerce.compat import mask_secrets, stats_sink, stored_connection
from airflow_provider_bigcommerce.core.credentials import from_connection_fields
from airflow_provider_bigcommerce.core.webhooks import Refused, Secrets, changes_of, parse, verify_secret, verify_signature
from airflow_provider_bigcommerce.engine.webhook_settings import ReceiverSettings
from airflow_provider_bigcommerce.exceptions import CredentialsError
from airflow_provider_bigcommerce.get_provider_info import CONN_TYPE
from airflow_provider_bigcommerce.plugins.asset_events import AssetEvents, Delivery
from airflow_provider_bigcommerce.plugins.group_commit import GroupCommit, NotCommittedError

log = logging.getLogger(__name__)

#: Seconds for which a connection's secrets are kept: a secrets backend asked for each webhook is slow, and costs money.
SECRETS_KEPT: Final = 60.0
#: Seconds after which a connection that could not be used is looked at again.
FAILURE_KEPT: Final = 10.0
#: Seconds between two lines of the log about the same reason.
_QUIET: Final = 60.0
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


class TooLargeError(Exception):
    """The body has more bytes than it may."""


class Receiver:
    """Takes deliveries of the listed connections.

    :param settings: which, and how.
    :param commit: commits a batch; blocking.
    :param load: reads a connection's secrets; blocking; raises ``CredentialsError`` where it cannot be used.
    :param clock: epoch seconds.
    :param monotonic: seconds, for what is kept.
    :param sleep: waits on the loop.
    """

    def __init__(
        self,
        settings: ReceiverSettings,
        *,
        commit: Callable[[list[Delivery]], None] | None = None,
        load: Callable[[str], Secrets] | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings, self._clock, self._monotonic = settings, clock, monotonic
        self._load = load or load_secrets
        self._batches = GroupCommit(commit or AssetEvents(clock=clock, monotonic=monotonic).commit, settings.flush_seconds, sleep=sleep)
        self._secrets: dict[str, tuple[Secrets | None, float]] = {}
        self._loading = asyncio.Lock()
        self._told: dict[tuple[str, str], float] = {}
        self._untold: Counter[tuple[str, str]] = Counter()

    async def receive(self, request: Request) -> Response:
        """Answer one delivery."""
        conn_id = str(request.path_params["conn_id"])
        status, why = await self._answer(conn_id if conn_id in self._settings.connections else None, request)
        stats_sink().incr("bigcommerce.webhooks", tags={"status": status, "conn_id": conn_id if status != 401 else "-"})
        if why:
            self._tell(conn_id if conn_id in self._settings.connections else "(not listed)", status, why)
        return Response(status_code=status)

    async def _answer(self, conn_id: str | None, request: Request) -> tuple[int, str]:
        """Status and, where something is to be said, what."""
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        if conn_id is None:
            return 401, "the connection is not in [bigcommerce] webhook_connections"
        secrets = await self._secrets_of(conn_id)
        if secrets is None:
            return 503, "the connection cannot be used"
        refused = verify_secret(pairs, secrets)
        if refused is not None:
            return 401, refused.reason
        try:
            body = await self._body(request)
        except TooLargeError:
            return 413, f"a body has more than {self._settings.max_body} bytes ([bigcommerce] webhook_max_body)"
        except ClientDisconnect:
            return 503, "a sender hung up before its body was read"
        refused = verify_signature(pairs, body, secrets, self._clock(), self._settings.signature)
        if refused is not None:
            return 401, refused.reason
        event = parse(body, secrets.store_hash)
        if isinstance(event, Refused):
            return 200, f"{event.reason}; it is ignored"
        changes = changes_of(event)
        if not changes:
            return 200, ""
        try:
            await self._batches.add(Delivery(conn_id, secrets.store_hash, tuple(changes)))
        except NotCommittedError:
            return 503, "webhooks could not be stored; BigCommerce sends them again"
        return 200, ""

    async def _body(self, request: Request) -> bytes:
        """The body, read only as far as it may be long, whatever its ``content-length`` says."""
        most = self._settings.max_body
        length = request.headers.get("content-length", "")
        if _LENGTH.fullmatch(length) and int(length) > most:
            raise TooLargeError
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise TooLargeError
            parts.append(part)
        return b"".join(parts)

    async def _secrets_of(self, conn_id: str) -> Secrets | None:
        """A connection's secrets, as of the last minute; None where it could not be used within the last seconds."""
        async with self._loading:
            secrets, until = self._secrets.get(conn_id, (None, -1e9))
            if self._monotonic() < until:
                return secrets
            try:
                secrets = await run_in_threadpool(self._load, conn_id)
            except CredentialsError as error:
                log.warning("Webhooks of the connection %r cannot be received: %s", conn_id, error)
                secrets = None
            except Exception as error:  # noqa: BLE001  # whatever a secrets backend raises: the sender is told to come again
                log.warning("The connection %r cannot be read (%s).", conn_id, type(error).__name__)
                secrets = None
            self._secrets[conn_id] = (secrets, self._monotonic() + (FAILURE_KEPT if secrets is None else SECRETS_KEPT))
            return secrets

    def _tell(self, conn_id: str, status: int, why: str) -> None:
        """Log a reason, once per minute however often it comes: anybody can send anything."""
        key = (conn_id, why)
        now = self._monotonic()
        if now - self._told.get(key, -1e9) < _QUIET:
            self._untold[key] += 1
            return
        self._told[key] = now
        again = self._untold.pop(key, 0)
        log.warning("Webhooks of %s answered %d: %s%s", conn_id, status, why, f" ({again} more since the last line)" if again else "")


def load_secrets(conn_id: str) -> Secrets:
    """A connection's secrets out of Airflow.

    :raises CredentialsError: there is no such connection, or it is no usable one of BigCommerce.
    """
    connection = stored_connection(conn_id)
    if connection is None or connection.conn_type != CONN_TYPE:
        raise CredentialsError(f"there is no connection {conn_id!r} of type {CONN_TYPE!r}")
    extra = connection.extra_dejson
    if not isinstance(extra, dict):
        raise CredentialsError(f"the extra of the connection {conn_id!r} is not a JSON object")
    credentials = from_connection_fields(connection.host, extra, port=connection.port, schema=connection.schema)
    secrets = Secrets(credentials.store_hash, credentials.access_token, credentials.client_secret)
    mask_secrets((*credentials.secrets, secrets.header))
    return secrets


def create_app(settings: ReceiverSettings, receiver: Receiver | None = None) -> FastAPI:
    """The app that the plugin mounts; it starts and ends without doing anything, so that neither can fail.

    :param settings: which connections, and how.
    :param receiver: takes the deliveries; None makes one.
    """
    app = FastAPI(title="BigCommerce webhooks", docs_url=None, redoc_url=None, openapi_url=None)
    taking = receiver or Receiver(settings)

    async def receive(request: Request) -> Response:
        return await taking.receive(request)

    app.add_route("/webhooks/{conn_id}", receive, methods=["POST"])
    return app
