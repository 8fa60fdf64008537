"""Databases through SQLAlchemy: what is done otherwise there than on SQLite and PostgreSQL, on those two and on MariaDB."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from decimal import Decimal

import pytest

from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.targets.sql.any_database import AnyDatabase
from tests.sql import any_hook
from tests.sql.conftest import KINDS
from tests.sql.warehouse import CONN_ID, Warehouse

HOUR = timedelta(hours=1)

ON_ANY = pytest.mark.parametrize("warehouse", KINDS[2:], indirect=True)
ON_MARIADB = pytest.mark.parametrize("warehouse", KINDS[-1:], indirect=True)


def opened(run: str = "run") -> AnyDatabase:
    return AnyDatabase(any_hook.AnySqlHook(any_sql_conn_id=CONN_ID), None, run)


def leftovers(warehouse: Warehouse) -> set[str]:
    return {name for name in warehouse.tables() if "_bigcommerce_tmp_" in name}


@ON_ANY
def test_a_retry_drops_the_staging_tables_of_the_killed_try_and_a_run_those_of_yesterday(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(run_id: str) -> set[str]:
        before = leftovers(warehouse)
        with monkeypatch.context() as patch:
            patch.setattr(AnyDatabase, "close", lambda self: self._connection.close())
            patch.setattr(AnyDatabase, "upsert", lambda *_: (_ for _ in ()).throw(DestinationError("killed")))
            with pytest.raises(DestinationError, match="killed"):
                warehouse.run("brands", run_id)
        return leftovers(warehouse) - before

    mine, others = killed("mine"), killed("another's")
    assert (len(mine), len(others)) == (1, 1)

    warehouse.run("brands", "mine")
    assert leftovers(warehouse) == others
    with monkeypatch.context() as patch:  # a worker whose clock is a day ahead: the database's decides
        now = time.time()
        patch.setattr("airflow_provider_bigcommerce.targets.sql.any_database.time.time", lambda: now + 25 * 3600)
        warehouse.run("brands", "ahead", after=HOUR)
    assert leftovers(warehouse) == others

    database_now = AnyDatabase._now
    monkeypatch.setattr(AnyDatabase, "_now", lambda self: database_now(self) + 25 * 3600)
    warehouse.run("brands", "next", after=HOUR)
    assert leftovers(warehouse) == set()


@ON_ANY
def test_columns_that_are_not_ours_and_rows_that_refer_to_a_row_outlive_its_replacement(warehouse: Warehouse) -> None:
    brand = warehouse.sandbox.store.rows("brands")[0]["id"]
    warehouse.run("brands")
    warehouse.do("ALTER TABLE brands ADD COLUMN note VARCHAR(20)")
    warehouse.do(f"UPDATE brands SET note = 'mine' WHERE id = {brand}")
    warehouse.do("CREATE TABLE likes (brand BIGINT REFERENCES brands (id) ON DELETE CASCADE)")
    warehouse.do(f"INSERT INTO likes VALUES ({brand})")

    warehouse.sandbox.store.edit("brands", brand, name="edited")
    warehouse.run("brands", after=HOUR)

    assert warehouse.query(f"SELECT name, note FROM brands WHERE id = {brand}") == [("edited", "mine")]
    assert warehouse.query("SELECT brand FROM likes") == [(brand,)]


@ON_ANY
def test_a_table_may_have_a_name_that_drivers_and_sqlalchemy_take_for_parameters(warehouse: Warehouse) -> None:
    name = "50% of :brands? %s"

    for deletes in ("detect", "delete"):
        warehouse.run("brands", table=name, nested="tables", deletes=deletes, after=HOUR)

    if warehouse.kind == "mariadb":  # whose driver takes the test's own per cent signs for nothing else
        assert warehouse.query(f'SELECT count(*) FROM "{name}"') == [(warehouse.sandbox.store.count("brands"),)]
    assert name in warehouse.tables()


@ON_ANY
def test_long_texts_and_exact_amounts_are_kept(warehouse: Warehouse) -> None:
    text = "ü€😀" * 50_000
    product = warehouse.sandbox.store.add_product(description=text, price=1234567890.1234)

    warehouse.run("products")

    [(description, price)] = warehouse.query(f"SELECT description, price FROM products WHERE id = {product['id']}")
    assert description == text
    assert Decimal(str(price)) == Decimal("1234567890.1234")


@ON_ANY
def test_texts_that_a_database_may_take_for_the_same_are_two_keys_and_a_difference(warehouse: Warehouse) -> None:
    brand = warehouse.sandbox.store.add("brands", name="Größe")["id"]
    warehouse.run("brands")
    for damaged in ("größe", "Grösse", "Größe "):
        warehouse.do(f"UPDATE brands SET name = '{damaged}' WHERE id = {brand}")
        operator = BigCommerceReconcileOperator(task_id="p", resource="brands", conn_id=CONN_ID, sample=None, on_mismatch="warn")
        assert [(row["key"], row["fields"]) for row in operator.execute({})["changed"]] == [(brand, ["name"])]


@ON_MARIADB
def test_a_run_waits_for_another_ones_last_step_longer_than_the_database_does(warehouse: Warehouse) -> None:
    warehouse.run("brands")
    warehouse.do("BEGIN")
    warehouse.do("UPDATE _bigcommerce_locks SET taken = taken + 1 WHERE table_name = 'brands'")
    run = threading.Thread(target=warehouse.run, args=("brands",))
    run.start()
    run.join(5)  # the server gives a wait up after two seconds
    assert run.is_alive()
    warehouse.do("COMMIT")
    run.join(60)

    assert warehouse.column("SELECT count(*) FROM _bigcommerce_syncs") == [2]


@ON_ANY
def test_a_lock_that_cannot_be_taken_is_told(warehouse: Warehouse) -> None:
    warehouse.run("brands")
    database = opened()
    try:
        warehouse.do("ALTER TABLE _bigcommerce_locks DROP COLUMN taken")
        database._lock_rows.add("brands")
        with pytest.raises(DestinationError, match="did not let this run be the only one that changes the table 'brands'"):
            database.begin("brands")
    finally:
        database.close()


@ON_ANY
def test_a_value_that_the_database_refuses_fails_the_run_and_is_not_told(warehouse: Warehouse) -> None:
    if warehouse.kind == "sqlite":
        pytest.skip("SQLite takes texts of any length")
    warehouse.run("segments")
    before = warehouse.contents()
    warehouse.sandbox.store.add("segments", id="secret" * 60, name="long")

    with pytest.raises(DestinationError, match="refused rows for _bigcommerce_staging_0") as told:
        warehouse.run("segments", after=HOUR)

    assert "secret" not in str(told.value)
    assert warehouse.contents() == before
