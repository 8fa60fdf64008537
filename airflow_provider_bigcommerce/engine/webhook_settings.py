"""The section ``[bigcommerce]`` of Airflow's configuration, checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from airflow_provider_bigcommerce.core.webhooks import SIGNATURES, Signature
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

SECTION: Final = "bigcommerce"
#: What a connection id may look like to be part of a webhook's address.
_CONN_ID: Final = re.compile(r"[A-Za-z0-9_.~-]{1,200}")


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """How webhooks are received.

    :param connections: connection ids whose webhooks are received.
    :param base_url: the public address before ``/bigcommerce/webhooks/...``, without a slash at its end; empty where none is set.
    :param signature: whether the signature by the client secret is required.
    :param flush_seconds: how long deliveries are gathered before they are committed together.
    :param max_body: bytes of a delivery.
    """

    connections: tuple[str, ...] = ()
    base_url: str = ""
    signature: Signature = "if_present"
    flush_seconds: float = 0.1
    max_body: int = 65536


def read_settings(get: Callable[[str], str | None] | None = None) -> ReceiverSettings:
    """The settings of this installation.

    :param get: reads an option of the section; None reads Airflow's configuration.
    :raises InvalidQueryError: an option has a value that it cannot have.
    """
    get = get or _configured
    connections = tuple(dict.fromkeys(part.strip() for part in (get("webhook_connections") or "").split(",") if part.strip()))
    for conn_id in connections:
        if not _CONN_ID.fullmatch(conn_id) or conn_id in (".", ".."):
            raise InvalidQueryError(
                f"[{SECTION}] webhook_connections has {conn_id!r}, which cannot be part of an address. Accepted are connection ids of "
                "letters, digits and _ . ~ -, with commas between."
            )
    signature = (get("webhook_signature") or "if_present").strip()
    if signature not in SIGNATURES:
        raise InvalidQueryError(f"[{SECTION}] webhook_signature is {signature!r}; accepted are {' and '.join(SIGNATURES)}.")
    return ReceiverSettings(
        connections,
        (get("webhook_base_url") or "").strip().rstrip("/"),
        signature,
        _number(get, "webhook_flush_ms", 100, 0, 10_000) / 1000,
        _number(get, "webhook_max_body", 65536, 1024, 16 * 2**20),
    )


def _number(get: Callable[[str], str | None], name: str, default: int, low: int, high: int) -> int:
    text = (get(name) or "").strip()
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
        raise InvalidQueryError(f"[{SECTION}] {name} is {text!r}; accepted are whole numbers from {low} to {high}.")
    return int(text)


def _configured(name: str) -> str | None:
    from airflow.providers.common.compat.sdk import conf

    found: str | None = conf.get(SECTION, name, fallback=None)
    return found


def destination_of(base_url: str, conn_id: str) -> str:
    """The public address of a connection's webhooks."""
    return f"{base_url.rstrip('/')}/bigcommerce/webhooks/{conn_id}"
