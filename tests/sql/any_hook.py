"""A hook of a connection type that the provider has no code for: it says where SQLAlchemy finds the database, and nothing else."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk import Connection

CONN_TYPE = "any_sql"


class AnySqlHook(DbApiHook):
    conn_name_attr = "any_sql_conn_id"
    default_conn_name = "any_sql_default"
    conn_type = CONN_TYPE
    hook_name = "Any SQL"

    @property
    def sqlalchemy_url(self) -> sa.URL:
        return sa.make_url(self.connection.extra_dejson["url"])


def connection_to(url: str) -> dict[str, Any]:
    """The Airflow connection of a database, by its SQLAlchemy URL."""
    return {"conn_type": CONN_TYPE, "extra": {"url": url}}


def register(replace: Any = setattr) -> None:
    """Let Airflow find the hook, as it finds one of an installed provider.

    :param replace: monkeypatch's ``setattr`` where a test asks; a child process needs none.
    """
    usual = Connection.get_hook

    def get_hook(self: Connection, *, hook_params: dict[str, Any] | None = None) -> Any:
        if self.conn_type == CONN_TYPE:
            return AnySqlHook(any_sql_conn_id=self.conn_id)
        return usual(self, hook_params=hook_params)  # type: ignore[no-untyped-call]  # Airflow's

    replace(Connection, "get_hook", get_hook)
