"""The demo's cluster policy: the scheduler starts the live copy alone, and the story the other DAGs.

Unpausing a nightly DAG starts last night's run at once, beside the one that the story starts.
"""

from airflow.sdk import DAG
from airflow.sdk.definitions.timetables.simple import NullTimetable

LIVE = "bigcommerce_live_products"


def dag_policy(dag: DAG) -> None:
    """Take the schedule of every DAG but one."""
    if dag.dag_id != LIVE:
        dag.timetable = NullTimetable()
