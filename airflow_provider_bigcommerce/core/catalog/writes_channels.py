"""What writes channels, sites and their routes.

Rows only; the fields are explained in ``write.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.write import Lookup, Write, metafield_keys

CHANNELS_KEYS = (Lookup("/v3/channels", ("platform",), filter="platform:in", many=True, unique=False),)
CHANNEL_LISTINGS_KEYS = (Lookup("/v3/channels/{channel_id}/listings", ("product_id",), filter="product_id:in", many=True, unique=True),)

WRITES: tuple[Write, ...] = (
    Write("POST", "/v3/channels", resource="channels", role="create", repeat="unknown", lookup=CHANNELS_KEYS, source="channels.v3.yml:144"),
    Write(
        "PUT", "/v3/channels/{channel_id}", resource="channels", role="update", put="partial", repeat="safe", lookup=CHANNELS_KEYS,
        source="channels.v3.yml:183",
    ),
    Write(
        "POST", "/v3/channels/currency-assignments", resource="channel_currency_assignments", role="create", batch_size=None, body="array",
        repeat="unknown", failed_by="unknown", source="channels.v3.yml:254",
    ),
    Write(
        "PUT", "/v3/channels/currency-assignments", resource="channel_currency_assignments", role="update", batch_size=None, body="array",
        put="unknown", repeat="safe", failed_by="unknown", source="channels.v3.yml:276",
    ),
    Write(
        "POST", "/v3/channels/{channel_id}/currency-assignments", resource="channel_currency_assignments", role="create", repeat="unknown",
        source="channels.v3.yml:313",
    ),
    Write(
        "PUT", "/v3/channels/{channel_id}/currency-assignments", resource="channel_currency_assignments", role="update", put="unknown",
        repeat="safe", source="channels.v3.yml:335",
    ),
    Write(
        "DELETE", "/v3/channels/{channel_id}/currency-assignments", resource="channel_currency_assignments", role="delete_many",
        body="none", repeat="safe", empty_filter="one_object", source="channels.v3.yml:357",
    ),
    Write(
        "POST", "/v3/channels/{channel_id}/listings", resource="channel_listings", role="create", batch_size=None, body="array",
        repeat="unknown", failed_by="index", failed_status=(422,), lookup=CHANNEL_LISTINGS_KEYS, source="channels.v3.yml:395",
    ),
    Write(
        "PUT", "/v3/channels/{channel_id}/listings", resource="channel_listings", role="update", batch_size=None, body="array",
        put="partial", repeat="safe", failed_by="match", failed_status=(200,), lookup=CHANNEL_LISTINGS_KEYS, source="channels.v3.yml:419",
    ),
    Write(
        "PUT", "/v3/channels/{channel_id}/site/checkout-url", resource="channel_site", role="upsert", put="unknown", repeat="safe",
        source="channels.v3.yml:472",
    ),
    Write(
        "DELETE", "/v3/channels/{channel_id}/site/checkout-url", resource="channel_site", role="delete_many", body="none", repeat="safe",
        empty_filter="one_object", source="channels.v3.yml:550",
    ),
    Write(
        "PUT", "/v3/channels/{channel_id}/site", resource="channel_site", role="update", put="unknown", repeat="safe",
        source="channels.v3.yml:593",
    ),
    Write("POST", "/v3/channels/{channel_id}/site", resource="channel_site", role="create", repeat="unknown", source="channels.v3.yml:620"),
    Write(
        "DELETE", "/v3/channels/{channel_id}/site", resource="channel_site", role="delete_many", body="none", repeat="safe",
        empty_filter="one_object", source="channels.v3.yml:648",
    ),
    Write(
        "POST", "/v3/channels/{channel_id}/channel-menus", resource="channel_menus", role="upsert", repeat="safe",
        source="channels.v3.yml:676",
    ),
    Write(
        "DELETE", "/v3/channels/{channel_id}/channel-menus", resource="channel_menus", role="delete_many", body="none", repeat="safe",
        empty_filter="one_object", source="channels.v3.yml:718",
    ),
    Write(
        "POST", "/v3/channels/{channel_id}/metafields", resource="channel_metafields_by_channel", role="create", repeat="refused",
        source="channels.v3.yml:770",
    ),
    Write(
        "PUT", "/v3/channels/{channel_id}/metafields/{metafield_id}", resource="channel_metafields_by_channel", role="update",
        put="partial_implied", repeat="safe", source="channels.v3.yml:859",
    ),
    Write(
        "DELETE", "/v3/channels/{channel_id}/metafields/{metafield_id}", resource="channel_metafields_by_channel", role="delete",
        body="none", repeat="safe_404", empty_filter="one_object", source="channels.v3.yml:916",
    ),
    Write(
        "POST", "/v3/channels/metafields", resource="channel_metafields", role="create", batch_size=None, body="array", repeat="refused",
        failed_by="index", failed_status=(422,), lookup=metafield_keys("/v3/channels/metafields"), source="channels.v3.yml:968",
    ),
    Write(
        "PUT", "/v3/channels/metafields", resource="channel_metafields", role="update", batch_size=None, body="array",
        put="partial_implied", repeat="safe", failed_by="index", failed_status=(422,), lookup=metafield_keys("/v3/channels/metafields"),
        source="channels.v3.yml:1020",
    ),
    Write(
        "DELETE", "/v3/channels/metafields", resource="channel_metafields", role="delete_many", batch_size=None, body="keys",
        repeat="safe", failed_by="index", failed_status=(422,), empty_filter="ids_in_body",
        lookup=metafield_keys("/v3/channels/metafields"), source="channels.v3.yml:1073",
    ),
    Write("POST", "/v3/sites", resource="sites", role="create", repeat="unknown", source="sites.v3.yml:144"),
    Write("PUT", "/v3/sites/{site_id}", resource="sites", role="update", put="partial_implied", repeat="safe", source="sites.v3.yml:224"),
    Write(
        "DELETE", "/v3/sites/{site_id}", resource="sites", role="delete", body="none", repeat="safe_404", empty_filter="one_object",
        source="sites.v3.yml:244",
    ),
    Write("POST", "/v3/sites/{site_id}/routes", resource="site_routes", role="create", repeat="refused", source="sites.v3.yml:334"),
    Write(
        "PUT", "/v3/sites/{site_id}/routes", resource="site_routes", role="upsert", batch_size=None, body="array", put="unknown",
        repeat="depends", upsert_by=(("id",),), failed_by="index", failed_status=(422,), source="sites.v3.yml:364",
    ),
    Write(
        "PUT", "/v3/sites/{site_id}/routes/{route_id}", resource="site_routes", role="update", put="partial_implied", repeat="safe",
        source="sites.v3.yml:463",
    ),
    Write(
        "DELETE", "/v3/sites/{site_id}/routes/{route_id}", resource="site_routes", role="delete", body="none", repeat="safe_404",
        empty_filter="one_object", source="sites.v3.yml:486",
    ),
    Write(
        "PUT", "/v3/sites/{site_id}/certificate", resource="site_certificates", role="upsert", put="upsert_overwrites", repeat="safe",
        upsert_by=(("url",),), secret_fields=("certificate.private_key",), source="sites.v3.yml:529",
    ),
    Write("POST", "/v3/storefront/api-token", role="action", repeat="unknown", source="storefront_tokens.v3.yml:59"),
    Write(
        "DELETE", "/v3/storefront/api-token", role="action", body="none", repeat="safe", empty_filter="one_object",
        source="storefront_tokens.v3.yml:112",
    ),
    Write("POST", "/v3/storefront/api-token-private", role="action", repeat="unknown", source="storefront_tokens.v3.yml:141"),
    Write(
        "POST", "/v3/storefront/api-token-customer-impersonation", role="action", repeat="unknown", source="storefront_tokens.v3.yml:194",
    ),
)
