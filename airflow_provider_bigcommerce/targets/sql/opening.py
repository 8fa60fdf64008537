"""Which code loads a kind of database: its own for PostgreSQL and SQLite, SQLAlchemy's dialects for any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.targets.sql.database import Database

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


def open_database(hook: DbApiHook, schema: str | None, run: str) -> Database:
    """Connect by an Airflow hook.

    :param hook: of any SQL connection.
    :param schema: schema of the tables, or None for the connection's own.
    :param run: run key; staging tables that outlive a killed try are told by it.
    :raises InvalidQueryError: there is no such schema; or no way to this kind of database, and the message says what else there is.
    :raises DestinationError: it cannot be reached.
    """
    kind = getattr(hook, "conn_type", None)
    if kind == "postgres":
        from airflow_provider_bigcommerce.targets.sql.postgres import Postgres

        return Postgres(hook, schema)
    if kind == "sqlite":
        from airflow_provider_bigcommerce.targets.sql.sqlite import Sqlite

        return Sqlite(hook, schema)
    if not hasattr(hook, "get_sqlalchemy_engine"):
        raise InvalidQueryError(
            f"{type(hook).__name__} is a hook of {kind or 'no known kind'!r}, which is no SQL connection. Accepted: the connection of a "
            "database. Elsewhere, write files with BigCommerceToObjectStorageOperator: docs/how-to/load-a-warehouse.md."
        )
    try:
        from airflow_provider_bigcommerce.targets.sql.any_database import AnyDatabase
    except ModuleNotFoundError as error:
        raise InvalidQueryError(
            f"Connections of type {kind!r} are loaded through SQLAlchemy, which is missing ({error}). Install it: "
            "pip install 'airflow-provider-bigcommerce[sql]'; or load files: docs/how-to/load-a-warehouse.md."
        ) from error
    return AnyDatabase(hook, schema, run)
