"""The console script ``airflow-bigcommerce``: connect a store, look at it, read from it, and run a store to try things on.

Turns arguments into calls and results into text; decides nothing about BigCommerce. Each command imports what it needs when it runs, so
that ``--help`` is quick. Exit status: 0 done, 1 failed, 2 wrong usage.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.cli.compact import compact
from airflow_provider_bigcommerce.cli.connecting import (
    DEFAULT_CONN_ID,
    ApiUrl,
    ConnId,
    Filters,
    ResourceName,
    Since,
    StoreHash,
    Token,
    Until,
    hook_for,
    query_of,
)
from airflow_provider_bigcommerce.cli.dbt import dbt
from airflow_provider_bigcommerce.cli.estimate import estimate
from airflow_provider_bigcommerce.cli.hints import in_options
from airflow_provider_bigcommerce.cli.output import only_results, print_table, say, stdout
from airflow_provider_bigcommerce.cli.read import read
from airflow_provider_bigcommerce.cli.state import state
from airflow_provider_bigcommerce.cli.status import status
from airflow_provider_bigcommerce.cli.webhooks import webhooks
from airflow_provider_bigcommerce.cli.write_back import write
from airflow_provider_bigcommerce.exceptions import (
    BigCommerceError,
    InvalidQueryError,
    UnknownResourceError,
)

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.credentials import StoreCredentials

FAILED, WRONG_USAGE = 1, 2

#: What Airflow says where its database has no tables, or not those of this version: itself, SQLite, PostgreSQL, MySQL.
_NO_DATABASE: Final = re.compile(
    r"initialize the database|airflow db (?:migrate|init)|no such (?:table|column)|relation \S+ does not exist|"
    r"column \S+ does not exist|Table '\S+' doesn't exist|Unknown column"
)

#: Seconds for which ``check`` asks for one scope after the other; what is left then is "unclear".
CHECK_SECONDS: Final = 60.0

# Plain help texts: rich's would fold the examples. No pretty tracebacks: they can show local variables, which hold tokens.
app = typer.Typer(
    name="airflow-bigcommerce",
    help="BigCommerce stores on the command line. Each command has --help with examples.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(state, name="state")
app.add_typer(webhooks, name="webhooks")
app.add_typer(write, name="write")
app.command()(compact)
app.command()(dbt)
app.command()(estimate)
app.command()(read)
app.command()(status)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def main() -> int:
    """Run the command line; returns the exit status."""
    try:
        app(standalone_mode=True)
    except (InvalidQueryError, UnknownResourceError) as error:
        return _complain(in_options(str(error)), WRONG_USAGE)
    except BigCommerceError as error:
        return _complain(error, FAILED)
    except BrokenPipeError:  # `... | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED
    return 0


def _complain(error: object, status: int) -> int:
    from airflow_provider_bigcommerce.core.outside_text import one_line

    typer.echo(f"airflow-bigcommerce: {one_line(error, 4000)}", err=True)
    return status


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """BigCommerce stores on the command line. Each command has --help with examples."""


# -- connect a store --------------------------------------------------------------------------------------------------


@app.command()
@only_results
def connection(
    file: Annotated[
        Path, typer.Argument(help="The .txt file that BigCommerce offered when the API account was created; - reads it from stdin.")
    ],
    add: Annotated[bool, typer.Option("--add", help="Add the connection to this Airflow.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the environment variable with JSON. Shows the secrets.")] = False,
    as_uri: Annotated[bool, typer.Option("--uri", help="Print the environment variable with a URI. Shows the secrets.")] = False,
    conn_id: Annotated[str, typer.Option(help="Id of the connection.")] = DEFAULT_CONN_ID,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="With --add: replace a connection of that id.")] = False,
) -> None:
    """Create an Airflow connection from BigCommerce's credentials file.

    Without an option it says what it found and stores nothing.

    \b
    airflow-bigcommerce connection credentials.txt
    airflow-bigcommerce connection credentials.txt --add
    airflow-bigcommerce connection credentials.txt --json >> .env
    """
    from airflow_provider_bigcommerce.core.credentials import connection_json, connection_uri, credentials_text, parse_credentials_file

    if add + as_json + as_uri > 1:
        raise typer.BadParameter("give one of --add, --json and --uri")
    if not re.fullmatch(r"[\w.-]{1,250}", conn_id, re.ASCII):
        raise typer.BadParameter("a connection id consists of letters, digits, '_', '-' and '.'", param_hint="--conn-id")
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}", param_hint="FILE") from None
    credentials = parse_credentials_file(credentials_text(data))
    if add:
        _add_connection(conn_id, credentials, overwrite)
        say(f"Added the connection {conn_id!r} for store {credentials.store_hash}. Try it: airflow-bigcommerce check --conn-id {conn_id}")
    elif as_json or as_uri:
        value = connection_uri(credentials) if as_uri else connection_json(credentials)
        say(f"AIRFLOW_CONN_{conn_id.upper()}={shlex.quote(value)}")
    else:
        found = {"client ID": credentials.client_id, "client secret": credentials.client_secret}
        say(f"Found the store hash {credentials.store_hash} and an access token; {_list_found(found)}. Nothing was stored.")
        say(f"Next: airflow-bigcommerce connection {shlex.quote(str(file))} --add   (or --json: prints the secrets)")


def _list_found(found: Mapping[str, object]) -> str:
    return ", ".join(f"{'a' if value else 'no'} {name}" for name, value in found.items())


def _add_connection(conn_id: str, credentials: StoreCredentials, overwrite: bool) -> None:
    """Add by ``airflow connections import`` of a 0600 file.

    Not by ``airflow connections add``: that writes its arguments, the token among them, into Airflow's log table, and they show in the list
    of processes.
    """
    from airflow_provider_bigcommerce.core.credentials import connection_json
    from airflow_provider_bigcommerce.core.redaction import redact

    # The port 0, which means none: the Test button of Airflow 3.3.2 sends 0, and refuses to test what differs from the stored port.
    fields = {**json.loads(connection_json(credentials)), "port": 0}
    descriptor, name = tempfile.mkstemp(suffix=".json")  # made with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({conn_id: fields}, file)
        command = [sys.executable, "-m", "airflow", "connections", "import", name, *(["--overwrite"] if overwrite else [])]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own interpreter, no shell
    finally:
        Path(name).unlink()
    said = redact(done.stdout + done.stderr, credentials.secrets)
    if "already exists" in said:
        _complain(f"There is a connection {conn_id!r} already; --overwrite replaces it.", FAILED)
        raise typer.Exit(FAILED)
    if _NO_DATABASE.search(said):
        _complain(
            "This Airflow's metadata database has no tables yet, or those of another version. Run `airflow db migrate`, then this again; "
            "or use --json, which needs no database.",
            FAILED,
        )
        raise typer.Exit(FAILED)
    if done.returncode or "Imported connection" not in said:
        _complain(f"airflow connections import failed with status {done.returncode}:\n{said[-2000:].strip()}", FAILED)
        raise typer.Exit(FAILED)


# -- look at a store --------------------------------------------------------------------------------------------------


@app.command()
@only_results
def check(
    conn_id: ConnId = None, store_hash: StoreHash = None, token: Token = None, api_url: ApiUrl = None, as_json: AsJson = False
) -> None:
    """Test a connection, and show which resources its token can read: one light request for each scope.

    If the connection does not work, it says why and ends with status 1.

    \b
    airflow-bigcommerce check
    airflow-bigcommerce check --conn-id my_store --json
    BIGCOMMERCE_STORE_HASH=abc123 BIGCOMMERCE_ACCESS_TOKEN=... airflow-bigcommerce check
    """
    from airflow_provider_bigcommerce.access import permissions
    from airflow_provider_bigcommerce.hooks.answers_of_requests import TEST_TIMEOUT

    hook = hook_for(conn_id, store_hash, token, api_url)
    works, message, lacks_scope = hook.try_connection()
    if not works and not lacks_scope:
        if as_json:
            say(json.dumps({"works": False, "message": message, "scopes": []}, indent=2))
        raise typer.Exit(_complain(message, FAILED))
    typer.echo(message, file=sys.stderr if as_json or not works else stdout())
    # A person is waiting: no long waits, and an end.
    with hook.store(timeout=TEST_TIMEOUT, max_attempts=2, max_wait=30.0) as store:
        rows: list[dict[str, Any]] = [
            {
                "scopes": list(permission.scopes),
                "readable": permission.is_given,
                "asked": permission.asked,
                "resources": [row.name for row in permission.resources],
                **({"note": permission.note} if permission.note else {}),
            }
            for permission in permissions(store, seconds=CHECK_SECONDS)
        ]
    if as_json:
        say(json.dumps({"works": works, "message": message, "scopes": rows}, indent=2))
    else:
        cells = [
            (
                {True: "yes", False: "no", None: "unclear"}[row["readable"]],
                " or ".join(row["scopes"]) or "(any token)",
                _some(row["resources"]),
            )
            for row in rows
        ]
        print_table(("readable", "scope", "resources"), cells)
        for row in rows:
            if "note" in row:
                say(row["note"])
    if not any(row["readable"] for row in rows):
        raise typer.Exit(FAILED)


def _some(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@app.command()
@only_results
def resources(
    area: Annotated[str | None, typer.Option(help="Only this area, such as orders.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what can be read, with path, date filter and the scope it needs; asks no store.

    \b
    airflow-bigcommerce resources
    airflow-bigcommerce resources --area orders --json
    """
    from airflow_provider_bigcommerce.core.catalog import CATALOG

    areas = sorted({row.area for row in CATALOG.values()})
    if area is not None and area not in areas:
        raise typer.BadParameter(f"no area {area!r}. Accepted: {', '.join(areas)}", param_hint="--area")
    rows = [row for row in CATALOG.values() if area in (None, row.area)]
    if as_json:
        told = [
            {
                "name": row.name,
                "area": row.area,
                "path": row.path,
                "kind": row.kind,
                "date_filter": row.modified.since if row.modified else row.created.since if row.created else None,
                "scopes": list(row.read_scopes),
                "deprecated": row.deprecated,
            }
            for row in rows
        ]
        say(json.dumps(told, indent=2))
        return
    cells = [
        (
            row.name + (" (deprecated)" if row.deprecated else ""),
            row.path,
            "changed" if row.modified else "created" if row.created else "",
            row.read_scopes[0] if row.read_scopes else "",
        )
        for row in rows
    ]
    print_table(("resource", "path", "since", "scope"), cells)


@app.command()
@only_results
def schema(resource: ResourceName, as_json: AsJson = False) -> None:
    """Show the columns that Parquet files of a resource have.

    \b
    airflow-bigcommerce schema orders
    airflow-bigcommerce schema products --json
    """
    from airflow_provider_bigcommerce.core.planning import resource_of
    from airflow_provider_bigcommerce.engine.copying import columns_of
    from airflow_provider_bigcommerce.rows.schemas import arrow_schema

    columns = [(column.name, str(column.type), column.nullable) for column in arrow_schema(columns_of(resource_of(resource)))]
    if as_json:
        say(json.dumps([{"name": name, "type": kind, "nullable": nullable} for name, kind, nullable in columns], indent=2))
        return
    print_table(("column", "type", "null"), [(name, kind, "yes" if nullable else "never") for name, kind, nullable in columns])


# -- read from a store ------------------------------------------------------------------------------------------------


@app.command()
@only_results
def count(
    resource: ResourceName,
    since: Since = None,
    until: Until = None,
    query: Filters = None,
    conn_id: ConnId = None,
    store_hash: StoreHash = None,
    token: Token = None,
    api_url: ApiUrl = None,
) -> None:
    """Print how many rows a resource has.

    \b
    airflow-bigcommerce count products
    airflow-bigcommerce count orders --since 2026-01-01 --query status_id=11
    """
    from airflow_provider_bigcommerce.core.windows import moment

    with hook_for(conn_id, store_hash, token, api_url).store() as store:
        say(store.count(resource, query=query_of(query), since=moment(since, "--since"), until=moment(until, "--until")))


@app.command()
@only_results
def report(
    resources: Annotated[str | None, typer.Option(help="Only these, with commas between: orders,customers. All unless given.")] = None,
    output: Annotated[Path, typer.Option(help="File to write.")] = Path("bigcommerce-report.json"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    conn_id: ConnId = None,
    store_hash: StoreHash = None,
    token: Token = None,
    api_url: ApiUrl = None,
) -> None:
    """Write a file that shows where this store differs from BigCommerce's documentation; for an issue.

    It only reads. The file holds names of fields, types and statuses: no value, id, address, host, store hash or token. It uses at most
    half of the store's quota. What the token may not read is reported as such.

    \b
    airflow-bigcommerce report
    airflow-bigcommerce report --resources orders,customers --output report.json
    """
    from airflow_provider_bigcommerce.cli.report import resources_of, write_report

    rows = resources_of(resources)
    write_report(hook_for(conn_id, store_hash, token, api_url), rows, output, overwrite=overwrite)


# -- try things -------------------------------------------------------------------------------------------------------


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def sandbox(context: typer.Context) -> None:
    """Run a BigCommerce store on localhost; sandbox --help shows its options."""
    from airflow_provider_bigcommerce.sandbox.program import main as run

    raise typer.Exit(run(context.args))


@app.command()
def examples(directory: Annotated[Path, typer.Argument(help="Directory to write into; created if it is missing.")]) -> None:
    """Write the example DAGs into a directory; files that exist are left alone.

    \b
    airflow-bigcommerce examples ~/airflow/dags
    """
    package = Path(__file__).parent.parent
    # A wheel holds them inside the package, a checkout next to it.
    source = next(folder for folder in (package / "examples", package.parent / "dags") if folder.is_dir())
    directory.mkdir(parents=True, exist_ok=True)
    for example in sorted(source.glob("*.py")):
        target = directory / example.name
        try:
            with target.open("xb") as file:
                file.write(example.read_bytes())
            typer.echo(f"wrote {target}")
        except FileExistsError:
            typer.echo(f"left alone {target}, which exists")
