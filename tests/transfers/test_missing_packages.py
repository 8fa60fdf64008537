"""A package that is not installed: one sentence that names the extra, at once and without retries.

The object stores' packages are in no environment of ours (constraints.txt does not have them), so they really are missing here.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG

from airflow_provider_bigcommerce.exceptions import DestinationError, MissingPackageError
from airflow_provider_bigcommerce.operators.compact import BigCommerceCompactOperator
from airflow_provider_bigcommerce.operators.graphql import BigCommerceGraphQLOperator
from airflow_provider_bigcommerce.operators.partition import BigCommerceCommitPartitionsOperator
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files import object_stores
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.airflow_dag import known_to_airflow

S3 = "s3://aws_default@bucket/shop"
STORES = {
    S3: ("s3", "apache-airflow-providers-amazon and s3fs"),
    "gs://google_cloud_default@bucket/shop": ("gcs", "apache-airflow-providers-google and gcsfs"),
    "abfs://wasb_default@bucket/shop": ("azure", "apache-airflow-providers-microsoft-azure and adlfs"),
}


@pytest.mark.parametrize("path", STORES)
def test_an_object_store_without_its_packages_names_them_and_the_extra(path: str) -> None:
    extra, packages = STORES[path]

    with pytest.raises(MissingPackageError) as raised:
        Destination.at(path)

    assert str(raised.value) == (
        f"path='{path}' needs {packages}, not installed here: pip install 'airflow-provider-bigcommerce[{extra}]' where the task runs."
    )


def test_a_password_in_the_path_is_not_shown() -> None:
    with pytest.raises(MissingPackageError) as raised:
        Destination.at("s3://user:hidden@bucket/shop")

    assert "hidden" not in str(raised.value)


def test_of_two_packages_only_the_one_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_stores, "_is_installed", lambda module: module == "airflow.providers.amazon")

    with pytest.raises(MissingPackageError, match=r"needs s3fs, not installed here"):
        Destination.at(S3)


def test_where_all_packages_are_there_the_file_systems_own_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_stores, "_is_installed", lambda module: True)

    with pytest.raises(DestinationError, match=r"cannot be opened: .*s3"):
        Destination.at(S3)


def test_a_scheme_that_nobody_knows_is_no_missing_package() -> None:
    with pytest.raises(DestinationError, match=r"path='ftp://bucket/shop' cannot be opened"):
        Destination.at("ftp://bucket/shop")


OPERATORS: dict[str, Callable[[], Any]] = {
    "files": lambda: BigCommerceToObjectStorageOperator(task_id="t", resource="orders", path=S3),
    "parents": lambda: BigCommerceToObjectStorageOperator(task_id="t", resource="order_taxes", path="/nowhere", parents_from=S3),
    "lake": lambda: BigCommerceToLakeOperator(task_id="t", resource="orders", path=S3),
    "compact": lambda: BigCommerceCompactOperator(task_id="t", path=S3),
    "graphql": lambda: BigCommerceGraphQLOperator(
        task_id="t",
        path=S3,
        name="nodes",
        query="query ($after: String) { store { products(after: $after) "
        "{ pageInfo { hasNextPage endCursor } edges { node { id } } } } }",
    ),
    "commit": lambda: BigCommerceCommitPartitionsOperator(task_id="t", returned=[], path=S3),
    "proof": lambda: BigCommerceReconcileOperator(task_id="t", resource="orders", path=S3),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_a_task_fails_at_once_before_it_asks_the_store(name: str, connected: Sandbox) -> None:
    connected.store.requests.clear()

    with pytest.raises(MissingPackageError, match=re.escape("[s3]")) as raised:
        OPERATORS[name]().execute({})

    assert isinstance(raised.value, AirflowFailException)
    assert list(connected.store.requests) == []


@pytest.mark.parametrize(
    ("kind", "install"),
    [
        ("mysql", "'airflow-provider-bigcommerce[sql]' apache-airflow-providers-mysql"),
        ("oracle", "'airflow-provider-bigcommerce[sql]' apache-airflow-providers-oracle"),
        ("some_database", "'airflow-provider-bigcommerce[sql]' and the Airflow provider of that database"),
    ],
)
@pytest.mark.parametrize("what", ["copy", "proof"])
def test_a_database_without_its_provider_names_what_to_install(
    what: str, kind: str, install: str, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": kind, "host": "127.0.0.1", "password": "hidden"}))
    operator: Any = BigCommerceToSqlOperator(task_id="t", resource="orders", conn_id="warehouse")
    if what == "proof":
        operator = BigCommerceReconcileOperator(task_id="t", resource="orders", conn_id="warehouse")

    with pytest.raises(MissingPackageError) as raised:
        operator.execute({})

    assert str(raised.value) == (
        f"The connection 'warehouse' is of type '{kind}', whose Airflow provider is not installed here: "
        f"pip install {install} where the task runs."
    )
    assert isinstance(raised.value, AirflowFailException)


def test_a_lake_without_deltalake_fails_at_once(connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)  # as import finds what is not there

    with pytest.raises(MissingPackageError, match=re.escape("[lake]")) as raised:
        BigCommerceToLakeOperator(task_id="t", resource="orders", path=str(tmp_path)).execute({})

    assert isinstance(raised.value, AirflowFailException)


@pytest.mark.exhaustive  # half a minute; that it is an AirflowFailException is held above
@pytest.mark.usefixtures("airflow_home", "connected")
def test_airflow_does_not_try_such_a_task_again() -> None:
    with DAG("without_s3", schedule=None) as dag:
        BigCommerceToObjectStorageOperator(task_id="orders", resource="orders", path=S3, retries=3)

    run = known_to_airflow(dag).test()

    [instance] = run.get_task_instances()
    assert (str(instance.state), instance.try_number) == ("failed", 1)
