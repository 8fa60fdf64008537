"""What a database refuses is told by kind, table, column and constraint; the value it quotes stands nowhere, not in a traceback either."""

from __future__ import annotations

import sqlite3
import traceback
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.targets.sql import refusals
from tests.sql.warehouse import Warehouse

#: What a customer's row may hold.
VALUES = ("jane.doe@example.com", "Jane Doe", "447700900123")
TEXT = " ".join(VALUES)


def assert_hidden(error: BaseException) -> str:
    """No value in the message, in what stands behind it, or in what a log prints of it."""
    assert error.__cause__ is None
    assert error.__context__ is None
    told = "".join(traceback.format_exception(error))
    assert [value for value in (*VALUES, "Jane", "jane", "4477") if value in told] == []
    assert "\n" not in str(error)
    return str(error)


def with_a_unique_email(warehouse: Warehouse) -> None:
    index = "CREATE UNIQUE INDEX one_name ON brands (name{})"
    warehouse.do(index.format("(191)" if warehouse.kind == "mariadb" else ""))


def with_a_trigger(warehouse: Warehouse) -> None:
    """That says what it does not like, with the value in it."""
    if warehouse.kind == "sqlite":
        said = " ".join(VALUES)
        warehouse.do(f"CREATE TRIGGER no_brand BEFORE INSERT ON brands BEGIN SELECT RAISE(ABORT, 'not {said}'); END")
    elif warehouse.kind == "postgres":
        warehouse.do(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'not %', NEW.name USING DETAIL = NEW.name, HINT = NEW.name; END $$"
        )
        warehouse.do("CREATE TRIGGER no_brand BEFORE INSERT ON brands FOR EACH ROW EXECUTE FUNCTION refuse()")
    else:
        warehouse.do(
            "CREATE TRIGGER no_brand BEFORE INSERT ON brands FOR EACH ROW "
            "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not jane.doe@example.com Jane Doe 447700900123'"
        )


CASES = {
    "unique": (with_a_unique_email, {"sqlite": "name", "postgres": "one_name", "mariadb": "one_name"}),
    "trigger": (with_a_trigger, {"sqlite": "SQLITE_CONSTRAINT_TRIGGER", "postgres": "SQLSTATE P0001", "mariadb": "1644"}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_row_that_the_table_refuses_is_told_without_its_values(warehouse: Warehouse, case: str) -> None:
    prepare, names = CASES[case]
    warehouse.run("brands")
    prepare(warehouse)
    warehouse.sandbox.store.add("brands", id=9001, name=TEXT)
    warehouse.sandbox.store.add("brands", id=9002, name=TEXT)
    before = warehouse.contents()

    with pytest.raises(DestinationError) as caught:
        warehouse.run("brands")

    told = assert_hidden(caught.value)
    assert names[warehouse.kind] in told
    assert "brands" in told
    assert warehouse.contents() == before


class Answer:
    """PostgreSQL's answer as psycopg keeps it."""

    table_name, column_name, constraint_name, datatype_name = "customers", None, "customers_email_key", None


class PostgresError(Exception):
    sqlstate = "23505"
    diag = Answer()


class OtherError(Exception):
    sqlstate = "57P01"
    diag = None


class MysqlError(Exception):
    """As PyMySQL's and mysqlclient's: a number and a sentence."""


DETAIL = f'duplicate key value violates "customers_email_key"\nDETAIL:  Key (email)=({TEXT}) already exists.'


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PostgresError(DETAIL), "PostgresError, SQLSTATE 23505, table customers, constraint customers_email_key"),
        (OtherError("terminating connection"), "OtherError, SQLSTATE 57P01, terminating connection"),
        (MysqlError(1062, f"Duplicate entry '{TEXT}' for key 'email'"), "MysqlError, error 1062, duplicate entry, key email"),
        (MysqlError(1062, f"Duplicate entry 'a' for key '{TEXT}'"), "MysqlError, error 1062, duplicate entry, key [...]"),
        (MysqlError(1406, "Data too long for column 'name' at row 1"), "MysqlError, error 1406, data too long, column name"),
        (MysqlError(1366, f"Incorrect string value: '{TEXT}' for column `s`.`c`.`name` at row 1"),
         "MysqlError, error 1366, incorrect value, column name"),
        (MysqlError(1644, TEXT), "MysqlError, error 1644, refused by a trigger or procedure"),
        (MysqlError(9999, TEXT), "MysqlError, error 9999"),
        (sqlite3.IntegrityError("UNIQUE constraint failed: customers.email, customers.id"),
         "IntegrityError, UNIQUE constraint of customers.email, customers.id"),
        (sqlite3.OperationalError("database is locked"), "OperationalError, database is locked"),
        (sqlite3.OperationalError(TEXT), "OperationalError"),
        (type("DataError", (Exception,), {})(TEXT), "DataError"),
    ],
)  # fmt: skip
def test_only_names_and_plain_words_of_a_drivers_error_are_told(error: Exception, expected: str) -> None:
    assert refusals.told(error) == expected


def test_what_sqlalchemy_wraps_is_told_as_the_drivers_own() -> None:
    sa: Any = pytest.importorskip("sqlalchemy.exc")
    wrapped = sa.IntegrityError("INSERT", {"email": TEXT}, MysqlError(1062, f"Duplicate entry '{TEXT}' for key 'email'"))

    assert TEXT in str(wrapped)
    assert refusals.told(wrapped) == "MysqlError, error 1062, duplicate entry, key email"
