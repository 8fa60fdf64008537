"""Store rows: information and channels."""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.resource import CHANNEL_SETTINGS, CREATED, INFORMATION, MODIFIED, Resource, Write

ROWS: tuple[Resource, ...] = (
    Resource(
        name="store_information",
        area="store",
        path="/v2/store",
        kind="singleton",
        paging="single",
        page_size=0,
        envelope="bare",
        scopes=INFORMATION,
        webhook_scopes=("store/information/updated",),
        spec_file="store_information.v2.yml",
    ),
    Resource(
        name="channels",
        area="channels",
        path="/v3/channels",
        scopes=CHANNEL_SETTINGS,
        modified=MODIFIED,
        created=CREATED,
        includes=("currencies",),
        filters=("available", "status:in", "type:in", "platform:in", "date_created", "date_modified"),
        create=Write("POST", "/v3/channels"),
        update=Write("PUT", "/v3/channels/{channel_id}"),
        webhook_scopes=("store/channel/created", "store/channel/updated"),
        spec_file="channels.v3.yml",
    ),
)
