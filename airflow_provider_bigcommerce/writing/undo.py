"""Makes the plan that takes an applied plan back, and lists what nothing takes back. Changes nothing in the store.

The rows are those that the apply left next to its outcomes (``undo.jsonl.gz``). The plan is applied as any other: by a person's approval,
once, row by row, and a row that somebody has changed since is a conflict. Stock has no conflicts: it is taken back by the difference.
"""

from __future__ import annotations

import gzip
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.writing.items import Item
from airflow_provider_bigcommerce.core.writing.route import Route, route_of
from airflow_provider_bigcommerce.core.writing.row_identity import is_key_value
from airflow_provider_bigcommerce.exceptions import OtherStoreError, PlanChangedError
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.writing.apply import Drive, places_of
from airflow_provider_bigcommerce.writing.claims import require_not_taken_back
from airflow_provider_bigcommerce.writing.folder import begin_attempt, open_extra, read_outcome_manifest
from airflow_provider_bigcommerce.writing.formats import OutcomeManifest, PlanManifest, PlanRow
from airflow_provider_bigcommerce.writing.results import UNDO_ROWS
from airflow_provider_bigcommerce.writing.undo_stock import STOCK_WARNING, looked_at
from airflow_provider_bigcommerce.writing.undoing import RELATIVE, STOCK, UNDO_OPERATION, UndoRow, undo_row_decoder

CANNOT_ROWS = "cannot.jsonl.gz"
#: Rows that the store is asked for at once.
_BLOCK = 500


@dataclass(slots=True, kw_only=True)
class Undoing:
    """One making of an undo's plan.

    :param outcome: URI of the manifest of the outcomes.
    :param run: key of the run.
    :param store_hash: of the connection's store.
    :param report_path: where the plan goes; None for where the outcomes are.
    :param clock: the time in UTC.
    """

    outcome: str
    run: str
    store_hash: str
    report_path: str | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def execute(self, drive: Drive) -> dict[str, Any]:
        """Make the plan; the task's XCom: ``manifest``, ``digest``, ``rows``, ``counts``, ``summary``.

        :param drive: opens the store, where it must be asked for what names a row; see :class:`~writing.apply.Applying`.
        :raises OtherStoreError: the outcomes are another store's.
        :raises PlanError: the outcomes are not there, or not what was committed, or their stock was taken back already.
        """
        outcome = read_outcome_manifest(self.outcome)
        if outcome.store_hash != self.store_hash:
            raise OtherStoreError(
                f"The outcomes are of the store {outcome.store_hash!r}, and the connection is of {self.store_hash!r}. Nothing was done. "
                "Name the connection of that store."
            )
        report = Destination.at(self.report_path) if self.report_path else places_of(self.outcome)[1]
        is_stock = outcome.resource == STOCK
        if is_stock:
            require_not_taken_back(places_of(self.outcome)[0], "")
        folder = begin_attempt(report, outcome.resource, self.run, "undo")
        reasons: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        with ExitStack() as files:
            lasting = files.enter_context(folder.rows(CANNOT_ROWS))
            rows = files.enter_context(folder.rows())
            for each in self._completed(outcome, drive):
                for reason in each.cannot:
                    reasons[reason] += 1
                if each.cannot:
                    lasting.write({"row": each.row, "key": each.key, "id": each.id, "cannot": each.cannot})
                if each.undo is not None:
                    rows.write(each.undo)
                    counts[each.undo.operation] += 1
                else:
                    counts["cannot"] += 1
            count = rows.rows
        folder.files.sort(key=lambda file: file.name == CANNOT_ROWS)
        manifest = PlanManifest(
            plan_id=f"{outcome.resource}/{self.run}/undo-{folder.number}-{uuid.uuid4().hex[:8]}", resource=outcome.resource,
            store_hash=outcome.store_hash, operation="update" if is_stock else UNDO_OPERATION[outcome.operation],
            match_on=list(outcome.settings.get("match_on") or ()),
            created_at=self.clock().astimezone(UTC).isoformat(timespec="milliseconds"), provider_version=__version__, rows=count,
            counts={"input": outcome.rows, **counts}, digest=folder.files[0].sha256,
            files=folder.files, source={"outcome": self.outcome}, undo_of=outcome.plan_digest,
            settings=_stock_settings(outcome) if is_stock else {}, warnings=[STOCK_WARNING] if is_stock and count else [],
        )  # fmt: skip
        uri = folder.commit(manifest)
        return {
            "manifest": uri, "digest": manifest.digest, "rows": count, "counts": dict(manifest.counts),
            "cannot": dict(reasons), "summary": _summary(manifest, reasons, uri),
        }  # fmt: skip

    def _completed(self, outcome: OutcomeManifest, drive: Drive) -> Iterator[UndoRow]:
        """The rows; those that are to be deleted with all that names them: the store knows the variant of a price written by SKU."""
        resource = resource_of(outcome.resource)
        with _rows(self.outcome, outcome) as rows:
            if resource.name == STOCK:
                yield from looked_at(rows, drive)
                return
            if resource.delete is None or len(resource.primary_key) < 2:
                yield from rows
                return
            route = Route(resource=resource, operation="delete", delete=resource.delete)
            names = tuple(dict.fromkeys([*route.path_columns("delete"), *resource.primary_key]))
            left = iter(rows)
            while block := list(islice(left, _BLOCK)):
                lacking = [each for each in block if each.undo is not None and _lacks(each.undo, names)]
                if not lacking:
                    yield from block
                    continue
                found: dict[int, dict[str, Any]] = {}

                async def ask(store: BigCommerceStore, rows: list[UndoRow] = lacking, found: dict[int, dict[str, Any]] = found) -> None:
                    found.update(await _named(store, outcome, rows, names))

                drive(ask)
                places = {each.row for each in lacking}
                yield from (_with(each, found.get(each.row), names) if each.row in places else each for each in block)


def _stock_settings(outcome: OutcomeManifest) -> dict[str, Any]:
    """What the plan's rows are, and how long they may take to show: as long as those that are taken back."""
    within = outcome.settings.get("confirm_within")
    return {"mode": RELATIVE, **({"confirm_within": within} if isinstance(within, (int, float)) else {})}


def _lacks(row: PlanRow, names: Iterable[str]) -> bool:
    return row.operation == "delete" and any(not is_key_value(row.body.get(name)) for name in names if name != "currency_code")


async def _named(store: BigCommerceStore, outcome: OutcomeManifest, rows: list[UndoRow], names: Iterable[str]) -> dict[int, dict[str, Any]]:
    """Row's place -> what the store's row has in these columns."""
    route = route_of(resource_of(outcome.resource), outcome.operation, outcome.settings.get("match_on") or None)
    items = [
        Item(place=each.row, key=None, action="upsert", row={**each.undo.body, **(each.undo.old or {})}, body={})
        for each in rows
        if each.undo is not None
    ]
    finding = store.finding(route)
    try:
        held = await finding.find(items)
    finally:
        finding.close()
    return {place: {name: each.rows[0].get(name) for name in names} for place, each in held.items() if len(each.rows) == 1}


def _with(row: UndoRow, found: dict[str, Any] | None, names: Iterable[str]) -> UndoRow:
    if row.undo is None:
        return row
    body = {**row.undo.body, **{name: value for name, value in (found or {}).items() if is_key_value(value) and name not in row.undo.body}}
    undo = msgspec.structs.replace(row.undo, body=body)
    if _lacks(undo, names):
        return msgspec.structs.replace(row, undo=None, cannot=[*row.cannot, "The store has no such row any more, or does not name it."])
    return msgspec.structs.replace(row, undo=undo)


@contextmanager
def _rows(uri: str, outcome: OutcomeManifest) -> Iterator[Iterator[UndoRow]]:
    file = next((file for file in outcome.files if file.name == UNDO_ROWS), None)
    if file is None:
        raise PlanChangedError(f"{uri} names no {UNDO_ROWS!r}, so nothing tells how to take it back. Give the manifest of an applied plan.")
    with open_extra(uri, file) as stream, gzip.GzipFile(fileobj=stream, mode="rb") as lines:
        yield (undo_row_decoder.decode(line) for line in lines)


def _summary(manifest: PlanManifest, reasons: Counter[str], uri: str) -> str:
    """What would be taken back, and what is not, in Markdown."""
    lines = [f"### Undo of {manifest.resource}, store {manifest.store_hash}", "", f"{manifest.rows:,} rows can be taken back."]
    if reasons:
        lines += ["", "| what stays | rows |", "|---|---:|", *(f"| {reason} | {count:,} |" for reason, count in sorted(reasons.items()))]
    return "\n".join([*lines, "", f"`{uri}`, digest `{manifest.digest[:12]}`"])
