"""What writes carts, checkouts and abandoned carts.

Rows only; the fields are explained in ``write.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.write import Write, metafield_keys

WRITES: tuple[Write, ...] = (
    Write(
        "POST", "/v3/marketing/abandoned-cart-emails", resource="abandoned_cart_emails", role="create", repeat="unknown",
        source="abandoned_cart_emails.v3.yaml:62",
    ),
    Write(
        "PUT", "/v3/marketing/abandoned-cart-emails/{id}", resource="abandoned_cart_emails", role="update", put="partial_implied",
        repeat="safe", source="abandoned_cart_emails.v3.yaml:128",
    ),
    Write(
        "DELETE", "/v3/marketing/abandoned-cart-emails/{id}", resource="abandoned_cart_emails", role="delete", body="none",
        repeat="safe_404", empty_filter="one_object", source="abandoned_cart_emails.v3.yaml:182",
    ),
    Write(
        "PUT", "/v3/marketing/abandoned-cart-emails/settings", resource="abandoned_cart_emails", role="update", put="unknown",
        repeat="safe", source="abandoned_cart_emails.v3.yaml:272",
    ),
    Write(
        "PUT", "/v3/abandoned-carts/settings", resource="abandoned_cart_settings", role="update", put="unknown", repeat="safe",
        source="abandoned_carts.v3.yml:55",
    ),
    Write(
        "PUT", "/v3/abandoned-carts/settings/channels/{channel_id}", resource="abandoned_cart_channel_settings", role="update",
        put="partial_implied", repeat="safe", source="abandoned_carts.v3.yml:117",
    ),
    Write("POST", "/v3/carts", resource="carts", role="create", repeat="duplicates", source="carts.v3.yml:34"),
    Write("POST", "/v3/carts/{cartId}/items", resource="carts", role="action", repeat="doubles", source="carts.v3.yml:271"),
    Write("POST", "/v3/carts/{cartId}/redirect_urls", resource="carts", role="action", repeat="unknown", source="carts.v3.yml:353"),
    Write(
        "PUT", "/v3/carts/{cartId}/items/{itemId}", resource="carts", role="action", put="partial_implied", repeat="safe",
        source="carts.v3.yml:393",
    ),
    Write(
        "DELETE", "/v3/carts/{cartId}/items/{itemId}", resource="carts", role="action", repeat="safe_404", empty_filter="one_object",
        source="carts.v3.yml:445",
    ),
    Write("PUT", "/v3/carts/{cartId}", resource="carts", role="update", put="partial_implied", repeat="depends", source="carts.v3.yml:593"),
    Write(
        "DELETE", "/v3/carts/{cartId}", resource="carts", role="delete", body="none", repeat="safe_404", empty_filter="one_object",
        source="carts.v3.yml:640",
    ),
    Write("PUT", "/v3/carts/settings", resource="cart_settings", role="update", put="unknown", repeat="safe", source="carts.v3.yml:679"),
    Write(
        "PUT", "/v3/carts/settings/channels/{channel_id}", resource="cart_channel_settings", role="update", put="partial_implied",
        repeat="safe", source="carts.v3.yml:788",
    ),
    Write(
        "POST", "/v3/carts/{cart_id}/metafields", resource="cart_metafields_by_cart", role="create", repeat="refused",
        source="carts.v3.yml:879",
    ),
    Write(
        "PUT", "/v3/carts/{cart_id}/metafields/{metafield_id}", resource="cart_metafields_by_cart", role="update", put="partial_implied",
        repeat="safe", source="carts.v3.yml:995",
    ),
    Write(
        "DELETE", "/v3/carts/{cart_id}/metafields/{metafield_id}", resource="cart_metafields_by_cart", role="delete", body="none",
        repeat="safe_404", empty_filter="one_object", source="carts.v3.yml:1053",
    ),
    Write(
        "POST", "/v3/carts/metafields", resource="cart_metafields", role="create", batch_size=None, body="array", repeat="refused",
        failed_by="index", failed_status=(422,), lookup=metafield_keys("/v3/carts/metafields"), source="carts.v3.yml:1116",
    ),
    Write(
        "PUT", "/v3/carts/metafields", resource="cart_metafields", role="update", batch_size=None, body="array", put="partial_implied",
        repeat="safe", failed_by="index", failed_status=(422,), lookup=metafield_keys("/v3/carts/metafields"), source="carts.v3.yml:1179",
    ),
    Write(
        "DELETE", "/v3/carts/metafields", resource="cart_metafields", role="delete_many", batch_size=None, body="keys", repeat="safe",
        failed_by="index", failed_status=(422,), empty_filter="ids_in_body", lookup=metafield_keys("/v3/carts/metafields"),
        source="carts.v3.yml:1242",
    ),
    Write(
        "PUT", "/v3/checkouts/{checkoutId}", resource="checkouts", role="action", put="partial_implied", repeat="safe",
        source="checkouts.v3.yml:833",
    ),
    Write(
        "POST", "/v3/checkouts/{checkoutId}/discounts", resource="checkouts", role="action", repeat="unknown",
        source="checkouts.v3.yml:1619",
    ),
    Write(
        "POST", "/v3/checkouts/{checkoutId}/billing-address", resource="checkouts", role="action", repeat="unknown",
        source="checkouts.v3.yml:2518",
    ),
    Write(
        "PUT", "/v3/checkouts/{checkoutId}/billing-address/{addressId}", resource="checkouts", role="action", put="partial_implied",
        repeat="safe", source="checkouts.v3.yml:3308",
    ),
    Write(
        "POST", "/v3/checkouts/{checkoutId}/consignments", resource="checkouts", role="action", batch_size=None, body="array",
        repeat="unknown", failed_by="unknown", source="checkouts.v3.yml:4099",
    ),
    Write(
        "PUT", "/v3/checkouts/{checkoutId}/consignments/{consignmentId}", resource="checkouts", role="action", put="partial_implied",
        repeat="safe", source="checkouts.v3.yml:4938",
    ),
    Write(
        "DELETE", "/v3/checkouts/{checkoutId}/consignments/{consignmentId}", resource="checkouts", role="action", repeat="safe_404",
        empty_filter="one_object", source="checkouts.v3.yml:5722",
    ),
    Write(
        "POST", "/v3/checkouts/{checkoutId}/coupons", resource="checkouts", role="action", repeat="unknown",
        source="checkouts.v3.yml:6490",
    ),
    Write(
        "DELETE", "/v3/checkouts/{checkoutId}/coupons/{couponCode}", resource="checkouts", role="action", repeat="safe_404",
        empty_filter="one_object", source="checkouts.v3.yml:7279",
    ),
    Write(
        "POST", "/v3/checkouts/{checkoutId}/fees", resource="checkouts", role="action", batch_size=None, body="wrapper", list_field="fees",
        repeat="unknown", failed_by="unknown", source="checkouts.v3.yml:7858",
    ),
    Write(
        "PUT", "/v3/checkouts/{checkoutId}/fees", resource="checkouts", role="action", batch_size=None, body="wrapper", list_field="fees",
        put="replace", repeat="safe", failed_by="unknown", source="checkouts.v3.yml:7897",
    ),
    Write(
        "DELETE", "/v3/checkouts/{checkoutId}/fees", resource="checkouts", role="action", batch_size=None, body="wrapper",
        list_field="ids", repeat="safe", empty_filter="ids_in_body", source="checkouts.v3.yml:7926",
    ),
    Write(
        "POST", "/v3/checkouts/{checkoutId}/orders", resource="checkouts", role="action", body="none", repeat="duplicates",
        source="checkouts.v3.yml:7958",
    ),
    Write(
        "PUT", "/v3/checkouts/settings", resource="checkout_settings", role="action", put="unknown", repeat="safe",
        source="checkouts.v3.yml:8029",
    ),
    Write(
        "PUT", "/v3/checkouts/settings/channels/{channelId}", resource="checkout_channel_settings", role="action", put="partial",
        repeat="safe", source="checkouts.v3.yml:8099",
    ),
    Write(
        "POST", "/v3/checkouts/{checkoutId}/token", resource="checkouts", role="action", repeat="unknown", source="checkouts.v3.yml:8132",
    ),
)
