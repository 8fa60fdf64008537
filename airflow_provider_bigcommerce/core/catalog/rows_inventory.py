"""Stock, locations and price lists.

Rows only; the fields are explained in ``resource.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.operations import operation
from airflow_provider_bigcommerce.core.catalog.resource import CREATED, INVENTORY, LOCATIONS, MODIFIED, PRODUCTS, Resource

# Newer than BigCommerce's list of events. Source: the notes of one client of real stores (July 2026), which write it with a channel's id;
# the events next to it have the * there.
BACKORDER_LIMIT_REACHED = "store/channel/*/inventory/product/backorder_limit_reached"

ROWS: tuple[Resource, ...] = (
    Resource(
        name="inventory_items", area="inventory", path="/v3/inventory/items",
        page_size=1000, primary_key=("identity.product_id", "identity.variant_id"), scopes=INVENTORY,
        id_in="variant_id:in",
        filters=("sku:in", "product_id:in", "location_id:in", "location_code:in"),
        webhook_scopes=(
            "store/channel/*/inventory/product/stock_changed", "store/channel/*/inventory/product/low_stock_reached",
            "store/channel/*/inventory/product/out_of_stock_reached", "store/channel/*/inventory/product/settings_changed",
            BACKORDER_LIMIT_REACHED,
        ),
        update=operation("PUT", "/v3/inventory/adjustments/absolute"),
        spec_file="inventory.v3.yml",
        note="No date filter. Stock by location is nested in locations. Updates are absolute adjustments in an envelope with a reason.",
    ),
    Resource(
        name="location_inventory_items", area="inventory", path="/v3/inventory/locations/{location_id}/items",
        parent="inventory_locations", parent_keys={"location_id": "id"}, page_size=1000,
        primary_key=("location_id", "identity.product_id", "identity.variant_id"), scopes=INVENTORY,
        id_in="variant_id:in",
        filters=("product_id:in", "sku:in"),
        webhook_scopes=(
            "store/channel/*/inventory/product/stock_changed", "store/channel/*/inventory/product/low_stock_reached",
            "store/channel/*/inventory/product/out_of_stock_reached", "store/channel/*/inventory/product/settings_changed",
            BACKORDER_LIMIT_REACHED,
        ),
        update=operation("PUT", "/v3/inventory/locations/{location_id}/items"),
        spec_file="inventory.v3.yml",
        note="Updates change settings (safety stock, warning level), never quantities.",
    ),
    Resource(
        name="inventory_locations", area="inventory", path="/v3/inventory/locations",
        page_size=1000, scopes=LOCATIONS,
        id_in="location_id:in",
        filters=("location_code:in", "is_default", "type_id:in", "managed_by_external_source", "is_active", "storefront_visibility"),
        concurrency=50,
        webhook_scopes=("store/inventory/location/created", "store/inventory/location/updated"),
        create=operation("POST", "/v3/inventory/locations"),
        update=operation("PUT", "/v3/inventory/locations"),
        delete=operation("DELETE", "/v3/inventory/locations"),
        spec_file="locations.v3.yml",
        note="Writes answer with a transaction id only. Deleting a location deletes its stock.",
    ),
    Resource(
        name="inventory_location_metafields", area="inventory", path="/v3/inventory/locations/metafields",
        paging="v3_cursor", scopes=LOCATIONS,
        modified=MODIFIED, created=CREATED,
        can_select_fields=True,
        filters=("key", "key:in", "namespace", "namespace:in", "direction"),
        webhook_scopes=(
            "store/inventory/location/metafield/created", "store/inventory/location/metafield/updated",
            "store/inventory/location/metafield/deleted", "store/metafield/created", "store/metafield/updated",
            "store/metafield/deleted",
        ),
        create=operation("POST", "/v3/inventory/locations/metafields"),
        update=operation("PUT", "/v3/inventory/locations/metafields"),
        delete=operation("DELETE", "/v3/inventory/locations/metafields"),
        spec_file="locations.v3.yml",
        note=(
            "Shows the metafields that the token's own API account may see; store_metafield_write_all lifts that. BigCommerce's text "
            "swaps the two cursors: after takes end_cursor."
        ),
    ),
    Resource(
        name="inventory_location_metafields_by_location", area="inventory", path="/v3/inventory/locations/{location_id}/metafields",
        item_path="/v3/inventory/locations/{location_id}/metafields/{metafield_id}", parent="inventory_locations",
        parent_keys={"location_id": "id"}, paging="v3_cursor", scopes=LOCATIONS,
        modified=MODIFIED, created=CREATED,
        can_select_fields=True,
        filters=("key", "key:in", "namespace", "namespace:in", "direction"),
        store_wide="inventory_location_metafields", store_wide_keys={"location_id": "resource_id"},
        webhook_scopes=(
            "store/inventory/location/metafield/created", "store/inventory/location/metafield/updated",
            "store/inventory/location/metafield/deleted", "store/metafield/created", "store/metafield/updated",
            "store/metafield/deleted",
        ),
        create=operation("POST", "/v3/inventory/locations/{location_id}/metafields"),
        update=operation("PUT", "/v3/inventory/locations/{location_id}/metafields/{metafield_id}"),
        delete=operation("DELETE", "/v3/inventory/locations/{location_id}/metafields/{metafield_id}"),
        spec_file="locations.v3.yml",
    ),
    Resource(
        name="price_lists", area="price_lists", path="/v3/pricelists",
        item_path="/v3/pricelists/{price_list_id}", paging="v3_cursor", scopes=PRODUCTS,
        modified=MODIFIED, created=CREATED, id_in="id:in",
        filters=("name", "date_created", "date_modified", "name:like"),
        webhook_scopes=(
            "store/priceList/created", "store/priceList/updated", "store/priceList/activated", "store/priceList/deactivated",
            "store/priceList/deleted", "store/priceLists/deleted",
        ),
        create=operation("POST", "/v3/pricelists"),
        update=operation("PUT", "/v3/pricelists/{price_list_id}"),
        delete=operation("DELETE", "/v3/pricelists"),
        spec_file="price_lists.v3.yml",
        note="A DELETE without a filter would remove every list.",
    ),
    Resource(
        name="price_list_records", area="price_lists", path="/v3/pricelists/{price_list_id}/records",
        item_path="/v3/pricelists/{price_list_id}/records/{variant_id}/{currency_code}", parent="price_lists",
        parent_keys={"price_list_id": "id"}, paging="v3_cursor", primary_key=("price_list_id", "variant_id", "currency"), scopes=PRODUCTS,
        modified=MODIFIED, created=CREATED, id_in="variant_id:in",
        includes=("bulk_pricing_tiers", "sku"),
        filters=(
            "product_id:in", "currency", "price", "sale_price", "retail_price", "map_price", "calculated_price", "date_created",
            "date_modified", "sku", "sku:in", "currency:in", "price:max", "price:min", "sale_price:max", "sale_price:min",
            "retail_price:max", "retail_price:min", "map_price:max", "map_price:min", "calculated_price:max", "calculated_price:min",
        ),
        concurrency=10,
        webhook_scopes=(
            "store/priceList/record/created", "store/priceList/record/updated", "store/priceList/record/deleted",
            "store/priceList/records/created", "store/priceList/records/updated", "store/priceList/records/deleted",
        ),
        create=operation("POST", "/v3/pricelists/{price_list_id}/records"),
        update=operation("PUT", "/v3/pricelists/{price_list_id}/records"),
        delete=operation("DELETE", "/v3/pricelists/{price_list_id}/records/{variant_id}/{currency_code}"),
        upsert=True, spec_file="price_lists.v3.yml",
        note=(
            "BigCommerce names both one and two concurrent upserts: two by the operation itself. Only the plural record webhooks "
            "fire for batches."
        ),
    ),
    Resource(
        name="price_list_records_by_variant", area="price_lists", path="/v3/pricelists/{price_list_id}/records/{variant_id}",
        item_path="/v3/pricelists/{price_list_id}/records/{variant_id}/{currency_code}", parent="price_list_records",
        parent_keys={"price_list_id": "price_list_id", "variant_id": "variant_id"}, paging="v3_cursor",
        primary_key=("price_list_id", "variant_id", "currency"), scopes=PRODUCTS,
        includes=("bulk_pricing_tiers", "sku"),
        store_wide="price_list_records", store_wide_keys={"price_list_id": "price_list_id", "variant_id": "variant_id"}, concurrency=40,
        spec_file="price_lists.v3.yml",
        note="The parent names each variant once for every currency: pairs must be made distinct.",
    ),
    Resource(
        name="price_list_assignments", area="price_lists", path="/v3/pricelists/assignments",
        paging="v3_cursor", scopes=PRODUCTS,
        id_in="id:in",
        filters=("id", "price_list_id", "customer_group_id", "channel_id", "customer_group_id:in", "price_list_id:in"),
        channel_filter="channel_id:in",
        webhook_scopes=("store/priceList/assignment/updated", "store/priceList/assignment/deleted"),
        create=operation("POST", "/v3/pricelists/assignments"),
        update=operation("PUT", "/v3/pricelists/{price_list_id}/assignments"),
        delete=operation("DELETE", "/v3/pricelists/assignments"),
        upsert=True, spec_file="price_lists.v3.yml",
        note="A DELETE needs at least one filter; the list takes id:in, the DELETE a single id.",
    ),
)
