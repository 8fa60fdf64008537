"""The webhooks of a store as a task: what is asked for is there afterwards, and can be received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce.core.arguments import Checks, check_arguments, check_rendered, flag, is_pending, names, optional, text
from airflow_provider_bigcommerce.core.subscriptions import checked_destination, wanted_scopes
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.failing import is_failure, tells_why_it_fails, told_of
from airflow_provider_bigcommerce.engine.mapped import named_by_connection
from airflow_provider_bigcommerce.engine.subscribing import Subscribing
from airflow_provider_bigcommerce.engine.webhook_health import keep, keep_failure, webhooks_state_asset
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog.names import ResourceName


class BigCommerceWebhooksOperator(BaseOperator):
    """Create and repair the store's webhooks for the named resources.

    ::

        BigCommerceWebhooksOperator(task_id="webhooks", resource=["products", "orders"])

    It first sends itself an event through the public address. If this does not arrive, it creates no webhook. It repairs webhooks that
    somebody disabled, changed or cleared; it does not touch other webhooks. Run it every hour: BigCommerce disables a webhook after two
    days of failed deliveries. See docs/how-to/receive-webhooks.md.

    XCom has ``created``, ``healed``, ``deleted`` and ``kept``: webhooks by id and scope, and no secret. Webhooks that are disabled or
    wrong, and since when, are stored for ``airflow-bigcommerce status`` and its page; to map this task, add
    ``inlets=[webhooks_state_asset()]`` to ``.partial()`` for it.

    :param resource: catalog name, or a list of names; each is subscribed to by its exact scopes. (templated)
    :param scopes: scopes, such as ``store/order/updated``, in addition to or instead of ``resource``. (templated)
    :param destination: the public https address of the receiver; not given, it is made of ``[bigcommerce] webhook_base_url`` and the
        connection's id. (templated)
    :param exceptions_destination: another address, to which BigCommerce reports failed deliveries; none if not given. (templated)
    :param prune: True removes webhooks to ``destination``, or with our header, that are not asked for.
    :param bigcommerce_conn_id: connection id. (templated)
    """

    argument_checks: ClassVar[Checks] = {
        "resource": optional(names("['products', 'orders']")),
        "scopes": optional(names("['store/order/updated']")),
        "destination": optional(text("https://webhooks.example.com/bigcommerce/webhooks/bigcommerce_default")),
        "exceptions_destination": optional(text("https://alerts.example.com/bigcommerce")),
        "prune": flag(),
        "bigcommerce_conn_id": text("bigcommerce_default"),
    }
    custom_operator_name = "BigCommerce webhooks"
    template_fields: Sequence[str] = ("resource", "scopes", "destination", "exceptions_destination", "bigcommerce_conn_id")
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(
        self,
        *,
        resource: ResourceName | str | Sequence[ResourceName | str] | None = None,
        scopes: str | Sequence[str] | None = None,
        destination: str | None = None,
        exceptions_destination: str | None = None,
        prune: bool = False,
        bigcommerce_conn_id: str = "bigcommerce_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**named_by_connection(kwargs, bigcommerce_conn_id))
        self.resource = resource
        self.scopes = scopes
        self.destination = destination
        self.exceptions_destination = exceptions_destination
        self.prune = prune
        self.bigcommerce_conn_id = bigcommerce_conn_id
        if webhooks_state_asset() not in self.inlets:
            self.inlets = [*self.inlets, webhooks_state_asset()]  # or Airflow hands out no state
        check_arguments(self, self.argument_checks)
        if resource is None and scopes is None:
            raise InvalidQueryError("Give resource=['products', 'orders'] or scopes=['store/order/updated']: nothing is named.")
        if not is_pending(self.resource) and not is_pending(self.scopes):
            wanted_scopes(self.resource or (), self.scopes or ())
        for name, address in (("destination", destination), ("exceptions_destination", exceptions_destination)):
            if address is not None and not is_pending(address):
                checked_destination(name, address)

    @tells_why_it_fails
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Try the way, make the webhooks what is asked for, and keep how they are for the status.

        :param context: Airflow's; ``{}`` works too, and keeps nothing.
        :returns: as :meth:`~airflow_provider_bigcommerce.engine.subscribing.Subscribing.ensure`.
        :raises BigCommerceError: the address takes no deliveries, and nothing was changed; or a scope has ten webhooks already.
        """
        check_rendered(self, self.argument_checks)
        try:
            found = self._ensure()
        except Exception as error:
            if is_failure(error):
                keep_failure(context, self.bigcommerce_conn_id, told_of(error))
            raise
        keep(context, self.bigcommerce_conn_id, found)
        return found

    def _ensure(self) -> dict[str, Any]:
        subscribing = Subscribing(BigCommerceHook(self.bigcommerce_conn_id), self.destination)
        return subscribing.ensure(
            resources=self.resource or (),
            scopes=self.scopes or (),
            exceptions_destination=self.exceptions_destination,
            prune=self.prune,
            tell=self.log.info,
        )
