"""Stock from files or a query into the store: the operator around ``writing.stock``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from airflow_provider_bigcommerce.core.arguments import Checks, check_arguments, one_of, span, text
from airflow_provider_bigcommerce.core.ended_rows import Ended
from airflow_provider_bigcommerce.core.stock import Mode
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.operators.rows import BigCommerceRowsOperator
from airflow_provider_bigcommerce.writing.formats import PlannedOperation
from airflow_provider_bigcommerce.writing.sent_notes import Notes
from airflow_provider_bigcommerce.writing.stock import StockWriting

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore


class BigCommerceStockOperator(BigCommerceRowsOperator):
    """Set, or change, the pieces that lie at the store's locations.

    ::

        BigCommerceStockOperator(task_id="stock", path="/data/in/stock-*.csv", report_path="/data/reports", reason="hourly count")

    Columns of the input: one of ``sku``, ``variant_id`` and ``product_id``; one of ``location_id`` and ``location_code``; ``quantity``.
    Quantities are pieces on hand, not what is available to sell.

    Rows are sent 2,000 a request, one request at a time, and read back until they show, for BigCommerce carries adjustments out later and
    tells nobody when. Rows that it would refuse or ignore are rejected before: an item whose stock is not tracked, or is kept at the
    other level, a quantity it would not save, an unknown location. A row without a proof is ``unknown``, with ``old``, ``sent`` and
    ``seen`` in the outcome file. ``take_back.jsonl.gz`` next to it is the input that takes the run back in relative mode. See
    docs/how-to/keep-stock-in-step.md.

    :param mode: ``absolute``: the quantity is what lies there; ``relative``: it is what came or went, and is sent once a run, whatever
        happens.
    :param reason: goes with each adjustment, for the store's own records. (templated)
    :param confirm_within: how long a quantity may take to show after the last answer.
    """

    resource: ClassVar[str] = "inventory_items"
    needed: ClassVar[Sequence[str]] = ("quantity",)
    can_be_taken_back: ClassVar[bool] = True
    argument_checks: ClassVar[Checks] = {
        **BigCommerceRowsOperator.argument_checks,
        "mode": one_of(get_args(Mode)),
        "reason": text("hourly count"),
        "confirm_within": span(may_be_zero=True, example="timedelta(minutes=5)"),
    }
    custom_operator_name = "BigCommerce stock"
    template_fields: Sequence[str] = (*BigCommerceRowsOperator.template_fields, "reason")

    @shows_your_line
    def __init__(
        self, *, mode: Mode = "absolute", reason: str = "Airflow", confirm_within: timedelta = timedelta(minutes=5), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.mode = mode
        self.reason = reason
        self.confirm_within = confirm_within
        check_arguments(self, {name: self.argument_checks[name] for name in ("mode", "reason", "confirm_within")})

    @property
    def operation(self) -> PlannedOperation:
        """An absolute quantity sets what lies there, a relative one changes it."""
        return "upsert" if self.mode == "absolute" else "update"

    async def send(
        self, store: BigCommerceStore, rows: Sequence[Mapping[str, Any]], notes: Notes
    ) -> tuple[list[Ended], BigCommerceError | None]:
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
        )
        return await writing.run(rows), writing.error

    def settings(self) -> dict[str, Any]:
        """The arguments that decide what is sent, for the manifest."""
        return {**super().settings(), "mode": self.mode, "confirm_within": self.confirm_within.total_seconds()}
