"""The commands ``airflow-bigcommerce state ...``: look at the watermarks that incremental runs keep in Airflow, and repair them.

Where they are kept is ``compat``'s affair and what they mean ``state``'s; these commands turn one into the other for a person.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_bigcommerce.cli.output import only_results, print_table, say

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.compat import StoredState

state = typer.Typer(
    help="Show the watermarks of incremental runs, and repair them. They are in the state of Airflow's asset bigcommerce_sync_state, "
    "below Airflow 3.3 in Variables. Run it where Airflow's scheduler runs: it needs the metadata database. The watermarks of tables "
    "(BigCommerceToSqlOperator) are in the table _bigcommerce_syncs next to them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Key = Annotated[
    str | None,
    typer.Argument(help="As `state list` prints it: <connection id>/<resource>/<12 hex digits of the destination>. Or say --resource."),
]
Resource = Annotated[str | None, typer.Option(help="Resource of the watermark, instead of its key: a catalog name or a path.")]
Directory = Annotated[str | None, typer.Option("--path", help="The `path` that the task has, instead of a key.")]
ConnId = Annotated[str | None, typer.Option(help="Connection of the watermark, instead of a key.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

_UNREADABLE = "cannot be read"


@state.command("list")
@only_results
def list_(resource: Resource = None, path: Directory = None, conn_id: ConnId = None, as_json: AsJson = False) -> None:
    """List watermarks: key, store, how far it was read, how long ago, resource, destination, by which run.

    \b
    airflow-bigcommerce state list
    airflow-bigcommerce state list --path /data/bigcommerce
    airflow-bigcommerce state list --json
    """
    with _opened() as stored:
        kept = stored.items()
    found = _matching(kept, resource, path, conn_id)
    if as_json:
        say(json.dumps(found, indent=2))
    elif not kept:
        say("No watermark is kept: no incremental run has ended yet.")
    elif not found:
        say("No watermark fits. `airflow-bigcommerce state list` without options prints all.")
    else:
        titles = ("key", "store", "watermark", "set", "resource", "destination", "by")
        print_table(titles, [(key, *_told(key, value)) for key, value in found.items()], whole=("key", "destination"))


@state.command()
@only_results
def show(key: Key = None, resource: Resource = None, path: Directory = None, conn_id: ConnId = None, as_json: AsJson = False) -> None:
    """Show all that is kept of a watermark.

    \b
    airflow-bigcommerce state show bigcommerce_default/orders/0123456789ab
    airflow-bigcommerce state show --resource orders --path /data/bigcommerce
    """
    with _opened() as stored:
        key, value = _one(stored, key, resource, path, conn_id)
    if as_json or not isinstance(value, Mapping):
        say(json.dumps(value, indent=2))
    else:
        told = {"key": key, "resource": _resource_of(key, value), "destination": _destination_of(value)}
        rest = {str(name): str(part) for name, part in value.items() if name not in told}
        print_table(("field", "value"), [*told.items(), *rest.items()], whole=("value",))
    if problem := _problem(value):
        typer.echo(f"This value {_UNREADABLE} as a watermark: {problem}. Repair it: airflow-bigcommerce state set --help", err=True)


@state.command("set")
@only_results
def set_(
    key: Key = None,
    *,
    resource: Resource = None,
    path: Directory = None,
    conn_id: ConnId = None,
    watermark: Annotated[str, typer.Option(help="Where the next run continues: 2026-01-31T00:00:00Z, or a day (UTC).")],
    store_hash: Annotated[str | None, typer.Option(help="The store hash, if the present value does not have it.")] = None,
) -> None:
    """Move a watermark, back to read a span again or forth to leave one out; its other fields stay.

    \b
    airflow-bigcommerce state set bigcommerce_default/orders/0123456789ab --watermark 2026-01-01T00:00:00Z
    airflow-bigcommerce state set --resource orders --path /data/bigcommerce --watermark 2026-01-01
    """
    import msgspec

    from airflow_provider_bigcommerce.core.windows import moment, written
    from airflow_provider_bigcommerce.state import Watermark

    now = datetime.now(UTC)
    to = moment(watermark, "--watermark")
    if to is None:
        raise typer.BadParameter("it is empty", param_hint="--watermark")
    if to > now:
        raise typer.BadParameter(
            f"{watermark} is in the future: what the store changes until then would never be read", param_hint="--watermark"
        )
    with _opened() as stored:
        key, present = _one(stored, key, resource, path, conn_id)
        kept = {name: part for name, part in present.items() if isinstance(part, str)} if isinstance(present, Mapping) else {}
        if not (store_hash or kept.get("store_hash")):
            raise typer.BadParameter(
                f"what is kept under {key} is damaged and does not tell its store; give --store-hash", param_hint="--store-hash"
            )
        others = {name: part for name, part in kept.items() if name in Watermark.__struct_fields__}
        now_told = {"watermark": written(to), "set_at": written(now), **({"store_hash": store_hash} if store_hash else {})}
        new = msgspec.convert({"run": "", **others, **now_told}, Watermark)
        stored.set(key, msgspec.to_builtins(new))
    before = kept.get("watermark", "unreadable")
    say(f"{key}: {before} -> {new.watermark}. The next run reads what was changed since then.")


@state.command()
@only_results
def clear(
    key: Key = None,
    resource: Resource = None,
    path: Directory = None,
    conn_id: ConnId = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a watermark, so that the next run reads everything again.

    \b
    airflow-bigcommerce state clear bigcommerce_default/orders/0123456789ab --yes
    airflow-bigcommerce state clear --resource orders --path /data/bigcommerce
    """
    with _opened() as stored:
        key, value = _one(stored, key, resource, path, conn_id)
    if not yes:
        watermark, destination = _told(key, value)[1], _destination_of(value)
        typer.confirm(f"Forget {key} ({watermark}, {destination})? The next run reads everything again", abort=True, err=True)
    with _opened() as stored:
        stored.delete(key)
    say(f"{key} is forgotten. Files that were written stay; the next run reads everything again.")


@contextmanager
def _opened() -> Iterator[StoredState]:
    """The state in Airflow's metadata database.

    :raises BigCommerceError: the database cannot be read.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from airflow_provider_bigcommerce.compat import stored_state
    from airflow_provider_bigcommerce.exceptions import BigCommerceError
    from airflow_provider_bigcommerce.state import state_asset

    stored = stored_state(state_asset())
    try:
        yield stored
    except SQLAlchemyError as error:
        raise BigCommerceError(
            f"Airflow's metadata database could not be used ({type(error).__name__}). Run this where the scheduler runs, with its "
            "AIRFLOW_HOME or AIRFLOW__DATABASE__SQL_ALCHEMY_CONN; a new database needs 'airflow db migrate' first."
        ) from error


def _one(stored: StoredState, key: str | None, resource: str | None, path: str | None, conn_id: str | None) -> tuple[str, Any]:
    """The key and value that a person means: by the key, or by what it is of.

    :raises typer.BadParameter: none, or several, which the message lists.
    """
    named = [option for option in (resource, path, conn_id) if option is not None]
    if key is not None:
        if named:
            raise typer.BadParameter("give a key, or --resource, --path and --conn-id, and not both", param_hint="KEY")
        return key, _known(stored, key)
    if resource is None:
        raise typer.BadParameter("give a key as `airflow-bigcommerce state list` prints it, or --resource and --path", param_hint="KEY")
    found = _matching(stored.items(), resource, path, conn_id)
    if len(found) == 1:
        return next(iter(found.items()))
    if not found:
        raise typer.BadParameter(
            "no watermark fits. `airflow-bigcommerce state list` prints all; those of tables and lakes are kept with their rows",
            param_hint="--resource",
        )
    raise typer.BadParameter(f"{len(found)} watermarks fit: {', '.join(found)}. Give one of these keys", param_hint="--resource")


def _matching(kept: Mapping[str, Any], resource: str | None, path: str | None, conn_id: str | None) -> dict[str, Any]:
    """The watermarks of a resource, a directory, a connection; an option that is None leaves it open."""
    from airflow_provider_bigcommerce.core.naming import kept_name
    from airflow_provider_bigcommerce.core.places import url_of
    from airflow_provider_bigcommerce.core.planning import copied_resource
    from airflow_provider_bigcommerce.state import state_key

    name = None if resource is None else kept_name(copied_resource(resource).name)
    url = None
    if path is not None:
        url = url_of(path if "://" in path else str(Path(path).absolute()))
    found = {}
    for key, value in kept.items():
        its_conn_id, its_name, _ = [*key.split("/"), "", ""][:3]
        is_there = url is None or key == state_key(its_conn_id, its_name, url) or _field(value, "destination") == url
        if (conn_id is None or conn_id == its_conn_id) and (name is None or name == its_name) and is_there:
            found[key] = value
    return found


def _field(value: Any, name: str) -> str:
    return str(value.get(name, "")) if isinstance(value, Mapping) else ""


def _resource_of(key: str, value: Any) -> str:
    return _field(value, "resource") or [*key.split("/"), ""][1]


def _destination_of(value: Any) -> str:
    """Where the rows go, and which; a run of an earlier version did not tell."""
    where, filters = _field(value, "destination"), _field(value, "filters")
    return (where or "not told by its run") + (f" (only {filters})" if filters else "")


def _known(stored: StoredState, key: str) -> Any:
    """The value under a key; an unknown key is a wrong usage that names the nearest ones."""
    value = stored.get(key)
    keys = stored.keys() if value is None else [key]
    if key in keys:
        return value
    near = difflib.get_close_matches(key, keys, n=3, cutoff=0.3)
    hint = f" Did you mean {', '.join(map(repr, near))}?" if near else " `airflow-bigcommerce state list` prints all keys."
    raise typer.BadParameter(f"no watermark is kept under {key!r}.{hint}", param_hint="KEY")


def _problem(value: Any) -> str | None:
    """Why a value is no watermark, or None."""
    import msgspec

    from airflow_provider_bigcommerce.exceptions import InvalidQueryError
    from airflow_provider_bigcommerce.state import Watermark

    try:
        _ = msgspec.convert(value, Watermark).moment
    except (msgspec.ValidationError, InvalidQueryError) as error:
        return str(error)
    return None


def _told(key: str, value: Any) -> tuple[str, str, str, str, str, str]:
    """Store, watermark, age, resource, destination and run of a value, for a table."""
    what = _resource_of(key, value), _destination_of(value)
    if _problem(value):
        return "?", _UNREADABLE, "", *what, ""
    from airflow_provider_bigcommerce.core.windows import read_moment

    set_at = read_moment(value["set_at"])
    by = "/".join(value[name] for name in ("dag_id", "task_id", "run_id") if value.get(name)) or value["run"]
    return value["store_hash"], value["watermark"], _ago(datetime.now(UTC) - set_at) if set_at else "", *what, by


def _ago(age: Any) -> str:
    """``5 min ago``; whole days from the second day on."""
    minutes = int(age.total_seconds()) // 60
    if minutes < 120:
        return f"{max(minutes, 0)} min ago"
    return f"{minutes // 60} h ago" if minutes < 2880 else f"{minutes // 1440} days ago"
