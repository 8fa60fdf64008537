"""Which tables a database has of ours: asked of the table of syncs, which each copy keeps next to its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bigcommerce.dbt.copied_tables import Described, described
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.targets.sql.opening import hook_of, open_database
from airflow_provider_bigcommerce.targets.sql.syncs import SYNCS

if TYPE_CHECKING:
    from airflow.sdk import Connection


def tables_in(connection: Connection, schema: str | None) -> list[Described]:
    """The tables that copies have filled, in the order of their names.

    :param connection: an SQL connection.
    :param schema: where to look; the connection's own schema if not given.
    :raises InvalidQueryError: there are none.
    :raises DestinationError: the database cannot be reached.
    """
    database = open_database(hook_of(connection), schema, "dbt")
    try:
        where = database.qualified(SYNCS.name)
        if not database.columns_of(SYNCS.name):
            raise InvalidQueryError(
                f"The connection {connection.conn_id!r} has no table {where}, so no copy has filled tables there. Give the schema of your "
                "copies (--schema), run the copy first, or leave --conn-id out and name the resources."
            )
        quoted = ", ".join(map(database.quote, ("table_name", "resource", "nested")))
        rows = database.rows(f"SELECT DISTINCT {quoted} FROM {where}")  # noqa: S608  # quoted identifiers, no values
    finally:
        database.close()
    return [described(str(resource), table=str(table), nested=str(nested)) for table, resource, nested in sorted(rows)]
