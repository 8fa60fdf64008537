"""What writes orders, shipments, refunds and pickups.

Rows only; the fields are explained in ``write.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.write import Lookup, Write, metafield_keys

ORDERS_KEYS = (
    Lookup("/v2/orders", ("external_order_id",), filter="external_order_id", unique=False),
    Lookup("/v2/orders", ("cart_id",), filter="cart_id"),
)
ORDER_SHIPMENTS_KEYS = (Lookup("/v2/orders/{order_id}/shipments", ("tracking_number", "items"), unique=False),)
ORDER_REFUNDS_KEYS = (Lookup("/v3/orders/payment_actions/refunds", ("order_id",), filter="order_id:in", many=True, unique=False),)
ORDER_PICKUPS_KEYS = (Lookup("/v3/orders/pickups", ("order_id",), filter="order_id:in", many=True),)

WRITES: tuple[Write, ...] = (
    Write(
        "PUT", "/v2/orders/{order_id}", resource="orders", role="update", put="mixed", repeat="depends", lookup=ORDERS_KEYS,
        effects=("may_mail", "recalculates"), source="orders.v2.oas2.yml:92",
    ),
    Write(
        "DELETE", "/v2/orders/{order_id}", resource="orders", role="delete", body="none", repeat="safe_404", empty_filter="one_object",
        lookup=ORDERS_KEYS, effects=("archives",), source="orders.v2.oas2.yml:275",
    ),
    Write("POST", "/v2/orders", resource="orders", role="action", repeat="duplicates", lookup=ORDERS_KEYS, source="orders.v2.oas2.yml:351"),
    Write(
        "DELETE", "/v2/orders", resource="orders", role="action", body="none", repeat="safe", empty_filter="wipes", lookup=ORDERS_KEYS,
        effects=("archives",), source="orders.v2.oas2.yml:571",
    ),
    Write(
        "POST", "/v2/orders/{order_id}/shipments", resource="order_shipments", role="create", repeat="duplicates",
        lookup=ORDER_SHIPMENTS_KEYS, effects=("mails",), source="orders.v2.oas2.yml:760",
    ),
    Write(
        "DELETE", "/v2/orders/{order_id}/shipments", resource="order_shipments", role="delete_many", body="none", repeat="safe",
        empty_filter="wipes", lookup=ORDER_SHIPMENTS_KEYS, source="orders.v2.oas2.yml:808",
    ),
    Write(
        "PUT", "/v2/orders/{order_id}/shipments/{shipment_id}", resource="order_shipments", role="update", put="partial_implied",
        repeat="safe", lookup=ORDER_SHIPMENTS_KEYS, source="orders.v2.oas2.yml:844",
    ),
    Write(
        "DELETE", "/v2/orders/{order_id}/shipments/{shipment_id}", resource="order_shipments", role="delete", body="none",
        repeat="safe_404", empty_filter="one_object", lookup=ORDER_SHIPMENTS_KEYS, source="orders.v2.oas2.yml:868",
    ),
    Write(
        "PUT", "/v2/orders/{order_id}/shipping_addresses/{id}", resource="order_shipping_addresses", role="update", put="partial_implied",
        repeat="safe", source="orders.v2.oas2.yml:936",
    ),
    Write(
        "POST", "/v3/orders/{order_id}/payment_actions/capture", resource="order_transactions", role="action", body="none",
        repeat="unknown", is_asynchronous=True, effects=("moves_money",), source="orders.v3.yml:30",
    ),
    Write(
        "POST", "/v3/orders/{order_id}/payment_actions/void", resource="order_transactions", role="action", body="none", repeat="unknown",
        is_asynchronous=True, effects=("moves_money",), source="orders.v3.yml:61",
    ),
    Write(
        "POST", "/v3/orders/{order_id}/payment_actions/refund_quotes", resource="order_refunds", role="read", concurrency=1, repeat="read",
        lookup=ORDER_REFUNDS_KEYS, source="orders.v3.yml:176",
    ),
    Write(
        "POST", "/v3/orders/{order_id}/payment_actions/refunds", resource="order_refunds", role="create", concurrency=1, repeat="doubles",
        lookup=ORDER_REFUNDS_KEYS, is_asynchronous=True, effects=("may_mail", "moves_money"), source="orders.v3.yml:239",
    ),
    Write(
        "POST", "/v3/orders/{order_id}/metafields", resource="order_metafields_by_order", role="create", repeat="refused",
        source="orders.v3.yml:517",
    ),
    Write(
        "PUT", "/v3/orders/{order_id}/metafields/{metafield_id}", resource="order_metafields_by_order", role="update",
        put="partial_implied", repeat="safe", source="orders.v3.yml:621",
    ),
    Write(
        "DELETE", "/v3/orders/{order_id}/metafields/{metafield_id}", resource="order_metafields_by_order", role="delete", body="none",
        repeat="safe_404", empty_filter="one_object", source="orders.v3.yml:679",
    ),
    Write("PUT", "/v3/orders/settings", resource="order_settings", role="update", put="unknown", repeat="safe", source="orders.v3.yml:723"),
    Write(
        "PUT", "/v3/orders/settings/channels/{channel_id}", resource="order_channel_settings", role="update", put="partial_implied",
        repeat="safe", source="orders.v3.yml:793",
    ),
    Write(
        "POST", "/v3/orders/metafields", resource="order_metafields", role="create", batch_size=None, body="array", repeat="refused",
        failed_by="index", failed_status=(422,), lookup=metafield_keys("/v3/orders/metafields"), source="orders.v3.yml:880",
    ),
    Write(
        "PUT", "/v3/orders/metafields", resource="order_metafields", role="update", batch_size=None, body="array", put="partial_implied",
        repeat="safe", failed_by="index", failed_status=(422,), lookup=metafield_keys("/v3/orders/metafields"), source="orders.v3.yml:943",
    ),
    Write(
        "DELETE", "/v3/orders/metafields", resource="order_metafields", role="delete_many", batch_size=None, body="keys", repeat="safe",
        failed_by="index", failed_status=(422,), empty_filter="ids_in_body", lookup=metafield_keys("/v3/orders/metafields"),
        source="orders.v3.yml:1006",
    ),
    Write("POST", "/v3/payments/access_tokens", role="action", repeat="unknown", source="payments/access-tokens_payments.v3.yml:56"),
    Write(
        "POST", "/payments", role="action", repeat="unknown", effects=("moves_money",), secret_fields=("payment.instrument",),
        source="payments/process_payments.yml:53",
    ),
    Write(
        "POST", "/v3/orders/pickups", resource="order_pickups", role="create", batch_size=100, body="array", repeat="unknown",
        failed_by="unknown", failed_status=(422,), lookup=ORDER_PICKUPS_KEYS, source="pickup.v3.yml:75",
    ),
    Write(
        "DELETE", "/v3/orders/pickups", resource="order_pickups", role="delete_many", batch_size=None, body="none",
        required_filters=("id:in",), repeat="safe", empty_filter="required_param", lookup=ORDER_PICKUPS_KEYS, source="pickup.v3.yml:120",
    ),
    Write(
        "PUT", "/v3/orders/pickups", resource="order_pickups", role="update", batch_size=None, body="array", put="unknown", repeat="safe",
        failed_by="unknown", failed_status=(422,), lookup=ORDER_PICKUPS_KEYS, source="pickup.v3.yml:145",
    ),
    Write(
        "POST", "/v3/pickup/methods", resource="pickup_methods", role="create", batch_size=100, body="array", repeat="unknown",
        failed_by="unknown", source="pickup_methods.v3.yml:161",
    ),
    Write(
        "PUT", "/v3/pickup/methods", resource="pickup_methods", role="update", batch_size=10, body="array", put="partial", repeat="safe",
        failed_by="unknown", source="pickup_methods.v3.yml:199",
    ),
    Write(
        "DELETE", "/v3/pickup/methods", resource="pickup_methods", role="delete_many", batch_size=None, body="none",
        required_filters=("id:in",), repeat="safe", empty_filter="required_param", source="pickup_methods.v3.yml:246",
    ),
    Write("POST", "/v3/pickup/options", role="read", repeat="read", source="pickup_options.v3.yml:27"),
)
