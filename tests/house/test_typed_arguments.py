"""The type of a sync's arguments names what the operators take, and nothing else."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path

from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce.get_provider_info import get_provider_info
from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from airflow_provider_bigcommerce.transfers.transfer import BigCommerceTransferOperator
from airflow_provider_bigcommerce.transfers.typed import (
    AnyTaskArguments,
    OperatorArguments,
    ResourceArguments,
    TaskArguments,
    TransferArguments,
)
from tests.tools.generate_arguments_page import PACKAGE, PARTS

PROJECT = Path(__file__).resolve().parent.parent.parent
TRANSFERS = (BigCommerceToObjectStorageOperator, BigCommerceToSqlOperator, BigCommerceToLakeOperator)

#: What ``bigcommerce_sync`` itself decides: which store, which resource, and what ``to`` says of the place.
DECIDED = {"resource", "bigcommerce_conn_id", "full_every", "initial_since"}
DECIDED |= {"partition", "path", "conn_id", "schema", "nested", "keep", "table", "live", "settle"}
DECIDED |= {"ids", "deleted"}  # rows of one resource, which a sync of many has no use for


def parameters(*operators: type) -> set[str]:
    """Names of the arguments that these classes have themselves."""
    found = {name for each in operators for name in inspect.signature(each.__init__).parameters}
    return found - {"self", "kwargs", "args", "default_args"}


def test_the_type_of_a_transfers_arguments_has_each_of_them() -> None:
    ours = parameters(BigCommerceTransferOperator, *TRANSFERS) - DECIDED

    assert set(TransferArguments.__annotations__) - set(TaskArguments.__annotations__) == ours


def test_what_any_task_takes_is_what_airflow_takes() -> None:
    assert set(AnyTaskArguments.__annotations__) == parameters(BaseOperator) | {"default_args", "retry_policy"}  # this came with 3.3


def test_the_type_of_an_operators_arguments_has_each_of_them() -> None:
    assert set(OperatorArguments.__annotations__) - set(AnyTaskArguments.__annotations__) == parameters(BigCommerceTransferOperator)


def test_a_resource_may_have_what_else_the_sync_decides() -> None:
    own = set(ResourceArguments.__annotations__) - set(TransferArguments.__annotations__)

    assert own == {"full_every", "initial_since", "path", "table"}


def test_mypy_looks_at_the_example_dags_and_at_the_calls_that_it_must_refuse() -> None:
    looked_at = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["mypy"]["files"]

    assert {"airflow_provider_bigcommerce", "dags", "tests/house/typed_sync.py"} <= set(looked_at)
    for file in looked_at:
        assert (PROJECT / file).exists()


def test_the_provider_names_every_module_with_something_to_use() -> None:
    info = get_provider_info()
    named = {name for kind in ("hooks", "operators", "sensors", "triggers") for group in info[kind] for name in group["python-modules"]}
    named |= {transfer["python-module"] for transfer in info["transfers"]}
    to_use = {f"{PACKAGE}.{module}" for things in PARTS.values() for module, _ in things}
    rooms = tuple(f"{PACKAGE}.{room}." for room in ("operators", "sensors", "triggers", "transfers"))

    in_common = {f"{PACKAGE}.transfers.transfer", f"{PACKAGE}.transfers.write_back"}
    assert {module for module in to_use if module.startswith(rooms)} - named == in_common
    for module in named:
        assert (PROJECT / f"{module.replace('.', '/')}.py").is_file(), module


def test_the_providers_description_ends_with_its_link_or_has_a_blank_behind_it() -> None:
    text = get_provider_info()["description"]

    # Airflow's page of providers writes no blank behind a link of its own accord.
    behind = text.partition(">`__")[2]
    assert behind in ("", ".") or behind.startswith(" ")
