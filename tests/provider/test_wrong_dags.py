"""DAG files with a mistake that can be known when they are parsed: each is an import error that ends with the user's own line.

And what can be known only when a task runs is left alone: templates, other tasks' results, arguments of mapped groups.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.compat, pytest.mark.usefixtures("airflow_home")]

HEAD = """\
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param, task, task_group

from airflow_provider_bigcommerce.operators.compact import BigCommerceCompactOperator as Compact
from airflow_provider_bigcommerce.operators.graphql import BigCommerceGraphQLOperator as GraphQL
from airflow_provider_bigcommerce.operators.partition import commit_partitions, partition
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator as Reconcile
from airflow_provider_bigcommerce.operators.request import BigCommerceRequestOperator as Request
from airflow_provider_bigcommerce.sensors.resource import BigCommerceResourceSensor as Sensor
from airflow_provider_bigcommerce.state import state_asset
from airflow_provider_bigcommerce.sync import Lake, Tables, bigcommerce_sync
from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator as ToLake
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator as ToFiles
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator as ToSql

X = "/x"

with DAG("{name}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
"""

#: Name -> the line, and a part of what the import error says.
WRONG: Mapping[str, tuple[str, str]] = {
    "misspelt_resource": ("ToFiles(task_id='t', resource='ordrs', path=X)", "Did you mean 'orders'"),
    "part_of_a_resource": ("ToFiles(task_id='t', resource='/v2/orders/7/products', path=X)", "parent_ids=[7]"),
    "unknown_mode": ("ToFiles(task_id='t', resource='orders', path=X, mode='delta')", "mode='delta' is unknown"),
    "unknown_format": ("ToFiles(task_id='t', resource='orders', path=X, file_format='csv')", "file_format='csv' is unknown"),
    "format_and_compression": (
        "ToFiles(task_id='t', resource='orders', path=X, compression='gzip')",
        "compression='gzip' does not go with file_format='parquet'",
    ),
    "unknown_field": ("ToFiles(task_id='t', resource='orders', path=X, fields=['totl_tax'])", "has no field 'totl_tax'"),
    "excluded_key": ("ToFiles(task_id='t', resource='orders', path=X, exclude_fields=['id'])", "cannot be left out"),
    "nested_field": ("ToFiles(task_id='t', resource='orders', path=X, fields=['billing_address.email'])", "is nested"),
    "unknown_include": ("ToFiles(task_id='t', resource='products', path=X, include=['pictures'])", "include=['pictures'] is unknown"),
    "include_in_query": ("ToFiles(task_id='t', resource='products', path=X, query={'include': 'images'})", "query has 'include'"),
    "unknown_filter": ("ToFiles(task_id='t', resource='orders', path=X, query={'state_id': 11})", "has no parameter 'state_id'"),
    "unknown_filter_with_a_template": (
        "ToFiles(task_id='t', resource='orders', path=X, query={'state_id': 11, 'status_id': '{{ params.status }}'})",
        "has no parameter 'state_id'",
    ),
    "empty_filter": ("ToFiles(task_id='t', resource='orders', path=X, query={'status_id': ''})", "query['status_id'] is empty"),
    "filter_that_the_mode_sets": (
        "ToFiles(task_id='t', resource='orders', path=X, mode='incremental', query={'min_date_modified': '2026-01-01'})",
        "which mode='incremental' sets itself",
    ),
    "params_for_query": ("ToFiles(task_id='t', resource='orders', path=X, params={'status_id': 11})", "filters go into query"),
    "params_for_query_in_sql": ("ToSql(task_id='t', resource='orders', conn_id='db', params={'status_id': 11})", "filters go into query"),
    "since_without_date": ("ToFiles(task_id='t', resource='brands', path=X, since='2026-01-01')", "has no date filter"),
    "initial_since_without_date": (
        "ToFiles(task_id='t', resource='brands', path=X, mode='incremental', initial_since='2026-01-01')",
        "initial_since cannot bound it",
    ),
    "initial_since_of_full": ("ToFiles(task_id='t', resource='orders', path=X, initial_since='2026-01-01')", "with mode='full' give since"),
    "backfill_without_date": ("ToFiles(task_id='t', resource='brands', path=X, mode='backfill')", "has no date filter"),
    "half_a_backfill": (
        "ToFiles(task_id='t', resource='orders', path=X, mode='backfill', since='2026-01-01')",
        "needs both since and until",
    ),
    "no_date": ("ToFiles(task_id='t', resource='orders', path=X, since='yesterday')", "since='yesterday' is not a date"),
    "span_backwards": (
        "ToFiles(task_id='t', resource='orders', path=X, since='2026-02-01T00:00:00Z', until='2026-01-01T00:00:00Z')",
        "until",
    ),
    "carts": ("ToFiles(task_id='t', resource='carts', path=X)", "'carts' has no list"),
    "parents_of_a_plain_list": ("ToFiles(task_id='t', resource='orders', path=X, parent_ids=[1])", "has no parents to choose"),
    "parents_from_of_a_plain_list": ("ToFiles(task_id='t', resource='orders', path=X, parents_from='/y')", "parents_from does not apply"),
    "channel_of_none": ("ToFiles(task_id='t', resource='brands', path=X, channel_id=1)", "cannot be narrowed to a channel"),
    "missing_filter": ("ToFiles(task_id='t', resource='{needy}', path=X)", "needs"),
    "relative_path": ("ToFiles(task_id='t', resource='orders', path='data/shop')", "path='data/shop' is not absolute"),
    "file_with_two_slashes": ("ToFiles(task_id='t', resource='orders', path='file://data/shop')", "is not absolute"),
    "one_slash": ("ToFiles(task_id='t', resource='orders', path='s3:/bucket/shop')", "path='s3:/bucket/shop' names no bucket"),
    "no_bucket": ("ToLake(task_id='t', resource='orders', path='s3://aws_default@/shop')", "names no bucket"),
    "deletes_in_files": ("ToFiles(task_id='t', resource='orders', path=X, deletes='delete')", "deletes='delete' is unknown"),
    "deletes_of_a_backfill": (
        "ToSql(task_id='t', resource='orders', conn_id='db', mode='backfill', deletes='delete')",
        "does not go with mode='backfill'",
    ),
    "table_without_key": ("ToSql(task_id='t', resource='{keyless}', conn_id='db')", "cannot be kept in a table"),
    "lake_without_key": ("ToLake(task_id='t', resource='{keyless}', path=X, mode='incremental')", "cannot be kept in a table"),
    "number_for_a_timedelta": ("ToFiles(task_id='t', resource='orders', path=X, overlap=300)", "overlap=300 (int) cannot work"),
    "unknown_argument": ("ToFiles(task_id='t', resource='orders', path=X, mod='full')", "'mod': 'full'"),
    "sync_of_one_text": ("bigcommerce_sync('orders', to=X)", "is one text"),
    "sync_of_a_misspelt": ("bigcommerce_sync(['orders', 'prodcts'], to=X)", "Did you mean 'products'"),
    "sync_into_a_relative_path": ("bigcommerce_sync(['orders'], to='data/shop')", "to='data/shop' is not absolute"),
    "sync_into_a_lake_with_one_slash": ("bigcommerce_sync(['orders'], to=Lake('gs:/bucket/shop'))", "to='gs:/bucket/shop' names no bucket"),
    "sync_of_all_with_a_wrong_format": ("bigcommerce_sync('all', to=X, file_format='csv')", "file_format='csv' is unknown"),
    "sync_of_tables_without_key": ("bigcommerce_sync(['{keyless}'], to=Tables('db'))", "cannot be kept in a table"),
    "sync_of_carts": ("bigcommerce_sync(['orders', 'carts'], to=X)", "'carts' has no list"),
    "sync_with_a_wrong_include_for_one": ("bigcommerce_sync({'orders': {'include': ['lines']}}, to=X)", "include=['lines'] is unknown"),
    "cut_of_what_cannot_be_cut": ("partition('brands', into=4)", "brands"),
    "cut_with_an_unknown_filter": ("partition('orders', into=4, query={'state_id': 1})", "has no parameter 'state_id'"),
    "proof_without_a_copy": ("Reconcile(task_id='t', resource='orders')", "Say where the copy is"),
    "proof_with_a_misspelt_field": ("Reconcile(task_id='t', resource='orders', path=X, on_mismatch='mend')", "on_mismatch='mend'"),
    "compaction_of_a_relative_path": ("Compact(task_id='t', path='data')", "path='data' is not absolute"),
    "sensor_with_an_unknown_filter": ("Sensor(task_id='t', resource='orders', query={'state_id': 1})", "has no parameter 'state_id'"),
    "request_of_text": ("Request(task_id='t', path='')", "path=''"),
    "files_of_no_connection": ("GraphQL(task_id='t', query='query { store { id } }', path=X)", "needs the variable $after"),
}

#: What is only known later, or is right.
RIGHT: Mapping[str, str] = {
    "templates": (
        "ToFiles(task_id='t', resource='orders', path='{{ var.value.place }}', mode='backfill', since='{{ params.a }}', "
        "until='{{ params.b }}', include='{{ params.c }}', fields='{{ params.d }}', channel_id='{{ params.e }}', query='{{ params.f }}')"
    ),
    "template_of_a_resource": "ToFiles(task_id='t', resource='{{ params.resource }}', path='data', parent_ids=[1]) if False else None",
    "templated_value_of_a_filter": "ToFiles(task_id='t', resource='orders', path=X, query={'status_id': '{{ params.status }}'})",
    "templated_parents_of_carts": "ToFiles(task_id='t', resource='carts', path=X, parent_ids='{{ params.carts }}')",
    "parents_of_another_task": "ToFiles(task_id='t', resource='order_transactions', path=X, parents_from=X)",
    "half_a_backfill_templated": "ToFiles(task_id='t', resource='orders', path=X, mode='backfill', since='2026-01-01', until='{{ ds }}')",
    "own_params_in_a_template": (
        "ToFiles(task_id='t', resource='orders', path=X, params={'status_id': 11}, query={'status_id': '{{ params.status_id }}'})"
    ),
    "own_params_of_another_name": "ToFiles(task_id='t', resource='orders', path=X, params={'team': 'shop'})",
    "a_path_of_no_catalog": "ToFiles(task_id='t', resource='/v3/foo/bar', path=X, query={'anything': 1}, include=['x'], fields=['y'])",
    "an_unknown_scheme": "ToFiles(task_id='t', resource='orders', path='dbfs:///shop')",
    "mapped": "ToFiles.partial(task_id='t', path=X, inlets=[state_asset()]).expand(resource=['orders', 'brands'])",
    "all": "bigcommerce_sync('all', to=X, file_format='jsonl', include='{{ params.include }}')",
    "a_sync_from_the_last_year": "bigcommerce_sync(['orders', 'brands'], to=X, initial_since='2026-01-01')",
}


def _fitting() -> dict[str, str]:
    """Names of resources that the catalog says are such."""
    from airflow_provider_bigcommerce.core.catalog import CATALOG

    whole = [row for row in CATALOG.values() if row.id_placeholder is None and not row.parent_keys]
    lists = [row for row in whole if row.kind == "collection"]
    return {
        "{keyless}": next(row.name for row in whole if not row.primary_key),
        "{needy}": next(row.name for row in lists if row.required_params or row.required_any),
    }


def _parsed(folder: Path) -> Any:
    """What Airflow's DAG processor makes of a folder."""
    try:
        dagbag = importlib.import_module("airflow.dag_processing.dagbag")
    except ImportError:  # Airflow 3.1
        dagbag = importlib.import_module("airflow.models.dagbag")
    return dagbag.DagBag(str(folder))


def _line(name: str) -> str:
    line = WRONG[name][0]
    for mark, resource in _fitting().items():
        line = line.replace(mark, resource)
    return line


def test_each_mistake_is_an_import_error_that_ends_with_the_users_own_line(tmp_path: Path) -> None:
    for name in WRONG:
        (tmp_path / f"{name}.py").write_text(HEAD.replace("{name}", name) + f"    {_line(name)}\n")

    errors = {Path(file).stem: text for file, text in _parsed(tmp_path).import_errors.items()}

    number = HEAD.count("\n") + 1
    told: dict[str, str] = {}
    for name, (_, part) in WRONG.items():
        text = errors.get(name, "")
        file = tmp_path / f"{name}.py"
        end = f'In your file:\n  File "{file}", line {number}, in <module>\n    {_line(name)}'
        if part not in text or not text.rstrip().endswith(end):
            told[name] = text[-900:]
    assert told == {}
    assert len(WRONG) >= 27


def test_what_is_known_only_when_a_task_runs_is_left_alone(tmp_path: Path) -> None:
    for name, line in RIGHT.items():
        (tmp_path / f"{name}.py").write_text(HEAD.replace("{name}", name) + f"    {line}\n")

    bag = _parsed(tmp_path)

    assert bag.import_errors == {}
    assert set(bag.dags) == set(RIGHT)


def test_params_of_the_dag_are_not_taken_for_filters_of_its_tasks(tmp_path: Path) -> None:
    text = HEAD.replace("{name}", "own").replace("schedule=None,", "schedule=None, params={'status_id': Param(11)},")
    (tmp_path / "own.py").write_text(f"{text}    ToFiles(task_id='t', resource='orders', path=X)\n")

    assert _parsed(tmp_path).import_errors == {}


def test_a_mistake_in_a_mapped_group_shows_the_line_within_it(tmp_path: Path) -> None:
    body = """\
    @task_group
    def store(conn_id):
        bigcommerce_sync(
            ["orders", "prodcts"],
            to=X,
            bigcommerce_conn_id=conn_id,
        )

    store.expand(conn_id=["a", "b"])
"""
    (tmp_path / "grouped.py").write_text(HEAD.replace("{name}", "grouped") + body)

    [text] = _parsed(tmp_path).import_errors.values()

    assert text.rstrip().endswith(f"line {HEAD.count(chr(10)) + 3}, in store\n    bigcommerce_sync(")


def test_an_error_outside_of_a_dag_file_has_no_line_of_ours() -> None:
    from airflow_provider_bigcommerce.core.your_line import shows_your_line
    from airflow_provider_bigcommerce.exceptions import InvalidQueryError

    @shows_your_line
    def outer() -> None:
        inner()

    @shows_your_line
    def inner() -> None:
        raise InvalidQueryError("no")

    with pytest.raises(InvalidQueryError) as raised:
        outer()

    [note] = raised.value.__notes__
    assert note.count("In your file:") == 1
    assert str(raised.value) == "no"
