"""Makes a plan: reads an input, compares each row with the live store, and says what would be sent. Changes nothing in the store.

One pass over the input tells which keys come more than once (eight bytes a key), a second one goes part by part: columns become fields,
values become ids, keys are looked up together, rows are compared. Memory holds one part, whatever the input's size.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, NoReturn, Protocol

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.client.blocking import BlockingFinder, BlockingStore
from airflow_provider_bigcommerce.core.catalog.write_fields import fields_of
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.writing.items import Item
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome
from airflow_provider_bigcommerce.core.writing.preparing import Fields, prepared
from airflow_provider_bigcommerce.core.writing.route import Operation, Route, route_of
from airflow_provider_bigcommerce.core.writing.source import Part, RowSource
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.writing.deciding import decided, effects_of, told
from airflow_provider_bigcommerce.writing.folder import OUTCOME_ROWS, PLAN_ROWS, REJECTED_ROWS, AttemptFolder
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlanManifest, PlanRow
from airflow_provider_bigcommerce.writing.guards import Guards, checked_limit
from airflow_provider_bigcommerce.writing.hiding import without_secrets
from airflow_provider_bigcommerce.writing.input_columns import Columns, InputRow, Nulls, Rows, checked_mapping, fields_of_route, plain_value
from airflow_provider_bigcommerce.writing.looking_up import LookUps, checked_lookup
from airflow_provider_bigcommerce.writing.spool import Row, Spool

#: Rows that are looked up and compared together: twenty requests for two hundred keys each, at most.
PART_ROWS = 2_000
#: The input's own columns of the planned rows, in the plan's order: what the store refuses is given back as it came.
INPUT_ROWS = "input.jsonl.gz"

#: What is done with a row that the store has already.
Unchanged = Literal["skip", "send"]
UNCHANGED: tuple[Unchanged, ...] = ("skip", "send")


class Input(Protocol):
    """What a plan reads: files, or a query."""

    @property
    def has_texts(self) -> bool:
        """Whether all values are texts, whose meaning the fields tell."""

    @property
    def has_same_columns(self) -> bool:
        """Whether all rows have the columns of the first."""

    def source(self) -> dict[str, Any]:
        """What was read, for the manifest; no secret."""

    def columns(self) -> set[str] | None:
        """All columns, where they are known before the rows."""

    def rows(self) -> Iterator[Row]:
        """The rows, from the first on at each call."""


@dataclass(frozen=True, kw_only=True)
class PlanSettings:
    """What is to be done with the input's rows, and within which limits.

    :param resource: catalog name.
    :param operation: ``create``, ``update``, ``upsert`` or ``delete``.
    :param match_on: field, or fields, by which the store's rows are found; None takes ids, or the key that the store itself knows.
    :param mapping: column -> field, dots for nested ones; columns that are not in it are left out. None takes all by their names.
    :param lookup: field -> ``<resource>.<field>``: its value becomes the id of that resource's row.
    :param nulls: ``skip`` leaves nulls out, ``write`` writes them.
    :param unchanged: ``skip`` leaves rows out that the store has already, ``send`` sends them.
    :param max_changes: as in :class:`Guards`, like the next two.
    :param takes_secrets: whether secret fields (passwords) are taken; never for what is written into files.
    :param recorded: other arguments that decide what is sent, for the manifest.
    """

    resource: str
    operation: Operation
    match_on: str | Sequence[str] | None = None
    mapping: Mapping[str, str] | None = None
    lookup: Mapping[str, str] = field(default_factory=dict)
    nulls: Nulls = "skip"
    unchanged: Unchanged = "skip"
    max_changes: int | None = None
    max_changed_percent: float | None = None
    max_value_change_percent: float | Mapping[str, float] | None = None
    takes_secrets: bool = False
    recorded: Mapping[str, Any] = field(default_factory=dict)

    def route(self) -> Route:
        """How the rows go to the store; also checks what can be checked without the input.

        :raises InvalidQueryError: arguments that cannot work.
        :raises UnknownResourceError: there is no such resource.
        """
        route = route_of(resource_of(self.resource), self.operation, self.match_on)
        checked_mapping(self.mapping)
        checked_lookup(self.lookup)
        checked_limit(self.max_value_change_percent)
        if not self.takes_secrets and self.mapping:
            refuse_secrets(route, self.mapping.values())
        return route

    def guards(self, where: str) -> Guards:
        """The limits, with nothing counted yet; ``where`` the rows stand, for the message."""
        return Guards(self.max_changes, self.max_changed_percent, checked_limit(self.max_value_change_percent), where)


@dataclass(frozen=True, slots=True)
class Planned:
    """One row of a plan, or its outcome where that is certain already; and the input's row, without the columns of an earlier run."""

    result: PlanRow | OutcomeRow
    own: Row


def planned(store: BlockingStore, source: Input, settings: PlanSettings) -> Iterator[Planned]:
    """Hold an input's rows against the store, one after the other, in the input's order; each row has one result.

    :raises InvalidQueryError: the input lacks a column, or has a secret field that may not be planned.
    :raises DestinationError: a file of the input is not whole, or a database refused the query.
    :raises BigCommerceError: the store could not be asked.
    """
    route = settings.route()
    secrets = () if settings.takes_secrets else secret_fields(route)
    columns = Columns(checked_mapping(settings.mapping), settings.nulls, source.has_texts, fields_of_route(route))
    known = source.columns()
    if known:
        columns.check(known, route.match_on)
    with ExitStack() as stack:
        spool = stack.enter_context(Spool(partial(_begun, source, columns, route.match_on)))
        ups = stack.enter_context(LookUps(store, settings.lookup))
        rows = _Folded(columns.rows(spool), ups) if settings.lookup else columns.rows(spool)
        parts = RowSource(route, rows)
        finder: BlockingFinder | None = None
        fields = _fields(route)
        routes: dict[str, Route] = {}
        while True:
            part = parts.part(PART_ROWS)
            taken = _taken(route, fields, part, ups, secrets)
            items = [found for found in taken.values() if isinstance(found, Item)]
            if finder is None and items:
                wanted = {name for item in items for name in item.body}
                finder = stack.enter_context(store.finder(route, wanted))
            held = finder.find(items) if finder is not None and items else {}
            for place, row in part.rows:
                found = taken[place]
                if isinstance(found, Item):
                    sends = settings.unchanged == "send"
                    yield Planned(decided(route, fields, found, held[place], sends_unchanged=sends, routes=routes), row.own)
                else:
                    yield Planned(told(found), row.own)
            if part.is_last:
                return


def _begun(source: Input, columns: Columns, needed: Sequence[str]) -> Iterator[Row]:
    """The input's rows; where the columns show with the first row only, they are checked then."""
    rows = source.rows()
    if source.columns() is None and source.has_same_columns:
        for row in rows:
            columns.check(row.keys(), needed)
            yield row
            break
    yield from rows


class _Folded:
    """Rows with the values that are looked up as the store compares them; each iteration starts from the beginning."""

    def __init__(self, rows: Rows, ups: LookUps) -> None:
        self._rows = rows
        self._ups = ups

    def __iter__(self) -> Iterator[InputRow]:
        return map(self._ups.fold, self._rows)


def _fields(route: Route) -> Fields:
    writes = [write for write in (route.create, route.update, route.delete) if write is not None]
    return {write.name: known for write in writes if (known := fields_of(write)) is not None}


def _taken(route: Route, fields: Fields, part: Part, ups: LookUps, secrets: Sequence[str]) -> dict[int, Item | Outcome]:
    """Place -> the item that a row becomes, or why it cannot be sent."""
    found: dict[int, Item | Outcome] = {}
    left: list[tuple[int, InputRow]] = []
    for place, row in part.rows:
        _refuse_secrets_of(route, row, secrets)
        _, key, folded = route.key(row)
        if row.fault is None and (place in part.late or (folded is not None and folded in part.doubled)):
            found[place] = prepared(route, fields, place, row, doubled=part.doubled, is_late=place in part.late)
        elif row.fault is None:
            left.append((place, row))
        else:
            found[place] = Outcome(place, key, "rejected", error=row.fault[0], fields=(row.fault[1],))
    ups.resolve([row for _, row in left])
    for place, row in left:
        if row.fault is None:
            found[place] = prepared(route, fields, place, row)
        else:
            found[place] = Outcome(place, route.key(row)[1], "rejected", error=row.fault[0], fields=(row.fault[1],))
    return found


def plan_rows(
    store: BlockingStore,
    source: Input,
    settings: PlanSettings,
    folder: AttemptFolder,
    *,
    see: Callable[[PlanRow | OutcomeRow], None] = lambda _: None,
) -> PlanManifest:
    """Make a plan in an attempt's folder and commit it.

    :param see: called with each row, for a summary.
    :raises TooManyChangesError: a guard's limit is exceeded; the rows are in the folder, and without a manifest they are no plan.
    :raises BigCommerceError: as :func:`planned`.
    """
    route, guards, counts = settings.route(), settings.guards(f"{folder.uri.rpartition('/')[0]}/{PLAN_ROWS}"), Counter[str]()
    created = datetime.now(UTC)
    secrets, names = secret_columns(route, settings.mapping), secret_fields(route)
    with ExitStack() as stack, folder.rows(PLAN_ROWS) as plan, folder.rows(OUTCOME_ROWS) as outcomes, folder.rows(INPUT_ROWS) as own:
        rejected = None  # most inputs have no row that is refused, and no file of them
        for each in planned(store, source, settings):
            guards.rows += 1
            result = each.result
            see(result)
            if isinstance(result, PlanRow):
                if settings.takes_secrets:
                    result = without_secrets(result, names)
                counts[result.operation] += 1
                guards.take(result)
                plan.write(result)
                own.write(rejected_row(each, secrets))
                continue
            counts[result.outcome] += 1
            outcomes.write(result)
            if result.outcome in ("rejected", "conflict"):
                rejected = rejected or stack.enter_context(folder.rows(REJECTED_ROWS))
                rejected.write(rejected_row(each, secrets))
    guards.check()
    files = sorted(folder.files, key=lambda file: [PLAN_ROWS, OUTCOME_ROWS, REJECTED_ROWS, INPUT_ROWS].index(file.name))
    manifest = PlanManifest(
        plan_id=f"{route.resource.name}-{created:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}",
        resource=route.resource.name,
        store_hash=store.store_hash,
        operation=settings.operation,
        match_on=list(route.match_on),
        created_at=f"{created:%Y-%m-%dT%H:%M:%S}Z",
        provider_version=__version__,
        rows=plan.rows,
        counts={"input": guards.rows, **dict(sorted(counts.items()))},
        digest=files[0].sha256,
        files=files,
        guards=guards.told(),
        source=source.source(),
        settings={
            "mapping": dict(settings.mapping) if settings.mapping else None,
            "lookup": dict(settings.lookup),
            "nulls": settings.nulls,
            "unchanged": settings.unchanged,
            **settings.recorded,
        },
        warnings=effects_of(route) if plan.rows else [],
    )
    folder.commit(manifest)
    return manifest


def rejected_row(each: Planned, secrets: Sequence[str]) -> dict[str, object]:
    """A refused row as it came, with what became of it, so that it can be corrected and used as input again as it is."""
    result = each.result
    error = result.error if isinstance(result, OutcomeRow) else None
    outcome = result.outcome if isinstance(result, OutcomeRow) else ""
    own = {name: value for name, value in each.own.items() if name not in secrets}
    return {**_writable(own), "_row": result.row, "_outcome": outcome, "_error": error}


def _writable(own: Row) -> dict[str, object]:
    """What of a row JSON can hold; the rest as its text."""
    found: dict[str, object] = {}
    for name, value in own.items():
        try:
            found[name] = plain_value(value)
        except TypeError:
            found[name] = None
    return found


def secret_fields(route: Route) -> tuple[str, ...]:
    """Fields of a write's calls that must be written down nowhere."""
    writes = [write for write in (route.create, route.update) if write is not None]
    return tuple(dict.fromkeys(name for write in writes for name in write.secret_fields))


def secret_columns(route: Route, mapping: Mapping[str, str] | None) -> tuple[str, ...]:
    """Columns of the input that go to secret fields, or to what holds them."""
    secrets = secret_fields(route)
    columns = {name: name for secret in secrets for name in (secret, secret.partition(".")[0])} if not mapping else dict(mapping)
    return tuple(column for column, name in columns.items() if any(_is_about(name, secret) for secret in secrets))


def refuse_secrets(route: Route, fields: Any) -> None:
    """Refuse a plan that would hold a secret.

    :raises InvalidQueryError: one of the fields is secret.
    """
    for secret in secret_fields(route):
        if any(_is_about(name, secret) for name in fields):
            _refuse(route, secret)


def _refuse_secrets_of(route: Route, row: InputRow, secrets: Sequence[str]) -> None:
    for secret in secrets:
        value: Any = row
        for part in secret.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            _refuse(route, secret)


def _is_about(name: str, secret: str) -> bool:
    return name == secret or secret.startswith(f"{name}.") or name.startswith(f"{secret}.")


def _refuse(route: Route, secret: str) -> NoReturn:
    raise InvalidQueryError(
        f"{secret!r} of {route.resource.name!r} is secret, and a plan is a file: leave that column out, or use "
        "ObjectStorageToBigCommerceOperator or SqlToBigCommerceOperator, which write secrets nowhere."
    )
