"""Which calls empty or change a whole collection, and what makes them mean only some of its rows.

Data, not code: ``core/whole_collection.py`` reads it. BigCommerce carries out a DELETE of a list without its filter for some lists,
refuses it for others and does not say what it does for the rest; none of them is sent by chance. Source of each row: BigCommerce's
OpenAPI files, github bigcommerce/docs 24f580ca (2026-04-01), file and line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CollectionWrite:
    """A call that means a whole collection unless something narrows it.

    :param method: HTTP method.
    :param path: as in the catalog, with placeholders.
    :param filters: query parameters of which one with a value is enough to mean only some rows. Documented parameters that choose a
        container or what stays are not among them: ``site_id`` of redirects, ``tree_id:in`` of categories, ``id:not_in``.
    :param ids_in: where the body holds the ids of the rows: ``list`` (it is a list of them), a field's name, or None for no body.
    :param source: where BigCommerce documents it.
    """

    method: Literal["DELETE", "PUT", "POST"]
    path: str
    filters: tuple[str, ...] = ()
    ids_in: str | None = None
    source: str = ""


def _delete(path: str, *filters: str, ids_in: str | None = None, source: str) -> CollectionWrite:
    return CollectionWrite("DELETE", path, filters, ids_in, source)


COLLECTION_WRITES: tuple[CollectionWrite, ...] = (
    _delete("/v2/banners", source="marketing.v2.yml:494"),
    _delete("/v2/blog/posts", source="store_content.v2.yml:232"),
    _delete("/v2/coupons", "id:in", source="marketing.v2.yml:266"),
    _delete("/v2/currencies", source="currencies.v2.yml:118"),
    _delete("/v2/customers", source="customers.v2.yml:222"),
    _delete("/v2/customers/{customer_id}/addresses", source="customers.v2.yml:522"),
    _delete("/v2/gift_certificates", source="marketing.v2.yml:891"),
    _delete("/v2/orders", source="orders.v2.oas2.yml:572"),
    _delete("/v2/orders/{order_id}/shipments", source="orders.v2.oas2.yml:809"),
    _delete("/v2/redirects", source="store_content.v2.yml:751"),
    _delete("/v3/carts/metafields", ids_in="list", source="carts.v3.yml:1242"),
    _delete("/v3/catalog/brands", "name", "page_title", source="catalog/brands_catalog.v3.yml:523"),
    _delete("/v3/catalog/brands/metafields", ids_in="list", source="catalog/brands_catalog.v3.yml:1612"),
    _delete(
        "/v3/catalog/categories",
        "id", "id:in", "id:min", "id:max", "id:greater", "id:less", "name", "parent_id", "page_title", "keyword",
        "is_visible", "name:like", "parent_id:in", "parent_id:min", "parent_id:max", "parent_id:greater", "parent_id:less",
        "page_title:like",
        source="catalog/categories_catalog.v3.yml:446",
    ),
    _delete("/v3/catalog/categories/metafields", ids_in="list", source="catalog/categories_catalog.v3.yml:1704"),
    _delete(
        "/v3/catalog/products",
        "name", "sku", "price", "weight", "condition", "brand_id", "date_modified", "date_last_imported", "is_visible", "is_featured",
        "id:in", "inventory_level", "total_sold", "type", "categories", "keyword",
        source="catalog/products_catalog.v3.yml:656",
    ),
    _delete("/v3/catalog/products/category-assignments", "product_id:in", "category_id:in", source="catalog/products_catalog.v3.yml:4786"),
    _delete("/v3/catalog/products/channel-assignments", "product_id:in", "channel_id:in", source="catalog/products_catalog.v3.yml:4714"),
    _delete("/v3/catalog/products/metafields", ids_in="list", source="catalog/products_catalog.v3.yml:5043"),
    _delete("/v3/catalog/trees", "id:in", source="catalog/category-trees_catalog.v3.yml:399"),
    _delete(
        "/v3/catalog/trees/categories",
        "category_uuid:in", "category_id:in", "parent_id:in",
        source="catalog/category-trees_catalog.v3.yml:256",
    ),
    _delete("/v3/catalog/variants/metafields", ids_in="list", source="catalog/product-variants_catalog.v3.yml:1828"),
    _delete("/v3/channels/metafields", ids_in="list", source="channels.v3.yml:1073"),
    _delete("/v3/checkouts/{checkoutId}/fees", ids_in="ids", source="checkouts.v3.yml:7926"),
    _delete("/v3/content/pages", "id:in", source="pages.v3.yml:256"),
    _delete("/v3/customers", "id:in", source="customers.v3.yml:419"),
    _delete("/v3/customers/addresses", "id:in", source="customers.v3.yml:723"),
    _delete("/v3/customers/attribute-values", "id:in", source="customers.v3.yml:1394"),
    _delete("/v3/customers/attributes", "id:in", source="customers.v3.yml:1199"),
    _delete("/v3/customers/metafields", source="customers.v3.yml:2107"),
    _delete(
        "/v3/customers/subscribers",
        "email", "first_name", "last_name", "source", "order_id", "date_created", "date_modified",
        source="subscribers.v3.yml:161",
    ),
    _delete("/v3/infrastructure/projects", "project_uuid:in", source="infrastructure_hosting.v3.yml:156"),
    _delete("/v3/inventory/locations", "location_id:in", source="locations.v3.yml:147"),
    _delete("/v3/inventory/locations/metafields", ids_in="list", source="locations.v3.yml:649"),
    _delete("/v3/orders/metafields", ids_in="list", source="orders.v3.yml:1006"),
    _delete("/v3/orders/pickups", "id:in", source="pickup.v3.yml:120"),
    _delete("/v3/pickup/methods", "id:in", source="pickup_methods.v3.yml:246"),
    _delete("/v3/pricelists", "id:in", "name", source="price_lists.v3.yml:454"),
    _delete(
        "/v3/pricelists/assignments",
        "id", "price_list_id", "customer_group_id", "channel_id", "channel_id:in",
        source="price_lists.v3.yml:2965",
    ),
    _delete("/v3/pricelists/{price_list_id}/records", "currency", "variant_id:in", "sku:in", source="price_lists.v3.yml:1909"),
    _delete("/v3/promotions", "id:in", source="promotions.v3.yml:118"),
    _delete("/v3/promotions/codes", "code", source="promotions.v3.yml:403"),
    _delete("/v3/promotions/{promotion_id}/codes", "id:in", "code", source="promotions.v3.yml:269"),
    _delete("/v3/segments", "id:in", source="segments.v3.yml:177"),
    _delete("/v3/segments/{segmentId}/shopper-profiles", "id:in", source="segments.v3.yml:317"),
    _delete("/v3/shipping/products/customs-information", "product_id:in", source="shipping.v3.yml:73"),
    _delete("/v3/shopper-profiles", "id:in", source="segments.v3.yml:382"),
    _delete("/v3/store/metafields", ids_in="list", source="store_information.v3.yml:172"),
    _delete(
        "/v3/storefront/custom-template-associations",
        "id:in", "channel_id", "type", "entity_id:in",
        source="custom-template-associations.v3.yml:169",
    ),
    _delete("/v3/storefront/redirects", "id:in", source="redirects.v3.yml:171"),
    _delete("/v3/tax/classes", "id:in", source="tax_classes.v3.yaml:161"),
    _delete("/v3/tax/customers", "customer_id:in", source="tax_customers.v3.yml:91"),
    _delete("/v3/tax/products/properties", "product_id:in", source="tax_properties.v3.yml:203"),
    _delete("/v3/tax/properties", "id:in", source="tax_properties.v3.yml:118"),
    _delete("/v3/tax/rates", "id:in", source="tax_rates_zones.v3.yml:299"),
    _delete("/v3/tax/zones", "id:in", source="tax_rates_zones.v3.yml:182"),
    # The body is the list of what is enabled, in order: what is left out is switched off.
    CollectionWrite("PUT", "/v3/settings/search/filters", source="settings.v3.yml:567"),
)
