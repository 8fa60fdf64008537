"""A run that is killed, after any of its statements: the tables are as before or as after it, and its repetition ends the same."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.conftest import PROJECT
from tests.sql.warehouse import CONN_ID, Warehouse

Tables = dict[str, list[tuple[object, ...]]]


@contextmanager
def killed_runs(resource: str, nested: str) -> Iterator[subprocess.Popen[str]]:
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.sql.killed", resource, CONN_ID, nested],
        cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield program
    finally:
        assert program.stdin is not None
        program.stdin.close()
        program.wait(60)


def data(warehouse: Warehouse) -> Tables:
    """What readers see; of the syncs, only how far they came. Where DDL commits, a table is there before its first row."""
    tables = {
        name: rows for name, rows in warehouse.contents().items() if "_bigcommerce_tmp_" not in name and (rows or not warehouse.is_any)
    }
    if tables.pop("_bigcommerce_syncs", None) is not None:
        tables["watermark"] = warehouse.query("SELECT max(watermark), max(row_count) FROM _bigcommerce_syncs HAVING count(*) > 0")
    return {name: rows for name, rows in tables.items() if name != "watermark" or rows}


@pytest.mark.parametrize("share", [pytest.param(1 / 3, id="some"), pytest.param(1.0, id="all", marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize(
    ("is_first", "nested"),
    [
        pytest.param(True, "json", id="first run", marks=pytest.mark.full),
        pytest.param(False, "tables", id="later run, child tables"),
    ],
)
def test_a_run_killed_after_any_statement_leaves_all_or_nothing_and_can_be_repeated(
    warehouse: Warehouse, nested: str, is_first: bool, share: float
) -> None:
    """The suite kills it after a third of its statements, which a seed draws for each database; ``-m exhaustive`` after each."""
    dice = random.Random(f"{warehouse.kind} {warehouse.is_any} {is_first}")
    resource, store = "brands", warehouse.sandbox.store
    if not is_first:
        warehouse.run(resource, nested=nested)
        warehouse.moment += timedelta(hours=1)
        store.add(resource, name="new", meta_keywords=["a", "b"])
        store.edit(resource, store.rows(resource)[0]["id"], meta_keywords=["c"], name="edited")
    before = data(warehouse)
    seen: list[Tables] = [before]
    outcomes = []
    with killed_runs(resource, nested) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        for number in itertools.count(1):
            if dice.random() > share:
                continue
            program.stdin.write(f"{number}\n")
            program.stdin.flush()
            ended = program.stdout.readline().strip()
            outcomes.append(ended)
            if (now := data(warehouse)) != seen[-1]:
                seen.append(now)
            if ended != "killed":
                break

    assert outcomes == ["killed"] * (len(outcomes) - 1) + ["ended"]
    assert number > 15, "too few statements were counted: the kills did not reach the merge"
    # From before to after, once, and then every repetition changes nothing.
    assert len(seen) == 2
    assert sorted(row[0] for row in seen[-1][resource]) == sorted(row["id"] for row in store.rows(resource))
    assert not [name for name in warehouse.tables() if "staging" in name or "_bigcommerce_tmp_" in name]
