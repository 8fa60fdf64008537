"""Rows that cannot be sent: each is told with its reason, and no other row suffers. And an input's size is no matter of memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.core.writing.items import Item
from airflow_provider_bigcommerce.core.writing.store_rows import Held
from airflow_provider_bigcommerce.writing.folder import begin_attempt, open_plan
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlanRow
from airflow_provider_bigcommerce.writing.input_columns import InputRow
from airflow_provider_bigcommerce.writing.input_files import InputFiles
from airflow_provider_bigcommerce.writing.plan import PlanSettings, plan_rows, planned


class Rows:
    """An input in memory, or made as it is read."""

    has_texts = False
    has_same_columns = False

    def __init__(self, rows: Callable[[], Iterable[dict[str, Any]]]) -> None:
        self._rows = rows

    def source(self) -> dict[str, Any]:
        return {}

    def columns(self) -> set[str] | None:
        return None

    def rows(self) -> Iterator[dict[str, Any]]:
        yield from self._rows()


class Store:
    """A store that has a row for each item, as a function of the item says; it cannot be written to."""

    store_hash = "abc"

    def __init__(self, held: Callable[[Mapping[str, Any]], list[dict[str, Any]]]) -> None:
        self._held = held
        self.most = 0

    def finder(self, route: Any, fields: Iterable[str] = (), *, needs_rows: bool = True) -> Store:  # the real one's
        return self

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def find(self, items: Sequence[Item]) -> dict[int, Held]:
        self.most = max(self.most, len(items))
        found: dict[int, Held] = {}
        for item in items:
            rows = self._held(item.row)
            found[item.place] = Held(tuple(rows), rows[0].get("id") if len(rows) == 1 else None)
        return found


def as_store(store: Store) -> BlockingStore:
    return cast("BlockingStore", store)


def product(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One product for each SKU but those of other names; two for TWICE."""
    sku = str(row.get("sku", "")).upper()
    one = {
        "id": 7,
        "sku": sku,
        "name": "Old",
        "price": 5,
        "weight": 1,
        "categories": [1, 2],
        "custom_url": {"url": "/old", "is_customized": False},
    }
    return {"NOBODY": [], "TWICE": [one, {**one, "id": 8}]}.get(sku, [one])


#: What is wrong -> (rows; the reason of each, None for one that is planned).
BAD: dict[str, tuple[list[dict[str, Any]], list[str | None]]] = {
    "missing-key": ([{"price": 1}, {"sku": "A", "price": 1}], ["no value in 'sku'", None]),
    "null-key": ([{"sku": None, "price": 1}], ["no value in 'sku'"]),
    "blank-key": ([{"sku": "  ", "price": 1}], ["no value in 'sku'"]),
    "number-as-key": ([{"sku": 1.5, "price": 1}], ["no value in 'sku'"]),
    "duplicate-key": (
        [{"sku": "A", "price": 1}, {"sku": "B", "price": 1}, {"sku": "A", "price": 2}], ["none of them", None, "none of them"],
    ),
    "keys-that-differ-by-case": ([{"sku": "abc", "price": 1}, {"sku": "ABC", "price": 2}], ["whatever the case", "whatever the case"]),
    "key-of-nobody": ([{"sku": "NOBODY", "price": 1}], ["The store has no such row."]),
    "key-of-two": ([{"sku": "TWICE", "price": 1}], ["The store has 2 rows with this key"]),
    "key-with-a-comma": ([{"sku": "A,B", "price": 1}], [None]),
    "unknown-field": ([{"sku": "A", "prize": 1}], ["'prize' is no field of this call. Did you mean 'price'"]),
    "read-only-field": ([{"sku": "A", "date_created": "2026-01-01"}], ["'date_created' is read-only"]),
    "wrong-type": ([{"sku": "A", "price": "dear"}], ["'price' must be a number, and is a text"]),
    "wrong-type-nested": ([{"sku": "A", "custom_url": {"url": 5}}], ["'custom_url.url' must be a text"]),
    "too-long": ([{"sku": "A", "name": "x" * 999}], ["'name' is longer than"]),
    "below": ([{"sku": "A", "price": -1}], ["'price' is below 0"]),
    "no-finite-number": ([{"sku": "A", "price": float("nan")}], ["is no finite number"]),
    "not-one-of": ([{"sku": "A", "type": "ghost"}], ["'type' is none of"]),
    "no-field": ([{"sku": "A"}], ["The row has no field to write."]),
    "half-a-surrogate-pair": ([{"sku": "A", "name": "\ud800"}], ["no Unicode"]),
    "two-rows-for-one-nested-object": (
        [{"sku": "A", "custom_url.url": "/a"}, {"sku": "A", "custom_url.is_customized": True}], ["none of them", "none of them"],
    ),
    "two-columns-for-one-nested-object": ([{"sku": "A", "custom_url.url": "/a", "custom_url.is_customized": True}], [None]),
    "same-list-in-another-order": ([{"sku": "A", "categories": [2, 1]}], ["unchanged"]),
    "same-number-as-a-decimal": ([{"sku": "A", "price": 5.0}], ["unchanged"]),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "reasons"), BAD.values(), ids=BAD)
def test_a_bad_row_is_told_with_its_reason(rows: list[dict[str, Any]], reasons: list[str | None]) -> None:
    settings = PlanSettings(resource="products", operation="update", match_on="sku")

    results = [each.result for each in planned(as_store(Store(product)), Rows(lambda: rows), settings)]

    assert [result.row for result in results] == list(range(len(rows)))
    for result, reason in zip(results, reasons, strict=True):
        if reason is None:
            assert isinstance(result, PlanRow), result
        else:
            assert isinstance(result, OutcomeRow)
            assert reason in (result.error or result.outcome)
            assert result.outcome == ("unchanged" if reason == "unchanged" else "rejected")


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ("12.5000", 12.5, []), (12.5, "12.5", []), (0, None, ["price"]), (None, None, []), ("", None, []), (1, True, ["price"]),
        ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", []), ("Thu, 01 Jan 2026 00:00:00 +0000", "2026-01-01T00:00:00Z", []),
        ({"a": 1, "b": 2}, {"a": 1}, []), ({"a": 1, "b": 2}, {"a": 2}, ["price.a"]), ([1, 2], [2, 1], []), ([1, 2], [1], ["price"]),
    ],
)  # fmt: skip
def test_values_are_compared_as_the_store_means_them(old: Any, new: Any, fields: list[str]) -> None:
    from airflow_provider_bigcommerce.core.planning import resource_of
    from airflow_provider_bigcommerce.core.writing.route import route_of
    from airflow_provider_bigcommerce.writing.deciding import decided

    route = route_of(resource_of("products"), "update")
    item = Item(place=0, key=7, action="update", row={"id": 7, "price": new}, body={"price": new}, id=7)

    result = decided(route, {}, item, Held(({"id": 7, "price": old},), 7))

    assert (result.fields if isinstance(result, PlanRow) else []) == fields


def _many(count: int) -> Iterator[dict[str, Any]]:
    """Rows of which the store has a half already, one in a thousand is bad, and one key comes twice."""
    for number in range(count):
        price = "dear" if number % 1000 == 7 else 5 + number % 2
        yield {"sku": f"SKU-{number if number != count - 1 else 2:08}", "price": price}


def _planned(tmp_path: Path, count: int) -> tuple[dict[str, int], int, Store]:
    """(counts, most bytes of memory that were held at once, store) of a plan of so many rows."""
    settings, store = PlanSettings(resource="products", operation="update", match_on="sku"), Store(product)
    folder = begin_attempt(tmp_path, "products", f"run-{count}", "plan")
    tracemalloc.start()
    try:
        manifest = plan_rows(as_store(store), Rows(lambda: _many(count)), settings, folder)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    with open_plan(folder.uri) as plan:
        assert sum(1 for _ in plan.rows()) == manifest.rows
    return manifest.counts, most, store


def _counts(count: int) -> dict[str, int]:
    bad = [number for number in range(count) if number % 1000 == 7]
    doubled = 2
    update = sum(1 for number in range(count) if number % 2 and number not in {*bad, count - 1})
    return {"input": count, "rejected": len(bad) + doubled, "unchanged": count // 2 - 1, "update": update}


@pytest.mark.parametrize("count", [2_000, pytest.param(20_000, marks=pytest.mark.exhaustive)])
def test_an_input_is_never_held_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    alive = 0
    most = 0
    init = InputRow.__init__

    class Counted(InputRow):
        def __init__(self, *given: Any) -> None:
            nonlocal alive, most
            init(self, *given)
            alive += 1
            most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    monkeypatch.setattr("airflow_provider_bigcommerce.writing.input_columns.InputRow", Counted)
    monkeypatch.setattr("airflow_provider_bigcommerce.writing.plan.PART_ROWS", 100)
    settings, store = PlanSettings(resource="products", operation="update", match_on="sku"), Store(product)
    folder = begin_attempt(tmp_path, "products", "run-1", "plan")
    rows = Rows(lambda: ({"sku": f"SKU-{number}", "price": 5 if number else 6} for number in range(count)))
    manifest = plan_rows(as_store(store), rows, settings, folder)

    assert manifest.counts == {"input": count, "unchanged": count - 1, "update": 1}
    assert store.most == 100
    assert 100 <= most <= 300


@pytest.mark.exhaustive
def test_memory_is_flat_up_to_a_million_rows(tmp_path: Path) -> None:
    _, some, _ = _planned(tmp_path, 20_000)
    counts, most, _ = _planned(tmp_path, 1_000_000)
    assert counts == _counts(1_000_000)
    # Eight bytes a key, twice while they are merged, and what Python's numbers take meanwhile.
    assert most < some + 1_000_000 * 80


def test_a_plan_of_a_file_says_the_same_as_one_in_memory(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in _many(1_010)))
    settings = PlanSettings(resource="products", operation="update", match_on="sku")
    folder = begin_attempt(tmp_path / "reports", "products", "run-1", "plan")
    manifest = plan_rows(as_store(Store(product)), InputFiles(tmp_path / "in.jsonl"), settings, folder)
    assert manifest.counts == _counts(1_010)
