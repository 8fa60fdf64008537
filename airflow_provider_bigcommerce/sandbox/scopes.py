"""OAuth scopes: which a path needs to be read and to be changed. Source: BigCommerce's API accounts page, and the specs' scope tables."""

from __future__ import annotations

# (start of the path, scope to change, scope to read); the first that fits counts
_TABLE: tuple[tuple[str, str, str], ...] = (
    ("/v3/catalog/", "store_v2_products", "store_v2_products_read_only"),
    ("/v3/pricelists", "store_v2_products", "store_v2_products_read_only"),
    ("/v3/shipping/", "store_v2_products", "store_v2_products_read_only"),
    ("/v3/inventory/locations/{location_id}/items", "store_inventory", "store_inventory_read_only"),
    ("/v3/inventory/locations", "store_locations", "store_locations_read_only"),
    ("/v3/inventory", "store_inventory", "store_inventory_read_only"),
    ("/v3/customers/{customerId}/stored-instruments", "store_stored_payment_instruments", "store_stored_payment_instruments_read_only"),
    ("/v3/customers", "store_v2_customers", "store_v2_customers_read_only"),
    ("/v3/segments", "store_v2_customers", "store_v2_customers_read_only"),
    ("/v3/shopper-profiles", "store_v2_customers", "store_v2_customers_read_only"),
    ("/v3/wishlists", "store_v2_customers", "store_v2_customers_read_only"),
    ("/v2/customer", "store_v2_customers", "store_v2_customers_read_only"),
    ("/v3/orders/{order_id}/transactions", "store_v2_transactions", "store_v2_transactions_read_only"),
    ("/v3/orders/pickups", "store_order_fulfillment_manage", "store_order_fulfillment_read_only"),
    ("/v3/orders", "store_v2_orders", "store_v2_orders_read_only"),
    ("/v2/order", "store_v2_orders", "store_v2_orders_read_only"),
    ("/v3/pickup/", "store_fulfillment_methods_manage", "store_fulfillment_methods_read_only"),
    ("/v3/carts/settings", "store_v2_information", "store_v2_information_read_only"),
    ("/v3/carts", "store_cart", "store_cart_read_only"),
    ("/v3/checkouts", "store_checkouts", "store_checkouts_read_only"),
    ("/v3/abandoned-carts", "store_v2_information", "store_v2_information_read_only"),
    ("/v3/marketing/", "store_v2_information", "store_v2_information_read_only"),
    ("/v3/promotions", "store_v2_marketing", "store_v2_marketing_read_only"),
    ("/v2/coupons", "store_v2_marketing", "store_v2_marketing_read_only"),
    ("/v2/gift_certificates", "store_v2_marketing", "store_v2_marketing_read_only"),
    ("/v2/banners", "store_v2_marketing", "store_v2_marketing_read_only"),
    ("/v3/channels/{channel_id}/listings", "store_channel_listings", "store_channel_listings_read_only"),
    ("/v3/channels/{channel_id}/site", "store_sites", "store_sites_read_only"),
    ("/v3/channels", "store_channel_settings", "store_channel_settings_read_only"),
    ("/v3/sites", "store_sites", "store_sites_read_only"),
    ("/v3/storefront/custom-template-associations", "store_themes_manage", "store_themes_read_only"),
    ("/v3/storefront/api-token", "store_storefront_api", "store_storefront_api"),
    ("/v3/storefront", "store_v2_content", "store_v2_content_read_only"),
    ("/v3/content", "store_v2_content", "store_v2_content_read_only"),
    ("/v2/blog", "store_v2_content", "store_v2_content_read_only"),
    ("/v2/pages", "store_v2_content", "store_v2_content_read_only"),
    ("/v2/redirects", "store_v2_content", "store_v2_content_read_only"),
    ("/v3/themes", "store_themes_manage", "store_themes_read_only"),
    ("/v3/store/systemlogs", "store_logs_read_only", "store_logs_read_only"),
    ("/v3/payments", "store_payments_methods_read", "store_payments_methods_read"),
    ("/v2/payments", "store_payments_methods_read", "store_payments_methods_read"),
    ("/v3/infrastructure/projects", "store_infrastructure_projects", "store_infrastructure_projects_read_only"),
    ("/v3/infrastructure/deployments", "store_infrastructure_deployments", "store_infrastructure_deployments_read_only"),
    ("/v3/infrastructure", "store_infrastructure_logs_read_only", "store_infrastructure_logs_read_only"),
    ("/v3/tax/classes", "MANAGE_TAX", "MANAGE_TAX"),
    ("/v2/products", "store_v2_products", "store_v2_products_read_only"),
    ("/v2/brands", "store_v2_products", "store_v2_products_read_only"),
    ("/v2/categories", "store_v2_products", "store_v2_products_read_only"),
    ("/v2/option", "store_v2_products", "store_v2_products_read_only"),
)
# Open to any token. /v2/time is not: it stands in the file whose scope table is that of the store information.
_FREE = ("/v3/hooks", "/graphql")
_OTHERS = ("store_v2_information", "store_v2_information_read_only")


def needed(template: str, method: str) -> tuple[str, ...]:
    """Name the scopes of which a token must have one.

    :param template: path template, `/v3/catalog/products/{product_id}`.
    :param method: HTTP method.
    :returns: empty where any token will do.
    """
    if template.startswith(_FREE):
        return ()
    change, read = next((entry[1:] for entry in _TABLE if template.startswith(entry[0])), _OTHERS)
    return (change, read) if method in ("GET", "HEAD") else (change,)
