"""The files of a dbt project over copied tables, as texts by their path. Decides names and contents; writes no file.

Every file begins with ``MARK``, by which a later run tells its own files from a person's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from airflow_provider_bigcommerce.dbt.copied_tables import POINTERS, RESERVED, Described, told
from airflow_provider_bigcommerce.dbt.diagram import diagram
from airflow_provider_bigcommerce.dbt.words import TABLES
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, SYNCED_AT
from airflow_provider_bigcommerce.targets.sql.layout import Table

#: In the first line of each file that is ours.
MARK: Final = "Written by airflow-bigcommerce dbt"
_NOTE: Final = f"{MARK}. The next call overwrites it: make your changes in files of your own."
_FOLDER: Final = "models/staging/bigcommerce"
SOURCE: Final = "bigcommerce"

_UNIQUE_TEST: Final = """\
{% test bigcommerce_unique(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
"""


def files(tables: Sequence[Described], *, schema: str | None, name: str) -> dict[str, str]:
    """Path below the project's directory -> text.

    :param tables: of copied resources, one for each.
    :param schema: where they are; None for the schema of dbt's own target.
    :param name: of the project; letters, digits and underscores.
    """
    staged = [each for each in tables if each.is_staged]
    out = {
        "dbt_project.yml": _yaml(_project(name)),
        f"{_FOLDER}/_bigcommerce__sources.yml": _yaml(_sources(tables, schema)),
        "macros/bigcommerce_unique.sql": f"{{# {_NOTE} #}}\n{_UNIQUE_TEST}",
        "ERD.md": f"<!-- {_NOTE} -->\n# Tables and their relations\n\n```mermaid\n{diagram(tables)}```\n",
    }
    if staged:
        out[f"{_FOLDER}/_bigcommerce__models.yml"] = _yaml(_models(staged))
    return out | {f"{_FOLDER}/{each.model}.sql": staging(each) for each in staged}


def staging(each: Described) -> str:
    """The staging model of a table: its columns under plain names, without rows that the store no longer has."""
    lines = [quoted(column) if name == column else f"{quoted(column)} as {quoted(name)}" for column, name in each.staged_columns.items()]
    chosen = ",\n    ".join([*lines, f"{SYNCED_AT} as synced_at"])
    source = f"{{{{ source('{SOURCE}', '{each.resource.name}') }}}}"
    return f"-- {_NOTE}\nselect\n    {chosen}\nfrom {source}\nwhere {DELETED_AT} is null\n"


def quoted(column: str) -> str:
    """A column as a model names it; quoted by dbt where a database reserves the word."""
    return f"{{{{ adapter.quote('{column}') }}}}" if column in RESERVED else column


def _yaml(content: Mapping[str, Any]) -> str:
    import yaml  # comes with Airflow

    quick = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the same in C, where PyYAML was built with it
    text: str = yaml.dump(content, Dumper=quick, sort_keys=False, allow_unicode=True, width=130)
    return f"# {_NOTE}\n{text}"


def _project(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "version": "1.0.0",
        "config-version": 2,
        "profile": name,
        "require-dbt-version": [">=1.10.8", "<3.0.0"],
        "model-paths": ["models"],
        "macro-paths": ["macros"],
        "models": {name: {"staging": {"+materialized": "view"}}},
    }


def _sources(tables: Sequence[Described], schema: str | None) -> dict[str, Any]:
    own = f"'{schema}'" if schema else "target.schema"
    listed = [_source(each, table) for each in tables for table in each.layout.tables]
    listed.append(
        {
            "name": "_bigcommerce_syncs",
            "description": "One row for each run that a copy committed: table, window, watermark, rows, end.",
            "config": {"loaded_at_field": "finished_at", "freshness": _old(hours=36, error=96)},
        }
    )
    source = {
        "name": SOURCE,
        "description": "Tables that BigCommerceToSqlOperator or bigcommerce_sync keep equal to a BigCommerce store.",
        "schema": f"{{{{ var('bigcommerce_schema', {own}) }}}}",
        "tables": listed,
    }
    return {"version": 2, "sources": [source]}


def _source(each: Described, table: Table) -> dict[str, Any]:
    row, is_main = each.resource, table is each.layout.main
    words = TABLES.get(row.name, f"One row of {row.name}.")
    lists = sorted(path for path, child in each.layout.children.items() if child.name == table.name)
    name = row.name if is_main else table.name.replace(each.layout.main.name, row.name, 1)
    content: dict[str, Any] = {"name": name}
    if name != table.name:
        content["identifier"] = table.name
    content["description"] = f"{words} BigCommerce: {row.path}." if is_main else f"Items of {', '.join(lists)} of {row.name}."
    if is_main and row.modified is not None:
        # Of other lists, rows that did not change are not written again: their time says nothing of the last run.
        content["config"] = {"loaded_at_field": SYNCED_AT, "freshness": _old(hours=72)}
    optional = frozenset(column for column in table.key if each.may_be_null(column))
    content |= _tests(table.key, optional)
    columns = []
    for column in table.columns:
        described: dict[str, Any] = {"name": column.name, "description": told(row, table, column.name)}
        if column.name in RESERVED:
            described["quote"] = True
        columns.append(described | _column_tests(column.name, table.key, optional))
    return content | {"columns": columns}


def _old(*, hours: int, error: int | None = None) -> dict[str, Any]:
    """How old the newest row may be."""
    late = {"warn_after": {"count": hours, "period": "hour"}}
    return late | ({"error_after": {"count": error, "period": "hour"}} if error else {})


def _tests(key: Sequence[str], optional: frozenset[str]) -> dict[str, Any]:
    """Of the table as a whole: a key of several columns. Null is no value, so that one with nulls cannot be tested."""
    if len(key) < 2 or optional:
        return {}
    return {"data_tests": [{"bigcommerce_unique": {"arguments": {"columns": list(key)}}}]}


def _column_tests(column: str, key: Sequence[str], optional: frozenset[str]) -> dict[str, Any]:
    if column not in key or column in optional:
        return {}
    return {"data_tests": [*(["unique"] if len(key) == 1 else []), "not_null"]}


def _models(staged: Sequence[Described]) -> dict[str, Any]:
    names = {each.resource.name: each for each in staged}
    models = []
    for each in staged:
        key = each.staged_key
        optional = frozenset(name for name, column in zip(key, each.layout.main.key, strict=True) if each.may_be_null(column))
        columns = []
        for column, name in each.staged_columns.items():
            described: dict[str, Any] = {"name": name, "description": told(each.resource, each.layout.main, column)}
            tests = _column_tests(name, key, optional).get("data_tests", [])
            pointer = POINTERS.get((each.resource.name, name))
            if pointer is not None and pointer[0] in names:
                tests = [*tests, _relationship(name, names[pointer[0]].model, pointer[1])]
            if name in RESERVED:
                described["quote"] = True
            columns.append(described | ({"data_tests": tests} if tests else {}))
        columns.append({"name": "synced_at", "description": "When the row was read, UTC."})
        description = f"{TABLES[each.resource.name]} Without rows that the store no longer has."
        models.append({"name": each.model, "description": description, **_tests(key, optional), "columns": columns})
    return {"version": 2, "models": models}


def _relationship(column: str, model: str, key: str) -> dict[str, Any]:
    """That a pointer leads to a row. A warning only: tables are copied one after the other, and an old order names what is gone."""
    test = {"arguments": {"to": f"ref('{model}')", "field": key}, "config": {"severity": "warn", "where": f"{column} <> 0"}}
    return {"relationships": test}
