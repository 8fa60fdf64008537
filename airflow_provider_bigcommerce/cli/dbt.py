"""The command ``airflow-bigcommerce dbt``: a dbt project over copied tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_provider_bigcommerce.cli.output import only_results, say

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.dbt.copied_tables import Described


@only_results
def dbt(
    directory: Annotated[Path, typer.Argument(help="Directory of the project; created if it is missing.")],
    resources: Annotated[
        list[str] | None, typer.Argument(metavar="[RESOURCE]...", help="Only these; without --conn-id, the twenty that people model.")
    ] = None,
    conn_id: Annotated[
        str | None, typer.Option(help="SQL connection of the copies: the project describes the tables that are there.")
    ] = None,
    schema: Annotated[str | None, typer.Option(help="Schema of the tables; dbt's own target schema if not given.")] = None,
    nested: Annotated[str, typer.Option(help="Without --conn-id: json or tables, as the copies keep nested values.")] = "json",
    name: Annotated[str, typer.Option(help="Name of the project, and of its profile.")] = "bigcommerce",
) -> None:
    """Write a dbt project over copied tables: sources with tests and freshness, staging models, a diagram.

    A file that was written by an earlier call is written again; a file of yours is left alone.

    \b
    airflow-bigcommerce dbt shop_dbt --conn-id warehouse --schema public
    airflow-bigcommerce dbt shop_dbt orders order_products products
    """
    from airflow_provider_bigcommerce.dbt.copied_tables import STAGED, described, one_each
    from airflow_provider_bigcommerce.dbt.project import MARK, files

    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
        raise typer.BadParameter(f"{name!r} is no name of a dbt project. Accepted: small letters, digits and '_'", param_hint="--name")
    if schema is not None and re.search(r"['\"\\{}\s]", schema):
        raise typer.BadParameter(f"{schema!r} has a character that no schema of a project can have", param_hint="--schema")
    if directory.exists() and not directory.is_dir():
        raise typer.BadParameter(f"{directory} is a file", param_hint="DIRECTORY")
    if conn_id is not None:
        tables = _copied(conn_id, schema, resources or None)
    else:
        tables = [described(resource, nested=nested) for resource in resources or STAGED]
    tables = one_each(tables)
    counts = {"wrote": 0, "left alone": 0}
    for path, text in files(tables, schema=schema, name=name).items():
        target = directory / path
        if target.exists() and MARK not in target.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0]:
            say(f"left alone {target}, which is not ours")
            counts["left alone"] += 1
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        counts["wrote"] += 1
    staged = sum(table.is_staged for table in tables)
    say(f"Wrote {counts['wrote']} files below {directory}: sources for {len(tables)} tables, {staged} staging models, ERD.md.")
    say(f"Next: give dbt a profile {name!r} for your database, and run: dbt build --project-dir {directory}")


def _copied(conn_id: str, schema: str | None, resources: list[str] | None) -> list[Described]:
    """The tables that the database has, of those resources."""
    from airflow_provider_bigcommerce.compat import stored_connection
    from airflow_provider_bigcommerce.core.planning import copied_resource
    from airflow_provider_bigcommerce.dbt.copied import tables_in

    connection = stored_connection(conn_id)
    if connection is None:
        raise typer.BadParameter(
            f"this Airflow has no connection {conn_id!r}. Name the SQL connection that your copies go to, or leave --conn-id out.",
            param_hint="--conn-id",
        )
    found = tables_in(connection, schema)
    if resources is None:
        return found
    wanted = [copied_resource(resource).name for resource in resources]
    there = {table.resource.name for table in found}
    if missing := [resource for resource in wanted if resource not in there]:
        raise typer.BadParameter(
            f"no copy has filled a table of {', '.join(missing)} there. There are: {', '.join(sorted(there))}", param_hint="RESOURCE"
        )
    return [table for table in found if table.resource.name in wanted]
