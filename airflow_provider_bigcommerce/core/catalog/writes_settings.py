"""What writes settings of the store and its channels.

Rows only; the fields are explained in ``write.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.write import Write

WRITES: tuple[Write, ...] = (
    Write(
        "PUT", "/v3/settings/analytics/{id}", resource="web_analytics_providers", role="update", put="partial_implied", repeat="safe",
        source="settings.v3.yml:124",
    ),
    Write(
        "PUT", "/v3/settings/catalog", resource="settings_catalog", role="update", put="replace", repeat="safe",
        source="settings.v3.yml:220",
    ),
    Write(
        "PUT", "/v3/settings/email-statuses", resource="settings_email_statuses", role="update", put="unknown", repeat="safe",
        source="settings.v3.yml:291",
    ),
    Write("POST", "/v3/settings/favicon/image", role="replace", body="multipart", repeat="safe", source="settings.v3.yml:350"),
    Write(
        "PUT", "/v3/settings/inventory/notifications", resource="settings_inventory_notifications", role="update", put="replace",
        repeat="safe", source="settings.v3.yml:403",
    ),
    Write("PUT", "/v3/settings/logo", resource="settings_logo", role="update", put="replace", repeat="safe", source="settings.v3.yml:453"),
    Write(
        "POST", "/v3/settings/logo/image", resource="settings_logo", role="replace", body="multipart", repeat="safe",
        source="settings.v3.yml:486",
    ),
    Write(
        "PUT", "/v3/settings/search/filters", resource="search_filters", role="update", batch_size=None, body="array", replaces_list=True,
        put="replace", repeat="safe", failed_by="unknown", source="settings.v3.yml:567",
    ),
    Write(
        "PUT", "/v3/settings/search/filters/contexts", resource="search_filter_contexts", role="upsert", batch_size=None, body="array",
        put="unknown", repeat="safe", upsert_by=(("context.channel_id", "context.category_id"),), failed_by="unknown",
        source="settings.v3.yml:775",
    ),
    Write(
        "PUT", "/v3/settings/store/locale", resource="settings_store_locale", role="update", put="unknown", repeat="safe",
        source="settings.v3.yml:851",
    ),
    Write(
        "PUT", "/v3/settings/store/profile", resource="settings_store_profile", role="update", put="replace", repeat="safe",
        source="settings.v3.yml:936",
    ),
    Write(
        "PUT", "/v3/settings/storefront/category", resource="settings_storefront_category", role="update", put="replace", repeat="safe",
        source="settings.v3.yml:1001",
    ),
    Write(
        "PUT", "/v3/settings/storefront/product", resource="settings_storefront_product", role="update", put="replace", repeat="safe",
        source="settings.v3.yml:1053",
    ),
    Write(
        "PUT", "/v3/settings/storefront/robotstxt", resource="settings_storefront_robotstxt", role="update", put="replace", repeat="safe",
        source="settings.v3.yml:1111",
    ),
    Write(
        "PUT", "/v3/settings/storefront/search", resource="settings_storefront_search", role="update", put="replace", repeat="safe",
        source="settings.v3.yml:1179",
    ),
    Write(
        "PUT", "/v3/settings/storefront/security", resource="settings_storefront_security", role="update", put="replace", repeat="safe",
        source="settings.v3.yml:1254",
    ),
    Write(
        "PUT", "/v3/settings/storefront/seo", resource="settings_storefront_seo", role="update", put="unknown", repeat="safe",
        source="settings.v3.yml:1322",
    ),
    Write(
        "PUT", "/v3/settings/storefront/status", resource="settings_storefront_status", role="update", put="replace", repeat="safe",
        secret_fields=("prelaunch_password",), source="settings.v3.yml:1401",
    ),
    Write(
        "PUT", "/v3/settings/inventory", resource="settings_inventory", role="update", put="unknown", repeat="safe",
        source="settings.v3.yml:1474",
    ),
    Write(
        "PUT", "/v3/settings/store/units-of-measurement", resource="settings_store_units_of_measurement", role="update", put="replace",
        repeat="safe", source="settings.v3.yml:1531",
    ),
)
