"""Which member of a webhook's ``data`` names the row that changed, for every resource that has webhooks.

Data: one row per resource whose ``webhook_scopes`` are not empty. Sources: BigCommerce's event pages and its ``webhook-callbacks``; where
the two name a member differently, both names stand, with ``|`` between.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from airflow_provider_bigcommerce.core.catalog import CATALOG

_OF_CHANNEL: Final = re.compile(r"store/channel/([0-9]{1,18}|\*)/([A-Za-z0-9_/]{1,150})")


@dataclass(frozen=True, slots=True)
class EventKey:
    """How the events of a resource tell which row it is.

    :param ids: members of ``data`` that make the row's key, in the order of the resource's ``primary_key``: dots for nested members, ``|``
        between names of which an event has one, ``$channel_id`` for the channel in the scope. Empty where the event names no row: the
        resource is read whole.
    :param parents: members that name the parents under which the row is read.
    :param gone: scopes after which the row is no longer there.
    :param types: values of ``data.resource_type`` that mean this resource, for the scopes ``store/metafield/*``, which report metafields
        of all kinds.
    :param is_text: whether the key is a text (a UUID); else digits in a text are read as the number they are.
    """

    ids: tuple[str, ...] = ("id",)
    parents: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    is_text: bool = False


_WHOLE: Final = EventKey(ids=())


def _metafields(*types: str, of: str | None) -> EventKey:
    gone = ("store/metafield/deleted", *(() if of is None else (f"store/{of}/metafield/deleted",)))
    return EventKey(("metafield_id",), ("resource_id",), gone, types)


_ORDER_GONE: Final = ("store/order/archived", "store/channel/{channel_id}/order/archived")
_CATEGORY_GONE: Final = ("store/category/deleted", "store/channel/{channel_id}/category/deleted")
_CART_GONE: Final = (
    "store/cart/deleted", "store/cart/converted", "store/channel/{channel_id}/cart/deleted", "store/channel/{channel_id}/cart/converted",
)  # fmt: skip
_SKU: Final = EventKey(
    ("sku.variant_id|inventory.variant_id",), ("sku.product_id|inventory.product_id",), ("store/sku/deleted",)
)  # `data.id` is the SKU's id, which is not the variant's
_OF_ORDER: Final = EventKey(ids=(), parents=("id",))  # the event is the order's: which of its rows changed is not told
_STOCK: Final = EventKey(("product_id", "variant_id"))
_PRODUCT: Final = _metafields("product", of="product")
_VARIANT: Final = _metafields("variant", "product_variant", of="product/variant")
_BRAND: Final = _metafields("brand", of="brand")
_CATEGORY: Final = _metafields("category", of="category")
_LOCATION: Final = _metafields("location", "inventory_location", of="inventory/location")
_CUSTOMER: Final = _metafields("customer", of=None)
_ORDER: Final = _metafields("order", of="order")
_CART: Final = _metafields("cart", of="cart")
_CHANNEL: Final = _metafields("channel", of="channel")

#: By catalog name.
EVENT_KEYS: Final[Mapping[str, EventKey]] = MappingProxyType(
    {
        "products": EventKey(gone=("store/product/deleted",)),
        "product_variants": _SKU,
        "product_variants_by_product": _SKU,
        "product_modifiers": EventKey(parents=("affected_product_ids",)),
        "product_options": EventKey(parents=("affected_product_ids",)),
        "product_metafields": _PRODUCT,
        "product_metafields_by_product": _PRODUCT,
        "product_variant_metafields": _VARIANT,
        "product_variant_metafields_by_variant": _VARIANT,
        "product_channel_assignments": EventKey(("product_id", "$channel_id"), gone=("store/channel/{channel_id}/product/unassigned",)),
        "product_category_assignments": EventKey(
            ("product_id", "category_id"), gone=("store/channel/{channel_id}/category/product/unassigned",)
        ),
        "brand_metafields": _BRAND,
        "brand_metafields_by_brand": _BRAND,
        "categories": EventKey(("id|category_id",), gone=_CATEGORY_GONE),
        "category_trees": EventKey(("tree_id",)),
        "categories_legacy": EventKey(gone=("store/category/deleted",)),
        "category_metafields": _CATEGORY,
        "category_metafields_by_category": _CATEGORY,
        "inventory_items": _STOCK,
        "location_inventory_items": EventKey(("location_id", "product_id", "variant_id"), ("location_id",)),
        "inventory_locations": EventKey(("location_id",)),
        "inventory_location_metafields": _LOCATION,
        "inventory_location_metafields_by_location": _LOCATION,
        "price_lists": EventKey(("price_list_id|price_list_ids",), gone=("store/priceList/deleted", "store/priceLists/deleted")),
        "price_list_records": EventKey(
            ("price_list_id", "variant_id", "currency|currency_code"),
            ("price_list_id",),
            ("store/priceList/record/deleted", "store/priceList/records/deleted"),
        ),
        "price_list_assignments": _WHOLE,  # the event names price list, channel and group; the row's key is an id of its own
        "customers": EventKey(("id|customer_id",), gone=("store/customer/deleted",)),
        "customer_addresses": EventKey(parents=("address.customer_id",), gone=("store/customer/address/deleted",)),
        "customer_metafields": _CUSTOMER,
        "customer_metafields_by_customer": _CUSTOMER,
        "customer_stored_instruments": EventKey(ids=(), parents=("id",)),
        "customer_settings": _WHOLE,
        "customer_channel_settings": EventKey(("$channel_id",), ("$channel_id",)),
        "customer_groups": _WHOLE,
        "subscribers": EventKey(gone=("store/subscriber/deleted",)),
        "orders": EventKey(("id|order_id",), gone=_ORDER_GONE),
        "order_products": _OF_ORDER,
        "order_shipping_addresses": _OF_ORDER,
        "order_coupons": _OF_ORDER,
        "order_taxes": _OF_ORDER,
        "order_shipments": EventKey(parents=("orderId",), gone=("store/shipment/deleted",)),
        "order_messages": EventKey(("message.order_message_id",), ("id",)),
        "order_transactions": EventKey(("transaction_id",), ("order_id",)),
        "order_refunds": EventKey(("refund.refund_id",), ("id",)),
        "order_refunds_by_order": EventKey(("refund.refund_id",), ("id",)),
        "order_metafields": _ORDER,
        "order_metafields_by_order": _ORDER,
        "carts": EventKey(("cartId|cart_id|id",), gone=_CART_GONE, is_text=True),
        "cart_metafields": _CART,
        "cart_metafields_by_cart": _CART,
        "cart_settings": _WHOLE,
        "abandoned_carts": EventKey(("id|cart_id",), ("token",), is_text=True),
        "abandoned_cart_settings": _WHOLE,
        "channels": EventKey(),
        "channel_metafields": _CHANNEL,
        "channel_metafields_by_channel": _CHANNEL,
        "channel_currency_assignments": EventKey(("$channel_id",)),
        "channel_active_theme": EventKey(("$channel_id",), ("$channel_id",)),
        "channel_site": EventKey(ids=(), parents=("$channel_id",)),
        "sites": _WHOLE,
        "site_routes": _WHOLE,
        "pages": EventKey(("page_id",)),
        "redirects": EventKey(),
        "scripts": EventKey(("uuid",), is_text=True),
        "themes": _WHOLE,
        "email_templates": _WHOLE,
        "store_information": _WHOLE,
        "store_metafields": _metafields("store", of="store"),
        "currencies": _WHOLE,
        "settings_catalog": _WHOLE,
        "settings_email_statuses": _WHOLE,
        "settings_inventory_notifications": _WHOLE,
        "settings_logo": _WHOLE,
        "settings_store_locale": _WHOLE,
        "settings_store_profile": _WHOLE,
        "settings_storefront_category": _WHOLE,
        "settings_storefront_product": _WHOLE,
        "settings_storefront_robotstxt": _WHOLE,
        "settings_storefront_security": _WHOLE,
        "settings_storefront_seo": _WHOLE,
        "search_filters": _WHOLE,
        "search_filter_contexts": _WHOLE,
        "b2b_companies": EventKey(("company_id",), gone=("store/company/deleted",)),
        "b2b_users": EventKey(("user_id",), ("company_id",), ("store/company/user/deleted",)),
        "b2b_addresses": EventKey(("address_id",), ("company_id",), ("store/company/address/deleted",)),
        "b2b_quotes": EventKey(("quote_id",), gone=("store/quote/deleted",)),
        "b2b_super_admins": EventKey(("user_id",), gone=("store/superadmin/deleted",)),
        "b2b_super_admin_companies": EventKey(ids=(), parents=("user_id",)),
    }
)

#: Published scopes that refresh no resource, apart from the ones with ``*`` at their end, which are for subscribing only.
WITHOUT_RESOURCE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "store/app/uninstalled": "the store or the app is gone",
        "store/hook/deliveryException": "is about a webhook",
        "store/channel/{channel_id}/cart/couponApplied": "store/cart/couponApplied tells the same",
        "store/channel/{channel_id}/cart/lineItem/created": "store/cart/lineItem/created tells the same",
        "store/channel/{channel_id}/cart/lineItem/updated": "store/cart/lineItem/updated tells the same",
        "store/channel/{channel_id}/cart/lineItem/deleted": "store/cart/lineItem/deleted tells the same",
        "store/channel/{channel_id}/order/message/created": "store/order/message/created tells the same",
        "store/channel/{channel_id}/order/refund/created": "store/order/refund/created tells the same",
        "store/channel/{channel_id}/settings/favicon/image/updated": "an image",
        "store/channel/{channel_id}/socialMediaLinks/updated": "no endpoint reads them",
        "store/company/superadmin/assignmentUpdated": "store/superadmin/assignmentUpdated tells the same",
    }
)


def _by_scope() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name in EVENT_KEYS:
        for scope in CATALOG[name].webhook_scopes:
            found.setdefault(scope, []).append(name)
    return {scope: tuple(names) for scope, names in found.items()}


_RESOURCES: Final = _by_scope()


def known_scope(scope: str) -> tuple[str, str | None]:
    """A scope as it is published, and the channel's id in it: ``store/channel/7/order/created`` is
    ``store/channel/{channel_id}/order/created`` and ``7``."""
    found = _OF_CHANNEL.fullmatch(scope)
    if found is None:
        return scope, None
    for form in ("store/channel/{channel_id}/", "store/channel/*/"):
        if form + found[2] in _RESOURCES:
            return form + found[2], None if found[1] == "*" else found[1]
    return scope, None


def resources_of(scope: str) -> tuple[str, ...]:
    """The resources that an event of a published scope refreshes; empty where there are none, or the scope is not known."""
    return _RESOURCES.get(scope, ())


def scopes_to_subscribe(resource: str) -> tuple[str, ...]:
    """The scopes to subscribe to for a resource; empty where it has none, and lives by the schedule alone.

    Not those of single channels: they tell again what the store's scopes tell, or of settings, and all of them together come only by
    ``store/channel/*``, which brings every cart. Not ``store/metafield/*`` where the resource's metafields have scopes of their own: each
    event would come twice. The inventory scopes have a ``*`` that is part of their name.

    :param resource: catalog name.
    """
    found = tuple(scope for scope in CATALOG[resource].webhook_scopes if "{" not in scope)
    own = tuple(scope for scope in found if not scope.startswith("store/metafield/"))
    return own or found


def is_published(scope: str) -> bool:
    """Whether BigCommerce publishes a scope, or, with ``/*`` at its end, scopes below it; a channel's id may be in it."""
    known = (*_RESOURCES, *WITHOUT_RESOURCE)
    form = re.sub(r"\Astore/channel/[0-9]{1,18}/", "store/channel/{channel_id}/", scope)
    return form in known or (form.endswith("/*") and any(each.startswith(form[:-1]) for each in known))
