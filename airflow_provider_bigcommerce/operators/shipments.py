"""Tracking numbers from files or a query to shipments: the operator around ``writing.shipments``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bigcommerce.core.arguments import Checks, check_arguments, optional, text
from airflow_provider_bigcommerce.core.ended_rows import Ended
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.operators.rows import BigCommerceRowsOperator
from airflow_provider_bigcommerce.writing.formats import PlannedOperation
from airflow_provider_bigcommerce.writing.reading_back import Verify, verify_of
from airflow_provider_bigcommerce.writing.sent_notes import Notes
from airflow_provider_bigcommerce.writing.shipments import ShipmentWriting

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore


class BigCommerceShipmentOperator(BigCommerceRowsOperator):
    """Make shipments of tracking numbers, each once: BigCommerce mails the shopper for every shipment.

    ::

        BigCommerceShipmentOperator(task_id="ship", path="/data/in/parcels-*.csv", report_path="/data/reports")

    Columns of the input: ``order_id``, ``tracking_number``; if given, ``shipping_provider``, ``tracking_carrier``, ``tracking_link``,
    ``shipping_method``, ``comments``, ``order_address_id``. What is in the parcel: ``items``, a list of objects with
    ``order_product_id`` (or ``sku``, ``product_id``) and ``quantity``; or these as columns, where rows of one tracking number are one
    parcel; or nothing, for all that is not shipped yet.

    The order's shipments are looked at before each sending: a parcel that is there is ``unchanged``, and one whose answer was lost is sent
    again only where it is not. Digital and picked up items are left out. See docs/how-to/ship-orders.md.

    :param shipping_provider: of rows that have no ``shipping_provider``, ``tracking_carrier`` or ``tracking_link``: ``ups``. (templated)
    :param verify: which shipments are read back after they were made: ``unclear`` for those whose answers were, ``all``, or a number of
        them, evenly spread.
    """

    resource: ClassVar[str] = "order_shipments"
    needed: ClassVar[Sequence[str]] = ("order_id", "tracking_number")
    argument_checks: ClassVar[Checks] = {
        **BigCommerceRowsOperator.argument_checks,
        "shipping_provider": optional(text("ups")),
        "verify": verify_of(),
    }
    absent: ClassVar[Mapping[str, str]] = {
        **BigCommerceRowsOperator.absent,
        "unchanged": "a parcel that the order has already is never sent again, for the shopper would get a second mail",
        "max_changed_percent": "every row is a new parcel; max_changes says how many there may be",
        "max_value_change_percent": "no number of the store's is changed",
    }
    custom_operator_name = "BigCommerce shipments"
    template_fields: Sequence[str] = (*BigCommerceRowsOperator.template_fields, "shipping_provider")

    @shows_your_line
    def __init__(self, *, shipping_provider: str | None = None, verify: Verify = "unclear", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shipping_provider = shipping_provider
        self.verify = verify
        check_arguments(self, {name: self.argument_checks[name] for name in ("shipping_provider", "verify")})

    @property
    def operation(self) -> PlannedOperation:
        """Shipments are made."""
        return "create"

    async def send(
        self,
        store: BigCommerceStore,
        rows: Iterable[Mapping[str, Any]],
        notes: Notes,  # noqa: ARG002  # the order's own shipments tell what was sent
    ) -> tuple[Iterable[Ended], BigCommerceError | None]:
        """What became of each row, in order, and why not all were sent."""
        writing = ShipmentWriting(
            store,
            sleep=asyncio.sleep,
            provider=self.shipping_provider,
            stops=self.on_rejected == "stop",
            verify=self.verify,
            guards=self.guards(),
        )
        return await writing.run(rows), writing.error

    def settings(self) -> dict[str, Any]:
        """The arguments that decide what is sent, for the manifest."""
        return {**super().settings(), "shipping_provider": self.shipping_provider, "verify": self.verify}
