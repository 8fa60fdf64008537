"""Every resource of the catalog into a table: by one run and by two, it has the keys that the sandbox says that it holds.

In the suite, one of B2B Edition of each kind and what BigCommerce has documented since April 2026; all of them with ``-m exhaustive``.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.hosts import B2B
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.transfers.test_every_resource import LISTS, NEEDED, Shop, connected, shop  # noqa: F401  # fixtures, asked for by name

#: Resources that BigCommerce documents since April 2026, besides those of B2B Edition.
NEWER = ("abandoned_cart_email_default", "abandoned_cart_email_settings", "order_consignment_shipping_quotes", "site_certificate")
#: Whose rows have newer fields.
WITH_NEWER_FIELDS = ("promotions", "promotion_codes")


def kind_of(row: Resource) -> tuple[object, ...]:
    """What decides how a list is walked and kept."""
    parent = CATALOG[row.parent].area if row.parent else None
    return (
        row.kind,
        row.paging,
        row.modified,
        parent,
        len(row.primary_key),
        row.single_params,
        bool(row.parent_dates),
        bool(row.whole_params),
    )


B2B_LISTS = [name for name in LISTS if CATALOG[name].host is B2B]
SHORT = {*NEWER, *WITH_NEWER_FIELDS, *{kind_of(CATALOG[name]): name for name in B2B_LISTS}.values()}
KEYED = [name for name in LISTS if CATALOG[name].primary_key]
EACH = [name if name in SHORT else pytest.param(name, marks=pytest.mark.exhaustive) for name in KEYED]


def test_the_short_form_names_lists_and_has_each_kind_of_b2b_edition() -> None:
    assert set(LISTS) >= SHORT
    assert len(B2B_LISTS) == 26
    assert {kind_of(CATALOG[name]) for name in SHORT} >= {kind_of(CATALOG[name]) for name in B2B_LISTS}


def key_of(row: dict[str, Any], key: tuple[str, ...]) -> tuple[str, ...]:
    """A row's key as text; in a table, 0 stands for a part that the store sends as null (the address of a customer's own form field)."""
    found: list[str] = []
    for name in key:
        value: Any = row
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        found.append("0" if value is None else str(value))
    return tuple(found)


@pytest.mark.parametrize("name", EACH)
def test_a_table_has_the_rows_of_the_store(
    connected: Shop,  # noqa: F811  # the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    file, row = tmp_path / "warehouse.db", CATALOG[name]
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    plain = tuple(part for part in row.primary_key if "." not in part)
    expected = sorted(key_of(each, plain) for each in connected.rows(name))

    for mode in ("full", "incremental"):
        into(name, mode)
        with contextlib.closing(sqlite3.connect(file)) as database:
            database.row_factory = sqlite3.Row
            assert sorted(key_of(dict(each), plain) for each in database.execute(f'SELECT * FROM "{name}"')) == expected


def into(name: str, mode: str) -> None:
    arguments = {**NEEDED.get(name, {}), "include": [], "conn_id": "warehouse", "mode": mode}
    BigCommerceToSqlOperator(task_id="copy", resource=name, **arguments).execute({})


def test_what_has_no_key_is_refused_before_anything_is_sent(
    connected: Shop,  # noqa: F811  # the fixture
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db")}))
    keyless = sorted({*LISTS} - {*KEYED})
    before = len(connected.store.requests)

    assert len(keyless) > 20
    for name in keyless:
        with pytest.raises(InvalidQueryError, match=r"has no key by which a row could be found again.* Copy it into files"):
            into(name, "full")
    assert len(connected.store.requests) == before
