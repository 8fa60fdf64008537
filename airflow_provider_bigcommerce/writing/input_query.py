"""The rows of an SQL query, by any Airflow connection to a database, a block at a time."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_bigcommerce.exceptions import BigCommerceError, DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.targets.sql.opening import hook_of

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.writing.spool import Row

#: Rows that are fetched at once.
_BLOCK = 2_000


class InputQuery:
    """The rows of a query.

    :param conn_id: Airflow's id of the database's connection.
    :param sql: the query; its columns are the rows' columns.
    """

    has_texts = False
    has_same_columns = True

    def __init__(self, conn_id: str, sql: str) -> None:
        self._conn_id = conn_id
        self._sql = sql

    def source(self) -> dict[str, Any]:
        """What is read, for the manifest; the query by its digest, since one may hold values."""
        return {"conn_id": self._conn_id, "sql_sha256": hashlib.sha256(self._sql.encode()).hexdigest()}

    def columns(self) -> set[str] | None:
        """None: they show with the first row."""
        return None

    def rows(self) -> Iterator[Row]:
        """The rows of the query, which runs once for each call.

        :raises MissingPackageError: the database's Airflow provider is not installed.
        :raises InvalidQueryError: the connection is no database's, or two columns have one name.
        :raises DestinationError: the database refused the query, or cannot be reached.
        """
        from airflow.sdk import Connection

        hook = hook_of(Connection.get(self._conn_id))
        if not hasattr(hook, "get_conn") or not hasattr(hook, "get_first"):
            raise InvalidQueryError(f"conn_id={self._conn_id!r} is no connection of a database that SQL can be sent to.")
        why: str | None = None
        try:
            with _result(hook, self._sql) as (fetch, described):
                block = fetch(_BLOCK)
                names = _names(described())  # PostgreSQL tells them with the first rows
                while block:
                    for values in block:
                        yield dict(zip(names, values, strict=True))
                    block = fetch(_BLOCK)
        except (BigCommerceError, GeneratorExit):
            raise
        except Exception as error:  # noqa: BLE001  # drivers have no common class of errors
            from airflow_provider_bigcommerce.targets.sql import refusals  # it imports a database's driver

            why = refusals.told(error)
        # Here and not above: a driver's exception may quote a row, and is then not this one's context.
        if why is not None:
            raise DestinationError(f"The query of conn_id={self._conn_id!r} failed: {why}")


def _names(description: Any) -> list[str]:
    """The columns of a result.

    :param description: DB-API's.
    :raises InvalidQueryError: there is none, or two have one name.
    """
    names = [str(column[0]) for column in description or ()]
    if not names:
        raise InvalidQueryError("sql gives no columns: it is no query. Accepted: a SELECT.")
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise InvalidQueryError(f"sql gives two columns of the name {double!r}. Name one of them otherwise: AS.")
    return names


@contextlib.contextmanager
def _result(hook: Any, sql: str) -> Iterator[tuple[Callable[[int], Any], Callable[[], Any]]]:
    """(fetches so many rows, tells the columns); drivers load a whole result at once unless they are told otherwise, each in its way."""
    kind = getattr(hook, "conn_type", "")
    if kind not in ("postgres", "sqlite") and hasattr(hook, "get_sqlalchemy_engine"):
        # Without parameters, or a percent sign in the query would be taken for the place of one.
        options = {"stream_results": True, "no_parameters": True}
        with hook.get_sqlalchemy_engine().connect().execution_options(**options) as connection:
            result = connection.exec_driver_sql(sql)
            columns = result.cursor.description if result.returns_rows else None  # before a fetch closes the cursor
            with contextlib.closing(result):
                yield (result.fetchmany if columns else lambda _: []), lambda: columns
        return
    with contextlib.closing(hook.get_conn()) as connection:
        cursor = connection.cursor(name="bigcommerce_rows") if kind == "postgres" else connection.cursor()
        with contextlib.closing(cursor):
            cursor.execute(sql)
            yield cursor.fetchmany, lambda: cursor.description
