"""The periodic full read: it finds what moved no change date, in files and in tables, and a failed one is made up for."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import InvalidQueryError, ServerError
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.sql.conftest import KINDS, night, warehouse  # noqa: F401  # fixtures, asked for by name
from tests.sql.warehouse import Warehouse
from tests.transfers.conftest import Night

DAY, WEEK = timedelta(days=1), timedelta(days=7)
# A week after the first run, every resource has had its moment.
INCREMENTAL: dict[str, Any] = {"mode": "incremental", "full_every": WEEK}


def change_without_a_date(store: Any) -> int:
    """An edit that leaves ``date_modified`` as it was, as some of BigCommerce's do."""
    [row, *_] = store.rows("products")
    store.edit("products", row["id"], name="edited in silence", date_modified=row["date_modified"])
    return int(row["id"])


def test_a_full_read_finds_in_files_what_moved_no_date(night: Night) -> None:  # noqa: F811  # the fixture
    night.run("r1", "products", **INCREMENTAL)
    silent = change_without_a_date(night.sandbox.store)
    between = night.run("r2", "products", after=timedelta(minutes=1), **INCREMENTAL)
    assert between["rows"] == 0
    assert night.copy("products")[silent]["name"] != "edited in silence"

    full = night.run("r3", "products", after=WEEK, **INCREMENTAL)
    after = night.run("r4", "products", after=timedelta(minutes=1), **INCREMENTAL)

    assert full["window"] == {"since": None, "until": "2026-04-05T12:01:00Z"}
    assert full["rows"] == night.sandbox.store.count("products")
    assert night.copy("products")[silent]["name"] == "edited in silence"
    assert after["window"]["since"] == "2026-04-05T11:56:00Z"


@pytest.mark.parametrize("warehouse", KINDS[:2], indirect=True)
def test_a_full_read_finds_in_a_table_what_moved_no_date(warehouse: Warehouse) -> None:  # noqa: F811  # the fixture
    warehouse.run("products", "r1", **INCREMENTAL)
    silent = change_without_a_date(warehouse.sandbox.store)

    full = warehouse.run("products", "r2", after=WEEK, **INCREMENTAL)
    after = warehouse.run("products", "r3", after=timedelta(minutes=1), **INCREMENTAL)

    assert full["window"]["since"] is None
    assert warehouse.column(f"SELECT name FROM products WHERE id = {silent}") == ["edited in silence"]
    assert after["window"]["since"] == "2026-04-05T11:55:00Z"


@pytest.mark.parametrize("initial_since", [None, "2020-01-01T00:00:00Z"])
@pytest.mark.parametrize("warehouse", KINDS[:2], indirect=True)
def test_a_full_read_begins_where_the_copy_begins(warehouse: Warehouse, initial_since: str | None) -> None:  # noqa: F811  # the fixture
    arguments = {**INCREMENTAL, "initial_since": initial_since}

    windows = [warehouse.run("orders", f"r{day}", after=DAY, **arguments)["window"]["since"] for day in range(16)]

    full = [day for day, since in enumerate(windows) if since == initial_since]
    assert full[0] == 0
    assert len(full) == 3
    assert full[2] - full[1] == 7


def test_a_full_read_that_failed_is_made_up_for(night: Night) -> None:  # noqa: F811  # the fixture
    store = night.sandbox.store
    night.run("r1", "products", **INCREMENTAL)
    extra = {**night.sandbox.connection["extra"], "max_attempts": 1}
    failing = dataclasses.replace(night.sandbox, connection={**night.sandbox.connection, "extra": extra})
    store.fail_next(1, "answer", match="/v3/catalog/products", status=500, body=b"{}")
    with pytest.MonkeyPatch.context() as patch:
        import json

        patch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(failing.connection))
        with pytest.raises(ServerError):
            night.run("r2", "products", after=WEEK, **INCREMENTAL)

    made_up = night.run("r3", "products", after=DAY, **INCREMENTAL)

    assert made_up["window"]["since"] is None
    assert night.run("r4", "products", after=timedelta(minutes=1), **INCREMENTAL)["window"]["since"] is not None


def test_a_retry_of_a_full_read_is_one_too(night: Night) -> None:  # noqa: F811  # the fixture
    night.run("r1", "products", **INCREMENTAL)
    night.later(WEEK)
    night.sandbox.store.fail_next(1, "answer", match="/v3/catalog/products", status=403, body=b"{}", skip=0)
    with pytest.raises(Exception, match="403"):
        night.run("r2", "products", **INCREMENTAL)

    again = night.run("r2", "products", after=timedelta(minutes=3), **INCREMENTAL)

    assert again["window"] == {"since": None, "until": "2026-04-05T12:00:00Z"}


def test_without_full_every_there_is_none(night: Night) -> None:  # noqa: F811  # the fixture
    night.run("r1", "products")

    assert night.run("r2", "products", after=10 * WEEK)["window"]["since"] == "2026-03-29T11:55:00Z"


def test_no_time_between_full_reads_is_refused(night: Night) -> None:  # noqa: F811  # the fixture
    with pytest.raises(InvalidQueryError, match=r"full_every=0:00:00 .* cannot work. Accepted: a timedelta above 0"):
        night.run("r1", "products", mode="incremental", full_every=timedelta(0))
    BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", path="/x", full_every=WEEK)  # reads all each time
