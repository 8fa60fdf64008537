"""What writes the store itself, its metafields, currencies and webhooks.

Rows only; the fields are explained in ``write.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.write import Lookup, Write, metafield_keys

WEBHOOKS_KEYS = (Lookup("/v3/hooks", ("scope", "destination"), filter="scope", unique=True),)

WRITES: tuple[Write, ...] = (
    Write("POST", "/v2/currencies", resource="currencies", role="create", repeat="unknown", source="currencies.v2.yml:74"),
    Write(
        "DELETE", "/v2/currencies", resource="currencies", role="delete_many", body="none", repeat="safe", empty_filter="wipes",
        source="currencies.v2.yml:113",
    ),
    Write(
        "PUT", "/v2/currencies/{id}", resource="currencies", role="update", put="partial_implied", repeat="safe",
        source="currencies.v2.yml:145",
    ),
    Write(
        "DELETE", "/v2/currencies/{id}", resource="currencies", role="delete", body="none", repeat="safe_404", empty_filter="one_object",
        source="currencies.v2.yml:177",
    ),
    Write(
        "POST", "/v3/infrastructure/projects", resource="infrastructure_projects", role="create", repeat="unknown",
        source="infrastructure_hosting.v3.yml:118",
    ),
    Write(
        "DELETE", "/v3/infrastructure/projects", resource="infrastructure_projects", role="delete_many", batch_size=None, body="none",
        required_filters=("project_uuid:in",), repeat="safe", empty_filter="refused", source="infrastructure_hosting.v3.yml:151",
    ),
    Write(
        "DELETE", "/v3/infrastructure/projects/{project_uuid}", resource="infrastructure_projects", role="delete", body="none",
        repeat="safe_404", empty_filter="one_object", source="infrastructure_hosting.v3.yml:179",
    ),
    Write(
        "POST", "/v3/infrastructure/deployments", role="action", concurrency=1, repeat="unknown",
        source="infrastructure_hosting.v3.yml:197",
    ),
    Write("POST", "/v3/infrastructure/deployments/uploads", role="action", repeat="unknown", source="infrastructure_hosting.v3.yml:250"),
    Write(
        "POST", "/v3/store/metafields", resource="store_metafields", role="create", batch_size=None, body="array", repeat="refused",
        failed_by="index", failed_status=(422,), lookup=metafield_keys("/v3/store/metafields"), source="store_information.v3.yml:79",
    ),
    Write(
        "PUT", "/v3/store/metafields", resource="store_metafields", role="update", batch_size=None, body="array", put="partial_implied",
        repeat="safe", failed_by="index", failed_status=(422,), lookup=metafield_keys("/v3/store/metafields"),
        source="store_information.v3.yml:110",
    ),
    Write(
        "DELETE", "/v3/store/metafields", resource="store_metafields", role="delete_many", batch_size=None, body="keys", repeat="safe",
        empty_filter="ids_in_body", lookup=metafield_keys("/v3/store/metafields"), source="store_information.v3.yml:172",
    ),
    Write(
        "PUT", "/v3/store/metafields/{metafieldId}", resource="store_metafields", role="update", put="partial_implied", repeat="safe",
        lookup=metafield_keys("/v3/store/metafields"), source="store_information.v3.yml:217",
    ),
    Write(
        "DELETE", "/v3/store/metafields/{metafieldId}", resource="store_metafields", role="delete", body="none", repeat="safe_404",
        empty_filter="one_object", lookup=metafield_keys("/v3/store/metafields"), source="store_information.v3.yml:253",
    ),
    Write(
        "POST", "/v3/hooks", resource="webhooks", role="create", repeat="refused", lookup=WEBHOOKS_KEYS, secret_fields=("headers",),
        source="webhooks.v3.yml:64",
    ),
    Write(
        "PUT", "/v3/hooks/{webhook_id}", resource="webhooks", role="update", put="partial_implied", repeat="safe", lookup=WEBHOOKS_KEYS,
        secret_fields=("headers",), source="webhooks.v3.yml:141",
    ),
    Write(
        "DELETE", "/v3/hooks/{webhook_id}", resource="webhooks", role="delete", body="none", repeat="safe_404", empty_filter="one_object",
        lookup=WEBHOOKS_KEYS, source="webhooks.v3.yml:158",
    ),
    Write("PUT", "/v3/hooks/admin", resource="webhooks_admin", role="upsert", put="replace", repeat="safe", source="webhooks.v3.yml:283"),
)
