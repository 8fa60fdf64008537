"""Stock from files or a query into the store: the operator around ``writing.stock``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from airflow_provider_bigcommerce.core.arguments import Checks, check_arguments, number, one_of, optional, span, text
from airflow_provider_bigcommerce.core.ended_rows import Ended
from airflow_provider_bigcommerce.core.stocking import Mode
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.exceptions import BigCommerceError, InvalidQueryError
from airflow_provider_bigcommerce.operators.rows import BigCommerceRowsOperator
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlannedOperation
from airflow_provider_bigcommerce.writing.guards import Guards, checked_limit
from airflow_provider_bigcommerce.writing.input_arguments import limit
from airflow_provider_bigcommerce.writing.plan import UNCHANGED, Unchanged
from airflow_provider_bigcommerce.writing.sent_notes import Notes
from airflow_provider_bigcommerce.writing.stock import StockWriting
from airflow_provider_bigcommerce.writing.undoing import UndoRow, undo_of_stock

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore


class BigCommerceStockOperator(BigCommerceRowsOperator):
    """Set, or change, the quantities at the store's locations.

    ::

        BigCommerceStockOperator(task_id="stock", path="/data/in/stock-*.csv", report_path="/data/reports", reason="hourly count")

    Columns of the input: one of ``sku``, ``variant_id`` and ``product_id``; one of ``location_id`` and ``location_code``; ``quantity``.
    Quantities are pieces on hand, not what is available to sell.

    Rows are sent 2,000 per request, one request at a time, and read back until they show, because BigCommerce carries adjustments out later
    and does not say when. Rows that it would refuse or ignore are rejected before: an item whose stock is not tracked, or is kept at the
    other level, a quantity it would not save, an unknown location. A row without a proof is ``unknown``, with ``old``, ``sent`` and
    ``seen`` in the outcome file. ``BigCommerceUndoOperator`` takes the run back by the difference, so that what was sold since stays sold;
    ``take_back.jsonl.gz`` next to the outcomes is the same as an input of this operator in relative mode. See
    docs/how-to/keep-stock-in-step.md.

    :param mode: ``absolute``: the quantity is what lies there; ``relative``: it is what came or went, and is sent once a run, whatever
        happens.
    :param reason: goes with each adjustment, for the store's own records. (templated)
    :param confirm_within: how long a quantity may take to show after the last answer.
    :param unchanged: ``skip``: a quantity that lies there already is not sent; ``send``: it is, in absolute mode.
    :param max_changed_percent: of the input's rows, the percentage that may be sent; more fail the task before anything is sent.
    :param max_value_change_percent: by how many percent the pieces at a location may change; where it had none, any number may come.
    """

    resource: ClassVar[str] = "inventory_items"
    needed: ClassVar[Sequence[str]] = ("quantity",)
    can_be_taken_back: ClassVar[bool] = True
    argument_checks: ClassVar[Checks] = {
        **BigCommerceRowsOperator.argument_checks,
        "mode": one_of(get_args(Mode)),
        "reason": text("hourly count"),
        "confirm_within": span(may_be_zero=True, example="timedelta(minutes=5)"),
        "unchanged": one_of(UNCHANGED),
        "max_changed_percent": optional(number(0, 100)),
        "max_value_change_percent": optional(limit()),
    }
    absent: ClassVar[Mapping[str, str]] = {
        **BigCommerceRowsOperator.absent,
        "verify": "every quantity is read back until it shows, and confirm_within says for how long",
    }
    custom_operator_name = "BigCommerce stock"
    template_fields: Sequence[str] = (*BigCommerceRowsOperator.template_fields, "reason")

    @shows_your_line
    def __init__(
        self,
        *,
        mode: Mode = "absolute",
        reason: str = "Airflow",
        confirm_within: timedelta = timedelta(minutes=5),
        unchanged: Unchanged = "skip",
        max_changed_percent: float | None = None,
        max_value_change_percent: float | Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mode = mode
        self.reason = reason
        self.confirm_within = confirm_within
        self.unchanged = unchanged
        self.max_changed_percent = max_changed_percent
        self.max_value_change_percent = max_value_change_percent
        own = ("mode", "reason", "confirm_within", "unchanged", "max_changed_percent", "max_value_change_percent")
        check_arguments(self, {name: self.argument_checks[name] for name in own})
        if mode == "relative" and unchanged == "send":
            raise InvalidQueryError("unchanged='send' cannot work in mode='relative': such a row is 0 pieces. Leave it out.")

    @property
    def operation(self) -> PlannedOperation:
        """An absolute quantity sets what lies there, a relative one changes it."""
        return "upsert" if self.mode == "absolute" else "update"

    async def send(
        self, store: BigCommerceStore, rows: Iterable[Mapping[str, Any]], notes: Notes
    ) -> tuple[Iterable[Ended], BigCommerceError | None]:
        """What became of each row, in order, and why not all were sent."""
        writing = StockWriting(
            store,
            notes,
            mode=self.mode,
            reason=self.reason,
            confirm_within=self.confirm_within.total_seconds(),
            clock=time.monotonic,
            sleep=asyncio.sleep,
            stops=self.on_rejected == "stop",
            sends_unchanged=self.unchanged == "send",
            guards=self.guards(),
        )
        return await writing.run(rows), writing.error

    def undo(self, ended: Ended, outcome: OutcomeRow) -> UndoRow | None:
        """The adjustment by the difference."""
        return undo_of_stock(outcome.row, outcome.key, outcome.id, outcome.outcome, ended.back)

    def guards(self) -> Guards:
        """Limits on what is sent."""
        return Guards(self.max_changes, self.max_changed_percent, checked_limit(self.max_value_change_percent), None)

    def settings(self) -> dict[str, Any]:
        """The arguments that decide what is sent, for the manifest."""
        limit = checked_limit(self.max_value_change_percent)
        return {
            **super().settings(), "mode": self.mode, "confirm_within": self.confirm_within.total_seconds(), "unchanged": self.unchanged,
            "max_changed_percent": self.max_changed_percent, "max_value_change_percent": limit,
        }  # fmt: skip
