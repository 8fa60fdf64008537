"""Tax and shipping.

Rows only; the fields are explained in ``resource.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.operations import operation
from airflow_provider_bigcommerce.core.catalog.resource import INFORMATION, PRODUCTS, TAX_CLASSES, Resource

ROWS: tuple[Resource, ...] = (
    Resource(
        name="tax_classes", area="tax", path="/v2/tax_classes",
        item_path="/v2/tax_classes/{id}", paging="v2_page", envelope="bare", scopes=TAX_CLASSES,
        sort_by_id={},
        create=operation("POST", "/v3/tax/classes"),
        update=operation("PUT", "/v3/tax/classes"),
        delete=operation("DELETE", "/v3/tax/classes"),
        spec_file="tax_classes.v2.yml",
        note="Read by V2, written by V3, where the file asks for a scope named MANAGE_TAX. page ends at 50.",
    ),
    Resource(
        name="tax_zones", area="tax", path="/v3/tax/zones",
        paging="single", page_size=0, scopes=INFORMATION,
        id_in="id:in",
        create=operation("POST", "/v3/tax/zones"),
        update=operation("PUT", "/v3/tax/zones"),
        delete=operation("DELETE", "/v3/tax/zones"),
        spec_file="tax_rates_zones.v3.yml",
    ),
    Resource(
        name="tax_rates", area="tax", path="/v3/tax/rates",
        may_have_pages=True,
        paging="single", page_size=0, scopes=INFORMATION,
        id_in="id:in",
        filters=("tax_zone_id:in",),
        create=operation("POST", "/v3/tax/rates"),
        update=operation("PUT", "/v3/tax/rates"),
        delete=operation("DELETE", "/v3/tax/rates"),
        spec_file="tax_rates_zones.v3.yml",
        note="Takes neither page nor limit, although it answers with meta.pagination.",
    ),
    Resource(
        name="tax_properties", area="tax", path="/v3/tax/properties",
        paging="single", page_size=0, scopes=INFORMATION,
        id_in="id:in",
        filters=("type:in",),
        create=operation("POST", "/v3/tax/properties"),
        update=operation("PUT", "/v3/tax/properties"),
        delete=operation("DELETE", "/v3/tax/properties"),
        spec_file="tax_properties.v3.yml",
    ),
    Resource(
        name="product_tax_properties", area="tax", path="/v3/tax/products/properties",
        parent="products", parent_keys={"product_id:in": "id"}, paging="single", page_size=0, primary_key=("product_id",),
        scopes=INFORMATION,
        id_in="product_id:in",
        required_params=("product_id:in",),
        create=operation("PUT", "/v3/tax/products/properties"),
        update=operation("PUT", "/v3/tax/products/properties"),
        delete=operation("DELETE", "/v3/tax/products/properties"),
        upsert=True, spec_file="tax_properties.v3.yml",
        note="No list without product ids: read in batches of the products' ids.",
    ),
    Resource(
        name="tax_customers", area="tax", path="/v3/tax/customers",
        paging="single", page_size=0, primary_key=("customer_id",), scopes=INFORMATION,
        id_in="customer_id:in",
        create=operation("PUT", "/v3/tax/customers"),
        update=operation("PUT", "/v3/tax/customers"),
        delete=operation("DELETE", "/v3/tax/customers"),
        upsert=True, spec_file="tax_customers.v3.yml",
    ),
    Resource(
        name="tax_settings", area="tax", path="/v3/tax/settings",
        kind="singleton", paging="single", page_size=0, primary_key=(), scopes=INFORMATION,
        update=operation("PUT", "/v3/tax/settings"),
        spec_file="tax_settings.v3.yml",
    ),
    Resource(
        name="tax_provider_connection", area="tax", path="/v3/tax/providers/{provider_id}/connection",
        kind="singleton", paging="single", page_size=0, primary_key=(), scopes=INFORMATION,
        update=operation("PUT", "/v3/tax/providers/{provider_id}/connection"),
        delete=operation("DELETE", "/v3/tax/providers/{provider_id}/connection"),
        spec_file="tax.v3.yml",
        note="For a provider that the caller names.",
    ),
    Resource(
        name="shipping_zones", area="shipping", path="/v2/shipping/zones",
        item_path="/v2/shipping/zones/{id}", paging="single", page_size=0, envelope="bare", scopes=INFORMATION,
        create=operation("POST", "/v2/shipping/zones"),
        update=operation("PUT", "/v2/shipping/zones/{id}"),
        delete=operation("DELETE", "/v2/shipping/zones/{id}"),
        spec_file="shipping.v2.yml",
    ),
    Resource(
        name="shipping_methods", area="shipping", path="/v2/shipping/zones/{zone_id}/methods",
        item_path="/v2/shipping/zones/{zone_id}/methods/{method_id}", parent="shipping_zones", parent_keys={"zone_id": "id"},
        paging="single", page_size=0, envelope="bare", scopes=INFORMATION,
        sort_by_id={},
        create=operation("POST", "/v2/shipping/zones/{zone_id}/methods"),
        update=operation("PUT", "/v2/shipping/zones/{zone_id}/methods/{method_id}"),
        delete=operation("DELETE", "/v2/shipping/zones/{zone_id}/methods/{method_id}"),
        spec_file="shipping.v2.yml",
    ),
    Resource(
        name="product_customs_information", area="shipping", path="/v3/shipping/products/customs-information",
        primary_key=("product_id",), scopes=PRODUCTS,
        id_in="product_id:in",
        create=operation("PUT", "/v3/shipping/products/customs-information"),
        update=operation("PUT", "/v3/shipping/products/customs-information"),
        delete=operation("DELETE", "/v3/shipping/products/customs-information"),
        upsert=True, spec_file="shipping.v3.yml",
    ),
    Resource(
        name="shipping_settings", area="shipping", path="/v3/shipping/settings",
        kind="singleton", paging="single", page_size=0, primary_key=(), scopes=PRODUCTS,
        update=operation("PUT", "/v3/shipping/settings"),
        spec_file="shipping.v3.yml",
    ),
    Resource(
        name="shipping_channel_settings", area="shipping", path="/v3/shipping/settings/channels/{channel_id}",
        kind="singleton", parent="channels", parent_keys={"channel_id": "id"}, paging="single", page_size=0, primary_key=("channel_id",),
        scopes=PRODUCTS,
        update=operation("PUT", "/v3/shipping/settings/channels/{channel_id}"),
        spec_file="shipping.v3.yml",
    ),
)
