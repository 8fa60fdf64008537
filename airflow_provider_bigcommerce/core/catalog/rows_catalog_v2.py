"""The V2 catalog, deprecated and documented only in BigCommerce's archive.

Rows only; the fields are explained in ``resource.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.resource import PRODUCTS, V2_CREATED, V2_MODIFIED, Resource

ROWS: tuple[Resource, ...] = (
    Resource(
        name="products_v2", area="catalog_v2", path="/v2/products",
        item_path="/v2/products/{id}", paging="v2_page", envelope="bare", scopes=PRODUCTS,
        modified=V2_MODIFIED, created=V2_CREATED,
        id_min="min_id", id_max="max_id",
        filters=("min_date_last_imported", "max_date_last_imported"),
        deprecated=True, replaced_by="products", spec_exception="archived",
    ),
    Resource(
        name="brands_v2", area="catalog_v2", path="/v2/brands",
        item_path="/v2/brands/{id}", paging="v2_page", envelope="bare", scopes=PRODUCTS,
        id_min="min_id", id_max="max_id",
        deprecated=True, replaced_by="brands", spec_exception="archived",
    ),
    Resource(
        name="categories_v2", area="catalog_v2", path="/v2/categories",
        item_path="/v2/categories/{id}", paging="v2_page", envelope="bare", scopes=PRODUCTS,
        id_min="min_id", id_max="max_id",
        filters=("parent_id", "name", "is_visible"),
        deprecated=True, replaced_by="categories", spec_exception="archived",
    ),
    Resource(
        name="product_skus_v2", area="catalog_v2", path="/v2/products/{product_id}/skus",
        item_path="/v2/products/{product_id}/skus/{id}", parent="products_v2", parent_keys={"product_id": "id"}, paging="v2_page",
        envelope="bare", scopes=PRODUCTS,
        id_min="min_id", id_max="max_id",
        filters=("sku", "upc"),
        deprecated=True, replaced_by="product_variants", spec_exception="archived",
    ),
    Resource(
        name="product_images_v2", area="catalog_v2", path="/v2/products/{product_id}/images",
        item_path="/v2/products/{product_id}/images/{id}", parent="products_v2", parent_keys={"product_id": "id"}, paging="v2_page",
        envelope="bare", scopes=PRODUCTS,
        deprecated=True, replaced_by="product_images", spec_exception="archived",
    ),
    Resource(
        name="product_videos_v2", area="catalog_v2", path="/v2/products/{product_id}/videos",
        item_path="/v2/products/{product_id}/videos/{id}", parent="products_v2", parent_keys={"product_id": "id"}, paging="v2_page",
        envelope="bare", scopes=PRODUCTS,
        deprecated=True, replaced_by="product_videos", spec_exception="archived",
    ),
    Resource(
        name="product_custom_fields_v2", area="catalog_v2", path="/v2/products/{product_id}/custom_fields",
        item_path="/v2/products/{product_id}/custom_fields/{id}", parent="products_v2", parent_keys={"product_id": "id"},
        paging="v2_page", envelope="bare", scopes=PRODUCTS,
        deprecated=True, replaced_by="product_custom_fields", spec_exception="archived",
    ),
    Resource(
        name="product_discount_rules_v2", area="catalog_v2", path="/v2/products/{product_id}/discount_rules",
        item_path="/v2/products/{product_id}/discount_rules/{id}", parent="products_v2", parent_keys={"product_id": "id"},
        paging="v2_page", envelope="bare", scopes=PRODUCTS,
        deprecated=True, replaced_by="product_bulk_pricing_rules", spec_exception="archived",
    ),
    Resource(
        name="product_options_v2", area="catalog_v2", path="/v2/products/{product_id}/options",
        item_path="/v2/products/{product_id}/options/{id}", parent="products_v2", parent_keys={"product_id": "id"}, paging="v2_page",
        envelope="bare", scopes=PRODUCTS,
        deprecated=True, replaced_by="product_options", spec_exception="archived",
    ),
    Resource(
        name="product_rules_v2", area="catalog_v2", path="/v2/products/{product_id}/rules",
        item_path="/v2/products/{product_id}/rules/{id}", parent="products_v2", parent_keys={"product_id": "id"}, paging="v2_page",
        envelope="bare", scopes=PRODUCTS,
        deprecated=True, replaced_by="product_complex_rules", spec_exception="archived",
    ),
    Resource(
        name="product_reviews_v2", area="catalog_v2", path="/v2/products/{product_id}/reviews",
        item_path="/v2/products/{product_id}/reviews/{id}", parent="products_v2", parent_keys={"product_id": "id"}, paging="v2_page",
        envelope="bare", scopes=PRODUCTS,
        deprecated=True, replaced_by="product_reviews", spec_exception="archived",
    ),
    Resource(
        name="option_sets_v2", area="catalog_v2", path="/v2/option_sets",
        item_path="/v2/option_sets/{id}", paging="v2_page", envelope="bare", scopes=PRODUCTS,
        filters=("name",),
        deprecated=True, spec_exception="archived",
        note="V3 has no option sets: options belong to each product.",
    ),
    Resource(
        name="option_set_options_v2", area="catalog_v2", path="/v2/option_sets/{option_set_id}/options",
        item_path="/v2/option_sets/{option_set_id}/options/{id}", parent="option_sets_v2", parent_keys={"option_set_id": "id"},
        paging="v2_page", envelope="bare", scopes=PRODUCTS,
        deprecated=True, spec_exception="archived",
        note="V3 has no option sets: options belong to each product.",
    ),
    Resource(
        name="option_values_v2", area="catalog_v2", path="/v2/options/{option_id}/values",
        item_path="/v2/options/{option_id}/values/{id}", parent="product_options_v2", parent_keys={"option_id": "option_id"},
        paging="v2_page", envelope="bare", scopes=PRODUCTS,
        deprecated=True, replaced_by="product_option_values", spec_exception="archived",
        note="Products share options: the parent's option ids must be made distinct.",
    ),
)
