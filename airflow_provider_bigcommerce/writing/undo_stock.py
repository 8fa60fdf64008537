"""What an undo of stock finds in the store: pieces before and after, or why a row cannot be taken back. Changes nothing.

Each row is an adjustment by a difference. It is compared with the store as the store is now, so that a person who approves the plan sees
the result, and what cannot be done is in the list and is not an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_bigcommerce.core.ended_rows import Ended, Refusal
from airflow_provider_bigcommerce.core.stocking import Wanted, find_target, read_row, refusal_of
from airflow_provider_bigcommerce.writing.stock_facts import Facts, learn

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
    from airflow_provider_bigcommerce.writing.apply import Drive
    from airflow_provider_bigcommerce.writing.formats import PlanRow
    from airflow_provider_bigcommerce.writing.undoing import UndoRow

#: Rows that are looked at together: two pages of the inventory.
_BLOCK = 2_000
#: Stands in the plan's manifest, for a person.
STOCK_WARNING = (
    "Stock is taken back by the difference, so that what was sold or came in since stays so; 'old' and 'new' are the pieces when this plan "
    "was made."
)


def looked_at(rows: Iterable[UndoRow], drive: Drive) -> Iterator[UndoRow]:
    """The rows of an undo of stock, with what the store has now.

    :raises BigCommerceError: the store could not be asked.
    """
    left = iter(rows)
    while block := list(islice(left, _BLOCK)):
        wanted = [found for each in block if each.undo is not None and isinstance(found := _wanted(each.undo), Wanted)]
        facts: list[Facts] = []

        async def ask(store: BigCommerceStore, wanted: Sequence[Wanted] = wanted, facts: list[Facts] = facts) -> None:
            facts.append(await learn(store, wanted))

        if wanted:
            drive(ask)
        for each in block:
            yield _held(each, each.undo, facts[0]) if facts and each.undo is not None else each


def _wanted(undo: PlanRow) -> Wanted | Ended:
    return read_row(undo.row, undo.body, "relative")


def _held(row: UndoRow, undo: PlanRow, facts: Facts) -> UndoRow:
    wanted = _wanted(undo)
    if isinstance(wanted, Ended):
        return _cannot(row, str(wanted.outcome.error))
    target = find_target(wanted, facts.shelf, facts.products, facts.locations)
    if isinstance(target, Refusal):
        return _cannot(row, target.text)
    refusal = refusal_of(target, "relative")
    if refusal is not None:
        return _cannot(row, refusal.text)
    numbers = {"old": {"quantity": target.old}, "new": {"quantity": target.new("relative")}, "id": target.variant}
    return msgspec.structs.replace(row, undo=msgspec.structs.replace(undo, body=target.body(), **numbers))


def _cannot(row: UndoRow, why: str) -> UndoRow:
    return msgspec.structs.replace(row, undo=None, cannot=[*row.cannot, why])
