"""What the command ``airflow-bigcommerce report`` does: asks a store, writes the file, and says what differs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from airflow_provider_bigcommerce.cli.output import say

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog import Resource
    from airflow_provider_bigcommerce.core.report_format import Report
    from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

#: The part of the store's quota that a report uses, where the connection allows more.
QUOTA_SHARE: Final = 0.5
#: Attempts of one request, and seconds that one may wait in all: a person is waiting, and a probe that fails is reported as such.
_ATTEMPTS, _WAIT = 3, 120.0


def resources_of(text: str | None) -> list[Resource]:
    """The catalog's rows that ``--resources`` names, all of them where it is not given.

    :param text: catalog names with commas between.
    :raises UnknownResourceError: there is none of a name.
    :raises typer.BadParameter: it names none.
    """
    from airflow_provider_bigcommerce.core.catalog import CATALOG, find

    if text is None:
        return list(CATALOG.values())
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise typer.BadParameter("give catalog names with commas between: orders,customers", param_hint="--resources")
    return [find(name) for name in names]


def settings_of(quota_share: float) -> dict[str, float]:
    """How the store is talked to.

    :param quota_share: the fraction of the store's quota that the connection allows.
    """
    return {"quota_share": min(quota_share, QUOTA_SHARE), "max_attempts": _ATTEMPTS, "max_wait": _WAIT}


def write_report(hook: BigCommerceHook, rows: Sequence[Resource], file: Path, *, overwrite: bool) -> None:
    """Ask the store, and write the file when all is asked; a run that ends before leaves no file behind.

    :param rows: the catalog's rows to ask for.
    :raises typer.BadParameter: the file exists, or cannot be written there.
    :raises BigCommerceError: the store refuses the token, or does not answer at all.
    """
    from airflow_provider_bigcommerce.core.report_format import report_text
    from airflow_provider_bigcommerce.reporting.making import make_report

    if file.is_dir():
        raise typer.BadParameter(f"{file} is a directory; name a file in it", param_hint="--output")
    if file.exists() and not overwrite:
        raise typer.BadParameter(f"{file} exists; --overwrite replaces it", param_hint="--output")
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be written: {error.strerror}", param_hint="--output") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as target, hook.store(**settings_of(hook.quota_share)) as store:
            report = make_report(store, rows, today=datetime.now(UTC).date(), tell=lambda line: typer.echo(line, err=True))
            target.write(report_text(report))
        Path(name).replace(file)
    finally:
        Path(name).unlink(missing_ok=True)
    tell_of(report, file)


def tell_of(report: Report, file: Path) -> None:
    """Print what the report found, and what is left to do with it."""
    counts = {
        asked: sum(each.asked == asked for each in report.resources) for asked in ("answered", "refused_for_scope", "failed", "not_asked")
    }
    say(
        f"{file}: {len(report.resources)} resources in {report.requests} requests; {counts['answered']} answered, "
        f"{counts['refused_for_scope']} refused for a missing scope, {counts['failed']} failed, {counts['not_asked']} not asked."
    )
    differences = report.differences()
    for line in differences:
        say(f"  {line}")
    if differences:
        say(f"{len(differences)} differences from what this package assumes.")
    else:
        say("Nothing differs from what this package assumes; the answers to open questions are still useful.")
    say("The file holds names, types and statuses, and no value of the store. Read it, then attach it to an issue.")
