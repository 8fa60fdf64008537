"""What became of a row whose answer was unclear, or said nothing of it, by what the store has of it afterwards. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from airflow_provider_bigcommerce.core.catalog import Write
from airflow_provider_bigcommerce.core.writing.comparing import has_all
from airflow_provider_bigcommerce.core.writing.items import Item, RowError
from airflow_provider_bigcommerce.core.writing.look_ups import Purpose
from airflow_provider_bigcommerce.core.writing.outcomes import OutcomeKind
from airflow_provider_bigcommerce.core.writing.route import Route

UNCLEAR = "The answer did not come, or was unclear, and the store's rows do not tell whether the row was written."
_NO_ROW = RowError("The store has no such row.")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the row.

    :param kind: its outcome, or ``again``: it was not written, and may be sent again.
    :param row: the store's row that told, ``{}`` where none did.
    """

    kind: OutcomeKind | Literal["again"]
    error: RowError | None = None
    row: Mapping[str, Any] = field(default_factory=dict)


def settled(
    route: Route, write: Write, item: Item, rows: Sequence[Mapping[str, Any]], purpose: Purpose, *, is_asked: bool = True
) -> Verdict:
    """Decide.

    :param rows: the store's rows with the item's key.
    :param is_asked: whether the store could be asked for it at all.
    """
    same = next((row for row in rows if has_all(item.body, row, leave_out=_unreadable(write))), None)
    if item.action == "delete":
        return _deleted(route, rows, purpose, is_asked=is_asked)
    if purpose == "refused":
        return _refused(write, item, rows, same, is_asked=is_asked)
    if purpose == "late" and same is None:
        return Verdict("conflict" if rows else "rejected", item.refusal, rows[0] if rows else {})
    if purpose == "silent":
        return _silent(write, item, rows, same, is_asked=is_asked)
    done: OutcomeKind = "created" if item.action == "create" else "updated"
    if same is not None:
        return Verdict(done, row=same)
    if rows:
        found = RowError(f"{UNCLEAR} A row of this key is there, with other values.")
        return Verdict("unknown", found, rows[0])
    if is_asked and item.action == "create" and write.repeat == "refused":
        return Verdict("again")
    if is_asked and item.action == "update":
        return Verdict("rejected", _NO_ROW)
    return Verdict("unknown", RowError(UNCLEAR))


def _refused(write: Write, item: Item, rows: Sequence[Mapping[str, Any]], same: Mapping[str, Any] | None, *, is_asked: bool) -> Verdict:
    """A new row of a request that was refused: the store may have taken its good rows all the same."""
    error = item.refusal
    if not is_asked:
        return Verdict("unknown", error)
    if same is not None:
        # Where a refusal takes the whole request along, the row was there before, unless an earlier sending had an unclear end.
        return Verdict("created" if item.sendings or _saves_good_rows(write) else "unchanged", row=same)
    if rows:
        text = "The store has a row of this key already, with other values."
        return Verdict("conflict", RowError(text, error.fields if error else ()), rows[0])
    return Verdict("again")


def _silent(write: Write, item: Item, rows: Sequence[Mapping[str, Any]], same: Mapping[str, Any] | None, *, is_asked: bool) -> Verdict:
    """A row that an answer of success does not list."""
    is_match = write.failed_by == "match"
    if item.action == "create":
        if is_match:  # such an answer leaves out what is there already; the store compares as it likes, so it need not be found
            return Verdict("unchanged", row=same or (rows[0] if rows else {}))
        if same is not None:
            return Verdict("created", row=same)
        if rows:
            error = RowError("The answer leaves the row out, and the store has one of its key with other values.")
            return Verdict("unknown", error, rows[0])
    elif same is not None:
        return Verdict("updated", row=same)
    elif is_match or (is_asked and not rows and item.action == "update"):
        return Verdict("rejected", RowError("The answer leaves the row out: the store has no such row, or took nothing of it."))
    return Verdict("unknown", RowError("The answer leaves the row out, and the store's rows do not tell whether it was written."))


def _deleted(route: Route, rows: Sequence[Mapping[str, Any]], purpose: Purpose, *, is_asked: bool) -> Verdict:
    archive = route.resource.archive_field
    is_there = any(not (archive and row.get(archive)) for row in rows)
    if is_asked and not is_there:
        return Verdict("deleted")
    return Verdict("unknown", RowError(UNCLEAR if purpose == "unclear" else "The answer does not say whether the row was deleted."))


def _saves_good_rows(write: Write) -> bool:
    """Whether a refused request may have left its good rows in the store, by BigCommerce's word."""
    return write.failed_by in ("index", "index_seen", "identity", "id", "none")


def _unreadable(write: Write) -> tuple[str, ...]:
    """Fields that no answer has: passwords, and what decides on a mail."""
    return tuple(dict.fromkeys([*(name.partition(".")[0] for name in write.secret_fields), "trigger_account_created_notification"]))
