"""Refunds from files or a query: the operator around ``writing.refunds``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from airflow_provider_bigcommerce.core.arguments import Checks, check_arguments, one_of, optional, text
from airflow_provider_bigcommerce.core.ended_rows import Ended
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.operators.rows import BigCommerceRowsOperator
from airflow_provider_bigcommerce.writing.formats import PlannedOperation
from airflow_provider_bigcommerce.writing.reading_back import Verify, verify_of
from airflow_provider_bigcommerce.writing.refunds import OnEqual, RefundWriting
from airflow_provider_bigcommerce.writing.sent_notes import Notes

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore


class BigCommerceRefundOperator(BigCommerceRowsOperator):
    """Refund orders, each refund once, and only where the store's quote is the amount that was wanted.

    ::

        BigCommerceRefundOperator(
            task_id="refund", path="/data/in/returns.csv", report_path="/data/reports", refund_method="gateway",
        )

    Columns of the input: ``order_id``; ``amount``, what the refund must come to, tax included; ``order_product_id`` and ``quantity``, or
    ``items``, a list of objects with ``item_id``, ``quantity``, and for shipping, handling and fees ``item_type`` and ``amount``; or
    neither, for an amount of the order as a whole; if given, ``reason`` and ``refund_method``.

    Refunds go one after the other. One whose answer was lost is looked for among the order's refunds, and never sent again: it is
    ``unknown`` where they do not tell. A refund that was made and whose payment was declined is ``partial``. A refund does not restock,
    and cannot be taken back. See docs/how-to/refund-orders.md.

    :param refund_method: ``gateway``, ``store_credit``, ``offline``, or a provider's id: by which way the money goes back where the store
        offers several. Without it such rows are rejected. (templated)
    :param on_equal: what is done where the order has a refund of the same items and amount that this run has not made: ``refuse`` it (the
        row is a ``conflict``), or ``refund`` once more.
    :param verify: which refunds are read back after they were made: ``unclear`` for those whose answers were, ``all``, or a number of
        them, evenly spread.
    """

    resource: ClassVar[str] = "order_refunds"
    needed: ClassVar[Sequence[str]] = ("order_id", "amount")
    argument_checks: ClassVar[Checks] = {
        **BigCommerceRowsOperator.argument_checks,
        "refund_method": optional(text("gateway")),
        "on_equal": one_of(get_args(OnEqual)),
        "verify": verify_of(),
    }
    absent: ClassVar[Mapping[str, str]] = {
        **BigCommerceRowsOperator.absent,
        "unchanged": "on_equal says what is done where the order has such a refund already",
        "max_changed_percent": "every row is a new refund; max_changes says how many there may be",
        "max_value_change_percent": "no number of the store's is changed; each row's amount is compared with the store's quote",
    }
    custom_operator_name = "BigCommerce refunds"
    template_fields: Sequence[str] = (*BigCommerceRowsOperator.template_fields, "refund_method")

    @shows_your_line
    def __init__(
        self, *, refund_method: str | None = None, on_equal: OnEqual = "refuse", verify: Verify = "unclear", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.verify = verify
        self.refund_method = refund_method
        self.on_equal = on_equal
        check_arguments(self, {name: self.argument_checks[name] for name in ("refund_method", "on_equal", "verify")})

    @property
    def operation(self) -> PlannedOperation:
        """Refunds are made."""
        return "create"

    async def send(
        self, store: BigCommerceStore, rows: Iterable[Mapping[str, Any]], notes: Notes
    ) -> tuple[Iterable[Ended], BigCommerceError | None]:
        """What became of each row, in order, and why not all were sent."""
        writing = RefundWriting(
            store,
            notes,
            method=self.refund_method,
            sleep=asyncio.sleep,
            on_equal=self.on_equal,
            stops=self.on_rejected == "stop",
            verify=self.verify,
            guards=self.guards(),
        )
        return await writing.run(rows), writing.error

    def settings(self) -> dict[str, Any]:
        """The arguments that decide what is sent, for the manifest."""
        return {**super().settings(), "refund_method": self.refund_method, "on_equal": self.on_equal, "verify": self.verify}
