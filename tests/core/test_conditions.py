"""Conditions on rows as BigCommerce sends them: V2's money as text, its dates as RFC-2822, missing fields."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from airflow_provider_bigcommerce.core.conditions import check_conditions, meets
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

ORDER = {
    "id": 100,
    "status_id": 11,
    "total_inc_tax": "99.9500",
    "is_deleted": False,
    "staff_notes": None,
    "date_modified": "Sun, 29 Mar 2026 12:00:00 +0000",
    "billing_address": {"country_iso2": "US"},
}


@pytest.mark.parametrize(
    ("conditions", "is_met"),
    [
        ({}, True),
        ({"status_id": 11}, True),
        ({"status_id": 10}, False),
        ({"status_id": "11"}, True),  # a rendered template is text
        ({"status_id": 11, "total_inc_tax": (">=", 100)}, False),
        ({"status_id": 11, "total_inc_tax": (">=", 99.95)}, True),
        ({"total_inc_tax": ("<", 100)}, True),
        ({"total_inc_tax": 99.95}, True),
        ({"status_id": ("in", [2, 11])}, True),
        ({"status_id": ["not in", [2, 11]]}, False),
        ({"status_id": ("!=", 10)}, True),
        ({"is_deleted": False}, True),
        ({"is_deleted": 0}, False),
        ({"status_id": True}, False),
        ({"staff_notes": None}, True),
        ({"staff_notes": ("!=", None)}, False),
        ({"staff_notes": (">", 1)}, False),
        ({"no_such_field": ("<", 1)}, False),
        ({"no_such_field": 1}, False),
        ({"billing_address.country_iso2": "US"}, True),
        ({"status_id.deeper": 11}, False),
        ({"date_modified": (">=", datetime(2026, 3, 29, 12, tzinfo=UTC))}, True),
        ({"date_modified": (">", "2026-03-29T12:00:00Z")}, False),
        ({"date_modified": (">", "2026-03-29T13:59:59+02:00")}, True),
    ],
)
def test_conditions_hold_by_the_kind_of_the_wanted_value(conditions, is_met):
    assert meets(ORDER, check_conditions(conditions)) is is_met


@pytest.mark.parametrize("conditions", [{"a": ("~", 1)}, {"a": [1, 2]}, {"a": ("in", 1)}, {"a": {"b": 1}}, {"a": (">", "abc")}])
def test_a_condition_that_cannot_work_is_refused_with_what_can(conditions):
    with pytest.raises(InvalidQueryError, match="Accepted: "):
        check_conditions(conditions)


def test_checked_conditions_are_plain_data_that_reads_back():
    checked = check_conditions({"status_id": 11, "total_inc_tax": (">=", 100), "x": ("in", (1, 2))})
    assert check_conditions(json.loads(json.dumps(checked))) == checked
