"""What writes products, their variants and what belongs to them.

Rows only; the fields are explained in ``write.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.write import Lookup, Write, metafield_keys

PRODUCT_VARIANTS_KEYS = (
    Lookup("/v3/catalog/variants", ("sku",), filter="sku", unique=True),
    Lookup("/v3/catalog/variants", ("upc",), filter="upc", unique=False),
    Lookup("/v3/inventory/items", ("identity.sku",), filter="sku:in", many=True, unique=True, id_field="identity.variant_id"),
    Lookup("/v3/catalog/variants", ("sku",), many=True, unique=True),
)
PRODUCTS_KEYS = (
    Lookup("/v3/catalog/products", ("sku",), filter="sku:in", many=True, unique=True),
    Lookup("/v3/catalog/products", ("sku",), filter="sku", unique=True),
    Lookup("/v3/catalog/products", ("name",), filter="name", unique=True),
    Lookup("/v3/catalog/products", ("mpn",), filter="mpn", unique=False),
    Lookup("/v3/catalog/products", ("upc",), filter="upc", unique=False),
)
PRODUCT_CHANNEL_ASSIGNMENTS_KEYS = (
    Lookup("/v3/catalog/products/channel-assignments", ("product_id", "channel_id"), filter="product_id:in", many=True, unique=True),
)
PRODUCT_CATEGORY_ASSIGNMENTS_KEYS = (
    Lookup(
        "/v3/catalog/products/category-assignments", ("product_id", "category_id"),
        filter="product_id:in", many=True, unique=True,
    ),
)

WRITES: tuple[Write, ...] = (
    Write(
        "POST", "/v3/catalog/products/{product_id}/modifiers", resource="product_modifiers", role="create", repeat="refused",
        source="catalog/product-modifiers_catalog.v3.yml:193",
    ),
    Write(
        "PUT", "/v3/catalog/products/{product_id}/modifiers/{modifier_id}", resource="product_modifiers", role="update",
        put="partial_implied", repeat="safe", source="catalog/product-modifiers_catalog.v3.yml:416",
    ),
    Write(
        "DELETE", "/v3/catalog/products/{product_id}/modifiers/{modifier_id}", resource="product_modifiers", role="delete", body="none",
        repeat="safe_404", empty_filter="one_object", source="catalog/product-modifiers_catalog.v3.yml:985",
    ),
    Write(
        "POST", "/v3/catalog/products/{product_id}/modifiers/{modifier_id}/values", resource="product_modifier_values", role="create",
        repeat="unknown", source="catalog/product-modifiers_catalog.v3.yml:1068",
    ),
    Write(
        "PUT", "/v3/catalog/products/{product_id}/modifiers/{modifier_id}/values/{value_id}", resource="product_modifier_values",
        role="update", put="partial_implied", repeat="safe", source="catalog/product-modifiers_catalog.v3.yml:1409",
    ),
    Write(
        "DELETE", "/v3/catalog/products/{product_id}/modifiers/{modifier_id}/values/{value_id}", resource="product_modifier_values",
        role="delete", body="none", repeat="safe_404", empty_filter="one_object", source="catalog/product-modifiers_catalog.v3.yml:1689",
    ),
    Write(
        "POST", "/v3/catalog/products/{product_id}/modifiers/{modifier_id}/values/{value_id}/image", resource="product_modifier_values",
        role="replace", body="multipart", repeat="safe", source="catalog/product-modifiers_catalog.v3.yml:1705",
    ),
    Write(
        "POST", "/v3/catalog/products/{product_id}/options", resource="product_options", role="create", repeat="refused",
        source="catalog/product-variant-options_catalog.v3.yml:105",
    ),
    Write(
        "PUT", "/v3/catalog/products/{product_id}/options/{option_id}", resource="product_options", role="update", put="partial_implied",
        repeat="safe", source="catalog/product-variant-options_catalog.v3.yml:820",
    ),
    Write(
        "DELETE", "/v3/catalog/products/{product_id}/options/{option_id}", resource="product_options", role="delete", body="none",
        repeat="safe_404", empty_filter="one_object", source="catalog/product-variant-options_catalog.v3.yml:1431",
    ),
    Write(
        "POST", "/v3/catalog/products/{product_id}/options/{option_id}/values", resource="product_option_values", role="create",
        repeat="unknown", source="catalog/product-variant-options_catalog.v3.yml:1553",
    ),
    Write(
        "PUT", "/v3/catalog/products/{product_id}/options/{option_id}/values/{value_id}", resource="product_option_values", role="update",
        put="partial_implied", repeat="safe", source="catalog/product-variant-options_catalog.v3.yml:1801",
    ),
    Write(
        "DELETE", "/v3/catalog/products/{product_id}/options/{option_id}/values/{value_id}", resource="product_option_values",
        role="delete", body="none", repeat="safe_404", empty_filter="one_object",
        source="catalog/product-variant-options_catalog.v3.yml:1957",
    ),
    Write(
        "POST", "/v3/catalog/products/{product_id}/variants", resource="product_variants", role="create", repeat="refused",
        failed_by="row", failed_status=(207,), lookup=PRODUCT_VARIANTS_KEYS, source="catalog/product-variants_catalog.v3.yml:208",
    ),
    Write(
        "PUT", "/v3/catalog/products/{product_id}/variants/{variant_id}", resource="product_variants_by_product", role="update",
        put="partial_implied", repeat="safe", failed_by="row", failed_status=(207,), source="catalog/product-variants_catalog.v3.yml:431",
    ),
    Write(
        "DELETE", "/v3/catalog/products/{product_id}/variants/{variant_id}", resource="product_variants", role="delete", body="none",
        repeat="safe_404", empty_filter="one_object", lookup=PRODUCT_VARIANTS_KEYS, source="catalog/product-variants_catalog.v3.yml:518",
    ),
    Write(
        "POST", "/v3/catalog/products/{product_id}/variants/{variant_id}/metafields", resource="product_variant_metafields_by_variant",
        role="create", repeat="refused", source="catalog/product-variants_catalog.v3.yml:569",
    ),
    Write(
        "PUT", "/v3/catalog/products/{product_id}/variants/{variant_id}/metafields/{metafield_id}",
        resource="product_variant_metafields_by_variant", role="update", put="partial_implied", repeat="safe",
        source="catalog/product-variants_catalog.v3.yml:759",
    ),
    Write(
        "DELETE", "/v3/catalog/products/{product_id}/variants/{variant_id}/metafields/{metafield_id}",
        resource="product_variant_metafields_by_variant", role="delete", body="none", repeat="safe_404", empty_filter="one_object",
        source="catalog/product-variants_catalog.v3.yml:845",
    ),
    Write(
        "POST", "/v3/catalog/products/{product_id}/variants/{variant_id}/image", resource="product_variants_by_product", role="replace",
        repeat="safe", source="catalog/product-variants_catalog.v3.yml:882",
    ),
    Write(
        "PUT", "/v3/catalog/variants", resource="product_variants", role="upsert", batch_size=50, body="array", put="partial_implied",
        repeat="depends", upsert_by=(("id",),), failed_by="split", failed_status=(422,),
        lookup=PRODUCT_VARIANTS_KEYS, source="catalog/product-variants_catalog.v3.yml:1241",
    ),
    Write(
        "POST", "/v3/catalog/variants/metafields", resource="product_variant_metafields", role="create", batch_size=None, body="array",
        repeat="refused", failed_by="index", failed_status=(422,), lookup=metafield_keys("/v3/catalog/variants/metafields"),
        source="catalog/product-variants_catalog.v3.yml:1698",
    ),
    Write(
        "PUT", "/v3/catalog/variants/metafields", resource="product_variant_metafields", role="update", batch_size=None, body="array",
        put="partial_implied", repeat="safe", failed_by="index", failed_status=(422,),
        lookup=metafield_keys("/v3/catalog/variants/metafields"), source="catalog/product-variants_catalog.v3.yml:1763",
    ),
    Write(
        "DELETE", "/v3/catalog/variants/metafields", resource="product_variant_metafields", role="delete_many", batch_size=None,
        body="keys", repeat="safe", failed_by="index", failed_status=(422,), empty_filter="ids_in_body",
        lookup=metafield_keys("/v3/catalog/variants/metafields"), source="catalog/product-variants_catalog.v3.yml:1828",
    ),
    Write(
        "PUT", "/v3/catalog/products", resource="products", role="update", batch_size=10, body="array", put="mixed", repeat="depends",
        failed_by="split", failed_status=(207,), lookup=PRODUCTS_KEYS, source="catalog/products_catalog.v3.yml:144",
    ),
    Write(
        "POST", "/v3/catalog/products", resource="products", role="create", repeat="refused", failed_by="row", failed_status=(207,),
        lookup=PRODUCTS_KEYS, source="catalog/products_catalog.v3.yml:432",
    ),
    Write(
        "DELETE", "/v3/catalog/products", resource="products", role="delete_many", batch_size=250, body="none",
        required_filters=("id:in",),
        filters=(
            "name", "sku", "price", "weight", "condition", "brand_id", "date_modified", "date_last_imported", "is_visible", "is_featured",
            "inventory_level", "total_sold", "type", "categories", "keyword",
        ),
        repeat="safe", empty_filter="must_have", lookup=PRODUCTS_KEYS, source="catalog/products_catalog.v3.yml:651",
    ),
    Write(
        "PUT", "/v3/catalog/products/{product_id}", resource="products", role="update", put="mixed", repeat="depends", failed_by="row",
        failed_status=(207,), lookup=PRODUCTS_KEYS, source="catalog/products_catalog.v3.yml:815",
    ),
    Write(
        "DELETE", "/v3/catalog/products/{product_id}", resource="products", role="delete", body="none", repeat="safe_404",
        empty_filter="one_object", lookup=PRODUCTS_KEYS, source="catalog/products_catalog.v3.yml:1187",
    ),
    Write(
        "POST", "/v3/catalog/products/{product_id}/images", resource="product_images", role="replace", repeat="duplicates",
        source="catalog/products_catalog.v3.yml:1287",
    ),
    Write(
        "PUT", "/v3/catalog/products/{product_id}/images/{image_id}", resource="product_images", role="update", put="partial_implied",
        repeat="safe", source="catalog/products_catalog.v3.yml:1599",
    ),
    Write(
        "DELETE", "/v3/catalog/products/{product_id}/images/{image_id}", resource="product_images", role="delete", body="none",
        repeat="safe_404", empty_filter="one_object", source="catalog/products_catalog.v3.yml:1830",
    ),
    Write(
        "POST", "/v3/catalog/products/{product_id}/videos", resource="product_videos", role="create", repeat="duplicates",
        source="catalog/products_catalog.v3.yml:1921",
    ),
    Write(
        "PUT", "/v3/catalog/products/{product_id}/videos/{id}", resource="product_videos", role="update", put="partial_implied",
        repeat="safe", source="catalog/products_catalog.v3.yml:2135",
    ),
    Write(
        "DELETE", "/v3/catalog/products/{product_id}/videos/{id}", resource="product_videos", role="delete", body="none",
        repeat="safe_404", empty_filter="one_object", source="catalog/products_catalog.v3.yml:2286",
    ),
    Write(
        "POST", "/v3/catalog/products/{product_id}/complex-rules", resource="product_complex_rules", role="create", repeat="refused",
        source="catalog/products_catalog.v3.yml:2377",
    ),
    Write(
        "PUT", "/v3/catalog/products/{product_id}/complex-rules/{complex_rule_id}", resource="product_complex_rules", role="update",
        put="partial_implied", repeat="safe", source="catalog/products_catalog.v3.yml:2864",
    ),
    Write(
        "DELETE", "/v3/catalog/products/{product_id}/complex-rules/{complex_rule_id}", resource="product_complex_rules", role="delete",
        body="none", repeat="safe_404", empty_filter="one_object", source="catalog/products_catalog.v3.yml:3192",
    ),
    Write(
        "POST", "/v3/catalog/products/{product_id}/custom-fields", resource="product_custom_fields", role="create", repeat="refused",
        source="catalog/products_catalog.v3.yml:3231",
    ),
    Write(
        "PUT", "/v3/catalog/products/{product_id}/custom-fields/{custom_field_id}", resource="product_custom_fields", role="update",
        put="partial_implied", repeat="safe", source="catalog/products_catalog.v3.yml:3299",
    ),
    Write(
        "DELETE", "/v3/catalog/products/{product_id}/custom-fields/{custom_field_id}", resource="product_custom_fields", role="delete",
        body="none", repeat="safe_404", empty_filter="one_object", source="catalog/products_catalog.v3.yml:3340",
    ),
    Write(
        "POST", "/v3/catalog/products/{product_id}/bulk-pricing-rules", resource="product_bulk_pricing_rules", role="create",
        repeat="refused", source="catalog/products_catalog.v3.yml:3368",
    ),
    Write(
        "PUT", "/v3/catalog/products/{product_id}/bulk-pricing-rules/{bulk_pricing_rule_id}", resource="product_bulk_pricing_rules",
        role="update", put="partial_implied", repeat="safe", source="catalog/products_catalog.v3.yml:3514",
    ),
    Write(
        "DELETE", "/v3/catalog/products/{product_id}/bulk-pricing-rules/{bulk_pricing_rule_id}", resource="product_bulk_pricing_rules",
        role="delete", body="none", repeat="safe_404", empty_filter="one_object", source="catalog/products_catalog.v3.yml:3646",
    ),
    Write(
        "POST", "/v3/catalog/products/{product_id}/metafields", resource="product_metafields_by_product", role="create", repeat="refused",
        source="catalog/products_catalog.v3.yml:3742",
    ),
    Write(
        "PUT", "/v3/catalog/products/{product_id}/metafields/{metafield_id}", resource="product_metafields_by_product", role="update",
        put="partial_implied", repeat="safe", source="catalog/products_catalog.v3.yml:3941",
    ),
    Write(
        "DELETE", "/v3/catalog/products/{product_id}/metafields/{metafield_id}", resource="product_metafields_by_product", role="delete",
        body="none", repeat="safe_404", empty_filter="one_object", source="catalog/products_catalog.v3.yml:4027",
    ),
    Write(
        "POST", "/v3/catalog/products/{product_id}/reviews", resource="product_reviews", role="create", repeat="duplicates",
        source="catalog/products_catalog.v3.yml:4178",
    ),
    Write(
        "PUT", "/v3/catalog/products/{product_id}/reviews/{review_id}", resource="product_reviews", role="update", put="partial_implied",
        repeat="safe", source="catalog/products_catalog.v3.yml:4471",
    ),
    Write(
        "DELETE", "/v3/catalog/products/{product_id}/reviews/{review_id}", resource="product_reviews", role="delete", body="none",
        repeat="safe_404", empty_filter="one_object", source="catalog/products_catalog.v3.yml:4641",
    ),
    Write(
        "PUT", "/v3/catalog/products/channel-assignments", resource="product_channel_assignments", role="upsert", batch_size=None,
        body="array", concurrency=1, put="additive", repeat="safe", upsert_by=(("product_id", "channel_id"),), failed_by="id",
        failed_status=(422,), lookup=PRODUCT_CHANNEL_ASSIGNMENTS_KEYS, source="catalog/products_catalog.v3.yml:4682",
    ),
    # One at a time: as the PUT of these rows, which must not run at the same time.
    Write(
        "DELETE", "/v3/catalog/products/channel-assignments", resource="product_channel_assignments", role="delete_many", batch_size=None,
        body="none", required_filters=("product_id:in", "channel_id:in"), concurrency=1, repeat="safe", empty_filter="refused",
        lookup=PRODUCT_CHANNEL_ASSIGNMENTS_KEYS, source="catalog/products_catalog.v3.yml:4712",
    ),
    Write(
        "PUT", "/v3/catalog/products/category-assignments", resource="product_category_assignments", role="upsert", batch_size=None,
        body="array", put="additive", repeat="safe", upsert_by=(("product_id", "category_id"),), failed_by="id", failed_status=(422,),
        lookup=PRODUCT_CATEGORY_ASSIGNMENTS_KEYS, source="catalog/products_catalog.v3.yml:4759",
    ),
    Write(
        "DELETE", "/v3/catalog/products/category-assignments", resource="product_category_assignments", role="delete_many",
        batch_size=None, body="none", required_filters=("product_id:in", "category_id:in"), repeat="safe", empty_filter="refused",
        lookup=PRODUCT_CATEGORY_ASSIGNMENTS_KEYS, source="catalog/products_catalog.v3.yml:4784",
    ),
    Write(
        "POST", "/v3/catalog/products/metafields", resource="product_metafields", role="create", batch_size=None, body="array",
        repeat="refused", failed_by="index", failed_status=(422,), lookup=metafield_keys("/v3/catalog/products/metafields"),
        source="catalog/products_catalog.v3.yml:4917",
    ),
    Write(
        "PUT", "/v3/catalog/products/metafields", resource="product_metafields", role="update", batch_size=None, body="array",
        put="partial_implied", repeat="safe", failed_by="index", failed_status=(422,),
        lookup=metafield_keys("/v3/catalog/products/metafields"), source="catalog/products_catalog.v3.yml:4980",
    ),
    Write(
        "DELETE", "/v3/catalog/products/metafields", resource="product_metafields", role="delete_many", batch_size=None, body="keys",
        repeat="safe", failed_by="index", failed_status=(422,), empty_filter="ids_in_body",
        lookup=metafield_keys("/v3/catalog/products/metafields"), source="catalog/products_catalog.v3.yml:5043",
    ),
)
