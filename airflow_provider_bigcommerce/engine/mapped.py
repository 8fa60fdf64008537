"""How the mapped tasks of many stores are distinguished in Airflow's grid: by their connection, not by a number."""

from __future__ import annotations

from typing import Any, Final

#: Rendered by Airflow when a task begins, and when it ends.
BY_CONNECTION: Final = "{{ task.bigcommerce_conn_id }}"


def named_by_connection(kwargs: dict[str, Any], conn_id: object) -> dict[str, Any]:
    """A task's arguments with a label, where its connection is an argument of a mapped task group and it has no label of its own.

    :param kwargs: Airflow's arguments of the task.
    :param conn_id: what it was given as connection id.
    """
    if not hasattr(conn_id, "resolve") or kwargs.get("map_index_template"):
        return kwargs
    return {**kwargs, "map_index_template": BY_CONNECTION}
