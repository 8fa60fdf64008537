"""Channels, their listings, menus and themes, and the sites that serve them.

Rows only; the fields are explained in ``resource.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.operations import operation
from airflow_provider_bigcommerce.core.catalog.resource import (
    CHANNEL_LISTINGS,
    CHANNEL_SETTINGS,
    CHANNELS_LISTINGS_OR_SITES,
    CREATED,
    MODIFIED,
    SITES,
    Resource,
)

ROWS: tuple[Resource, ...] = (
    Resource(
        name="channels", area="channels", path="/v3/channels",
        item_path="/v3/channels/{channel_id}", scopes=CHANNEL_SETTINGS,
        modified=MODIFIED, created=CREATED,
        includes=("currencies",),
        filters=("available", "status:in", "type:in", "platform:in", "date_created", "date_modified"),
        webhook_scopes=("store/channel/created", "store/channel/updated"),
        create=operation("POST", "/v3/channels"),
        update=operation("PUT", "/v3/channels/{channel_id}"),
        spec_file="channels.v3.yml",
        note="Cannot be deleted: the status is changed.",
    ),
    Resource(
        name="channel_listings", area="channels", path="/v3/channels/{channel_id}/listings",
        item_path="/v3/channels/{channel_id}/listings/{listing_id}", parent="channels", parent_keys={"channel_id": "id"}, paging="keyset",
        primary_key=("channel_id", "listing_id"), scopes=CHANNEL_LISTINGS,
        modified=MODIFIED, created=CREATED,
        filters=("product_id:in", "date_created", "date_modified"),
        create=operation("POST", "/v3/channels/{channel_id}/listings"),
        update=operation("PUT", "/v3/channels/{channel_id}/listings"),
        spec_file="channels.v3.yml",
        note="after is the last listing_id. An unknown channel is an empty list.",
    ),
    Resource(
        name="channel_metafields", area="channels", path="/v3/channels/metafields",
        paging="v3_cursor", scopes=CHANNELS_LISTINGS_OR_SITES,
        modified=MODIFIED, created=CREATED,
        can_select_fields=True,
        filters=("key", "key:in", "namespace", "namespace:in", "direction"),
        webhook_scopes=(
            "store/channel/metafield/created", "store/channel/metafield/updated", "store/channel/metafield/deleted",
            "store/metafield/created", "store/metafield/updated", "store/metafield/deleted",
        ),
        create=operation("POST", "/v3/channels/metafields"),
        update=operation("PUT", "/v3/channels/metafields"),
        delete=operation("DELETE", "/v3/channels/metafields"),
        spec_file="channels.v3.yml",
        note=(
            "Shows the metafields that the token's own API account may see; store_metafield_write_all lifts that. BigCommerce's text "
            "swaps the two cursors: after takes end_cursor. The file names three scopes for all of its paths."
        ),
    ),
    Resource(
        name="channel_metafields_by_channel", area="channels", path="/v3/channels/{channel_id}/metafields",
        item_path="/v3/channels/{channel_id}/metafields/{metafield_id}", parent="channels", parent_keys={"channel_id": "id"},
        paging="v3_cursor", scopes=CHANNELS_LISTINGS_OR_SITES,
        modified=MODIFIED, created=CREATED,
        can_select_fields=True,
        filters=("key", "key:in", "namespace", "namespace:in", "direction", "date_created", "date_modified"),
        store_wide="channel_metafields", store_wide_keys={"channel_id": "resource_id"},
        webhook_scopes=(
            "store/channel/metafield/created", "store/channel/metafield/updated", "store/channel/metafield/deleted",
            "store/metafield/created", "store/metafield/updated", "store/metafield/deleted",
        ),
        create=operation("POST", "/v3/channels/{channel_id}/metafields"),
        update=operation("PUT", "/v3/channels/{channel_id}/metafields/{metafield_id}"),
        delete=operation("DELETE", "/v3/channels/{channel_id}/metafields/{metafield_id}"),
        spec_file="channels.v3.yml", spec_exception="list_typed_as_object",
    ),
    Resource(
        name="channel_currency_assignments", area="channels", path="/v3/channels/currency-assignments",
        item_path="/v3/channels/{channel_id}/currency-assignments", paging="single", page_size=0, primary_key=("channel_id",),
        scopes=CHANNEL_SETTINGS,
        webhook_scopes=("store/channel/{channel_id}/settings/currency/updated",),
        create=operation("POST", "/v3/channels/currency-assignments"),
        update=operation("PUT", "/v3/channels/currency-assignments"),
        delete=operation("DELETE", "/v3/channels/{channel_id}/currency-assignments"),
        spec_file="channels.v3.yml",
    ),
    Resource(
        name="channel_active_theme", area="channels", path="/v3/channels/{channel_id}/active-theme",
        kind="singleton", parent="channels", parent_keys={"channel_id": "id"}, paging="single", page_size=0, primary_key=("channel_id",),
        scopes=CHANNEL_SETTINGS,
        webhook_scopes=("store/channel/{channel_id}/theme/configuration/activated",),
        spec_file="channels.v3.yml",
    ),
    Resource(
        name="channel_menus", area="channels", path="/v3/channels/{channel_id}/channel-menus",
        kind="singleton", parent="channels", parent_keys={"channel_id": "id"}, paging="single", page_size=0, primary_key=("channel_id",),
        scopes=CHANNEL_SETTINGS,
        create=operation("POST", "/v3/channels/{channel_id}/channel-menus"),
        delete=operation("DELETE", "/v3/channels/{channel_id}/channel-menus"),
        spec_file="channels.v3.yml",
    ),
    Resource(
        name="channel_site", area="channels", path="/v3/channels/{channel_id}/site",
        kind="singleton", parent="channels", parent_keys={"channel_id": "id"}, paging="single", page_size=0, scopes=SITES,
        store_wide="sites", store_wide_keys={"channel_id": "channel_id"},
        webhook_scopes=("store/channel/{channel_id}/settings/site/updated",),
        create=operation("POST", "/v3/channels/{channel_id}/site"),
        update=operation("PUT", "/v3/channels/{channel_id}/site"),
        delete=operation("DELETE", "/v3/channels/{channel_id}/site"),
        spec_file="channels.v3.yml",
        note="The same row as in sites.",
    ),
    Resource(
        name="sites", area="channels", path="/v3/sites",
        item_path="/v3/sites/{site_id}", scopes=SITES,
        filters=("url_type:in",),
        channel_filter="channel_id:in",
        webhook_scopes=(
            "store/channel/{channel_id}/settings/site/updated", "store/channel/{channel_id}/settings/site/checkoutUrl/updated",
            "store/channel/{channel_id}/settings/site/checkoutUrl/deleted",
        ),
        create=operation("POST", "/v3/sites"),
        update=operation("PUT", "/v3/sites/{site_id}"),
        delete=operation("DELETE", "/v3/sites/{site_id}"),
        spec_file="sites.v3.yml",
    ),
    Resource(
        name="site_routes", area="channels", path="/v3/sites/{site_id}/routes",
        item_path="/v3/sites/{site_id}/routes/{route_id}", parent="sites", parent_keys={"site_id": "id"}, scopes=SITES,
        filters=("type",),
        webhook_scopes=("store/channel/{channel_id}/settings/route/updated",),
        create=operation("POST", "/v3/sites/{site_id}/routes"),
        update=operation("PUT", "/v3/sites/{site_id}/routes"),
        delete=operation("DELETE", "/v3/sites/{site_id}/routes/{route_id}"),
        upsert=True, spec_file="sites.v3.yml",
    ),
    Resource(
        name="site_certificates", area="channels", path="/v3/sites/certificates",
        paging="single", page_size=0, primary_key=("common_name",), scopes=SITES,
        filters=("urls:in",),
        update=operation("PUT", "/v3/sites/{site_id}/certificate"),
        spec_file="sites.v3.yml",
        note="Rows have no id.",
    ),
    Resource(
        name="site_certificate", area="channels", path="/v3/sites/{site_id}/certificate",
        kind="singleton", parent="sites", parent_keys={"site_id": "id"}, paging="single", page_size=0, primary_key=("site_id",),
        scopes=SITES,
        update=operation("PUT", "/v3/sites/{site_id}/certificate"),
        spec_file="sites.v3.yml",
        note="Which site it is of, which site_certificates does not say.",
    ),
)
