"""The month itself: hour by hour the store lives and the tasks run; at its end the copy is held against the store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.sandbox.running import Sandbox
from tests.month.comparing import differences
from tests.month.places import Place
from tests.month.plan import BEGINNING, Plan
from tests.month.shop import Shop
from tests.month.sync import Sync, intervals

HOUR = timedelta(hours=1)
TABLES = ("orders", "customers", "products", "product_variants", "categories")
#: The outages' kinds in words.
OUTAGES: Mapping[str, str] = {
    "503": "the store answers 503",
    "reset_before": "connections are cut before the answer",
    "html": "pages of HTML come in place of JSON",
    "reset_body": "connections are cut within the answer",
    "truncated_gzip": "compressed answers end too early",
}


@dataclass(frozen=True)
class Day:
    """What a day brought.

    :param store: what happened in the store, and how often.
    :param events: what else happened: hour of the day, kind, and what it was.
    :param sync: what happened to the tasks, and how often.
    :param copy: table -> rows at the end of the day, archived orders among them.
    """

    date: datetime
    store: Counter[str]
    events: list[tuple[int, str, str]]
    sync: Counter[str]
    copy: dict[str, int]


@dataclass(frozen=True)
class Comparison:
    """A table held against its store, by eyes of the test's own and by the reconcile operator.

    :param shown: rows that the store's API shows.
    :param rows: rows of the table.
    :param marked: keys of rows that the copy marks as no longer in the store.
    :param archived: keys of rows of which it should.
    :param differences: where the copy is not what the store shows.
    :param report: what it returned.
    """

    resource: str
    shown: int
    rows: int
    marked: set[Any]
    archived: set[Any]
    differences: list[str]
    report: Mapping[str, Any]

    @property
    def is_exact(self) -> bool:
        """Whether the copy is what the store shows, row for row and field for field."""
        return self.marked == self.archived and self.differences == []

    @property
    def is_confirmed(self) -> bool:
        """Whether the reconcile operator compared every row, also those that the backfill alone brought, and says so."""
        return self.report["compared"] == self.shown and self.report["equal"] is True


class Month:
    """A store's time and its copy's.

    :param plan: what happens when.
    :param place: the copy, empty, and the sandbox, whose clock is its.
    """

    def __init__(self, plan: Plan, place: Place) -> None:
        self.plan, self.place = plan, place
        place.sandbox.store.clock = place.seconds
        self.shop, self.sync = Shop(place.sandbox.store, seed=5), Sync(place, plan.tasks())

    def environment(self) -> dict[str, str]:
        """The environment variables that hold both connections."""
        connection = self.place.sandbox.connection
        # What the client would sit out with repeats is left to the tasks' retries, an hour later.
        impatient = {**connection, "extra": {**connection["extra"], "max_attempts": 1}}
        return {**self.place.environment(), "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": json.dumps(impatient)}

    def days(self) -> Iterator[Day]:
        """Live through it; at the end everything is synced once more."""
        for day in range(self.plan.days):
            before = self.shop.happened.copy(), self.sync.happened.copy()
            events = [event for hour in range(day * 24, day * 24 + 24) for event in self._live_an_hour(hour)]
            if day == self.plan.days - 1:
                self._end()
            copy = {table: self.place.count(table) for table in TABLES}
            yield Day(BEGINNING + timedelta(days=day), self.shop.happened - before[0], events, self.sync.happened - before[1], copy)

    def _live_an_hour(self, hour: int) -> Iterator[tuple[int, str, str]]:
        plan, place = self.plan, self.place
        place.moment = BEGINNING + hour * HOUR
        if hour in plan.outages:
            kind, number, skipped = plan.outages[hour]
            place.sandbox.store.fail_next(number, kind, skip=skipped)  # type: ignore[arg-type]  # one of the kinds
            yield hour % 24, "outage", f"{OUTAGES[kind]}, {number} times"
        if hour == plan.new_fields:
            self.shop.has_new_fields = True
            yield hour % 24, "schema change", "orders get a new field, one that holds more than it did, and one of another type"
        self.shop.live_an_hour(hour)
        place.moment += HOUR / 2
        kill = plan.kills.get(hour)
        self.sync.run_an_hour(hour, kill=kill)
        if kill is not None:
            yield hour % 24, "killed run", f"the task {kill[0]} dies after {kill[1]} statements"
        if hour in plan.compactions and (done := place.compact()) is not None:
            yield hour % 24, "compaction", done
        if hour == plan.backfill:
            yield hour % 24, "backfill", f"orders of the years before, in {self._backfill()} runs, two at once"

    def _backfill(self) -> int:
        """The orders of the time before, beside the live sync, whose watermark stays; returns the number of runs."""
        before = self._watermarks()
        half_years = [datetime(year, month, 1, tzinfo=UTC) for year in (2024, 2025) for month in (1, 7)]
        runs = self.sync.backfill("orders", intervals(datetime(2023, 7, 1, tzinfo=UTC), *half_years, BEGINNING))
        assert self._watermarks() == before
        return len(runs)

    def _watermarks(self) -> object:
        return self.place.watermark("orders", self.sync.airflow)

    def _end(self) -> None:
        self.place.moment += HOUR
        self.sync.run_an_hour(self.plan.days * 24, is_last=True)
        assert [task.task_id for task in self.sync.tasks if task.waiting] == []

    def compared(self) -> Iterator[Comparison]:
        """Hold each table against the store."""
        for resource in TABLES:
            [key] = CATALOG[resource].primary_key
            rows = self.place.rows(resource, key)
            marked = {name for name, row in rows.items() if row.get("_deleted_at") is not None}
            seen = shown(self.place.sandbox, resource)
            arguments = {"resource": resource, "sample": None, "on_mismatch": "warn", **self.place.of_proof()}
            operator = BigCommerceReconcileOperator(task_id="prove", **arguments)
            yield Comparison(
                resource,
                shown=len(seen),
                rows=len(rows),
                marked=marked,
                archived=self._gone(resource, rows.keys() - {row[key] for row in seen}) & rows.keys(),
                differences=differences(seen, {name: row for name, row in rows.items() if name not in marked}, key),
                report=operator.execute(self.sync.airflow.context("proof", f"prove_{resource}")),
            )

    def _gone(self, resource: str, not_shown: set[Any]) -> set[Any]:
        """The rows that the copy should mark: orders that were archived; where nothing is deleted, all that are gone.

        :param not_shown: rows of the copy that the store does not show; what went with others (variants) the shop does not note.
        """
        if resource == "orders" or self.place.keeps_gone:
            return self.shop.gone.get(resource, not_shown)
        return set()


def shown(sandbox: Sandbox, resource: str) -> list[dict[str, object]]:
    """What the store's API shows of a resource."""
    include = {"include": "consignments.line_items", "consignment_structure": "object"} if resource == "orders" else {}
    return sandbox.listed(CATALOG[resource].path, include)
