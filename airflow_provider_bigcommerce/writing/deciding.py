"""What a plan does with one row: it is compared with the store's own, field by field, and sent, or its outcome is certain. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_bigcommerce.core.catalog import Write
from airflow_provider_bigcommerce.core.catalog.write_fields import WriteFields
from airflow_provider_bigcommerce.core.keys import Key
from airflow_provider_bigcommerce.core.writing.comparing import is_same
from airflow_provider_bigcommerce.core.writing.items import Item
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome, OutcomeKind
from airflow_provider_bigcommerce.core.writing.preparing import Fields, prepared
from airflow_provider_bigcommerce.core.writing.route import Action, Route, route_of
from airflow_provider_bigcommerce.core.writing.store_rows import CLEARING, Held
from airflow_provider_bigcommerce.core.writing.whole_records import writable
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlannedOperation, PlanRow

#: Where all that the input has of a row is sent, and not what differs alone.
_WHOLE = CLEARING | {"additive"}


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a row differs from the store's.

    :param old: field -> the store's value; without those that its row does not have.
    :param new: field -> the row's value.
    :param unseen: fields that the store's row does not have at all, so that nobody can tell.
    """

    old: dict[str, Any]
    new: dict[str, Any]
    unseen: tuple[str, ...]


def decided(
    route: Route, fields: Fields, item: Item, held: Held, *, sends_unchanged: bool = False, routes: dict[str, Route] | None = None
) -> PlanRow | OutcomeRow:
    """The plan of one row, or its outcome.

    :param fields: call's name -> what its body takes.
    :param item: the row, checked.
    :param held: what the store has of it.
    :param sends_unchanged: whether a row is sent that the store has already.
    :param routes: how each operation is sent; kept from row to row.
    """
    if len(held.rows) > 1:
        return _outcome(item, "rejected", f"The store has {len(held.rows)} rows with this key: it does not say which is meant.")
    row = held.rows[0] if held.rows else None
    if route.operation == "delete":
        return _delete(route, item, held, row, routes)
    if route.operation == "create" and item.action == "create" and row is not None:
        if not _differs(route, item, row).new:
            return _outcome(item, "unchanged", id=held.id)
        return _outcome(item, "conflict", "The store has a row of this key already, with other values.", id=held.id)
    if route.operation == "update" and row is None and held.is_asked:
        return _outcome(item, "rejected", "The store has no such row.")
    action = _action(route, item, row)
    if row is not None and not sends_unchanged and not _differs(route, item, row).new:
        return _outcome(item, "unchanged", id=held.id)
    key = held.id if held.id is not None else item.id
    ready = prepared(route, fields, item.place, item.row, action=action, id=key if action != "create" else None)
    if isinstance(ready, Outcome):
        return told(ready)
    return _change(route, fields, ready, row, action, sends_unchanged=sends_unchanged, is_asked=held.is_asked, routes=routes)


def told(outcome: Outcome) -> OutcomeRow:
    """An outcome as a file has it."""
    return OutcomeRow(
        row=outcome.row, key=keys_of(outcome.key), id=outcome.id, outcome=outcome.outcome, status=outcome.status,
        error=outcome.error, fields=list(outcome.fields),
    )  # fmt: skip


def keys_of(key: Key | None) -> list[Any]:
    """A key as a file has it: a list of its values, none where there is no key."""
    return [] if key is None else list(key) if isinstance(key, tuple) else [key]


def _action(route: Route, item: Item, row: Mapping[str, Any] | None) -> Action:
    """What is done with a row of which it is known whether the store has it."""
    if item.action == "upsert" and not route.is_straight(item.row):
        return "update" if row is not None else "create"
    return item.action


def _change(
    route: Route,
    fields: Fields,
    item: Item,
    row: Mapping[str, Any] | None,
    action: Action,
    *,
    sends_unchanged: bool,
    is_asked: bool,
    routes: dict[str, Route] | None,
) -> PlanRow | OutcomeRow:
    write = route.call(action)
    found = _differs(route, item, row or {})
    if row is not None and not found.new and not sends_unchanged:
        return _outcome(item, "unchanged", id=item.id)
    warnings = [f"The store's list does not show {name!r}: it could not be compared." for name in found.unseen if row is not None]
    if not is_asked:
        warnings.append("The store cannot be asked for this row: it was not compared.")
    body, old = dict(item.body), found.old
    if row is not None and not sends_unchanged and write.put not in _WHOLE:
        changed = {name.partition(".")[0] for name in found.new}
        body = {name: value for name, value in body.items() if name in changed or name in _keys(route, item)}
    if row is not None and (left := _kept(route, write, fields.get(write.name), row, item.body)):
        body, old = {**left, **body}, {**left, **old}
        warnings.append(f"Sent along as the store has it, because it could be cleared otherwise: {', '.join(map(repr, sorted(left)))}.")
    operation: PlannedOperation = "create" if route.operation == "create" else action
    whole = _named(route, item, action, body)
    checked = _tried(route, fields, item, operation, whole, routes)
    if checked is not None:
        return checked
    return PlanRow(
        row=item.place, key=keys_of(item.key), id=item.id, operation=operation, fields=list(found.new),
        old=None if row is None else old, new=found.new, body=whole, warnings=warnings,
    )  # fmt: skip


def _kept(route: Route, write: Write, known: WriteFields | None, row: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """What of the store's row goes along, since it may be cleared where it is left out: all of it, or what the call requires."""
    if known is None or not known.fields:
        return {}
    keys = {name for fields_of_key in write.upsert_by for name in fields_of_key} | set(route.resource.primary_key)
    wanted = known.fields.keys() if write.put in CLEARING else known.required
    held = {name: row[name] for name in wanted if name in row and name not in keys and name not in body}
    return writable(held, known.fields, known.read_only)


def _delete(route: Route, item: Item, held: Held, row: Mapping[str, Any] | None, routes: dict[str, Route] | None) -> PlanRow | OutcomeRow:
    archive = route.resource.archive_field
    if held.is_asked and (row is None or (archive is not None and row.get(archive))):
        return _outcome(item, "unchanged")
    key = held.id if held.id is not None else item.id
    ready = prepared(route, {}, item.place, item.row, action="delete", id=key)
    if isinstance(ready, Outcome):
        return told(ready)
    body = _named(route, ready, "delete", {name: item.row[name] for name in _delete_columns(route) if name in item.row})
    checked = _tried(route, {}, ready, "delete", body, routes)
    if checked is not None:
        return checked
    warnings = [] if held.is_asked else ["The store cannot be asked for this row: it may not be there."]
    return PlanRow(
        row=item.place, key=keys_of(item.key), id=key, operation="delete", fields=[], old=None if row is None else dict(row), new={},
        body=body, warnings=warnings,
    )  # fmt: skip


def _delete_columns(route: Route) -> set[str]:
    """Columns that a DELETE names its row by."""
    write = route.delete
    return {name.partition(":")[0] for name in write.required_filters} | set(route.resource.primary_key) if write is not None else set()


def _named(route: Route, item: Item, action: Action, body: Mapping[str, Any]) -> dict[str, Any]:
    """The row as it is given to ``store.write``: with the columns that fill the path, and its id."""
    found = {name: item.row[name] for name in route.path_columns(action) if name in item.row}
    if route.id_field is not None and item.id is not None and action in ("update", "delete"):
        found[route.id_field] = item.id
    elif action != "create":
        found |= {name: item.row[name] for name in _keys(route, item) if name in item.row}
    return {**found, **body}


def _keys(route: Route, item: Item) -> Collection[str]:
    """Top-level columns that the row is told by."""
    return {name.partition(".")[0] for name in route.key_fields(item.row)}


def _tried(
    route: Route, fields: Fields, item: Item, operation: PlannedOperation, body: Mapping[str, Any], routes: dict[str, Route] | None
) -> OutcomeRow | None:
    """Whether ``store.write`` would take the row as it is planned; None where it would, else its outcome."""
    known = routes if routes is not None else {}
    if operation not in known:
        known[operation] = route_of(route.resource, operation)
    tried = prepared(known[operation], fields, item.place, body)
    return told(tried) if isinstance(tried, Outcome) else None


def _differs(route: Route, item: Item, row: Mapping[str, Any]) -> Difference:
    """Where the row's fields differ from the store's; the key's own fields are no difference."""
    found = Difference({}, {}, ())
    keys = {*_keys(route, item), *route.path_columns(item.action), *([route.id_field] if route.id_field else [])}
    unseen: list[str] = []
    _walk("", {name: value for name, value in item.body.items() if not row or name not in keys}, row, found, unseen)
    return Difference(found.old, found.new, tuple(unseen))


def _walk(prefix: str, sent: Mapping[str, Any], held: Mapping[str, Any], found: Difference, unseen: list[str]) -> None:
    for name, value in sent.items():
        at, other = f"{prefix}{name}", held.get(name)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            _walk(f"{at}.", value, other, found, unseen)
        elif name not in held or not is_same(value, other):
            found.new[at] = value
            if name in held:
                found.old[at] = other
            else:
                unseen.append(at)


def _outcome(
    item: Item,
    kind: OutcomeKind,
    error: str | None = None,
    id: int | str | None = None,  # noqa: A002  # BigCommerce's noun
) -> OutcomeRow:
    return OutcomeRow(
        row=item.place, key=keys_of(item.key), id=item.id if id is None else id, outcome=kind, error=error,
        fields=[] if kind == "rejected" else list(item.fields),
    )  # fmt: skip


def effects_of(route: Route) -> list[str]:
    """What else the calls do that no undo takes back, for a person; each on one line."""
    said = {
        "mails": "sends the shopper a mail for each row",
        "may_mail": "may send the shopper a mail for each row, as the store's settings say",
        "moves_money": "moves money",
        "makes_codes": "makes new codes with each call",
        "archives": "archives rows, which no documented call brings back",
        "takes_children": "also changes rows that belong to the row",
        "recalculates": "recalculates totals, and clears the discounts of changed lines",
    }
    writes: dict[str, Write] = {write.name: write for write in (route.create, route.update, route.delete) if write is not None}
    return [f"{write.name} {said[effect]}." for write in writes.values() for effect in write.effects]
