"""What writes tax and shipping.

Rows only; the fields are explained in ``write.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.write import Lookup, Write

PRODUCT_CUSTOMS_INFORMATION_KEYS = (
    Lookup("/v3/shipping/products/customs-information", ("product_id",), filter="product_id:in", many=True, unique=True),
)
TAX_CUSTOMERS_KEYS = (Lookup("/v3/tax/customers", ("customer_id",), filter="customer_id:in", many=True, unique=True),)
PRODUCT_TAX_PROPERTIES_KEYS = (Lookup("/v3/tax/products/properties", ("product_id",), filter="product_id:in", many=True, unique=True),)

WRITES: tuple[Write, ...] = (
    Write("POST", "/v2/shipping/zones", resource="shipping_zones", role="create", repeat="unknown", source="shipping.v2.yml:191"),
    Write(
        "PUT", "/v2/shipping/zones/{id}", resource="shipping_zones", role="update", put="partial_implied", repeat="safe",
        source="shipping.v2.yml:490",
    ),
    Write(
        "DELETE", "/v2/shipping/zones/{id}", resource="shipping_zones", role="delete", body="none", repeat="safe_404",
        empty_filter="one_object", source="shipping.v2.yml:684",
    ),
    Write(
        "POST", "/v2/shipping/zones/{zone_id}/methods", resource="shipping_methods", role="create", repeat="unknown",
        source="shipping.v2.yml:813",
    ),
    Write(
        "PUT", "/v2/shipping/zones/{zone_id}/methods/{method_id}", resource="shipping_methods", role="update", put="partial_implied",
        repeat="safe", source="shipping.v2.yml:1545",
    ),
    Write(
        "DELETE", "/v2/shipping/zones/{zone_id}/methods/{method_id}", resource="shipping_methods", role="delete", body="none",
        repeat="safe_404", empty_filter="one_object", source="shipping.v2.yml:1775",
    ),
    Write(
        "PUT", "/v2/shipping/carrier/connection", role="update", put="unknown", repeat="safe", secret_fields=("connection",),
        source="shipping.v2.yml:1811",
    ),
    Write(
        "POST", "/v2/shipping/carrier/connection", role="create", repeat="unknown", failed_by="none", failed_status=(204,),
        secret_fields=("connection",), source="shipping.v2.yml:1849",
    ),
    Write(
        "DELETE", "/v2/shipping/carrier/connection", role="delete_many", repeat="safe", empty_filter="one_object",
        source="shipping.v2.yml:2096",
    ),
    Write(
        "DELETE", "/v3/shipping/products/customs-information", resource="product_customs_information", role="delete_many", batch_size=None,
        body="none", required_filters=("product_id:in",), repeat="safe", empty_filter="required_param",
        lookup=PRODUCT_CUSTOMS_INFORMATION_KEYS, source="shipping.v3.yml:73",
    ),
    Write(
        "PUT", "/v3/shipping/products/customs-information", resource="product_customs_information", role="upsert", batch_size=50,
        body="array", put="unknown", repeat="safe", upsert_by=(("product_id",),), failed_by="unknown",
        lookup=PRODUCT_CUSTOMS_INFORMATION_KEYS, source="shipping.v3.yml:101",
    ),
    Write(
        "PUT", "/v3/shipping/settings", resource="shipping_settings", role="update", put="unknown", repeat="safe",
        source="shipping.v3.yml:171",
    ),
    Write(
        "PUT", "/v3/shipping/settings/channels/{channel_id}", resource="shipping_channel_settings", role="update", put="partial_implied",
        repeat="safe", source="shipping.v3.yml:272",
    ),
    Write(
        "DELETE", "/v3/tax/providers/{provider_id}/connection", resource="tax_provider_connection", role="delete_many", body="none",
        repeat="safe", empty_filter="one_object", source="tax.v3.yml:49",
    ),
    Write(
        "PUT", "/v3/tax/providers/{provider_id}/connection", resource="tax_provider_connection", role="update", put="unknown",
        repeat="safe", secret_fields=("username", "password"), source="tax.v3.yml:75",
    ),
    Write(
        "POST", "/v3/tax/classes", resource="tax_classes", role="create", batch_size=50, body="array", repeat="refused",
        failed_by="unknown", failed_status=(409, 413, 422), source="tax_classes.v3.yaml:36",
    ),
    Write(
        "PUT", "/v3/tax/classes", resource="tax_classes", role="update", batch_size=50, body="array", put="unknown", repeat="safe",
        failed_by="unknown", failed_status=(409, 413, 422), source="tax_classes.v3.yaml:98",
    ),
    Write(
        "DELETE", "/v3/tax/classes", resource="tax_classes", role="delete_many", batch_size=50, body="none", required_filters=("id:in",),
        repeat="safe", empty_filter="required_param", source="tax_classes.v3.yaml:161",
    ),
    Write(
        "PUT", "/v3/tax/customers", resource="tax_customers", role="upsert", batch_size=None, body="array", put="additive", repeat="safe",
        upsert_by=(("customer_id",),), failed_by="unknown", lookup=TAX_CUSTOMERS_KEYS, source="tax_customers.v3.yml:50",
    ),
    Write(
        "DELETE", "/v3/tax/customers", resource="tax_customers", role="delete_many", batch_size=None, body="none",
        required_filters=("customer_id:in",), repeat="safe", empty_filter="unknown", lookup=TAX_CUSTOMERS_KEYS,
        source="tax_customers.v3.yml:91",
    ),
    Write(
        "PUT", "/v3/tax/properties", resource="tax_properties", role="update", batch_size=None, body="array", put="partial", repeat="safe",
        failed_by="unknown", source="tax_properties.v3.yml:52",
    ),
    Write(
        "POST", "/v3/tax/properties", resource="tax_properties", role="create", batch_size=None, body="array", repeat="unknown",
        failed_by="unknown", source="tax_properties.v3.yml:85",
    ),
    Write(
        "DELETE", "/v3/tax/properties", resource="tax_properties", role="delete_many", batch_size=None, body="none",
        required_filters=("id:in",), repeat="safe", empty_filter="required_param", source="tax_properties.v3.yml:118",
    ),
    Write(
        "PUT", "/v3/tax/products/properties", resource="product_tax_properties", role="upsert", batch_size=None, body="array",
        put="additive", repeat="safe", upsert_by=(("product_id",),), failed_by="unknown", lookup=PRODUCT_TAX_PROPERTIES_KEYS,
        source="tax_properties.v3.yml:162",
    ),
    Write(
        "DELETE", "/v3/tax/products/properties", resource="product_tax_properties", role="delete_many", batch_size=None, body="none",
        required_filters=("product_id:in",), repeat="safe", empty_filter="required_param", lookup=PRODUCT_TAX_PROPERTIES_KEYS,
        source="tax_properties.v3.yml:203",
    ),
    Write(
        "PUT", "/v3/tax/zones", resource="tax_zones", role="update", batch_size=None, body="array", put="partial", repeat="safe",
        failed_by="unknown", source="tax_rates_zones.v3.yml:74",
    ),
    Write(
        "POST", "/v3/tax/zones", resource="tax_zones", role="create", batch_size=None, body="array", repeat="unknown", failed_by="unknown",
        source="tax_rates_zones.v3.yml:119",
    ),
    Write(
        "DELETE", "/v3/tax/zones", resource="tax_zones", role="delete_many", batch_size=None, body="none", required_filters=("id:in",),
        repeat="safe", empty_filter="must_have", source="tax_rates_zones.v3.yml:173",
    ),
    Write(
        "PUT", "/v3/tax/rates", resource="tax_rates", role="update", batch_size=None, body="array", put="partial", repeat="safe",
        failed_by="unknown", source="tax_rates_zones.v3.yml:216",
    ),
    Write(
        "POST", "/v3/tax/rates", resource="tax_rates", role="create", batch_size=None, body="array", repeat="unknown", failed_by="unknown",
        source="tax_rates_zones.v3.yml:253",
    ),
    Write(
        "DELETE", "/v3/tax/rates", resource="tax_rates", role="delete_many", batch_size=None, body="none", required_filters=("id:in",),
        repeat="safe", empty_filter="must_have", source="tax_rates_zones.v3.yml:290",
    ),
    Write("PUT", "/v3/tax/settings", resource="tax_settings", role="update", put="unknown", repeat="safe", source="tax_settings.v3.yml:42"),
    Write(
        "POST", "/v3/tax/zonecheck", role="read", batch_size=None, body="array", repeat="read", failed_by="unknown",
        source="tax_zone_check.v3.yml:26",
    ),
)
