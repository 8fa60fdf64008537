"""A query as the input of a plan: its rows come as they are, a block at a time, from each kind of database."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.writing.input_columns import plain_value
from airflow_provider_bigcommerce.writing.input_query import InputQuery

if TYPE_CHECKING:
    from tests.sql.warehouse import Warehouse


def test_the_rows_of_a_query_come_as_they_are(warehouse: Warehouse) -> None:
    warehouse.do("CREATE TABLE prices (sku VARCHAR(40), price DECIMAL(12, 4), day DATE, note VARCHAR(40))")
    warehouse.do("INSERT INTO prices VALUES ('A', 12.5, '2026-01-31', NULL), ('100 % \"B:c\"', 0.1, NULL, '')")

    rows = list(InputQuery("warehouse", "SELECT sku, price, day AS available, note FROM prices ORDER BY sku DESC -- 5 % :off").rows())

    assert [row["sku"] for row in rows] == ["A", '100 % "B:c"']
    assert [Decimal(str(row["price"])) for row in rows] == [Decimal("12.5"), Decimal("0.1")]
    assert rows[0]["available"] in (date(2026, 1, 31), "2026-01-31")
    assert plain_value(rows[0]["available"]) == "2026-01-31"
    assert (rows[0]["note"], rows[1]["available"], rows[1]["note"]) == (None, None, "")


def test_more_rows_than_a_block_come_all_and_once(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_bigcommerce.writing.input_query._BLOCK", 7)
    warehouse.do("CREATE TABLE numbers (n INT)")
    warehouse.do(f"INSERT INTO numbers VALUES {', '.join(f'({number})' for number in range(50))}")

    query = InputQuery("warehouse", "SELECT n FROM numbers ORDER BY n")

    assert [row["n"] for row in query.rows()] == list(range(50))
    assert [row["n"] for row, _ in zip(query.rows(), range(3), strict=False)] == [0, 1, 2]  # given up in between
    assert list(InputQuery("warehouse", "SELECT n FROM numbers WHERE n > 99").rows()) == []


def test_a_refused_query_is_told_without_a_value(warehouse: Warehouse) -> None:
    with pytest.raises(DestinationError, match=r"The query of conn_id='warehouse' failed: \w+") as raised:
        list(InputQuery("warehouse", "SELECT geheim FROM nowhere WHERE x = 'geheim@example.com'").rows())
    assert "geheim@" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
