"""Whether a planned row may still be sent: what the plan saw, what it wants, and what the store has now. Pure.

Only the planned fields are looked at, never the change date: somebody's change of another field is nobody's conflict.

======================  ===================================  ==================================================
the store's row         not sent before                      sent by an earlier try, answer lost
======================  ===================================  ==================================================
as the plan saw it      send                                 send again, if its call can be repeated
as the plan wants it    unchanged: somebody was quicker      written
as neither              conflict (or send: ``overwrite``)    unknown: ours came through and was changed, or never did
gone                    conflict; unchanged for a delete     deleted for a delete; unknown
======================  ===================================  ==================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from airflow_provider_bigcommerce.core.writing.comparing import is_same
from airflow_provider_bigcommerce.core.writing.outcomes import OutcomeKind
from airflow_provider_bigcommerce.core.writing.row_identity import value_at
from airflow_provider_bigcommerce.writing.formats import PlanRow

#: What becomes of a row whose planned fields have changed since the plan.
OnConflict = Literal["keep", "overwrite"]


class Judged(NamedTuple):
    """What is to be done with a row.

    :param kind: its outcome, or ``send``.
    :param error: why, where that needs saying; None else.
    :param fields: fields to blame.
    """

    kind: OutcomeKind | Literal["send"]
    error: str | None = None
    fields: tuple[str, ...] = ()


_SEND = Judged("send")


def judged(row: PlanRow, held: Sequence[Mapping[str, Any]], *, was_sent: bool, on_conflict: OnConflict) -> Judged:
    """Decide about an update, an upsert or a delete.

    :param held: the store's rows of this key, as they are now.
    :param was_sent: whether an earlier try may have sent it.
    """
    if len(held) > 1:
        return Judged("conflict", f"The store has {len(held)} rows of this key now: it does not say which is meant.")
    now = held[0] if held else None
    if now is None:
        return _gone(row, was_sent=was_sent)
    watched = _watched(row)
    if row.operation != "delete" and row.fields and all(is_same(_wanted(row, name), value_at(now, name)) for name in watched):
        done: OutcomeKind = "created" if row.old is None else "updated"
        return Judged(done if was_sent else "unchanged")
    changed = tuple(name for name in watched if row.old is None or not is_same(row.old.get(name), value_at(now, name)))
    if not changed and (row.old is not None or row.operation == "delete"):
        return _SEND
    if was_sent:
        return Judged("unknown", "The row was sent and its answer lost, and the store's row is neither as before nor as planned.", changed)
    if on_conflict == "overwrite":
        return _SEND
    if row.old is None:
        return Judged("conflict", "The store has a row of this key now, and had none when the plan was made.", changed)
    return Judged("conflict", "The store's row was changed since the plan was made.", changed)


def _watched(row: PlanRow) -> list[str]:
    """The fields that are written: those that change, and, where a record is sent whole, those that are sent as the plan saw them."""
    if row.operation == "delete" or row.old is None:
        return row.fields
    return [*row.fields, *(name for name in row.old if name not in row.fields and name in row.body)]


def _wanted(row: PlanRow, name: str) -> Any:
    return row.new[name] if name in row.new else (row.old or {}).get(name)


def _gone(row: PlanRow, *, was_sent: bool) -> Judged:
    if row.operation == "delete":
        return Judged("deleted" if was_sent else "unchanged")
    if row.old is None:
        return _SEND
    return Judged("conflict", "The store's row is gone since the plan was made.", tuple(row.fields))
