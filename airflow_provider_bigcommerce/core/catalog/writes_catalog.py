"""What writes brands, categories, category trees and prices.

Rows only; the fields are explained in ``write.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.write import Lookup, Write, metafield_keys

BRANDS_KEYS = (Lookup("/v3/catalog/brands", ("name",), filter="name", unique=True),)
CATEGORIES_KEYS = (Lookup("/v3/catalog/trees/categories", ("name",), filter="name", unique=False),)
CATEGORY_TREES_KEYS = (Lookup("/v3/catalog/trees", ("channels",), filter="channel_id:in", many=True, unique=True),)

WRITES: tuple[Write, ...] = (
    Write(
        "POST", "/v3/catalog/brands", resource="brands", role="create", repeat="refused", failed_by="row", failed_status=(207,),
        lookup=BRANDS_KEYS, source="catalog/brands_catalog.v3.yml:270",
    ),
    Write(
        "DELETE", "/v3/catalog/brands", resource="brands", role="delete_many", body="none", required_filters=("name",),
        filters=("page_title",), repeat="safe", empty_filter="refused", lookup=BRANDS_KEYS, source="catalog/brands_catalog.v3.yml:518",
    ),
    Write(
        "PUT", "/v3/catalog/brands/{brand_id}", resource="brands", role="update", put="partial_implied", repeat="safe", failed_by="row",
        failed_status=(207,), lookup=BRANDS_KEYS, source="catalog/brands_catalog.v3.yml:615",
    ),
    Write(
        "DELETE", "/v3/catalog/brands/{brand_id}", resource="brands", role="delete", body="none", repeat="safe_404",
        empty_filter="one_object", lookup=BRANDS_KEYS, source="catalog/brands_catalog.v3.yml:884",
    ),
    Write(
        "POST", "/v3/catalog/brands/{brand_id}/metafields", resource="brand_metafields_by_brand", role="create", repeat="refused",
        source="catalog/brands_catalog.v3.yml:974",
    ),
    Write(
        "PUT", "/v3/catalog/brands/{brand_id}/metafields/{metafield_id}", resource="brand_metafields_by_brand", role="update",
        put="partial_implied", repeat="safe", source="catalog/brands_catalog.v3.yml:1191",
    ),
    Write(
        "DELETE", "/v3/catalog/brands/{brand_id}/metafields/{metafield_id}", resource="brand_metafields_by_brand", role="delete",
        body="none", repeat="safe_404", empty_filter="one_object", source="catalog/brands_catalog.v3.yml:1277",
    ),
    Write(
        "POST", "/v3/catalog/brands/{brand_id}/image", resource="brands", role="replace", body="multipart", repeat="safe",
        lookup=BRANDS_KEYS, source="catalog/brands_catalog.v3.yml:1313",
    ),
    Write(
        "DELETE", "/v3/catalog/brands/{brand_id}/image", resource="brands", role="delete_many", body="none", repeat="safe",
        empty_filter="one_object", lookup=BRANDS_KEYS, source="catalog/brands_catalog.v3.yml:1409",
    ),
    Write(
        "POST", "/v3/catalog/brands/metafields", resource="brand_metafields", role="create", batch_size=None, body="array",
        repeat="refused", failed_by="index", failed_status=(422,), lookup=metafield_keys("/v3/catalog/brands/metafields"),
        source="catalog/brands_catalog.v3.yml:1469",
    ),
    Write(
        "PUT", "/v3/catalog/brands/metafields", resource="brand_metafields", role="update", batch_size=None, body="array",
        put="partial_implied", repeat="safe", failed_by="index", failed_status=(422,),
        lookup=metafield_keys("/v3/catalog/brands/metafields"), source="catalog/brands_catalog.v3.yml:1534",
    ),
    Write(
        "DELETE", "/v3/catalog/brands/metafields", resource="brand_metafields", role="delete_many", batch_size=None, body="keys",
        repeat="safe", failed_by="index", failed_status=(422,), empty_filter="ids_in_body",
        lookup=metafield_keys("/v3/catalog/brands/metafields"), source="catalog/brands_catalog.v3.yml:1612",
    ),
    Write(
        "POST", "/v3/catalog/categories", resource="categories_legacy", role="create", repeat="refused", deprecated=True,
        source="catalog/categories_catalog.v3.yml:228",
    ),
    Write(
        "DELETE", "/v3/catalog/categories", resource="categories_legacy", role="delete_many", batch_size=None, body="none",
        required_filters=("id:in",),
        filters=(
            "id", "id:min", "id:max", "id:greater", "id:less", "name", "parent_id", "page_title", "keyword", "is_visible", "name:like",
            "parent_id:in", "parent_id:min", "parent_id:max", "parent_id:greater", "parent_id:less", "page_title:like",
        ),
        repeat="safe", empty_filter="refused", deprecated=True, source="catalog/categories_catalog.v3.yml:434",
    ),
    Write(
        "PUT", "/v3/catalog/categories/{category_id}", resource="categories_legacy", role="update", concurrency=40, put="partial_implied",
        repeat="safe", deprecated=True, source="catalog/categories_catalog.v3.yml:526",
    ),
    Write(
        "DELETE", "/v3/catalog/categories/{category_id}", resource="categories_legacy", role="delete", body="none", concurrency=40,
        repeat="safe_404", empty_filter="one_object", deprecated=True, source="catalog/categories_catalog.v3.yml:886",
    ),
    Write(
        "POST", "/v3/catalog/categories/{category_id}/metafields", resource="category_metafields_by_category", role="create",
        repeat="refused", source="catalog/categories_catalog.v3.yml:973",
    ),
    Write(
        "PUT", "/v3/catalog/categories/{category_id}/metafields/{metafield_id}", resource="category_metafields_by_category", role="update",
        put="partial_implied", repeat="safe", source="catalog/categories_catalog.v3.yml:1175",
    ),
    Write(
        "DELETE", "/v3/catalog/categories/{category_id}/metafields/{metafield_id}", resource="category_metafields_by_category",
        role="delete", body="none", repeat="safe_404", empty_filter="one_object", source="catalog/categories_catalog.v3.yml:1261",
    ),
    Write(
        "POST", "/v3/catalog/categories/{category_id}/image", resource="categories_legacy", role="replace", body="multipart",
        repeat="safe", source="catalog/categories_catalog.v3.yml:1297",
    ),
    Write(
        "DELETE", "/v3/catalog/categories/{category_id}/image", resource="categories_legacy", role="delete_many", body="none",
        repeat="safe", empty_filter="one_object", source="catalog/categories_catalog.v3.yml:1402",
    ),
    Write(
        "PUT", "/v3/catalog/categories/{category_id}/products/sort-order", resource="category_product_sort_order", role="update",
        batch_size=None, body="array", put="unknown", repeat="safe", failed_by="unknown", source="catalog/categories_catalog.v3.yml:1489",
    ),
    Write(
        "POST", "/v3/catalog/categories/metafields", resource="category_metafields", role="create", batch_size=None, body="array",
        repeat="refused", failed_by="index", failed_status=(422,), lookup=metafield_keys("/v3/catalog/categories/metafields"),
        source="catalog/categories_catalog.v3.yml:1574",
    ),
    Write(
        "PUT", "/v3/catalog/categories/metafields", resource="category_metafields", role="update", batch_size=None, body="array",
        put="partial_implied", repeat="safe", failed_by="index", failed_status=(422,),
        lookup=metafield_keys("/v3/catalog/categories/metafields"), source="catalog/categories_catalog.v3.yml:1639",
    ),
    Write(
        "DELETE", "/v3/catalog/categories/metafields", resource="category_metafields", role="delete_many", batch_size=None, body="keys",
        repeat="safe", failed_by="index", failed_status=(422,), empty_filter="ids_in_body",
        lookup=metafield_keys("/v3/catalog/categories/metafields"), source="catalog/categories_catalog.v3.yml:1704",
    ),
    Write(
        "POST", "/v3/catalog/trees/categories", resource="categories", role="create", batch_size=None, body="array", repeat="refused",
        failed_by="index_seen", failed_status=(207,), lookup=CATEGORIES_KEYS, source="catalog/category-trees_catalog.v3.yml:126",
    ),
    Write(
        "PUT", "/v3/catalog/trees/categories", resource="categories", role="update", batch_size=None, body="array", put="partial_implied",
        repeat="safe", failed_by="index_seen", failed_status=(207,), lookup=CATEGORIES_KEYS,
        source="catalog/category-trees_catalog.v3.yml:210",
    ),
    Write(
        "DELETE", "/v3/catalog/trees/categories", resource="categories", role="delete_many", batch_size=None, body="none",
        required_filters=("category_id:in",), filters=("category_uuid:in", "parent_id:in"), repeat="safe", failed_by="count",
        failed_status=(202,), empty_filter="unknown", lookup=CATEGORIES_KEYS, is_asynchronous=True, effects=("takes_children",),
        source="catalog/category-trees_catalog.v3.yml:256",
    ),
    Write(
        "PUT", "/v3/catalog/trees", resource="category_trees", role="upsert", batch_size=50, body="array", put="partial", repeat="depends",
        upsert_by=(("id",),), failed_by="unknown", lookup=CATEGORY_TREES_KEYS, source="catalog/category-trees_catalog.v3.yml:330",
    ),
    Write(
        "DELETE", "/v3/catalog/trees", resource="category_trees", role="delete_many", batch_size=None, body="none",
        required_filters=("id:in",), repeat="safe", empty_filter="must_have", lookup=CATEGORY_TREES_KEYS,
        source="catalog/category-trees_catalog.v3.yml:397",
    ),
    Write("POST", "/v3/pricing/products", role="read", concurrency=50, repeat="read", source="pricing.sf.yml:29"),
)
