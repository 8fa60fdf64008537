"""What the summary of a sync says, line by line."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_bigcommerce.operators.sync import failures, table


def line(resource: str, **changed: Any) -> dict[str, Any]:
    """A resource that arrived."""
    came = {"mode": "incremental", "rows": 1_200, "requests": 7, "throttled": 1, "seconds": 40.0, "waited": 31.5, "complete": True}
    window = {"since": None, "until": "2026-01-02T00:00:00Z"}
    return {"resource": resource, "state": "success", **came, "window": window, "follows": None, **changed}


COMPARED = {"since": None, "until": None}


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({}, "everything"),
        ({"window": {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}}, "changed since 2026-01-01T00:00:00Z"),
        ({"window": COMPARED}, "everything"),  # the first run of a list that is compared
        ({"window": COMPARED, "follows": "2026-01-01T00:00:00Z"}, "new or changed since the last run"),
        ({"window": COMPARED, "mode": "full"}, "everything"),
        ({"complete": False}, "everything; a count disagrees"),
    ],
    ids=["first", "later", "first compared", "later compared", "full", "incomplete"],
)
def test_a_first_run_says_everything(changed: dict[str, Any], what: str) -> None:
    [_, row] = table([line("brands", **changed)])

    assert row.endswith(f"  {what}")


def test_waits_have_a_column_of_seconds_that_passed() -> None:
    [heading, row] = table([line("orders")])

    assert heading.split() == ["resource", "state", "rows", "requests", "429s", "seconds", "waited"]
    assert row.split()[:7] == ["orders", "success", "1,200", "7", "1", "40.0", "31.5"]
    assert heading.index("waited") + len("waited") == row.index("31.5") + len("31.5")


def test_a_run_of_an_earlier_version_has_no_waits() -> None:
    old = {name: value for name, value in line("orders").items() if name not in ("waited", "follows")}

    assert table([old])[1].split()[6] == "0.0"


def test_what_failed_is_told_with_the_reason_first_and_not_within_the_table() -> None:
    reason = "PermissionDeniedError: GET /v3/catalog/brands answered 403"
    lines = [line("orders"), {"resource": "brands", "state": "failed", "error": reason}, {"resource": "pages", "state": "skipped"}]

    assert failures("shop", lines) == [f"{reason} [brands of the connection 'shop']"]
    rows = table(lines)
    assert not any(reason in row for row in rows)
    assert rows[2].split(maxsplit=2) == ["brands", "failed", "see the error above"]
    assert rows[3].split() == ["pages", "skipped"]
