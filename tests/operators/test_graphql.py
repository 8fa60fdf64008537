"""Admin GraphQL as a task, against the sandbox: data, files, errors, and what is refused before anything is sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_bigcommerce.exceptions import GraphQLError, InvalidQueryError, UnclearWriteError
from airflow_provider_bigcommerce.operators.graphql import BigCommerceGraphQLOperator
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files.commits import committed
from tests.airflow_dag import known_to_airflow

PRODUCTS = """
query ($after: String, $first: Int) { store { products(first: $first, after: $after) {
    pageInfo { hasNextPage endCursor } edges { node { id name } } } } }
"""


def ask(query: str = PRODUCTS, **arguments: Any) -> BigCommerceGraphQLOperator:
    return BigCommerceGraphQLOperator(**{"task_id": "ask", "query": query, "variables": {"first": 4}, **arguments})


def lines(path: Path, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for file in manifest["files"] for line in (path / file["path"]).read_text().splitlines()]


def test_without_a_path_the_data_is_the_result(connected: Sandbox) -> None:
    assert ask("query { store { id } }", variables=None).execute({}) == {"store": {"id": f"bc/store/{connected.store_hash}"}}


def test_with_a_path_every_node_is_in_the_files(connected: Sandbox, tmp_path: Path) -> None:
    manifest = ask(path=str(tmp_path), name="product_nodes", max_rows_per_file=4).execute({})

    products = connected.store.rows("products")
    assert lines(tmp_path, manifest) == [{"id": f"bc/store/product/{row['id']}", "name": row["name"]} for row in products]
    assert [file["rows"] for file in manifest["files"]] == [4, 4, 2]
    assert (manifest["resource"], manifest["rows"], manifest["requests"], manifest["complete"]) == ("product_nodes", 10, 3, True)
    [only] = committed(str(tmp_path), "product_nodes")
    assert only.as_json() == manifest


def test_parquet_has_the_key_and_the_rest_as_json(connected: Sandbox, tmp_path: Path) -> None:
    manifest = ask(path=str(tmp_path), name="product_nodes", file_format="parquet").execute({})

    [file] = manifest["files"]
    table = pyarrow.parquet.read_table(tmp_path / file["path"])
    assert table.column("id").to_pylist() == [f"bc/store/product/{row['id']}" for row in connected.store.rows("products")]
    assert [json.loads(text)["name"] for text in table.column("_extra").to_pylist()] == [
        r["name"] for r in connected.store.rows("products")
    ]
    assert manifest["drift"] == []


def test_a_run_that_breaks_off_commits_nothing(connected: Sandbox, tmp_path: Path) -> None:
    connected.store.fail_next(1, "answer", match="/graphql", skip=1, status=200, body=b'{"errors": [{"message": "broken"}]}')
    with pytest.raises(GraphQLError, match="broken"):
        ask(path=str(tmp_path), name="product_nodes").execute({})

    assert committed(str(tmp_path), "product_nodes") == []
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_errors_in_the_answer_fail_the_task(connected: Sandbox) -> None:
    with pytest.raises(GraphQLError):
        ask("query { store { no_such_field } }", variables=None).execute({})


def test_a_query_is_repeated_after_an_outage_and_a_mutation_is_not(connected: Sandbox) -> None:
    connected.store.fail_next(1, "answer", match="/graphql", status=502, body=b"")
    assert ask("query { store { id } }", variables=None).execute({})
    connected.store.fail_next(1, "answer", match="/graphql", status=502, body=b"")
    with pytest.raises(AirflowFailException, match="was not sent again") as caught:
        ask("mutation { anything { id } }", variables=None).execute({})
    assert isinstance(caught.value.__cause__, UnclearWriteError)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "name=None"),
        ({"name": "../up"}, "lower-case letters"),
        ({"name": "products"}, "mix with"),
        ({"name": "nodes", "query": "query { store { id } }"}, r"needs the variable \$after"),
    ],
)
def test_what_cannot_become_files_is_refused_where_the_dag_is_parsed(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidQueryError, match=says):
        ask(**arguments, path="/nowhere")


def test_a_second_try_replaces_the_files_of_its_run(connected: Sandbox, tmp_path: Path) -> None:
    context = {"ti": SimpleNamespace(dag_id="d", run_id="r", task_id="ask", map_index=-1)}
    first, second = (ask(path=str(tmp_path), name="product_nodes").execute(context) for _ in range(2))

    [only] = committed(str(tmp_path), "product_nodes")
    assert only.as_json() == second
    assert {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("part-*")} == {file["path"] for file in second["files"]}
    assert lines(tmp_path, second)[0]["id"] == f"bc/store/product/{connected.store.rows('products')[0]['id']}"
    assert first["rows"] == second["rows"]


@pytest.mark.usefixtures("airflow_home")
def test_each_run_of_a_dag_has_files_of_its_own(connected: Sandbox, tmp_path: Path) -> None:
    from airflow.sdk import DAG

    with DAG("graphql_nodes", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        ask(path=str(tmp_path), name="{{ task.task_id }}_nodes", query=PRODUCTS.replace("$first,", "{{ 2 * 2 }},"))
    known_to_airflow(dag)
    for _ in range(2):
        assert str(dag.test().state) == "success"

    runs = committed(str(tmp_path), "ask_nodes")
    assert [run.rows for run in runs] == [10, 10]
    assert len({file.path for run in runs for file in run.files}) == 2
