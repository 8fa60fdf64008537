"""The command ``airflow-bigcommerce status``: where every copy stands, for people, programs and alerts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from airflow_provider_bigcommerce.cli.output import only_results, print_table, say

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.status import CopyStatus

#: Exit status where a copy lags more than ``--max-lag`` allows.
LATE: Final = 1

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@only_results
def status(
    conn_id: Annotated[str | None, typer.Option(help="Only this connection.")] = None,
    resource: Annotated[str | None, typer.Option(help="Only this resource: a catalog name or a path.")] = None,
    max_lag: Annotated[
        str | None, typer.Option(help="End with status 1 if a copy lags more than this, or never ended well: 90m, 26h, 2d.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show for each connection and resource: last success, rows, lag, quota, last proof, destination.

    It reads what the tasks left in Airflow's metadata database, and sends nothing to BigCommerce. Run it where the scheduler runs.

    \b
    airflow-bigcommerce status
    airflow-bigcommerce status --conn-id my_store --json
    airflow-bigcommerce status --max-lag 26h || notify-the-team
    """
    from sqlalchemy.exc import SQLAlchemyError

    from airflow_provider_bigcommerce.core.planning import copied_resource
    from airflow_provider_bigcommerce.exceptions import BigCommerceError
    from airflow_provider_bigcommerce.status import status as standing

    most = None if max_lag is None else _span(max_lag)
    name = None if resource is None else copied_resource(resource).name
    try:
        found = standing(conn_id=conn_id, resource=name)
    except SQLAlchemyError as error:
        raise BigCommerceError(
            f"Airflow's metadata database could not be used ({type(error).__name__}). Run this where the scheduler runs, with its "
            "AIRFLOW_HOME or AIRFLOW__DATABASE__SQL_ALCHEMY_CONN; a new database needs 'airflow db migrate' first."
        ) from error
    if as_json:
        say(json.dumps([each.as_json() for each in found], indent=2))
    elif found:
        titles = ("connection", "resource", "last success", "rows", "lag", "quota left", "last proof", "state", "destination")
        print_table(titles, [_row(each) for each in found], whole=("connection", "resource", "destination"))
    else:
        say("No copy is known: no task of this version has ended here, or its XComs were removed (airflow db clean).")
    if most is not None:
        _alert(found, most, max_lag or "")


def _alert(found: Sequence[CopyStatus], most: timedelta, asked: str) -> None:
    """End with status 1 where a copy is late; where none is known, nothing says that there is one in time."""
    late = [each for each in found if each.is_late(most)]
    if found and not late:
        return
    names = ", ".join(f"{each.conn_id}/{each.resource} ({_lag(each) or 'never copied'})" for each in late)
    typer.echo(f"airflow-bigcommerce: {f'later than {asked}: {names}' if late else 'no copy is known'}", err=True)
    raise typer.Exit(LATE)


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no span. Accepted: a number and s, m, h or d, such as 90m or 26h", param_hint="--max-lag")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _row(each: CopyStatus) -> tuple[str, ...]:
    proof = "never" if each.proof is None else f"{'equal' if each.proof.equal else 'DIFFERS'} {each.proof.at}"
    quota = "" if each.quota is None else f"{each.quota_left if each.quota_left is not None else '?'} of {each.quota}"
    rows = "" if each.rows is None else f"{each.rows:,}"
    state = f"FAILED {each.failure.at}: {each.failure.error}" if each.failure is not None else _state(each)
    return each.conn_id, each.resource, each.last_success or "never", rows, _lag(each), quota, proof, state, each.destination


def _state(each: CopyStatus) -> str:
    return "a count disagrees" if each.complete is False else "ok"


def _lag(each: CopyStatus) -> str:
    from airflow_provider_bigcommerce.engine.progress import duration

    return "" if each.lag_seconds is None else duration(each.lag_seconds)
