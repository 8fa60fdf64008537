"""The dbt project that ``airflow-bigcommerce dbt`` writes, without dbt: YAML, SQL in DuckDB, the diagram, and what it leaves alone."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pytest
import yaml

from airflow_provider_bigcommerce import cli
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.dbt.copied_tables import POINTERS, RENAMED, STAGED, Described, described, one_each
from airflow_provider_bigcommerce.dbt.project import files
from airflow_provider_bigcommerce.dbt.words import OWN, TABLES, meaning
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from tests.dbt.conftest import SCHEMA, carry
from tests.sql.warehouse import Warehouse

SOURCES = "models/staging/bigcommerce/_bigcommerce__sources.yml"
MODELS = "models/staging/bigcommerce/_bigcommerce__models.yml"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: exit status, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", *arguments])
        status = cli.main()
        told = capfd.readouterr()
        return status, told.out, " ".join(told.err.split())

    return run


@pytest.fixture(scope="module")
def twenty() -> list[Described]:
    return [described(resource) for resource in STAGED]


def loaded(text: str) -> Any:
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def rendered(sql: str) -> str:
    """A model as dbt would send it."""
    adapter = type("Adapter", (), {"quote": staticmethod('"{}"'.format)})
    names: dict[str, Any] = {"source": lambda _, table: f"{SCHEMA}.{table}", "adapter": adapter}
    return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(sql).render(names)


def test_there_are_twenty_staged_resources_each_with_words_for_its_rows_and_every_column(twenty: list[Described]) -> None:
    assert len(twenty) == 20
    assert {each.resource.name for each in twenty} == set(TABLES)
    lacking = {
        f"{each.resource.name}.{column}" for each in twenty for column in each.staged_columns if meaning(each.resource.name, column) is None
    }
    assert lacking == set()


def test_words_pointers_and_new_names_speak_of_columns_that_exist(twenty: list[Described]) -> None:
    staged = {each.resource.name: {*each.staged_columns.values()} for each in twenty}
    kept = {each.resource.name: {*each.staged_columns} for each in twenty}
    amounts = {"_inc_tax", "_ex_tax", "_tax"}
    unknown = {
        (name, column) for name, own in OWN.items() for column in own if not {column, *(column + end for end in amounts)} & kept[name]
    }

    assert unknown == set()
    assert [pair for pair in RENAMED if pair[1] not in kept[pair[0]]] == []
    for (resource, column), (other, key) in POINTERS.items():
        assert column in staged[resource], (resource, column)
        assert key in staged[other], (other, key)


def test_no_two_columns_of_a_staging_model_have_one_name(twenty: list[Described]) -> None:
    for each in twenty:
        names = [*each.staged_columns.values(), "synced_at"]
        assert len(names) == len(set(names)), each.resource.name


@pytest.mark.parametrize("nested", ["json", "tables"])
def test_every_resource_with_a_key_can_be_a_source_whose_yaml_names_its_columns_and_tests_its_key(nested: str) -> None:
    names = [name for name, row in CATALOG.items() if row.primary_key] if nested == "json" else STAGED
    tables = [described(name, nested=nested) for name in names]
    written = files(tables, schema="public", name="shop")
    [source] = loaded(written[SOURCES])["sources"]
    by_name = {table["name"]: table for table in source["tables"]}

    assert source["schema"] == "{{ var('bigcommerce_schema', 'public') }}"
    for each in tables:
        table = by_name[each.resource.name]
        assert [column["name"] for column in table["columns"]] == [column.name for column in each.layout.main.columns]
        assert all(column["description"].endswith((".", "...")) for column in table["columns"]), each.resource.name
        tested = {column["name"] for column in table["columns"] if "not_null" in column.get("data_tests", ())}
        assert tested == {column for column in each.layout.main.key if not each.may_be_null(column)}
        assert ("freshness" in table.get("config", {})) == (each.resource.modified is not None)
    assert len(by_name) == sum(len(each.layout.tables) for each in tables) + 1  # and the table of syncs
    assert len(by_name) == len(source["tables"])


def test_every_file_of_a_project_says_in_its_first_line_who_wrote_it(twenty: list[Described]) -> None:
    for path, text in files(twenty, schema=None, name="shop").items():
        assert "Written by airflow-bigcommerce dbt" in text.splitlines()[0], path


def test_the_diagram_has_each_table_with_its_keys_and_each_pointer_once(twenty: list[Described]) -> None:
    lines = files(twenty, schema=None, name="shop")["ERD.md"].split("```mermaid\n")[1].split("```")[0].splitlines()
    entity = re.compile(r"    \w+ \{|    \}|        (int|float|bool|text|money|rate|time|json) \w+( (PK|FK|PK, FK))?")
    relation = re.compile(r'    (\w+) \|\|--o\{ (\w+) : "(\w+)"')

    assert lines[0] == "erDiagram"
    assert [line for line in lines[1:] if not entity.fullmatch(line) and not relation.fullmatch(line)] == []
    pointers = [(match[2], match[3]) for line in lines if (match := relation.fullmatch(line))]
    assert sorted(pointers) == sorted(POINTERS)
    assert {line.split()[0] for line in lines if line.endswith(" {")} == set(STAGED)
    assert sum(" PK" in line for line in lines) == sum(len(each.layout.main.key) for each in twenty)


def test_the_models_yaml_tests_each_key_and_each_pointer(twenty: list[Described]) -> None:
    models = {model["name"]: model for model in loaded(files(twenty, schema=None, name="shop")[MODELS])["models"]}
    found = {}
    for each in twenty:
        model = models[each.model]
        assert [column["name"] for column in model["columns"]] == [*each.staged_columns.values(), "synced_at"]
        tests = [(column["name"], test) for column in model["columns"] for test in column.get("data_tests", ())]
        for name, test in tests:
            if isinstance(test, dict):
                assert test["relationships"]["config"]["severity"] == "warn"
                arguments = test["relationships"]["arguments"]
                found[each.resource.name, name] = arguments["to"], arguments["field"]
        single = {name for name, test in tests if test == "unique"}
        assert single == ({*each.staged_key} if len(each.staged_key) == 1 else set())
    assert found == {pair: (f"ref('stg_bigcommerce__{other}')", key) for pair, (other, key) in POINTERS.items()}


@pytest.mark.bigcommerce_sandbox(products=12, orders=8, customers=6)
def test_the_models_of_a_copy_of_the_sandbox_run_in_duckdb_and_have_its_rows(shop: Warehouse, run: Run, tmp_path: Path) -> None:
    status, out, _ = run("dbt", str(tmp_path / "project"), "--conn-id", "warehouse", "--schema", "main")
    assert (status, "sources for 20 tables, 20 staging models" in out) == (0, True), out
    carry(shop, tmp_path / "copy.duckdb")

    with contextlib.closing(duckdb.connect(str(tmp_path / "copy.duckdb"))) as database:
        for resource in STAGED:
            each = described(resource)
            sql = (tmp_path / "project" / "models" / "staging" / "bigcommerce" / f"{each.model}.sql").read_text()
            answer = database.execute(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({rendered(sql)})")
            names, found = [column[0] for column in answer.description], answer.fetchall()
            [(rows,)] = shop.query(f'SELECT count(*) FROM "{resource}"')
            assert (resource, len(found)) == (resource, rows)
            assert rows, f"{resource} has no rows, so its model proves nothing"
            assert names == [*each.staged_columns.values(), "synced_at"]
            assert len({tuple(row[names.index(name)] for name in each.staged_key) for row in found}) == rows, resource


def test_a_second_call_writes_its_own_files_anew_and_leaves_a_persons_alone(run: Run, tmp_path: Path) -> None:
    assert run("dbt", str(tmp_path), "orders", "customers")[0] == 0
    mine, ours = tmp_path / "dbt_project.yml", tmp_path / "ERD.md"
    mine.write_text("name: mine\n")
    ours.write_text(ours.read_text().replace("erDiagram", "broken"))

    status, out, _ = run("dbt", str(tmp_path), "orders", "customers")

    assert (status, f"left alone {mine}, which is not ours" in out) == (0, True)
    assert mine.read_text() == "name: mine\n"
    assert "erDiagram" in ours.read_text()
    assert not (tmp_path / "models/staging/bigcommerce/stg_bigcommerce__brands.sql").exists()


@pytest.mark.parametrize(
    ("arguments", "claim"),
    [
        (("x", "ordrs"), "Did you mean 'orders'"),
        (("x", "--name", "My Shop"), "small letters, digits"),
        (("x", "--schema", "a'b"), "no schema of a project can have"),
        (("x", "orders", "orders"), "is in two tables"),
        (("x", "orders", "--nested", "deep"), "Accepted: 'json', 'tables'"),
        (("x", "order_settings"), "has no key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "_".join(value),
)
def test_wrong_usage_writes_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], claim: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = run("dbt", *arguments)
    assert (status, claim in err) == (2, True), err
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_copies_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_EMPTY", f'{{"conn_type": "sqlite", "host": "{tmp_path / "empty.db"}"}}')
    status, _, err = run("dbt", str(tmp_path / "x"), "--conn-id", "empty")
    assert (status, "has no table" in err, (tmp_path / "x").exists()) == (2, True, False), err


def test_two_tables_of_one_resource_are_refused_with_both_names() -> None:
    with pytest.raises(InvalidQueryError, match="'orders' is in two tables, 'orders' and 'orders_of_2024'"):
        one_each([described("orders"), described("orders", table="orders_of_2024")])
