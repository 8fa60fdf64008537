"""The store itself, its logs, currencies, countries and webhooks.

Rows only; the fields are explained in ``resource.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.operations import operation
from airflow_provider_bigcommerce.core.catalog.resource import (
    CREATED,
    INFORMATION,
    INFRASTRUCTURE_PROJECTS,
    LOGS,
    MODIFIED,
    Resource,
)

ROWS: tuple[Resource, ...] = (
    Resource(
        name="store_information", area="store", path="/v2/store",
        kind="singleton", paging="single", page_size=0, envelope="bare", scopes=INFORMATION,
        webhook_scopes=("store/information/updated",),
        spec_file="store_information.v2.yml",
        note="Plan, time zone, currency, features.",
    ),
    Resource(
        name="time", area="store", path="/v2/time",
        kind="singleton", paging="single", page_size=0, envelope="bare", primary_key=(), scopes=INFORMATION, is_clock=True,
        spec_file="store_information.v2.yml",
        note="The store's clock; cheap enough to test a connection.",
    ),
    Resource(
        name="store_metafields", area="store", path="/v3/store/metafields",
        item_path="/v3/store/metafields/{metafieldId}", paging="v3_cursor", scopes=INFORMATION,
        modified=MODIFIED, created=CREATED,
        can_select_fields=True,
        filters=("key", "key:in", "namespace", "namespace:in", "direction"),
        webhook_scopes=(
            "store/store/metafield/created", "store/store/metafield/updated", "store/store/metafield/deleted", "store/metafield/created",
            "store/metafield/updated", "store/metafield/deleted",
        ),
        create=operation("POST", "/v3/store/metafields"),
        update=operation("PUT", "/v3/store/metafields"),
        delete=operation("DELETE", "/v3/store/metafields"),
        spec_file="store_information.v3.yml",
        note=(
            "Shows the metafields that the token's own API account may see; store_metafield_write_all lifts that. BigCommerce's text "
            "swaps the two cursors: after takes end_cursor."
        ),
    ),
    Resource(
        name="system_logs", area="store", path="/v3/store/systemlogs",
        scopes=LOGS,
        id_in="id:in",
        filters=("type", "type:not", "module", "module:not", "severity", "severity:min", "severity:max", "sort", "direction"),
        spec_file="store_logs.v3.yml",
        note="No date filter; sorted by creation. The scope is named in this file only.",
    ),
    Resource(
        name="currencies", area="store", path="/v2/currencies",
        item_path="/v2/currencies/{id}", paging="v2_page", envelope="bare", scopes=INFORMATION,
        webhook_scopes=("store/channel/{channel_id}/settings/currency/updated",),
        create=operation("POST", "/v2/currencies"),
        update=operation("PUT", "/v2/currencies/{id}"),
        delete=operation("DELETE", "/v2/currencies/{id}"),
        spec_file="currencies.v2.yml",
    ),
    Resource(
        name="countries", area="store", path="/v2/countries",
        item_path="/v2/countries/{id}", paging="v2_page", envelope="bare", scopes=INFORMATION,
        filters=("country", "country_iso2", "country_iso3"),
        count_path="/v2/countries/count",
        spec_file="geography.v2.yml",
    ),
    Resource(
        name="states", area="store", path="/v2/countries/states",
        paging="v2_page", envelope="bare", scopes=INFORMATION,
        count_path="/v2/countries/states/count",
        spec_file="geography.v2.yml",
    ),
    Resource(
        name="states_by_country", area="store", path="/v2/countries/{country_id}/states",
        item_path="/v2/countries/{country_id}/states/{id}", parent="countries", parent_keys={"country_id": "id"}, paging="v2_page",
        envelope="bare", scopes=INFORMATION,
        filters=("state", "state_abbreviation"),
        count_path="/v2/countries/{country_id}/states/count",
        store_wide="states", store_wide_keys={"country_id": "country_id"},
        spec_file="geography.v2.yml",
    ),
    Resource(
        name="infrastructure_projects", area="store", path="/v3/infrastructure/projects",
        paging="v3_cursor", primary_key=("uuid",), scopes=INFRASTRUCTURE_PROJECTS,
        modified=MODIFIED, created=CREATED, id_in="uuid:in",
        filters=("name:like",),
        create=operation("POST", "/v3/infrastructure/projects"),
        delete=operation("DELETE", "/v3/infrastructure/projects"),
        spec_file="infrastructure_hosting.v3.yml",
        note="Cursor only.",
    ),
    Resource(
        name="webhooks", area="webhooks", path="/v3/hooks",
        item_path="/v3/hooks/{webhook_id}",
        filters=("is_active", "scope", "destination"),
        create=operation("POST", "/v3/hooks"),
        update=operation("PUT", "/v3/hooks/{webhook_id}"),
        delete=operation("DELETE", "/v3/hooks/{webhook_id}"),
        spec_file="webhooks.v3.yml",
        note="No scope needed. Only hooks of the token's own API account.",
    ),
    Resource(
        name="webhooks_admin", area="webhooks", path="/v3/hooks/admin",
        may_have_pages=True,
        kind="singleton", paging="single", page_size=0, primary_key=(),
        filters=("is_active",),
        update=operation("PUT", "/v3/hooks/admin"),
        spec_file="webhooks.v3.yml",
        note="Mail addresses, state of each hook, blocked domains. No scope needed.",
    ),
)
