"""Which code loads a kind of database: its own for PostgreSQL and SQLite, SQLAlchemy's dialects for any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from airflow_provider_bigcommerce.core.pages import page
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, MissingPackageError
from airflow_provider_bigcommerce.targets.sql.database import Database

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook
    from airflow.sdk import Connection

#: Connection type -> what brings its hook, and the database's code here.
_PACKAGES: Mapping[str, str] = {
    "postgres": "'airflow-provider-bigcommerce[postgres]'",
    "sqlite": "'airflow-provider-bigcommerce[sqlite]'",
    "mysql": "'airflow-provider-bigcommerce[sql]' apache-airflow-providers-mysql",
    "mssql": "'airflow-provider-bigcommerce[sql]' apache-airflow-providers-microsoft-mssql",
    "oracle": "'airflow-provider-bigcommerce[sql]' apache-airflow-providers-oracle",
    "snowflake": "'airflow-provider-bigcommerce[sql]' apache-airflow-providers-snowflake snowflake-sqlalchemy",
}
_ANY_PACKAGE = "'airflow-provider-bigcommerce[sql]' and the Airflow provider of that database"


def hook_of(connection: Connection) -> DbApiHook:
    """The hook of a database's connection.

    :raises MissingPackageError: the Airflow provider of that type of connection is not installed.
    """
    from airflow.providers.common.compat.sdk import AirflowException

    try:
        return cast("DbApiHook", connection.get_hook())  # type: ignore[no-untyped-call]  # Airflow's
    except (AirflowException, ImportError) as error:
        if isinstance(error, AirflowException) and "Unknown hook type" not in str(error):
            raise
        kind = connection.conn_type or ""
        raise MissingPackageError(
            f"The connection {connection.conn_id!r} is of type {kind!r}, whose Airflow provider is not installed here: "
            f"pip install {_PACKAGES.get(kind, _ANY_PACKAGE)} where the task runs."
        ) from error


def open_database(hook: DbApiHook, schema: str | None, run: str) -> Database:
    """Connect by an Airflow hook.

    :param hook: of any SQL connection.
    :param schema: schema of the tables, or None for the connection's own.
    :param run: run key; staging tables that outlive a killed try are recognized by it.
    :raises InvalidQueryError: there is no such schema; or no way to this kind of database, and the message says what else there is.
    :raises MissingPackageError: SQLAlchemy is not installed.
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
            f"database. Elsewhere, write files with BigCommerceToObjectStorageOperator: {page('how-to/load-a-warehouse.md')}"
        )
    try:
        from airflow_provider_bigcommerce.targets.sql.any_database import AnyDatabase
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"Connections of type {kind!r} are loaded through SQLAlchemy, which is missing ({error}). Install it: "
            f"pip install 'airflow-provider-bigcommerce[sql]'; or load files: {page('how-to/load-a-warehouse.md')}"
        ) from error
    return AnyDatabase(hook, schema, run)
