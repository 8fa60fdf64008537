"""The command ``airflow-bigcommerce read``: rows of a resource, on stdout or in one file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_bigcommerce.cli.connecting import (
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
from airflow_provider_bigcommerce.cli.output import only_results, stdout
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

if TYPE_CHECKING:
    import msgspec

    from airflow_provider_bigcommerce.client.verbs import Page
    from airflow_provider_bigcommerce.core.catalog import Resource
    from airflow_provider_bigcommerce.targets.files.destination import Destination
    from airflow_provider_bigcommerce.targets.files.writers import Writer

    Records = Sequence[msgspec.Raw]


@only_results
def read(
    resource: ResourceName,
    to: Annotated[
        Path | None, typer.Option(help="File to write: .parquet, .jsonl, .jsonl.gz or .jsonl.zst. Without it, JSON lines to stdout.")
    ] = None,
    since: Since = None,
    until: Until = None,
    query: Filters = None,
    fields: Annotated[str | None, typer.Option(help="Only these fields and the key: email,name. A change date stays too.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="End after this number of rows.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    conn_id: ConnId = None,
    store_hash: StoreHash = None,
    token: Token = None,
    api_url: ApiUrl = None,
) -> None:
    """Read the rows of a resource, within the store's quota. A terminal shows how far it is.

    \b
    airflow-bigcommerce read orders --since 2026-01-01 --to orders.parquet
    airflow-bigcommerce read products --query include=variants --to products.jsonl.gz
    airflow-bigcommerce read customers --fields id,email --limit 10
    """
    from airflow_provider_bigcommerce.core.windows import moment

    if to is not None and to.exists() and not overwrite:
        raise typer.BadParameter(f"{to} exists; --overwrite replaces it", param_hint="--to")
    if to is not None and not to.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no directory {to.absolute().parent}; create it first", param_hint="--to")
    row, kept, asked = _selected(resource, query_of(query), fields)
    if limit is not None and row.page_size and not row.parent_keys and "limit" not in asked and "page" not in asked:
        asked["limit"] = str(min(limit, row.page_size))
    begin, end = moment(since, "--since"), moment(until, "--until")
    # With a limit, nothing is read ahead of it.
    ahead = {} if limit is None else {"max_concurrency": 1}
    with hook_for(conn_id, store_hash, token, api_url).store(**ahead) as store, contextlib.ExitStack() as stack:
        pages = _first(limit, store.pages(resource, query=asked, since=begin, until=end))
        if to is None:
            write, done = _to_stdout, stdout().buffer.flush
            told = _quiet if stdout().isatty() else stack.enter_context(_progress(row.name))
        else:
            writer = stack.enter_context(_writer(to, row, store.store_hash))
            write, done, told = writer.write, _nothing, stack.enter_context(_progress(row.name))
        rows = 0
        for records, total in pages:
            write(kept(records))
            rows += len(records)
            told(rows, total if limit is None or total is None else min(limit, total))
        done()
    if to is not None:
        stats = store.stats
        typer.echo(f"{to}: {rows} rows in {stats.requests} requests, {stats.throttled} of them over quota (429).", err=True)


def _selected(resource: str, query: dict[str, str], fields: str | None) -> tuple[Resource, Callable[[Records], Records], dict[str, Any]]:
    """The resource, what makes of its rows those that are shown, and the query to send.

    :raises InvalidQueryError: a field that it does not have; ``--fields`` in addition to ``include_fields``.
    """
    from airflow_provider_bigcommerce.core.fields import select_fields
    from airflow_provider_bigcommerce.core.planning import column_of, resource_of
    from airflow_provider_bigcommerce.rows.schemas import schema as schema_of

    row = resource_of(resource)
    if fields is None:
        return row, lambda records: records, {**query}
    if taken := sorted({"include_fields", "exclude_fields"} & query.keys()):
        raise InvalidQueryError(f"--query {taken[0]} and --fields say the same. Give one of them.")
    wanted = [name.strip() for name in fields.split(",") if name.strip()]
    known = schema_of(row.name, row.primary_key).fields
    is_described = len(known) > len(row.primary_key) + len(row.parent_columns)
    columns = [column_of(name) for name in row.parent_columns]
    selection = select_fields(row, wanted, None, known=known if is_described else (), columns=columns)
    return row, selection.applied, {**query, **selection.query}


def _first(limit: int | None, pages: Iterable[Page]) -> Iterator[tuple[Records, int | None]]:
    """The rows of each page and the total, until there were so many rows."""
    left = limit
    for page in pages:
        records = page.records if left is None else page.records[:left]
        yield records, page.total
        left = None if left is None else left - len(records)
        if left == 0:
            return


def _to_stdout(records: Records) -> None:
    from airflow_provider_bigcommerce.rows.lines import one_line_each

    stdout().buffer.write(one_line_each(records))


def _nothing() -> None:
    """What is done at the end of a file: its writer does it."""


def _quiet(rows: int, total: int | None) -> None:
    """No bar among rows that stand on the screen themselves."""


@contextmanager
def _writer(path: Path, row: Resource, store_hash: str) -> Iterator[Writer]:
    """A file that appears under its name when everything is written, and not at all if that fails."""
    from datetime import UTC, datetime

    from airflow_provider_bigcommerce.targets.files.destination import Destination
    from airflow_provider_bigcommerce.targets.files.writers import Stamp

    writer = _open(Destination.at(path.resolve().parent), path.name, row, Stamp(datetime.now(UTC), store_hash))
    try:
        yield writer
    except BaseException:
        writer.abort()
        raise
    writer.close()


def _open(destination: Destination, name: str, row: Resource, stamp: Any) -> Writer:
    from airflow_provider_bigcommerce.engine.copying import columns_of
    from airflow_provider_bigcommerce.targets.files.writers import JsonLinesWriter, ParquetWriter

    if name.endswith(".parquet"):
        return ParquetWriter(destination, name, columns_of(row), stamp=stamp)
    if name.endswith(".jsonl"):
        return JsonLinesWriter(destination, name)
    if name.endswith(".jsonl.gz"):
        return JsonLinesWriter(destination, name, compression="gzip")
    if name.endswith(".jsonl.zst"):
        return JsonLinesWriter(destination, name, compression="zstd")
    raise typer.BadParameter(f"{name!r} has no known ending. Accepted: .parquet, .jsonl, .jsonl.gz, .jsonl.zst", param_hint="--to")


@contextmanager
def _progress(name: str) -> Iterator[Any]:
    """A progress bar on stderr, so that stdout stays the data's."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda rows, total: bar.update(task, completed=rows, total=total)
