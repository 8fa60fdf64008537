"""The store that a command talks to (options and environment in, a hook out), and the options that choose rows."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

DEFAULT_CONN_ID: Final = "bigcommerce_default"

ConnId = Annotated[str | None, typer.Option(help=f"Airflow connection; {DEFAULT_CONN_ID} unless a store hash is given.")]
StoreHash = Annotated[
    str | None, typer.Option(envvar="BIGCOMMERCE_STORE_HASH", help="Store to talk to without an Airflow connection, together with a token.")
]
Token = Annotated[
    str | None,
    typer.Option(
        envvar="BIGCOMMERCE_ACCESS_TOKEN",
        help="Its access token. Set the environment variable instead: arguments show in the list of processes.",
    ),
]
ApiUrl = Annotated[
    str | None, typer.Option(envvar="BIGCOMMERCE_API_URL", help="API base URL of that store; BigCommerce's own unless given.")
]
Since = Annotated[str | None, typer.Option(help="Only rows changed at or after this: 2026-01-31T00:00:00Z, or a day (UTC).")]
Until = Annotated[str | None, typer.Option(help="Only rows changed at or before this: 2026-01-31T23:59:59Z.")]
Filters = Annotated[list[str] | None, typer.Option("--query", help="Filter as name=value; may be given several times.")]
ResourceName = Annotated[str, typer.Argument(help="Catalog name, such as orders, or a path, such as /v3/catalog/products.")]


def hook_for(conn_id: str | None, store_hash: str | None, token: str | None, api_url: str | None) -> BigCommerceHook:
    """The hook for a command: an Airflow connection, or a store and token from options and environment."""
    from airflow.sdk import Connection

    from airflow_provider_bigcommerce.compat import stored_connection
    from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

    if conn_id is None and store_hash:
        b2b_host = os.environ.get("BIGCOMMERCE_B2B_URL")
        extra = json.dumps({"store_hash": store_hash, "access_token": token, **({"b2b_host": b2b_host} if b2b_host else {})})
        found: Connection | None = Connection(conn_id="from the environment", conn_type="bigcommerce", host=api_url, extra=extra)
    else:
        found = stored_connection(conn_id or DEFAULT_CONN_ID)
    if found is None:
        raise typer.BadParameter(
            f"this Airflow has no connection {conn_id or DEFAULT_CONN_ID!r}. Make one (airflow-bigcommerce connection --help), name "
            "another, or set BIGCOMMERCE_STORE_HASH and BIGCOMMERCE_ACCESS_TOKEN.",
            param_hint="--conn-id",
        )
    hook = BigCommerceHook(found.conn_id)
    hook.get_connection = lambda conn_id: found  # type: ignore[method-assign]  # noqa: ARG005  # Airflow's argument name
    return hook


def query_of(filters: list[str] | None) -> dict[str, str]:
    """The query of ``--query name=value`` options."""
    query: dict[str, str] = {}
    for text in filters or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is not name=value", param_hint="--query")
        query[name] = value
    return query
