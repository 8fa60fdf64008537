"""How one applied row is taken back: the row of the plan that does it, or why nothing does. Pure.

What a plan wrote is what its undo expects to find, so a row that somebody has changed since is a conflict of the undo's own plan, and an
undo of an undo is one more plan.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.catalog import Resource, Write
from airflow_provider_bigcommerce.core.catalog.write_fields import fields_of
from airflow_provider_bigcommerce.core.writing.route import Route, column_in
from airflow_provider_bigcommerce.core.writing.row_identity import is_key_value, value_at
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlannedOperation, PlanRow

#: What an undo asks of all its rows, by what its plan did; rows that are to be deleted say so themselves.
UNDO_OPERATION: Mapping[PlannedOperation, PlannedOperation] = {
    "create": "delete", "update": "update", "upsert": "upsert", "delete": "upsert",
}  # fmt: skip

_LASTING: Mapping[str, str] = {
    "mails": "The mail to the shopper stays sent.",
    "may_mail": "A mail that the store sent for it stays sent.",
    "recalculates": "The order's totals were recalculated, and discounts of changed lines are gone.",
    "takes_children": "What was added to it since goes along.",
    "archives": "The order is archived; no documented call brings it back.",
}


_NOT_KNOWN = "It is not known whether the row was written. Look in the store."

#: The resource of stock, and the setting of a plan's manifest that says that its quantities come or go.
STOCK, RELATIVE = "inventory_items", "relative"


class UndoRow(msgspec.Struct, frozen=True, kw_only=True):
    """How one row is taken back.

    :param row: its place in the input of the plan that was applied.
    :param key: the values by which it is distinguished from others.
    :param id: the store's id, None where there is none.
    :param undo: the row of the undo's plan; None where nothing takes it back.
    :param cannot: why not, or what of it stays, each on one line; empty where all of it is taken back.
    """

    row: int
    key: list[Any]
    id: int | str | None
    undo: PlanRow | None
    cannot: list[str] = []  # msgspec copies it for each row


undo_row_decoder = msgspec.json.Decoder(UndoRow)


def undo_row(resource: Resource, write: Write, row: PlanRow, outcome: OutcomeRow) -> UndoRow | None:
    """How a row is taken back; None for a row of which the store took nothing.

    :param write: the call that was sent.
    """
    if outcome.outcome in ("unchanged", "rejected", "conflict", "not_sent"):
        return None
    found = outcome.id if outcome.id is not None else row.id

    def told(undo: PlanRow | None, *cannot: str) -> UndoRow:
        return UndoRow(row=row.row, key=row.key, id=found, undo=undo, cannot=list(cannot))

    if outcome.outcome == "unknown":
        return told(None, _NOT_KNOWN)
    if row.operation == "delete" or outcome.outcome == "deleted":
        return told(None, "A deleted row cannot be made again as it was: its id, and what hung on it, are gone.")
    effects = [_LASTING[effect] for effect in write.effects if effect in _LASTING]
    if "moves_money" in write.effects:
        return told(None, "Money that was moved is not moved back.")
    if "makes_codes" in write.effects:
        return told(None, "Codes that were made stay.")
    if write.repeat in ("safe_unless_sold", "doubles"):
        return told(None, "What lay there before is not known, so the difference is not either. Write stock with BigCommerceStockOperator.")
    if row.old is None:
        return told(*_deleting(resource, row, found), *effects)
    return told(*_restoring(write, row, found), *effects)


def undo_of_stock(row: int, key: list[Any], id: int | str | None, outcome: str, back: Mapping[str, Any] | None) -> UndoRow | None:  # noqa: A002  # BigCommerce's noun
    """How stock that was sent is taken back: relatively, by the difference, so that what was sold since stays sold.

    :param back: the adjustment that does it; None where the quantity was what lay there.
    """
    if outcome == "unknown":
        return UndoRow(row=row, key=key, id=id, undo=None, cannot=[_NOT_KNOWN])
    if outcome != "updated" or back is None:
        return None
    undo = PlanRow(
        row=row, key=key, id=id, operation="update", fields=["quantity"], old=None, new={"quantity": back["quantity"]}, body=dict(back)
    )
    return UndoRow(row=row, key=key, id=id, undo=undo)


def _deleting(resource: Resource, row: PlanRow, id: int | str | None) -> tuple[PlanRow | None, *tuple[str, ...]]:  # noqa: A002  # BigCommerce's noun
    """A row that was made is deleted, unless somebody has changed it since."""
    write = resource.delete
    if write is None:
        return None, "BigCommerce has no call that deletes such a row."
    route = Route(resource=resource, operation="delete", delete=write, id_field=_id_field(resource))
    names = [*route.path_columns("delete"), *resource.primary_key, *map(column_in, write.required_filters)]
    names += [name for fields in (resource.update.upsert_by if resource.update is not None else ()) for name in fields]
    body = {name: row.body[name] for name in names if is_key_value(row.body.get(name))}
    if route.id_field is not None:
        if id is None:
            return None, "The id of the new row is not known, so it cannot be deleted."
        body[route.id_field] = id
    left = "archives" in write.effects
    return (
        PlanRow(
            row=row.row, key=row.key, id=id, operation="delete", fields=row.fields,
            old=dict(row.new), new={}, body=body, warnings=[_LASTING["archives"]] if left else [],
        ),
    )  # fmt: skip


def _id_field(resource: Resource) -> str | None:
    return resource.primary_key[0] if len(resource.primary_key) == 1 else None


def _restoring(write: Write, row: PlanRow, id: int | str | None) -> tuple[PlanRow | None, *tuple[str, ...]]:  # noqa: A002  # BigCommerce's noun
    """A row that was changed gets its old values."""
    old = row.old or {}
    known = fields_of(write)
    body = copy.deepcopy(row.body)
    fields: list[str] = []
    lost: list[str] = []
    for name in row.fields:
        before = old.get(name)
        head = name.partition(".")[0]
        field = known.fields.get(head) if known is not None else None
        if before is None and field is not None and not field.nullable:
            lost.append(name)
            continue
        _put(body, name, before)
        fields.append(name)
    for name in lost:
        # What a whole record leaves out may be cleared: of such a call the field that stays is sent as it is.
        if "." not in name and write.put in ("partial", "partial_implied", "mixed"):
            body.pop(name, None)
    told = (f"{', '.join(map(repr, lost))} had no value before, and BigCommerce takes none: it stays as it is.",) if lost else ()
    if not fields:
        return None, *told
    undo = PlanRow(
        row=row.row, key=row.key, id=id, operation=row.operation, fields=fields,
        old={name: row.new.get(name) for name in fields}, new={name: value_at(body, name) for name in fields}, body=body,
    )  # fmt: skip
    return undo, *told


def _put(body: dict[str, Any], path: str, value: Any) -> None:
    """Set a value at a dotted path."""
    *parents, last = path.split(".")
    place = body
    for name in parents:
        inner = place.get(name)
        if not isinstance(inner, dict):
            inner = place[name] = {}
        place = inner
    place[last] = value
