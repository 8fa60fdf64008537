"""OAuth scopes: which a path needs to be read and to be changed.

Sources: BigCommerce's list of scopes (docs/start/authentication/api-accounts) for the names, the scope tables and the texts of the
operations in the OpenAPI files for which is needed where.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Permission:
    """Scopes of which one is enough to read, and of which one is enough to change."""

    read: tuple[str, ...]
    change: tuple[str, ...]

    def __or__(self, other: Permission) -> Permission:
        return Permission(self.read + other.read, self.change + other.change)


def _pair(change: str, read: str | None = None) -> Permission:
    return Permission((read or f"{change}_read_only", change), (change,))


def _only(scope: str) -> Permission:
    return Permission((scope,), (scope,))


_PRODUCTS = _pair("store_v2_products")
_INVENTORY = _pair("store_inventory")
_LOCATIONS = _pair("store_locations")
_CUSTOMERS = _pair("store_v2_customers")
_ORDERS = _pair("store_v2_orders")
_TRANSACTIONS = _pair("store_v2_transactions")
_INFORMATION = _pair("store_v2_information")
_CARTS = _pair("store_cart")
_MARKETING = _pair("store_v2_marketing")
_CHANNEL_SETTINGS = _pair("store_channel_settings")
_CHANNEL_LISTINGS = _pair("store_channel_listings")
_SITES = _pair("store_sites")
_CONTENT = _pair("store_v2_content")
_THEMES = _pair("store_themes_manage", "store_themes_read_only")
_METHODS = _only("store_payments_methods_read")
_ANY_TOKEN = Permission((), ())

# (start of the path, permission); the first that fits counts
_TABLE: tuple[tuple[str, Permission], ...] = (
    # No scope is needed. /v2/time is not among them: it stands in the file whose scope table is that of the store information.
    ("/v3/hooks", _ANY_TOKEN),
    ("/graphql", _ANY_TOKEN),
    ("/api/v3/io/", _only("B2B Edition")),  # the control panel's name; BigCommerce publishes no other
    ("/v3/catalog/", _PRODUCTS),
    ("/v3/pricelists", _PRODUCTS),
    ("/v3/shipping/", _PRODUCTS),
    ("/v3/inventory/locations/{location_id}/items", _INVENTORY),
    ("/v3/inventory/locations", _LOCATIONS),
    ("/v3/inventory", _INVENTORY),
    ("/v3/customers/{customerId}/stored-instruments", _pair("store_stored_payment_instruments")),
    ("/v3/customers", _CUSTOMERS),
    ("/v3/segments/{segmentId}/shopper-profiles", _only("store_v2_customers")),  # "The modify Customers OAuth scope is a requirement"
    ("/v3/segments", _CUSTOMERS),
    ("/v3/shopper-profiles", _CUSTOMERS),
    ("/v3/wishlists", _CUSTOMERS),
    ("/v2/customer", _CUSTOMERS),
    ("/v3/orders/{order_id}/transactions", _TRANSACTIONS),
    ("/v3/orders/pickups", _pair("store_order_fulfillment_manage", "store_order_fulfillment_read_only")),
    ("/v3/orders", _ORDERS | _TRANSACTIONS),
    ("/v2/order", _ORDERS),
    ("/v3/pickup/", _pair("store_fulfillment_methods_manage", "store_fulfillment_methods_read_only")),
    ("/v3/carts/settings", _INFORMATION),
    ("/v3/carts", _CARTS),
    ("/v3/checkouts", _pair("store_checkout")),
    ("/v3/abandoned-carts", _INFORMATION),
    ("/v3/marketing/", _INFORMATION),
    ("/v3/promotions", _MARKETING),
    ("/v2/coupons", _MARKETING),
    ("/v2/gift_certificates", _MARKETING),
    ("/v2/banners", _MARKETING),
    ("/v3/channels/{channel_id}/listings", _CHANNEL_LISTINGS),
    ("/v3/channels/{channel_id}/site", _SITES),
    ("/v3/channels/metafields", _CHANNEL_SETTINGS | _CHANNEL_LISTINGS | _SITES),
    ("/v3/channels/{channel_id}/metafields", _CHANNEL_SETTINGS | _CHANNEL_LISTINGS | _SITES),
    ("/v3/channels", _CHANNEL_SETTINGS),
    ("/v3/sites", _SITES),
    ("/v3/storefront/custom-template-associations", _THEMES),
    ("/v3/storefront", _CONTENT),
    ("/v3/content/scripts", _CONTENT | _pair("store_content_checkout")),
    ("/v3/content", _CONTENT),
    ("/v3/settings/analytics", _CONTENT),
    ("/v2/blog", _CONTENT),
    ("/v2/pages", _CONTENT),
    ("/v2/redirects", _CONTENT),
    ("/v3/themes", _THEMES),
    ("/v3/store/systemlogs", _only("store_logs_read_only")),
    ("/v3/payments", _METHODS),
    ("/v2/payments", _METHODS),
    ("/v3/infrastructure/projects", _pair("store_infrastructure_projects_manage", "store_infrastructure_projects_read_only")),
    ("/v2/products", _PRODUCTS),
    ("/v2/brands", _PRODUCTS),
    ("/v2/categories", _PRODUCTS),
    ("/v2/option", _PRODUCTS),
)


#: Every scope that something here needs.
SCOPES = frozenset(
    scope for permission in (_INFORMATION, *(held for _, held in _TABLE)) for scope in (*permission.read, *permission.change)
)


def needed(template: str, method: str) -> tuple[str, ...]:
    """Name the scopes of which a token must have one.

    :param template: path template, `/v3/catalog/products/{product_id}`.
    :param method: HTTP method.
    :returns: empty where any token will do.
    """
    permission = next((held for start, held in _TABLE if template.startswith(start)), _INFORMATION)
    return permission.read if method in ("GET", "HEAD") else permission.change
