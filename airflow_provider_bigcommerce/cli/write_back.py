"""The commands ``airflow-bigcommerce write apply`` and ``write undo``: send a plan that somebody has looked at, and take it back."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_bigcommerce.cli.connecting import ApiUrl, ConnId, StoreHash, Token, hook_for
from airflow_provider_bigcommerce.cli.output import only_results, print_table, say
from airflow_provider_bigcommerce.cli.write import AsJson, PlanUri
from airflow_provider_bigcommerce.cli.write import write as write  # noqa: PLC0414  # exported from here, with these commands in it

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
    from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
    from airflow_provider_bigcommerce.writing.apply import Drive
    from airflow_provider_bigcommerce.writing.formats import PlanManifest

_RUN = "command_line"


@write.command()
@only_results
def apply(
    uri: PlanUri,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: the caller has looked at the plan.")] = False,
    max_age_hours: Annotated[float, typer.Option(min=0, max=876_000, help="An older plan is refused.")] = 24,
    on_conflict: Annotated[str, typer.Option(help="keep: rows changed since the plan are left alone; overwrite: they are sent.")] = "keep",
    on_rejected: Annotated[str, typer.Option(help="fail: send all, then fail; stop: send nothing more; warn: succeed.")] = "fail",
    verify_all: Annotated[bool, typer.Option("--verify-all", help="Read every row back after it was sent.")] = False,
    as_json: AsJson = False,
    conn_id: ConnId = None,
    store_hash: StoreHash = None,
    token: Token = None,
    api_url: ApiUrl = None,
) -> None:
    """Send a plan's rows, exactly as they were planned, and print what became of them. If you run it again, it continues where it ended.

    \b
    airflow-bigcommerce write apply bigcommerce-reports/products/run=.../plan-1
    airflow-bigcommerce write apply s3://aws_default@bucket/reports/products/run=.../plan-1/manifest.json --yes
    """
    from airflow_provider_bigcommerce.core.writing.outcomes import ON_REJECTED
    from airflow_provider_bigcommerce.operators.writes import write_run
    from airflow_provider_bigcommerce.writing.apply import Applying, require_good
    from airflow_provider_bigcommerce.writing.folder import read_plan_manifest
    from airflow_provider_bigcommerce.writing.sending_plan import SendingManner

    _require_one_of("--on-conflict", on_conflict, ("keep", "overwrite"))
    _require_one_of("--on-rejected", on_rejected, ON_REJECTED)
    plan, hook = _whole(uri), hook_for(conn_id, store_hash, token, api_url)
    manifest = read_plan_manifest(plan)
    if not yes:
        typer.confirm(_question(manifest), abort=True, err=True)
    applied = Applying(
        plan={"manifest": plan, "digest": manifest.digest},
        run=write_run({}, _RUN, manifest.digest),
        store_hash=hook.credentials().store_hash,
        approval=_approval(),
        max_age=timedelta(hours=max_age_hours),
        manner=SendingManner(
            on_conflict="overwrite" if on_conflict == "overwrite" else "keep",
            on_rejected="stop" if on_rejected == "stop" else "fail",
            verify="all" if verify_all else "unclear",
        ),
        is_last_try=False,
    ).execute(_drive(hook))
    if as_json:
        say(json.dumps({name: value for name, value in applied.as_json().items() if name != "summary"}, indent=2))
    else:
        print_table(("outcome", "rows"), [(kind, f"{count:,}") for kind, count in applied.manifest.counts.items()])
        say(applied.uri)
    require_good(applied, on_rejected=on_rejected)


@write.command()
@only_results
def undo(
    uri: Annotated[str, typer.Argument(metavar="OUTCOME", help="The manifest of the outcomes, or its folder: what `apply` printed.")],
    as_json: AsJson = False,
    conn_id: ConnId = None,
    store_hash: StoreHash = None,
    token: Token = None,
    api_url: ApiUrl = None,
) -> None:
    """Make the plan that undoes an applied plan, and print what cannot be undone; changes nothing in the store.

    \b
    airflow-bigcommerce write undo bigcommerce-reports/products/run=.../apply-1
    airflow-bigcommerce write apply ...   # the plan that it prints
    """
    from airflow_provider_bigcommerce.operators.writes import write_run
    from airflow_provider_bigcommerce.writing.undo import Undoing

    outcome, hook = _whole(uri), hook_for(conn_id, store_hash, token, api_url)
    made = Undoing(outcome=outcome, run=write_run({}, _RUN, outcome), store_hash=hook.credentials().store_hash)
    told = made.execute(_drive(hook))
    if as_json:
        say(json.dumps({name: value for name, value in told.items() if name != "summary"}, indent=2))
        return
    say(f"{told['rows']:,} rows can be taken back.")
    if told["cannot"]:
        print_table(("what stays", "rows"), [(reason, f"{count:,}") for reason, count in sorted(told["cannot"].items())])
    say(told["manifest"])


def _drive(hook: BigCommerceHook) -> Drive:
    """What opens the store and runs a coroutine with it; the connection may be the environment's."""

    def run(send: Callable[[BigCommerceStore], Coroutine[Any, Any, None]]) -> None:
        with hook.store() as store:
            store.run(send)

    return run


def _whole(uri: str) -> str:
    """The URI, or the absolute path, without the manifest's own name."""
    return (uri if "://" in uri else str(Path(uri).absolute())).rstrip("/").removesuffix("/manifest.json")


def _approval() -> dict[str, object]:
    """The person at the keyboard."""
    return {"chosen_options": ["Approve"], "responded_at": datetime.now(UTC), "responded_by_user": {"name": getpass.getuser()}}


def _question(manifest: PlanManifest) -> str:
    counts = ", ".join(f"{count:,} {name}" for name, count in manifest.counts.items() if name != "input")
    what = f"Send {manifest.rows:,} rows of {manifest.resource} to the store {manifest.store_hash} ({counts})?"
    return "\n".join([*(f"Mind: {line}" for line in manifest.warnings), f"Plan {manifest.digest[:12]}, made {manifest.created_at}.", what])


def _require_one_of(hint: str, value: str, accepted: tuple[str, ...]) -> None:
    if value not in accepted:
        raise typer.BadParameter(f"{value!r} is unknown. Accepted: {', '.join(accepted)}", param_hint=hint)
