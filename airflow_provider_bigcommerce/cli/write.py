"""The commands ``airflow-bigcommerce write ...``: plan a change of many rows, look at a plan, and at what can be written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_bigcommerce.cli.connecting import ApiUrl, ConnId, StoreHash, Token, hook_for
from airflow_provider_bigcommerce.cli.output import only_results, print_table, say, stdout
from airflow_provider_bigcommerce.core.pages import page

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog import Write
    from airflow_provider_bigcommerce.writing.formats import PlanManifest, PlanRow

write = typer.Typer(
    help="Change many rows: plan, look at the plan, apply or undo it; list all writes.", no_args_is_help=True, rich_markup_mode=None
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
PlanUri = Annotated[str, typer.Argument(metavar="PLAN", help="The plan's manifest, or its folder: what `plan` printed.")]

#: Colours by which a person tells what is done with a row.
_STYLES = {"create": "green", "update": "yellow", "upsert": "yellow", "delete": "red"}


@write.command()
@only_results
def plan(
    resource: Annotated[str, typer.Argument(help="Catalog name, such as products.")],
    path: Annotated[str, typer.Argument(help="Files: Parquet, JSON lines or CSV; a path or a quoted glob.")],
    operation: Annotated[str, typer.Option(help="create, update, upsert or delete.")] = "update",
    match_on: Annotated[list[str] | None, typer.Option(help="Field by which the store's rows are found; repeatable.")] = None,
    mapping: Annotated[list[str] | None, typer.Option("--map", help="Column and field, as column=field; repeatable.")] = None,
    lookup: Annotated[list[str] | None, typer.Option(help="As product_id=products.sku: the value becomes that row's id.")] = None,
    nulls: Annotated[str, typer.Option(help="skip: a null is as if the column were missing; write: it clears the field.")] = "skip",
    max_changes: Annotated[int | None, typer.Option(min=0, help="No plan if more rows would be sent.")] = None,
    max_value_change_percent: Annotated[float | None, typer.Option(min=0, help="No plan if a number would change by more percent.")] = None,
    report_path: Annotated[Path, typer.Option(help="Directory of all plans and outcomes.")] = Path("bigcommerce-reports"),
    as_json: AsJson = False,
    conn_id: ConnId = None,
    store_hash: StoreHash = None,
    token: Token = None,
    api_url: ApiUrl = None,
) -> None:
    """Compare files with the live store, and write down what would be sent; changes nothing in the store.

    \b
    airflow-bigcommerce write plan products prices.csv --match-on sku
    airflow-bigcommerce write plan products '/data/in/*.parquet' --operation upsert --match-on sku --map Artikel=sku --map Preis=price
    """
    from airflow_provider_bigcommerce.writing.input_arguments import attempt_of, input_of
    from airflow_provider_bigcommerce.writing.plan import PlanSettings, plan_rows

    settings = PlanSettings(
        resource=resource,
        operation=operation,  # type: ignore[arg-type]  # route() refuses what is none
        match_on=match_on or None,
        mapping=_pairs(mapping, "--map"),
        lookup=_pairs(lookup, "--lookup") or {},
        nulls="write" if nulls == "write" else "skip",
        max_changes=max_changes,
        max_value_change_percent=max_value_change_percent,
    )
    if nulls not in ("skip", "write"):
        raise typer.BadParameter(f"{nulls!r} is unknown. Accepted: skip, write", param_hint="--nulls")
    name = settings.route().resource.name
    source = input_of(path if "://" in path else str(Path(path).absolute()))
    with hook_for(conn_id, store_hash, token, api_url).store() as store:
        folder = attempt_of({}, "command_line", str(report_path.absolute()), name, "plan")
        manifest = plan_rows(store, source, settings, folder)
    if as_json:
        say(json.dumps({"manifest": folder.uri, "digest": manifest.digest, "rows": manifest.rows, "counts": manifest.counts}, indent=2))
    else:
        say(_head(manifest))
        say(folder.uri)


@write.command()
@only_results
def show(
    uri: PlanUri,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows to print at most; 0 for all.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Print a plan: for each row its key, what is done, and each field's old and new value.

    \b
    airflow-bigcommerce write show bigcommerce-reports/products/run=.../plan-1
    airflow-bigcommerce write show s3://aws_default@bucket/reports/products/run=.../plan-1/manifest.json --limit 0
    """
    from itertools import islice

    from airflow_provider_bigcommerce.writing.folder import open_plan
    from airflow_provider_bigcommerce.writing.formats import encoded

    with open_plan(uri if "://" in uri else str(Path(uri).absolute())) as opened:
        rows = islice(opened.rows(), limit or None)
        if as_json:
            for row in rows:
                say(encoded(row).decode())
            return
        say(_head(opened.manifest))
        for line in opened.manifest.warnings:
            say(f"Mind: {line}")
        _print_rows(rows)
        if limit and opened.manifest.rows > limit:
            say(f"... and {opened.manifest.rows - limit:,} more rows; --limit 0 prints all.")


@write.command()
@only_results
def limits(resource: Annotated[str, typer.Argument(help="Catalog name, such as products.")], as_json: AsJson = False) -> None:
    """Show how rows of a resource can be written: calls, keys, rows per request, requests at once, what a second sending does.

    \b
    airflow-bigcommerce write limits price_list_records
    """
    from airflow_provider_bigcommerce.core.planning import resource_of

    known = resource_of(resource)
    verbs = {"create": known.create, "update": known.update, "delete": known.delete}
    calls = [(name, call) for name, call in verbs.items() if call is not None]
    if as_json:
        say(json.dumps([_told(name, call) for name, call in calls], indent=2))
    elif not calls:
        say(f"{known.name} cannot be written through BigCommerce's API.")
    else:
        titles = ("verb", "call", "rows", "at once", "left out", "again", "found by", "secret", "side effects")
        print_table(titles, [tuple(_text(value) for value in _told(name, call).values()) for name, call in calls])
        say(f"rows with *: BigCommerce publishes no number. All calls: {page('reference/writes.md')}")


def _told(name: str, call: Write) -> dict[str, Any]:
    keys = [", ".join(fields) for fields in call.upsert_by]
    keys += [", ".join(lookup.fields) + (" (many)" if lookup.many else "") for lookup in call.lookup if lookup.filter]
    return {
        "verb": name,
        "call": call.name,
        "rows": f"{call.rows_at_once}{'*' if call.batch_size is None else ''}",
        "at_once": call.concurrency,
        "left_out": call.put,
        "again": call.repeat,
        "found_by": list(dict.fromkeys(keys)),
        "secret": list(call.secret_fields),
        "side_effects": list(call.effects),
    }


def _text(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _head(manifest: PlanManifest) -> str:
    counts = ", ".join(f"{count:,} {name}" for name, count in manifest.counts.items())
    return f"Plan {manifest.digest[:12]} of {manifest.resource}, store {manifest.store_hash}, made {manifest.created_at}: {counts}."


def _print_rows(rows: Iterable[PlanRow]) -> None:
    """The rows as a table: for each field that changes, what was and what will be."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stdout(), width=None if stdout().isatty() else 200)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("row", "key", "does", "field", "old", "new"):
        table.add_column(title, overflow="fold")
    for row in rows:
        key = " / ".join(map(str, row.key)) or (f"id {row.id}" if row.id is not None else "")
        first = (str(row.row), key, row.operation)
        style = _STYLES[row.operation]
        for place, name in enumerate(row.fields or [""]):
            own = first if place == 0 else ("", "", "")
            old = "" if row.old is None or name not in row.old else _shown(row.old[name])
            new = _shown(row.new[name]) if name in row.new else ""
            cells = [Text(text, style=style if place == 0 else "") for text in own]
            table.add_row(*cells, Text(name), Text(old, style="red"), Text(new, style="green"))
        for line in row.warnings:
            table.add_row("", "", "", Text(line, style="magenta"), "", "")
    console.print(table)


def _shown(value: Any) -> str:
    from airflow_provider_bigcommerce.core.outside_text import one_line

    return "null" if value is None else one_line(str(value), 200)


def _pairs(texts: list[str] | None, hint: str) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise typer.BadParameter(f"{text!r} is not name=value", param_hint=hint)
        found[name] = value
    return found or None
