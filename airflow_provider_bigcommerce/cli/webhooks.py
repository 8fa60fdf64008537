"""The commands ``airflow-bigcommerce webhooks ...``: make a store's webhooks, try their way, see how they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_bigcommerce.cli.output import only_results, print_table, say

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.engine.subscribing import Subscribing

webhooks = typer.Typer(
    help="Create a store's webhooks, test their address, show them. They belong to the API account of the connection's token; those of "
    "other accounts are not seen.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_CONN_ID = "bigcommerce_default"
ConnId = Annotated[str, typer.Option(help="Airflow connection; its id is part of the address.")]
Destination = Annotated[
    str | None, typer.Option(help="Public https address of the receiver; if not given, it is made from [bigcommerce] webhook_base_url.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@webhooks.command()
@only_results
def ensure(
    resources: Annotated[list[str] | None, typer.Argument(metavar="[RESOURCE]...", help="Catalog names, such as products orders.")] = None,
    scopes: Annotated[list[str] | None, typer.Option("--scope", help="A scope, such as store/order/updated; several times.")] = None,
    destination: Destination = None,
    exceptions_destination: Annotated[str | None, typer.Option(help="Another address, for reports of failed deliveries.")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove ours that are not asked for.")] = False,
    conn_id: ConnId = _CONN_ID,
    as_json: AsJson = False,
) -> None:
    """Make the webhooks for resources, and repair those that were switched off, changed or wiped.

    The way is tried first: an event of our own must arrive through the public address.

    \b
    airflow-bigcommerce webhooks ensure products orders
    airflow-bigcommerce webhooks ensure --scope store/order/updated --destination https://in.example.com/bigcommerce/webhooks/shop
    """
    found = _subscribing(conn_id, destination).ensure(
        resources=resources or (),
        scopes=scopes or (),
        exceptions_destination=exceptions_destination,
        prune=prune,
        tell=lambda line: typer.echo(line, err=True),
    )
    if as_json:
        say(json.dumps(found, indent=2))
    else:
        counts = ", ".join(f"{len(found[name])} {name}" for name in ("created", "healed", "deleted", "kept", "extra"))
        say(f"Webhooks to {found['destination']}: {counts}.")


@webhooks.command("list")
@only_results
def list_(destination: Destination = None, conn_id: ConnId = _CONN_ID, as_json: AsJson = False) -> None:
    """List the webhooks of the API account; headers by their names only.

    \b
    airflow-bigcommerce webhooks list
    """
    _print(_subscribing(conn_id, destination).listed(), as_json=as_json)


@webhooks.command()
@only_results
def health(destination: Destination = None, conn_id: ConnId = _CONN_ID, as_json: AsJson = False) -> None:
    """Show how the webhooks are by BigCommerce's own page; exit status 1 where something is wrong.

    \b
    airflow-bigcommerce webhooks health
    """
    found = _subscribing(conn_id, destination).health()
    if as_json:
        say(json.dumps(found, indent=2))
    else:
        _print(found["hooks"], as_json=False)
        for problem in found["problems"]:
            say(problem)
    if found["problems"]:
        raise typer.Exit(1)


@webhooks.command()
@only_results
def delete(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Ids of webhooks, as list shows them.")] = None,
    ours: Annotated[bool, typer.Option("--ours", help="All that go to the destination or carry our header.")] = False,
    destination: Destination = None,
    conn_id: ConnId = _CONN_ID,
    as_json: AsJson = False,
) -> None:
    """Remove webhooks by their ids, or all of ours.

    \b
    airflow-bigcommerce webhooks delete 18048287
    airflow-bigcommerce webhooks delete --ours
    """
    if bool(ids) == ours:
        raise typer.BadParameter("name ids, or give --ours for all of ours")
    _print(_subscribing(conn_id, destination).delete(ids or None), as_json=as_json, nothing="No webhook was removed.")


@webhooks.command("test")
@only_results
def try_(destination: Destination = None, conn_id: ConnId = _CONN_ID) -> None:
    """Send an event of our own through the public address; nothing is read or changed in the store.

    \b
    airflow-bigcommerce webhooks test
    """
    to, found = _subscribing(conn_id, destination).probe()
    checks = "and refuses a wrong secret" if found.checks_secret else "but takes a wrong secret too, so it is not this package's receiver"
    say(f"{to} takes deliveries ({found.status}), {checks}.")


def _subscribing(conn_id: str, destination: str | None) -> Subscribing:
    from airflow_provider_bigcommerce.compat import stored_connection
    from airflow_provider_bigcommerce.engine.subscribing import Subscribing
    from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

    found = stored_connection(conn_id)
    if found is None:
        raise typer.BadParameter(
            f"this Airflow has no connection {conn_id!r}. Make one (airflow-bigcommerce connection --help), or name another.",
            param_hint="--conn-id",
        )
    hook = BigCommerceHook(conn_id)
    hook.get_connection = lambda conn_id: found  # type: ignore[method-assign]  # noqa: ARG005  # Airflow's argument name
    return Subscribing(hook, destination)


def _print(hooks: list[dict[str, Any]], *, as_json: bool, nothing: str = "The API account has no webhooks.") -> None:
    if as_json:
        say(json.dumps(hooks, indent=2))
    elif not hooks:
        say(nothing)
    else:
        rows = [
            (
                str(each["id"]),
                str(each["scope"]),
                str(each["destination"]),
                str(each.get("status") or _active(each)),
                "yes" if each["is_ours"] else "",
            )
            for each in hooks
        ]
        print_table(("id", "scope", "destination", "state", "ours"), rows)


def _active(hook: dict[str, Any]) -> str:
    return "active" if hook["is_active"] else "off"
