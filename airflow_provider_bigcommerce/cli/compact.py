"""The command ``airflow-bigcommerce compact``: few large files of the many small ones of copies in files."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_provider_bigcommerce.cli.output import only_results, print_table, say

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.targets.files.compaction import Compacted, Size


@only_results
def compact(
    path: Annotated[str, typer.Argument(help="Where tasks copy into files: /data/bigcommerce, s3://aws_default@bucket/bigcommerce.")],
    resources: Annotated[list[str] | None, typer.Argument(metavar="[RESOURCE]...", help="Only these; all if not given.")] = None,
    keep_days: Annotated[float, typer.Option(min=0, max=36_500, help="For how many days replaced files are kept for their readers.")] = 7.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, and say what would be done.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Make few large files of the many small ones of copies in files; the rows stay the same.

    The newest day of runs stays as it is. What earlier compactions have replaced is removed when it is older than --keep-days.

    \b
    airflow-bigcommerce compact /data/bigcommerce --dry-run
    airflow-bigcommerce compact s3://aws_default@bucket/bigcommerce orders products
    """
    from airflow_provider_bigcommerce.targets.files.compaction import compacted
    from airflow_provider_bigcommerce.targets.files.destination import Destination

    keep = timedelta(days=keep_days)
    found = compacted(Destination.at(path), resources or None, keep=keep, dry_run=dry_run, tell=lambda line: typer.echo(line, err=True))
    if as_json:
        say(json.dumps([each.as_json() for each in found], indent=2))
    elif not found:
        say(f"No copy is at {path}: there is no directory of a resource with manifests.")
    else:
        titles = ("resource", "before", "would be merged" if dry_run else "after", "would be removed" if dry_run else "removed", "")
        print_table(titles, [_line(each, dry_run=dry_run) for each in found])


def _line(each: Compacted, *, dry_run: bool) -> tuple[str, ...]:
    shown = each.merged if dry_run else each.after
    return each.resource, _told(each.before), _told(shown) if shown is not None else "", _told(each.removed), each.skipped or ""


def _told(size: Size) -> str:
    return f"{size.files:,} files, {size.bytes / 1e6:,.1f} MB" if size.runs or size.files else ""
