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
    from airflow_provider_bigcommerce.engine.webhook_health import Problem
    from airflow_provider_bigcommerce.status import CopyStatus, LastEvent, Status, WebhooksStatus

#: Exit status where a copy lags more than ``--max-lag`` allows.
LATE: Final = 1

#: Characters of a cell.
_LONGEST: Final = 2_000
#: Fields that the store sent in addition to the schema and that a line names.
_MOST_FIELDS: Final = 3

_TITLES: Final = (
    "connection", "resource", "last success", "rows", "lag", "quota left", "last event", "last proof", "state", "drift", "destination",
)  # fmt: skip

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
    """Show for each connection and resource: last success, rows, lag, quota, last event, last proof, drift, destination. And the webhooks.

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
        say(json.dumps(found.as_json(), indent=2))
    elif found:
        _print(found)
    else:
        say("No copy is known: no task of this version has ended here, or its XComs were removed (airflow db clean).")
    if most is not None:
        _alert(found.copies, most, max_lag or "")


def _print(found: Status) -> None:
    """A table of each kind that there is, with an empty line between."""
    if found.copies:
        print_table(_TITLES, [_row(each) for each in found.copies], whole=("connection", "resource", "destination"))
    if found.webhooks:
        say(f"{chr(10) if found.copies else ''}Webhooks")
        titles = ("connection", "last looked at", "active", "state", "destination")
        print_table(titles, [_hooks(each) for each in found.webhooks], whole=("connection", "destination"))
    if found.events:
        say(f"{chr(10) if found.copies or found.webhooks else ''}Events of resources without a copy")
        rows = [(*_shown(each.conn_id, each.resource), _event(each)) for each in found.events]
        print_table(("connection", "resource", "last event"), rows)


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
    event = "" if each.last_event is None else _event(each.last_event)
    cells = (each.conn_id, each.resource, each.last_success or "never", rows, _lag(each), quota, event, proof, state, _drift(each))
    return _shown(*cells, each.destination)


def _shown(*cells: str) -> tuple[str, ...]:
    """Cells without what would command a terminal: connection ids and records can be edited by a hand."""
    from airflow_provider_bigcommerce.core.outside_text import one_line

    return tuple(one_line(cell, _LONGEST) for cell in cells)


def _event(each: LastEvent) -> str:
    rows = "" if each.rows is None else f", {each.rows:,} row{'' if each.rows == 1 else 's'}"
    return " ".join(_shown(f"{each.at}{f' by {each.via}' if each.via else ''}{rows}; {each.events:,} in a day"))


def _drift(each: CopyStatus) -> str:
    if not each.drift:
        return ""
    named = ", ".join(f"{field.path} ({field.seen_type})" for field in each.drift[:_MOST_FIELDS])
    more = max(each.drift_count, len(each.drift)) - _MOST_FIELDS
    return f"{named}, {more} more" if more > 0 else named


def _hooks(each: WebhooksStatus) -> tuple[str, ...]:
    wrong = [] if each.failure is None else [f"FAILING since {each.failure.at or 'an unknown time'}: {each.failure.error}"]
    wrong += [_problem(problem) for problem in each.off]
    mended = [f"mended {problem.mended_at}: {problem.what}, {problem.why}{_since(problem)}" for problem in each.mended]
    state = "; ".join([*(wrong or ["ok"]), *mended])
    return _shown(each.conn_id, each.checked_at or "never", "" if each.active is None else str(each.active), state, each.destination)


def _since(problem: Problem) -> str:
    return f" (since {problem.since})" if problem.since else ""


def _problem(problem: Problem) -> str:
    return f"OFF since {problem.since or 'an unknown time'}: {problem.what}, {problem.why}"


def _state(each: CopyStatus) -> str:
    return "a count disagrees" if each.complete is False else "ok"


def _lag(each: CopyStatus) -> str:
    from airflow_provider_bigcommerce.engine.progress import duration

    return "" if each.lag_seconds is None else duration(each.lag_seconds)
