"""What writes customers, their groups, segments and subscribers.

Rows only; the fields are explained in ``write.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.write import Lookup, Write, metafield_keys

CUSTOMER_GROUPS_KEYS = (Lookup("/v2/customer_groups", ("name",), filter="name"),)
CUSTOMERS_KEYS = (Lookup("/v3/customers", ("email",), filter="email:in", many=True, unique=True),)
CUSTOMER_ADDRESSES_KEYS = (
    Lookup(
        "/v3/customers/addresses",
        (
            "customer_id", "first_name", "last_name", "company", "phone", "address1", "address2", "city", "state_or_province",
            "postal_code", "country_code",
        ),
        filter="customer_id:in", many=True, unique=True,
    ),
)
CUSTOMER_ATTRIBUTES_KEYS = (Lookup("/v3/customers/attributes", ("name",), filter="name"),)
CUSTOMER_ATTRIBUTE_VALUES_KEYS = (
    Lookup("/v3/customers/attribute-values", ("customer_id", "attribute_id"), filter="customer_id:in", many=True, unique=True),
)
SUBSCRIBERS_KEYS = (Lookup("/v3/customers/subscribers", ("email",), filter="email", unique=True),)
WISHLISTS_KEYS = (Lookup("/v3/wishlists", ("customer_id",), filter="customer_id", unique=False),)

WRITES: tuple[Write, ...] = (
    Write(
        "POST", "/v2/customers", resource="customers_v2", role="create", repeat="unknown", secret_fields=("_authentication",),
        deprecated=True, source="customers.v2.yml:128",
    ),
    Write(
        "DELETE", "/v2/customers", resource="customers_v2", role="delete_many", body="none", repeat="safe", empty_filter="wipes",
        deprecated=True, source="customers.v2.yml:218",
    ),
    Write(
        "PUT", "/v2/customers/{customer_id}", resource="customers_v2", role="update", put="partial_implied", repeat="safe",
        secret_fields=("_authentication",), deprecated=True, source="customers.v2.yml:272",
    ),
    Write(
        "DELETE", "/v2/customers/{customer_id}", resource="customers_v2", role="delete", body="none", repeat="safe_404",
        empty_filter="one_object", deprecated=True, source="customers.v2.yml:339",
    ),
    Write(
        "POST", "/v2/customers/{customer_id}/validate", resource="customers_v2", role="read", repeat="read", secret_fields=("password",),
        deprecated=True, source="customers.v2.yml:399",
    ),
    Write(
        "POST", "/v2/customers/{customer_id}/addresses", resource="customer_addresses_v2", role="create", repeat="unknown",
        deprecated=True, source="customers.v2.yml:481",
    ),
    Write(
        "DELETE", "/v2/customers/{customer_id}/addresses", resource="customer_addresses_v2", role="delete_many", body="none",
        repeat="safe", empty_filter="wipes", deprecated=True, source="customers.v2.yml:518",
    ),
    Write(
        "PUT", "/v2/customers/{customer_id}/addresses/{customer_address_id}", resource="customer_addresses_v2", role="update",
        put="partial_implied", repeat="safe", deprecated=True, source="customers.v2.yml:578",
    ),
    Write(
        "DELETE", "/v2/customers/{customer_id}/addresses/{customer_address_id}", resource="customer_addresses_v2", role="delete",
        body="none", repeat="safe_404", empty_filter="one_object", deprecated=True, source="customers.v2.yml:692",
    ),
    Write(
        "POST", "/v2/customer_groups", resource="customer_groups", role="create", concurrency=40, repeat="unknown", failed_by="row",
        failed_status=(207,), lookup=CUSTOMER_GROUPS_KEYS, source="customers.v2.yml:830",
    ),
    Write(
        "PUT", "/v2/customer_groups/{customer_group_id}", resource="customer_groups", role="update", put="mixed", repeat="safe",
        failed_by="row", failed_status=(207,), lookup=CUSTOMER_GROUPS_KEYS, source="customers.v2.yml:954",
    ),
    Write(
        "DELETE", "/v2/customer_groups/{customer_group_id}", resource="customer_groups", role="delete", body="none", concurrency=40,
        repeat="safe_404", empty_filter="one_object", lookup=CUSTOMER_GROUPS_KEYS, source="customers.v2.yml:997",
    ),
    Write(
        "POST", "/v3/customers", resource="customers", role="create", batch_size=10, body="array", repeat="refused", failed_by="split",
        failed_status=(422,), lookup=CUSTOMERS_KEYS, effects=("may_mail",), secret_fields=("authentication.new_password",),
        source="customers.v3.yml:231",
    ),
    Write(
        "PUT", "/v3/customers", resource="customers", role="update", batch_size=10, body="array", concurrency=3, put="partial_implied",
        repeat="safe", failed_by="split", failed_status=(422,), lookup=CUSTOMERS_KEYS, secret_fields=("authentication.new_password",),
        source="customers.v3.yml:332",
    ),
    Write(
        "DELETE", "/v3/customers", resource="customers", role="delete_many", batch_size=None, body="none", required_filters=("id:in",),
        repeat="safe", empty_filter="nothing", lookup=CUSTOMERS_KEYS, source="customers.v3.yml:410",
    ),
    Write(
        "POST", "/v3/customers/addresses", resource="customer_addresses", role="create", batch_size=None, body="array", concurrency=10,
        repeat="silent_noop", failed_by="match", failed_status=(200,), lookup=CUSTOMER_ADDRESSES_KEYS, source="customers.v3.yml:532",
    ),
    Write(
        "PUT", "/v3/customers/addresses", resource="customer_addresses", role="update", batch_size=None, body="array", concurrency=3,
        put="unknown", repeat="safe", failed_by="match", failed_status=(200,), lookup=CUSTOMER_ADDRESSES_KEYS,
        source="customers.v3.yml:629",
    ),
    Write(
        "DELETE", "/v3/customers/addresses", resource="customer_addresses", role="delete_many", batch_size=None, body="none",
        required_filters=("id:in",), repeat="safe", empty_filter="required_param", lookup=CUSTOMER_ADDRESSES_KEYS,
        source="customers.v3.yml:723",
    ),
    Write(
        "POST", "/v3/customers/validate-credentials", role="read", repeat="read", secret_fields=("password",),
        source="customers.v3.yml:762",
    ),
    Write(
        "PUT", "/v3/customers/settings", resource="customer_settings", role="update", put="unknown", repeat="safe",
        source="customers.v3.yml:847",
    ),
    Write(
        "PUT", "/v3/customers/settings/channels/{channel_id}", resource="customer_channel_settings", role="update", put="unknown",
        repeat="safe", source="customers.v3.yml:934",
    ),
    Write(
        "POST", "/v3/customers/attributes", resource="customer_attributes", role="create", batch_size=None, body="array", concurrency=3,
        repeat="unknown", failed_by="unknown", lookup=CUSTOMER_ATTRIBUTES_KEYS, source="customers.v3.yml:1094",
    ),
    Write(
        "PUT", "/v3/customers/attributes", resource="customer_attributes", role="update", batch_size=None, body="array", concurrency=3,
        put="unknown", repeat="safe", failed_by="unknown", lookup=CUSTOMER_ATTRIBUTES_KEYS, source="customers.v3.yml:1150",
    ),
    Write(
        "DELETE", "/v3/customers/attributes", resource="customer_attributes", role="delete_many", batch_size=None, body="none",
        required_filters=("id:in",), repeat="safe", empty_filter="required_param", lookup=CUSTOMER_ATTRIBUTES_KEYS,
        source="customers.v3.yml:1199",
    ),
    Write(
        "PUT", "/v3/customers/attribute-values", resource="customer_attribute_values", role="upsert", batch_size=10, body="array",
        concurrency=3, put="unknown", repeat="safe", upsert_by=(("customer_id", "attribute_id"),), failed_by="unknown",
        lookup=CUSTOMER_ATTRIBUTE_VALUES_KEYS, held_as=(("value", "attribute_value"),), source="customers.v3.yml:1325",
    ),
    Write(
        "DELETE", "/v3/customers/attribute-values", resource="customer_attribute_values", role="delete_many", batch_size=None, body="none",
        required_filters=("id:in",), repeat="safe", empty_filter="required_param", lookup=CUSTOMER_ATTRIBUTE_VALUES_KEYS,
        source="customers.v3.yml:1394",
    ),
    Write(
        "PUT", "/v3/customers/form-field-values", resource="customer_form_field_values", role="upsert", batch_size=None, body="array",
        concurrency=10, put="unknown", repeat="safe", upsert_by=(("customer_id", "name"), ("address_id", "name")), failed_by="unknown",
        deprecated=True, source="customers.v3.yml:1521",
    ),
    Write(
        "PUT", "/v3/customers/{customerId}/consent", resource="customer_consent", role="update", put="unknown", repeat="safe",
        source="customers.v3.yml:1590",
    ),
    Write(
        "POST", "/v3/customers/{customerId}/metafields", resource="customer_metafields_by_customer", role="create", repeat="refused",
        source="customers.v3.yml:1747",
    ),
    Write(
        "PUT", "/v3/customers/{customerId}/metafields/{metafieldId}", resource="customer_metafields_by_customer", role="update",
        put="partial_implied", repeat="safe", source="customers.v3.yml:1852",
    ),
    Write(
        "DELETE", "/v3/customers/{customerId}/metafields/{metafieldId}", resource="customer_metafields_by_customer", role="delete",
        body="none", repeat="safe_404", empty_filter="one_object", source="customers.v3.yml:1926",
    ),
    Write(
        "POST", "/v3/customers/metafields", resource="customer_metafields", role="create", batch_size=None, body="array", repeat="refused",
        failed_by="index", failed_status=(422,), lookup=metafield_keys("/v3/customers/metafields"), source="customers.v3.yml:1983",
    ),
    Write(
        "PUT", "/v3/customers/metafields", resource="customer_metafields", role="update", batch_size=None, body="array",
        put="partial_implied", repeat="safe", failed_by="index", failed_status=(422,), lookup=metafield_keys("/v3/customers/metafields"),
        source="customers.v3.yml:2045",
    ),
    Write(
        "DELETE", "/v3/customers/metafields", resource="customer_metafields", role="delete_many", body="none", repeat="safe",
        failed_by="index", failed_status=(422,), empty_filter="unknown", lookup=metafield_keys("/v3/customers/metafields"),
        source="customers.v3.yml:2107",
    ),
    Write(
        "POST", "/v3/segments", resource="segments", role="create", batch_size=None, body="array", concurrency=10, repeat="refused",
        failed_by="index", failed_status=(409,), source="segments.v3.yml:47",
    ),
    Write(
        "PUT", "/v3/segments", resource="segments", role="update", batch_size=None, body="array", concurrency=10, put="unknown",
        repeat="safe", failed_by="unknown", source="segments.v3.yml:144",
    ),
    Write(
        "DELETE", "/v3/segments", resource="segments", role="delete_many", batch_size=None, body="none", required_filters=("id:in",),
        repeat="safe", empty_filter="unknown", source="segments.v3.yml:177",
    ),
    Write(
        "POST", "/v3/segments/{segmentId}/shopper-profiles", resource="segment_shopper_profiles", role="create", batch_size=50,
        body="keys", concurrency=10, repeat="refused", failed_by="index", failed_status=(409,), source="segments.v3.yml:214",
    ),
    Write(
        "DELETE", "/v3/segments/{segmentId}/shopper-profiles", resource="segment_shopper_profiles", role="delete_many", batch_size=None,
        body="none", required_filters=("id:in",), repeat="safe", empty_filter="unknown", source="segments.v3.yml:317",
    ),
    Write(
        "POST", "/v3/shopper-profiles", resource="shopper_profiles", role="create", batch_size=None, body="array", repeat="unknown",
        failed_by="unknown", source="segments.v3.yml:352",
    ),
    Write(
        "DELETE", "/v3/shopper-profiles", resource="shopper_profiles", role="delete_many", batch_size=None, body="none",
        required_filters=("id:in",), repeat="safe", empty_filter="unknown", source="segments.v3.yml:382",
    ),
    Write(
        "POST", "/v3/customers/subscribers", resource="subscribers", role="create", repeat="refused", lookup=SUBSCRIBERS_KEYS,
        source="subscribers.v3.yml:70",
    ),
    Write(
        "DELETE", "/v3/customers/subscribers", resource="subscribers", role="delete_many", body="none",
        filters=("email", "first_name", "last_name", "source", "order_id", "date_created", "date_modified"), repeat="safe",
        empty_filter="wipes", lookup=SUBSCRIBERS_KEYS, source="subscribers.v3.yml:157",
    ),
    Write(
        "PUT", "/v3/customers/subscribers/{subscriber_id}", resource="subscribers", role="update", put="partial_implied", repeat="safe",
        lookup=SUBSCRIBERS_KEYS, source="subscribers.v3.yml:226",
    ),
    Write(
        "DELETE", "/v3/customers/subscribers/{subscriber_id}", resource="subscribers", role="delete", body="none", repeat="safe_404",
        empty_filter="one_object", lookup=SUBSCRIBERS_KEYS, source="subscribers.v3.yml:339",
    ),
    Write(
        "POST", "/v3/wishlists", resource="wishlists", role="create", repeat="duplicates", lookup=WISHLISTS_KEYS,
        source="wishlists.v3.yml:140",
    ),
    Write(
        "DELETE", "/v3/wishlists/{wishlist_id}/items/{item_id}", resource="wishlists", role="delete", body="none", repeat="safe_404",
        empty_filter="one_object", lookup=WISHLISTS_KEYS, source="wishlists.v3.yml:234",
    ),
    Write(
        "PUT", "/v3/wishlists/{wishlist_id}", resource="wishlists", role="update", put="unknown", repeat="safe", lookup=WISHLISTS_KEYS,
        source="wishlists.v3.yml:402",
    ),
    Write(
        "DELETE", "/v3/wishlists/{wishlist_id}", resource="wishlists", role="delete", body="none", repeat="safe_404",
        empty_filter="one_object", lookup=WISHLISTS_KEYS, source="wishlists.v3.yml:488",
    ),
    Write(
        "POST", "/v3/wishlists/{wishlist_id}/items", resource="wishlists", role="create", batch_size=None, body="wrapper",
        list_field="items", repeat="unknown", failed_by="unknown", lookup=WISHLISTS_KEYS, source="wishlists.v3.yml:532",
    ),
)
