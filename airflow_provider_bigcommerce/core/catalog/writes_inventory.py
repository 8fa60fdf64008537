"""What writes stock, locations and price lists.

Rows only; the fields are explained in ``write.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.write import Lookup, Write, metafield_keys

INVENTORY_ITEMS_KEYS = (
    Lookup("/v3/inventory/items", ("identity.sku",), filter="sku:in", many=True, unique=True),
    Lookup("/v3/inventory/items", ("locations.location_code",), filter="location_code:in", many=True),
)
LOCATION_INVENTORY_ITEMS_KEYS = (
    Lookup("/v3/inventory/locations/{location_id}/items", ("identity.sku",), filter="sku:in", many=True, unique=True),
)
INVENTORY_LOCATIONS_KEYS = (Lookup("/v3/inventory/locations", ("code",), filter="location_code:in", many=True),)
PRICE_LISTS_KEYS = (Lookup("/v3/pricelists", ("name",), filter="name", unique=True),)
PRICE_LIST_RECORDS_KEYS = (
    Lookup("/v3/pricelists/{price_list_id}/records", ("sku", "currency"), filter="sku:in", many=True, unique=True),
    Lookup("/v3/pricelists/{price_list_id}/records", ("variant_id", "currency"), filter="variant_id:in", many=True, unique=True),
)
PRICE_LIST_ASSIGNMENTS_KEYS = (
    Lookup(
        "/v3/pricelists/assignments", ("price_list_id", "customer_group_id", "channel_id"),
        filter="price_list_id:in", many=True, unique=True,
    ),
)

WRITES: tuple[Write, ...] = (
    Write(
        "PUT", "/v3/inventory/adjustments/absolute", resource="inventory_items", role="upsert", batch_size=2000, body="wrapper",
        list_field="items", concurrency=1, put="replace", repeat="safe_unless_sold",
        upsert_by=(("location_id", "sku"), ("location_id", "variant_id"), ("location_id", "product_id")), failed_by="title",
        failed_status=(422,), lookup=INVENTORY_ITEMS_KEYS, is_asynchronous=True,
        held_as=(("quantity", "locations[location_id].total_inventory_onhand"),), source="inventory.v3.yml:46",
    ),
    Write(
        "POST", "/v3/inventory/adjustments/relative", resource="inventory_items", role="increment", batch_size=2000, body="wrapper",
        list_field="items", concurrency=1, repeat="doubles", failed_by="title", failed_status=(422,), lookup=INVENTORY_ITEMS_KEYS,
        is_asynchronous=True, source="inventory.v3.yml:110",
    ),
    Write(
        "PUT", "/v3/inventory/locations/{location_id}/items", resource="location_inventory_items", role="upsert", batch_size=2000,
        body="wrapper", list_field="settings", put="partial", repeat="safe",
        upsert_by=(("identity.sku",), ("identity.variant_id",), ("identity.product_id",)), failed_by="unknown",
        lookup=LOCATION_INVENTORY_ITEMS_KEYS, is_asynchronous=True, source="inventory.v3.yml:252",
    ),
    Write(
        "POST", "/v3/inventory/locations", resource="inventory_locations", role="create", batch_size=None, body="array", concurrency=50,
        repeat="unknown", failed_by="unknown", failed_status=(422,), lookup=INVENTORY_LOCATIONS_KEYS, is_asynchronous=True,
        source="locations.v3.yml:37",
    ),
    Write(
        "PUT", "/v3/inventory/locations", resource="inventory_locations", role="update", batch_size=None, body="array", concurrency=50,
        put="unknown", repeat="safe", failed_by="unknown", failed_status=(422,), lookup=INVENTORY_LOCATIONS_KEYS, is_asynchronous=True,
        source="locations.v3.yml:112",
    ),
    Write(
        "DELETE", "/v3/inventory/locations", resource="inventory_locations", role="delete_many", batch_size=None, body="none",
        required_filters=("location_id:in",), repeat="safe", empty_filter="required_param", lookup=INVENTORY_LOCATIONS_KEYS,
        is_asynchronous=True, source="locations.v3.yml:147",
    ),
    Write(
        "POST", "/v3/inventory/locations/{location_id}/metafields", resource="inventory_location_metafields_by_location", role="create",
        repeat="refused", is_asynchronous=True, source="locations.v3.yml:269",
    ),
    Write(
        "PUT", "/v3/inventory/locations/{location_id}/metafields/{metafield_id}", resource="inventory_location_metafields_by_location",
        role="update", put="partial_implied", repeat="safe", is_asynchronous=True, source="locations.v3.yml:384",
    ),
    Write(
        "DELETE", "/v3/inventory/locations/{location_id}/metafields/{metafield_id}", resource="inventory_location_metafields_by_location",
        role="delete", body="none", repeat="safe_404", empty_filter="one_object", is_asynchronous=True, source="locations.v3.yml:460",
    ),
    Write(
        "POST", "/v3/inventory/locations/metafields", resource="inventory_location_metafields", role="create", batch_size=None,
        body="array", repeat="refused", failed_by="index", failed_status=(422,),
        lookup=metafield_keys("/v3/inventory/locations/metafields"), is_asynchronous=True, source="locations.v3.yml:523",
    ),
    Write(
        "PUT", "/v3/inventory/locations/metafields", resource="inventory_location_metafields", role="update", batch_size=None,
        body="array", put="partial_implied", repeat="safe", failed_by="index", failed_status=(422,),
        lookup=metafield_keys("/v3/inventory/locations/metafields"), is_asynchronous=True, source="locations.v3.yml:586",
    ),
    Write(
        "DELETE", "/v3/inventory/locations/metafields", resource="inventory_location_metafields", role="delete_many", batch_size=None,
        body="keys", repeat="safe", failed_by="index", failed_status=(422,), empty_filter="ids_in_body",
        lookup=metafield_keys("/v3/inventory/locations/metafields"), is_asynchronous=True, source="locations.v3.yml:649",
    ),
    Write(
        "POST", "/v3/pricelists", resource="price_lists", role="create", repeat="refused", lookup=PRICE_LISTS_KEYS,
        source="price_lists.v3.yml:297",
    ),
    # One at a time: price_lists.v3.yml says so of the DELETE of one list, which this does for several.
    Write(
        "DELETE", "/v3/pricelists", resource="price_lists", role="delete_many", batch_size=None, body="none", required_filters=("id:in",),
        filters=("name",), concurrency=1, repeat="safe", empty_filter="wipes", lookup=PRICE_LISTS_KEYS, source="price_lists.v3.yml:450",
    ),
    Write(
        "PUT", "/v3/pricelists/{price_list_id}", resource="price_lists", role="update", put="partial_implied", repeat="safe",
        lookup=PRICE_LISTS_KEYS, source="price_lists.v3.yml:574",
    ),
    Write(
        "DELETE", "/v3/pricelists/{price_list_id}", resource="price_lists", role="delete", body="none", concurrency=1, repeat="safe_404",
        empty_filter="one_object", lookup=PRICE_LISTS_KEYS, source="price_lists.v3.yml:751",
    ),
    Write(
        "POST", "/v3/pricelists/records", resource="price_list_records", role="create", batch_size=100, body="array", concurrency=10,
        repeat="refused", failed_by="identity", failed_status=(422,), lookup=PRICE_LIST_RECORDS_KEYS, source="price_lists.v3.yml:787",
    ),
    Write(
        "PUT", "/v3/pricelists/records", resource="price_list_records", role="upsert", batch_size=None, body="array", concurrency=1,
        put="unknown", repeat="safe", upsert_by=(("price_list_id", "variant_id", "currency"), ("price_list_id", "sku", "currency")),
        failed_by="identity", failed_status=(422,), lookup=PRICE_LIST_RECORDS_KEYS, source="price_lists.v3.yml:815",
    ),
    Write(
        "POST", "/v3/pricelists/{price_list_id}/records", resource="price_list_records", role="create", batch_size=100, body="array",
        concurrency=10, repeat="refused", failed_by="identity", failed_status=(422,), lookup=PRICE_LIST_RECORDS_KEYS,
        source="price_lists.v3.yml:1506",
    ),
    Write(
        "PUT", "/v3/pricelists/{price_list_id}/records", resource="price_list_records", role="upsert", batch_size=1000, body="array",
        concurrency=2, put="unknown", repeat="safe", upsert_by=(("variant_id", "currency"), ("sku", "currency")), failed_by="identity",
        failed_status=(422,), lookup=PRICE_LIST_RECORDS_KEYS, source="price_lists.v3.yml:1706",
    ),
    Write(
        "DELETE", "/v3/pricelists/{price_list_id}/records", resource="price_list_records", role="delete_many", batch_size=None,
        body="none", filters=("currency", "variant_id:in", "sku:in"), repeat="safe", empty_filter="wipes", lookup=PRICE_LIST_RECORDS_KEYS,
        source="price_lists.v3.yml:1905",
    ),
    Write(
        "PUT", "/v3/pricelists/{price_list_id}/records/{variant_id}/{currency_code}", resource="price_list_records", role="upsert",
        concurrency=40, put="unknown", repeat="safe", lookup=PRICE_LIST_RECORDS_KEYS, source="price_lists.v3.yml:2466",
    ),
    Write(
        "DELETE", "/v3/pricelists/{price_list_id}/records/{variant_id}/{currency_code}", resource="price_list_records", role="delete",
        body="none", concurrency=25, repeat="safe_404", empty_filter="one_object", lookup=PRICE_LIST_RECORDS_KEYS,
        source="price_lists.v3.yml:2798",
    ),
    Write(
        "POST", "/v3/pricelists/assignments", resource="price_list_assignments", role="create", batch_size=25, body="array",
        repeat="unknown", failed_by="id", failed_status=(422,), lookup=PRICE_LIST_ASSIGNMENTS_KEYS, source="price_lists.v3.yml:2940",
    ),
    Write(
        "DELETE", "/v3/pricelists/assignments", resource="price_list_assignments", role="delete_many", body="none",
        required_filters=("id",), filters=("price_list_id", "customer_group_id", "channel_id", "channel_id:in"), repeat="safe",
        empty_filter="refused", lookup=PRICE_LIST_ASSIGNMENTS_KEYS, source="price_lists.v3.yml:2965",
    ),
    Write(
        "PUT", "/v3/pricelists/{price_list_id}/assignments", resource="price_list_assignments", role="upsert", concurrency=25,
        put="unknown", repeat="safe", upsert_by=(("customer_group_id", "channel_id"),), lookup=PRICE_LIST_ASSIGNMENTS_KEYS,
        source="price_lists.v3.yml:2983",
    ),
)
