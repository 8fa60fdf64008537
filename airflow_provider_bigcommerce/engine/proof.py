"""Holds a copy against its store: counts first, then a sample field by field, then a second look at whatever seems to differ.

Awaits the store and reads the copy; what to ask and what it means is decided by ``core.reconciling``. The store may change meanwhile:
a difference counts when it is still there at the second look.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.odd_bytes import python_value
from airflow_provider_bigcommerce.core.raw_fields import fields_of
from airflow_provider_bigcommerce.core.reconciling import (
    Ask,
    Changed,
    Counted,
    Group,
    Key,
    Report,
    Told,
    Totals,
    asks,
    axis_of,
    by_day,
    by_value,
    figure_of,
    halves,
    plain,
    reads_whole_list,
    sample_of,
    span,
    sums,
    told,
    whole,
)
from airflow_provider_bigcommerce.core.windows import Window, moment, written
from airflow_provider_bigcommerce.engine.copying import Copy
from airflow_provider_bigcommerce.engine.findings import Findings, KeptRows, StaysOpen, only
from airflow_provider_bigcommerce.engine.manifest import Manifest, ManifestWindow
from airflow_provider_bigcommerce.engine.progress import Progress
from airflow_provider_bigcommerce.engine.selection import Selection
from airflow_provider_bigcommerce.engine.stored_copy import Columns, CopyBatch, StoredCopy, seconds, units_of
from airflow_provider_bigcommerce.exceptions import PermissionDeniedError
from airflow_provider_bigcommerce.rows.row_keys import KeyReader

log = logging.getLogger(__name__)

#: Rows of a group that are read rather than counted in ever smaller parts: four pages.
_FEW = 1000
#: Rows of the store that are held at once.
_AT_ONCE = 5000




class Reconciliation:
    """One comparison of a copy with its store.

    :param copy: the copy.
    :param selection: how its rows are read: the resource, with includes and fields as in the copy, and no filters.
    :param sample: rows compared field by field; None for all.
    :param seed: of the sample.
    :param days: days that are counted one by one.
    :param ignored: fields that are not compared.
    :param tell: takes a line for the log.
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        copy: StoredCopy,
        selection: Selection,
        *,
        sample: int | None,
        seed: str,
        days: int,
        ignored: Collection[str] = (),
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._copy = copy
        self._selection = selection
        self._resource: Resource = selection.resource
        self._sample = sample
        self._seed = seed
        self._days = days
        self._ignored = frozenset(ignored)
        self._tell = tell
        self._clock = clock
        self._bounds = copy.bounds()
        self._index = copy.index()
        self._index.count_within(self._bounds)
        self._columns = Columns(self._resource)
        self._keys = KeyReader(self._resource.name, self._resource.primary_key)
        self._newer: set[Key] = set()
        self._parents_of_missing: dict[Key, dict[str, Any]] = {}
        self._counted: list[Counted] = []
        self._summary: list[Told] = []

    # -- looking ------------------------------------------------------------------------------------------------------

    async def run(self, store: BigCommerceStore) -> Report:
        """Look, look again at what differs, and say what was found.

        :raises BigCommerceError: the store refused, or the copy cannot be read.
        """
        began = self._clock()
        await self._leave_out_newer(store)
        keys = sample_of(self._resource, self._index.keys(), self._sample, self._seed)
        self._tell_costs(len(keys))
        suspects = await self._count(store)
        first = await self._look(store, keys, all_rows=self._sample is None)
        suspects |= first.keys
        self._summary = await self._ask_summary(store)
        again = suspects
        if not suspects and len(keys) < len(self._index) and not all(told.equal for told in self._summary):
            self._tell(f"The store's summary differs from the rows of the copy: all {len(self._index):,} rows are compared.")
            again = set(self._index.keys())
        final = await self._look(store, sorted(again, key=str), all_rows=False) if again else Findings()
        differ = final.keys
        if not differ:  # the store changed while it was counted
            self._counted = [msgspec.structs.replace(count, equal=True) for count in self._counted]
            self._summary = [msgspec.structs.replace(told, equal=True) for told in self._summary]
        return self._report(store, first, final, passed=len(suspects - differ), began=began)

    async def _leave_out_newer(self, store: BigCommerceStore) -> None:
        """Rows that changed in the store since the copy was made are on neither side."""
        bounds, row = self._bounds, self._resource
        if bounds.as_of is None or row.modified is None:
            return
        light = {"include_fields": ",".join([*row.primary_key, row.modified.field])} if row.can_select_fields else {}
        async for page in store.pages(row.name, query=light, since=bounds.as_of):
            changed = {key: record for (key, _), record in zip(self._keys.read(page.records), page.records, strict=True)}
            self._index.leave_uncounted(changed)
            self._newer |= {key for key, record in changed.items() if self._is_newer(key, record)}
        self._index.leave_out(self._newer)

    def _is_newer(self, key: Key, record: msgspec.Raw) -> bool:
        return self._index.is_newer(key, self._seconds(record, self._columns.modified), self._bounds)

    def _tell_costs(self, sample: int) -> None:
        row, index = self._resource, self._index
        reads = "the whole list" if reads_whole_list(row) else f"{sample:,} rows"
        counts = 1 + len(self._groups()) + (self._amount_range() is not None) if self._can_count else 0
        if row.parent_columns:
            requests = f"a request for each parent of {sample:,} rows"
        else:
            pages = (
                -(-(len(index) if reads_whole_list(row) else sample) // 250)
                if row.id_in or reads_whole_list(row)
                else len(asks(row, sample_of(row, index.keys(), self._sample, self._seed)))
            )
            summary = ", the store's summary" if self._has_summary else ""
            requests = f"{counts} counts{summary}, and {pages:,} requests for {reads} to compare field by field"
        self._tell(
            f"Reconciling {row.name} with {self._copy.title}: {len(index):,} rows"
            + (f" as of {written(self._bounds.as_of)}" if self._bounds.as_of else "")
            + (f", without {len(self._newer):,} that have changed since" if self._newer else "")
            + f". This takes {requests}; what seems to differ is asked for once more."
        )

    @property
    def _can_count(self) -> bool:
        return self._bounds.is_whole and self._resource.kind == "collection" and not self._resource.parent_keys

    def _groups(self) -> list[Group]:
        row, bounds, index = self._resource, self._bounds, self._index
        groups = by_value(row, bounds, index.values())
        axis, found = axis_of(row), index.span(whole(bounds))
        if axis is not None and found is not None:
            last = int(bounds.as_of.timestamp()) - 1 if bounds.as_of is not None else found[1]
            groups += by_day(axis, bounds, found[0], max(last, found[1]), self._days)
        return groups

    async def _count(self, store: BigCommerceStore) -> set[Key]:
        """Hold the store's counts against the copy's; the keys by which they differ."""
        if not self._can_count:
            return set()
        before = store.stats.requests
        everything = whole(self._bounds)
        suspects = await self._differs(store, everything, drill=False)
        all_equal = self._counted[-1].equal
        if store.stats.requests - before > 2:  # no number is told: the list was read to count it, and each part would be too
            return suspects if all_equal else await self._drill(store, everything)
        groups = self._groups()
        numbers = await asyncio.gather(*(self._number(store, group) for group in groups))  # the client sends as many as the quota allows
        for group, stored in zip(groups, numbers, strict=True):
            suspects |= await self._differs(store, group, stored=stored)
        if (amounts := self._amount_range()) is not None:
            await self._differs(store, amounts, drill=False)
            if not self._counted[-1].equal:
                suspects |= await self._drill(store, everything)
        elif not all_equal and not suspects:
            suspects |= await self._drill(store, everything)
        return suspects

    def _amount_range(self) -> Group | None:
        """All rows again, asked for by the lowest and the highest amount of the copy: equal if none of the store's lies beyond."""
        total = self._resource.total
        if total is None or total.at_least is None or total.at_most is None or self._bounds.filters:
            return None
        found = sums(self._index.amounts(total.field, self._index.keys(whole(self._bounds))))
        if found.lowest is None or found.highest is None:
            return None
        query = {**self._bounds.query(), total.at_least: found.lowest, total.at_most: found.highest}
        return Group(total.field, f"{found.lowest} to {found.highest}", query)

    @property
    def _has_summary(self) -> bool:
        """Whether what the store says of all its rows is of the copy's rows too."""
        bounds = self._bounds
        return self._resource.summary is not None and bounds.is_whole and bounds.since is None and not (bounds.filters or self._newer)

    async def _ask_summary(self, store: BigCommerceStore) -> list[Told]:
        """Hold what the store says of all its rows against the copy's: one request."""
        summary = self._resource.summary
        if summary is None or not self._has_summary:
            return []
        try:
            answer = await store.get(summary.resource)
        except PermissionDeniedError as error:
            log.info("%s could not be asked (%s); the rows are not compared with it.", summary.resource, type(error).__name__)
            return []
        rows, stored = len(self._index), answer.get(summary.count)
        told = [] if stored is None else [Told(name=summary.count, store=str(stored), copy=str(rows), equal=stored == rows)]
        for name, figure in summary.figures.items():
            stored, copied = units_of(answer.get(name)), figure_of(figure, self._index.amounts(figure.field))
            if stored is not None:
                # Both may round an average, each in its way.
                equal = stored == copied or (figure.how == "average" and copied is not None and abs(stored - copied) <= 1)
                told.append(Told(name=name, store=plain(stored), copy=plain(copied), equal=equal))
        return told

    async def _number(self, store: BigCommerceStore, group: Group) -> int:
        return await store.count(self._resource.name, query=group.query)

    async def _differs(self, store: BigCommerceStore, group: Group, *, stored: int | None = None, drill: bool = True) -> set[Key]:
        """Hold a group's numbers against each other; where they differ, the keys by which.

        :param stored: the store's, where it is known already.
        """
        copied = self._index.count(group)
        stored = await self._number(store, group) if stored is None else stored
        self._counted.append(Counted(by=group.by, which=group.label, store=stored, copy=copied, equal=stored == copied))
        if stored == copied or not drill:
            return set()
        axis = axis_of(self._resource)
        if group.span is not None and axis is not None and max(stored, copied) > _FEW:
            found = self._index.span(group)
            begin = group.span[0] if group.span[0] is not None else found[0] if found else None
            end = group.span[1] if group.span[1] is not None else found[1] if found else None
            if begin is not None and end is not None and (parts := halves(axis, self._bounds, begin, end)):
                suspects: set[Key] = set()
                for part in parts:
                    suspects |= await self._differs(store, part)
                if suspects:
                    return suspects
                # What lies before the copy's first row or after its last is in neither half.
                group = span(axis, self._bounds, *group.span)
        return await self._drill(store, group)

    async def _drill(self, store: BigCommerceStore, group: Group) -> set[Key]:
        """Read the store's keys of a group: those that one side has and the other has not."""
        row = self._resource
        light = (
            {"include_fields": ",".join(row.primary_key)} if row.can_select_fields and all("." not in k for k in row.primary_key) else {}
        )
        stored: set[Key] = set()
        async for page in store.pages(row.name, query={**group.query, **light}):
            stored |= {key for key, _ in self._keys.read(page.records)}
        return (stored ^ set(self._index.keys(group))) - self._newer

    # -- rows ---------------------------------------------------------------------------------------------------------

    async def _look(self, store: BigCommerceStore, keys: Sequence[Key], *, all_rows: bool) -> Findings:
        """Compare rows field by field.

        :param all_rows: whether these are all rows of the copy, which are then taken in the order in which they lie there.
        """
        findings = Findings()
        if self._resource.parent_columns:
            keys = list(dict.fromkeys([*self._index.with_siblings(keys), *keys]))
        if not all_rows or reads_whole_list(self._resource) or self._resource.parent_columns:
            at_once = len(keys) if reads_whole_list(self._resource) else _AT_ONCE
            for start in range(0, len(keys), at_once or 1):
                part = keys[start : start + at_once]
                await self._compare(store, part, findings, self._copy.batches)
            return findings
        for batch in self._copy.batches(None):
            known = [key for key in batch.keys if key in self._index]
            await self._compare(store, known, findings, partial(only, batch))
        return findings

    async def _compare(
        self, store: BigCommerceStore, keys: Sequence[Key], findings: Findings, batches: Callable[[set[Key]], Iterable[CopyBatch]]
    ) -> None:
        stored = await self._read(store, keys)
        compared: dict[Key, msgspec.Raw] = {}
        asked = set(keys)
        for key, record in stored.items():
            if key in self._newer or self._is_newer(key, record):
                findings.newer.add(key)
            elif key not in self._index:
                if self._bounds.should_hold(self._seconds(record, self._columns.modified), self._seconds(record, self._columns.when)):
                    findings.missing.add(key)
            elif key in asked:
                compared[key] = record
        gone = {key for key in keys if key not in stored and key in self._index}
        if self._resource.goes_with_parent:  # a parent that has lost all its rows has been put away; that is no difference
            gone &= set(self._index.with_siblings(stored))
        findings.deleted |= gone
        for batch in batches(set(compared)):
            for key, names in batch.differences({key: compared[key] for key in batch.keys if key in compared}).items():
                if fields := [name for name in names if name not in self._ignored]:
                    findings.changed[key] = fields
        findings.compared += len(compared)
        if self._columns.total is not None:
            findings.amounts += [self._amount(record) for record in compared.values()]
            findings.amounts_of += compared

    def _seconds(self, record: msgspec.Raw, field: str | None) -> int | None:
        """A date of a record; None where it has none."""
        raw = fields_of(record, (field,))[0] if field is not None else None
        found = None if raw is None else python_value(raw)
        return None if found is None else seconds(found)

    def _amount(self, record: msgspec.Raw) -> int | None:
        (raw,) = fields_of(record, (str(self._columns.total),))
        return None if raw is None else units_of(python_value(raw))

    def _asks(self, keys: Sequence[Key]) -> list[Ask]:
        if not self._resource.parent_columns:
            return asks(self._resource, keys)
        parents = [*self._index.parents_of(keys), *(self._parents_of_missing[key] for key in keys if key in self._parents_of_missing)]
        unique = {msgspec.json.encode(parent): parent for parent in parents}
        return [Ask(parents=tuple(unique.values()))] if unique else []

    def _selections(self, keys: Sequence[Key]) -> list[Selection]:
        """How rows of these keys are read, in the shape that the copy has."""
        selection = self._selection
        return [
            replace(selection, query={**selection.query, **self._bounds.filters, **ask.query}, parent_ids=ask.parents)
            for ask in self._asks(keys)
        ]

    async def _read(self, store: BigCommerceStore, keys: Sequence[Key]) -> dict[Key, msgspec.Raw]:
        """The store's rows of these keys, and what came with them."""
        found: dict[Key, msgspec.Raw] = {}
        for selection in self._selections(keys):
            rows = KeptRows()
            await self._copy_of(selection, rows).run(store)
            for record, (key, _) in zip(rows.records, self._keys.read(rows.records), strict=True):
                found[key] = record
                if self._columns.parents and key not in self._index:
                    names = tuple(self._columns.parents.values())
                    values = [None if raw is None else python_value(raw) for raw in fields_of(record, names)]
                    self._parents_of_missing[key] = dict(zip(self._columns.parents, values, strict=True))
        return found

    def _copy_of(self, selection: Selection, rows: KeptRows, window: Window = Window()) -> Copy:  # noqa: B008  # it is frozen
        return Copy(selection, window, rows, before=None, progress=Progress(self._resource.name), tell=self._tell)

    # -- afterwards ---------------------------------------------------------------------------------------------------

    async def check(self, store: BigCommerceStore, keys: Sequence[Key]) -> Findings:
        """Look at some rows alone, after a repair."""
        await self._leave_out_newer(store)
        return await self._look(store, keys, all_rows=False)

    async def repair(self, store: BigCommerceStore, report_keys: Iterable[Key], run: str, now: datetime) -> int:
        """Read rows again and put them into the copy; a copy that is made whole each time is read whole, in files.

        :param report_keys: rows that differ or are missing.
        :param run: run key of what is written.
        :param now: the store's time.
        :returns: how many rows were written.
        """
        last = self._copy.manifest
        began, started_at = self._clock(), datetime.now(UTC)
        before, throttled = store.stats.requests, store.stats.throttled
        is_whole = last.mode == "full" and bool(last.files) and not self._resource.parent_columns
        keys = list(report_keys)
        selections = (
            [replace(self._selection, query={**self._selection.query, **self._bounds.filters})] if is_whole else self._selections(keys)
        )
        window = Window(moment(last.window.since, "since"), moment(last.window.until, "window end")) if is_whole else Window()
        writer = self._copy.repair(run, now)
        rows = StaysOpen(writer)
        repeated = 0
        try:
            for selection in selections:
                repeated += (await self._copy_of(selection, rows, window).run(store)).repeated
            files = [*rows.files, *writer.close()]
        finally:
            writer.abort()
        writer.commit(
            Manifest(
                resource=last.resource,
                store_hash=last.store_hash,
                # Without a watermark this says: rows read again, whose run tells nothing of how far the copy goes.
                mode="full" if is_whole else "incremental",
                query=last.query,
                window=last.window if is_whole else ManifestWindow(),
                watermark=None,
                files=tuple(files),
                rows=writer.rows,
                duplicates_dropped=repeated,
                drift=(),
                requests=store.stats.requests - before,
                throttled=store.stats.throttled - throttled,
                seconds=round(self._clock() - began, 3),
                started_at=started_at.isoformat(timespec="milliseconds"),
                finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                provider_version=__version__,
                complete=True,
                checked=(),
                read_at=written(now),
            )
        )
        return writer.rows

    def _report(self, store: BigCommerceStore, first: Findings, final: Findings, *, passed: int, began: float) -> Report:
        different = [count for count in self._counted if not count.equal or count.by == "all"]
        totals = None
        if self._columns.total is not None:
            totals = Totals(
                field=self._columns.total,
                store=sums(first.amounts),
                copy=sums(self._index.amounts(self._columns.total, first.amounts_of)),
                whole_copy=sums(self._index.amounts(self._columns.total)),
            )
        newer: Mapping[Key, None] = dict.fromkeys([*self._newer, *first.newer, *final.newer])
        return Report(
            resource=self._resource.name,
            store_hash=store.store_hash,
            copy=self._copy.title,
            as_of=written(self._bounds.as_of),
            equal=not final.keys and all(count.equal for count in self._counted) and all(told.equal for told in self._summary),
            rows=len(self._index),
            counts=different,
            counts_checked=len(self._counted),
            summary=self._summary,
            compared=first.compared,
            seed=self._seed,
            totals=totals,
            changed=[Changed(key=told(key), fields=final.changed[key]) for key in sorted(final.changed, key=str)],
            missing=[told(key) for key in sorted(final.missing, key=str)],
            deleted=[told(key) for key in sorted(final.deleted, key=str)],
            newer=len(newer),
            passed=passed,
            repaired=0,
            requests=store.stats.requests,
            seconds=round(self._clock() - began, 3),
        )
