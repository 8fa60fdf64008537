"""Carts and checkouts: readable by id only, with their settings.

Rows only; the fields are explained in ``resource.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.operations import operation
from airflow_provider_bigcommerce.core.catalog.resource import CARTS, CHECKOUTS, CREATED, INFORMATION, MODIFIED, Resource

ROWS: tuple[Resource, ...] = (
    Resource(
        name="carts", area="carts", path="/v3/carts/{cartId}",
        kind="by_id", paging="single", page_size=0, scopes=CARTS,
        includes=("redirect_urls", "line_items.physical_items.options", "line_items.digital_items.options", "promotions.banners"),
        webhook_scopes=(
            "store/cart/created", "store/cart/updated", "store/cart/deleted", "store/cart/couponApplied", "store/cart/abandoned",
            "store/cart/converted", "store/cart/lineItem/created", "store/cart/lineItem/updated", "store/cart/lineItem/deleted",
            "store/channel/{channel_id}/cart/created", "store/channel/{channel_id}/cart/updated",
            "store/channel/{channel_id}/cart/deleted", "store/channel/{channel_id}/cart/abandoned",
            "store/channel/{channel_id}/cart/converted",
        ),
        create=operation("POST", "/v3/carts"),
        update=operation("PUT", "/v3/carts/{cartId}"),
        delete=operation("DELETE", "/v3/carts/{cartId}"),
        spec_file="carts.v3.yml",
        note="No list: ids come from webhooks. A cart lives 30 days after its last change and ends with the order.",
    ),
    Resource(
        name="cart_metafields", area="carts", path="/v3/carts/metafields",
        paging="v3_cursor", scopes=CARTS,
        modified=MODIFIED, created=CREATED,
        can_select_fields=True,
        filters=("key", "key:in", "namespace", "namespace:in", "direction"),
        webhook_scopes=(
            "store/cart/metafield/created", "store/cart/metafield/updated", "store/cart/metafield/deleted", "store/metafield/created",
            "store/metafield/updated", "store/metafield/deleted",
        ),
        create=operation("POST", "/v3/carts/metafields"),
        update=operation("PUT", "/v3/carts/metafields"),
        delete=operation("DELETE", "/v3/carts/metafields"),
        spec_file="carts.v3.yml",
        note=(
            "Shows the metafields that the token's own API account may see; store_metafield_write_all lifts that. BigCommerce's text "
            "swaps the two cursors: after takes end_cursor."
        ),
    ),
    Resource(
        name="cart_metafields_by_cart", area="carts", path="/v3/carts/{cart_id}/metafields",
        item_path="/v3/carts/{cart_id}/metafields/{metafield_id}", parent="carts", parent_keys={"cart_id": "id"}, paging="v3_cursor",
        scopes=CARTS,
        filters=("key", "namespace", "direction"),
        store_wide="cart_metafields", store_wide_keys={"cart_id": "resource_id"},
        webhook_scopes=(
            "store/cart/metafield/created", "store/cart/metafield/updated", "store/cart/metafield/deleted", "store/metafield/created",
            "store/metafield/updated", "store/metafield/deleted",
        ),
        create=operation("POST", "/v3/carts/{cart_id}/metafields"),
        update=operation("PUT", "/v3/carts/{cart_id}/metafields/{metafield_id}"),
        delete=operation("DELETE", "/v3/carts/{cart_id}/metafields/{metafield_id}"),
        spec_file="carts.v3.yml", spec_exception="list_typed_as_object",
    ),
    Resource(
        name="cart_settings", area="carts", path="/v3/carts/settings",
        kind="singleton", paging="single", page_size=0, primary_key=(), scopes=INFORMATION,
        webhook_scopes=("store/channel/{channel_id}/settings/checkout/updated",),
        update=operation("PUT", "/v3/carts/settings"),
        spec_file="carts.v3.yml", spec_exception="scope_name_conflict",
        note="The file prints the modifying scope in the read-only row.",
    ),
    Resource(
        name="cart_channel_settings", area="carts", path="/v3/carts/settings/channels/{channel_id}",
        kind="singleton", parent="channels", parent_keys={"channel_id": "id"}, paging="single", page_size=0, primary_key=("channel_id",),
        scopes=INFORMATION,
        update=operation("PUT", "/v3/carts/settings/channels/{channel_id}"),
        spec_file="carts.v3.yml", spec_exception="scope_name_conflict",
        note="The file prints the modifying scope in the read-only row.",
    ),
    Resource(
        name="checkouts", area="carts", path="/v3/checkouts/{checkoutId}",
        kind="by_id", paging="single", page_size=0, scopes=CHECKOUTS,
        includes=(
            "cart.line_items.physical_items.options", "cart.line_items.digital_items.options", "consignments.available_shipping_options",
            "promotions.banners",
        ),
        spec_file="checkouts.v3.yml", spec_exception="scope_name_conflict",
        note="The id is the cart's. One file spells the scope store_checkouts, the list of scopes store_checkout.",
    ),
    Resource(
        name="checkout_settings", area="carts", path="/v3/checkouts/settings",
        kind="singleton", paging="single", page_size=0, primary_key=(), scopes=CHECKOUTS,
        update=operation("PUT", "/v3/checkouts/settings"),
        spec_file="checkouts.v3.yml", spec_exception="scope_name_conflict",
    ),
    Resource(
        name="checkout_channel_settings", area="carts", path="/v3/checkouts/settings/channels/{channelId}",
        kind="singleton", parent="channels", parent_keys={"channelId": "id"}, paging="single", page_size=0, primary_key=("channel_id",),
        scopes=CHECKOUTS,
        update=operation("PUT", "/v3/checkouts/settings/channels/{channelId}"),
        spec_file="checkouts.v3.yml", spec_exception="scope_name_conflict",
    ),
    Resource(
        name="abandoned_carts", area="carts", path="/v3/abandoned-carts/{token}",
        kind="by_id", paging="single", page_size=0, primary_key=("cart_id",), scopes=INFORMATION,
        webhook_scopes=("store/cart/abandoned", "store/channel/{channel_id}/cart/abandoned"),
        spec_file="abandoned_carts.v3.yml",
        note="Turns the token of an abandoned-cart mail into a cart id.",
    ),
    Resource(
        name="abandoned_cart_settings", area="carts", path="/v3/abandoned-carts/settings",
        kind="singleton", paging="single", page_size=0, primary_key=(), scopes=INFORMATION,
        filters=("pagination",),
        webhook_scopes=("store/channel/{channel_id}/notifications/abandonedCart/updated",),
        update=operation("PUT", "/v3/abandoned-carts/settings"),
        spec_file="abandoned_carts.v3.yml",
    ),
    Resource(
        name="abandoned_cart_channel_settings", area="carts", path="/v3/abandoned-carts/settings/channels/{channel_id}",
        kind="singleton", parent="channels", parent_keys={"channel_id": "id"}, paging="single", page_size=0, primary_key=("channel_id",),
        scopes=INFORMATION,
        update=operation("PUT", "/v3/abandoned-carts/settings/channels/{channel_id}"),
        spec_file="abandoned_carts.v3.yml",
    ),
    Resource(
        name="abandoned_cart_emails", area="carts", path="/v3/marketing/abandoned-cart-emails",
        item_path="/v3/marketing/abandoned-cart-emails/{id}", paging="single", page_size=0, scopes=INFORMATION,
        channel_filter="channel_id",
        create=operation("POST", "/v3/marketing/abandoned-cart-emails"),
        update=operation("PUT", "/v3/marketing/abandoned-cart-emails/{id}"),
        delete=operation("DELETE", "/v3/marketing/abandoned-cart-emails/{id}"),
        spec_file="abandoned_cart_emails.v3.yaml",
    ),
    Resource(
        name="abandoned_cart_email_default", area="carts", path="/v3/marketing/abandoned-cart-emails/default",
        kind="singleton", paging="single", page_size=0, envelope="bare", primary_key=(), scopes=INFORMATION,
        spec_file="abandoned_cart_emails.v3.yaml",
        note="The e-mail that BigCommerce begins with.",
    ),
    Resource(
        name="abandoned_cart_email_settings", area="carts", path="/v3/marketing/abandoned-cart-emails/settings",
        kind="singleton", parent="channels", parent_keys={"channel_id": "id"}, single_params=("channel_id",), no_rows_status=(422,),
        paging="single", page_size=0, envelope="bare", primary_key=("channel_id",), scopes=INFORMATION,
        required_params=("channel_id",),
        spec_file="abandoned_cart_emails.v3.yaml",
        note="Real stores answer 422 for a channel that has none: no rows.",
    ),
)
