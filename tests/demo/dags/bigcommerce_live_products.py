"""The demo's live copy: products in a table, a few seconds behind the store.

As dags/bigcommerce_live.py, for products alone. The clock's run is in winter once a year, so that no hour of the demo meets it: the first
one begins when the DAG is unpaused, and fills the table.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable

from airflow_provider_bigcommerce.events import changes
from airflow_provider_bigcommerce.sync import Tables, bigcommerce_sync

with DAG(
    "bigcommerce_live_products",
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 3 1 1 *", timezone="UTC"), assets=changes("products")),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["bigcommerce"],
    description="A store's products in a table, a few seconds behind it",
    doc_md=__doc__,
) as dag:
    bigcommerce_sync(["products"], to=Tables("warehouse"), group_id="store", live=True)
