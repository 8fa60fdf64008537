"""Deletes in tables: rows that the store has no more are marked or deleted in the transaction of the run."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import IncompleteReadError, InvalidQueryError, TooManyDeletedError
from tests.sql.warehouse import Warehouse

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def many_brands(warehouse: Warehouse) -> None:
    """The sandbox has three."""
    for number in range(12):
        warehouse.sandbox.store.add("brands", name=f"brand {number}")


def delete_some(warehouse: Warehouse, resource: str, count: int = 2) -> set[Any]:
    gone = [row["id"] for row in warehouse.sandbox.store.rows(resource)][3 : 3 + count]
    assert all(warehouse.sandbox.store.delete(resource, row_id) for row_id in gone)
    return set(gone)


def ids(warehouse: Warehouse, resource: str) -> set[Any]:
    return {row["id"] for row in warehouse.sandbox.store.rows(resource)}


CASES = [("products", "incremental"), ("customers", "incremental"), ("brands", "incremental"), ("brands", "full")]


@pytest.mark.parametrize(("resource", "mode"), CASES)
def test_a_deleted_row_is_marked_once_and_keeps_what_it_held(warehouse: Warehouse, resource: str, mode: str) -> None:
    arguments: dict[str, Any] = {"mode": mode, "deletes": "detect", "max_deleted_percent": 50}
    warehouse.run(resource, **arguments)
    before = dict(warehouse.query(f'SELECT id, _synced_at FROM "{resource}"'))
    gone = delete_some(warehouse, resource)

    second = warehouse.run(resource, after=HOUR, **arguments)
    third = warehouse.run(resource, after=HOUR, **arguments)

    assert (second["deleted"], third["deleted"]) == (2, 0)
    marked = warehouse.query(f'SELECT id, _deleted_at, _synced_at FROM "{resource}" WHERE _deleted_at IS NOT NULL')
    assert {row_id for row_id, _, _ in marked} == gone
    assert {str(at)[:19] for _, at, _ in marked} == {"2026-03-29 13:00:00"}
    assert all(synced_at == before[row_id] for row_id, _, synced_at in marked)
    assert set(warehouse.column(f'SELECT id FROM "{resource}" WHERE _deleted_at IS NULL')) == ids(warehouse, resource)


@pytest.mark.parametrize(("resource", "mode"), CASES)
def test_a_deleted_row_goes_where_that_is_asked(warehouse: Warehouse, resource: str, mode: str) -> None:
    arguments: dict[str, Any] = {"mode": mode, "deletes": "delete", "nested": "tables", "max_deleted_percent": 50}
    warehouse.run(resource, **arguments)
    gone = delete_some(warehouse, resource)

    assert warehouse.run(resource, after=HOUR, **arguments)["deleted"] == len(gone)
    assert set(warehouse.column(f'SELECT id FROM "{resource}"')) == ids(warehouse, resource)
    for table in warehouse.tables():
        if table.startswith(f"{resource}__"):
            assert not gone & set(warehouse.column(f'SELECT _root_id FROM "{table}"'))


@pytest.mark.parametrize("resource", ["products", "brands"])
def test_a_row_that_comes_back_is_alive_again(warehouse: Warehouse, resource: str) -> None:
    store = warehouse.sandbox.store
    arguments: dict[str, Any] = {"mode": "incremental", "deletes": "detect"}
    warehouse.run(resource, **arguments)
    row = store.rows(resource)[3]
    store.delete(resource, row["id"])
    warehouse.run(resource, after=HOUR, **arguments)
    store.add(resource, **row)
    if resource == "products":
        store.edit(resource, row["id"], date_modified=row["date_modified"])  # so that no window holds it

    warehouse.run(resource, after=HOUR, **arguments)

    assert warehouse.column(f'SELECT count(*) FROM "{resource}" WHERE _deleted_at IS NOT NULL') == [0]
    assert warehouse.column(f'SELECT name FROM "{resource}" WHERE id = {row["id"]}') == [row["name"]]


@pytest.mark.parametrize("deletes", ["detect", "delete"])
def test_an_archived_order_is_marked_and_never_lost(warehouse: Warehouse, deletes: str) -> None:
    arguments = {"mode": "incremental", "deletes": deletes}
    warehouse.run("orders", **arguments)
    [gone] = delete_some(warehouse, "orders", 1)

    second = warehouse.run("orders", after=HOUR, **arguments)
    third = warehouse.run("orders", after=HOUR, **arguments)

    assert (second["rows"], second["deleted"], third["deleted"]) == (0, 1, 0)
    [(is_deleted, at, total, lines)] = warehouse.query(
        f"SELECT is_deleted, _deleted_at, total_inc_tax, consignments FROM orders WHERE id = {gone}"
    )
    assert (bool(is_deleted), str(at)[:19], total is not None) == (True, "2026-03-29 13:00:00", True)
    assert "line_items" in str(warehouse.json(lines))
    warehouse.moment += HOUR
    warehouse.sandbox.store.edit("orders", gone, is_deleted=False)
    warehouse.run("orders", after=HOUR, **arguments)
    assert warehouse.column("SELECT count(*) FROM orders WHERE _deleted_at IS NOT NULL") == [0]


@pytest.mark.parametrize(("resource", "mode"), [("products", "incremental"), ("brands", "incremental"), ("brands", "full")])
def test_a_run_that_would_delete_too_much_stops_and_changes_nothing(warehouse: Warehouse, resource: str, mode: str) -> None:
    arguments: dict[str, Any] = {"mode": mode, "deletes": "delete"}
    warehouse.run(resource, **arguments)
    many = warehouse.sandbox.store.count(resource) // 4 + 1
    delete_some(warehouse, resource, many)
    before = warehouse.contents()

    with pytest.raises(TooManyDeletedError, match=rf"{many} of the \d+ {resource} in the copy .*max_deleted_percent is 20"):
        warehouse.run(resource, after=HOUR, **arguments)
    assert warehouse.contents() == before
    assert warehouse.run(resource, after=HOUR, **arguments, max_deleted_percent=60)["deleted"] == many


def test_a_list_that_lacks_rows_deletes_nothing(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore, Page

    warehouse.run("brands", deletes="delete")
    before = warehouse.contents()
    pages = BigCommerceStore.pages

    async def without_the_last_row(self: BigCommerceStore, name: str, **about: Any) -> Any:
        async for page in pages(self, name, **about):
            yield Page(page.records[:-1], page.number, page.total, page.position)

    monkeypatch.setattr(BigCommerceStore, "pages", without_the_last_row)
    with pytest.raises(IncompleteReadError, match="different rows came"):
        warehouse.run("brands", after=HOUR, deletes="delete", max_deleted_percent=100)
    assert warehouse.contents() == before


def test_a_filter_never_makes_a_row_look_deleted(warehouse: Warehouse) -> None:
    warehouse.run("products", deletes="delete")
    visible = {"is_visible": not warehouse.sandbox.store.rows("products")[0]["is_visible"]}

    runs = [warehouse.run("products", after=HOUR, deletes="delete", query=visible, mode=mode) for mode in ("full", "incremental")]

    assert [run["deleted"] for run in runs] == [0, 0]


def test_a_nested_key_is_compared_whole(warehouse: Warehouse) -> None:
    warehouse.run("inventory_items", deletes="detect")

    assert warehouse.run("inventory_items", after=HOUR, deletes="detect")["deleted"] == 0


def test_an_unknown_value_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(InvalidQueryError, match=r"deletes='drop' is unknown. Accepted: 'ignore', 'detect', 'delete'"):
        warehouse.operator("brands", deletes="drop")


def test_the_dag_of_the_page_marks_in_files_and_in_a_table(warehouse: Warehouse, tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "notice-deletes.md"
    [block] = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S)
    [query] = re.findall(r"^```sql\n(.*?);\n```", page.read_text(), re.M | re.S)
    names: dict[str, Any] = {}
    code = block.replace("/data/bigcommerce", str(tmp_path / "files")).replace("catchup=False):", "catchup=False) as dag:")
    exec(compile(code, str(page), "exec"), names)
    gone = 0
    for _ in range(2):
        manifests = [task.execute({}) for task in names["dag"].tasks]
        found = [manifest["deleted"] for manifest in manifests]
        assert found == ([1, 1] if gone else [0, 0])
        if not gone:
            [gone] = delete_some(warehouse, "products", 1)

    assert gone not in {row[0] for row in warehouse.query(query)}
    assert len(warehouse.query(query)) == warehouse.sandbox.store.count("products")
