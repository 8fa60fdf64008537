"""Customer rows."""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.resource import CREATED, CUSTOMERS, MODIFIED, Resource, Write

ROWS: tuple[Resource, ...] = (
    Resource(
        name="customers",
        area="customers",
        path="/v3/customers",
        paging="v3_cursor",
        scopes=CUSTOMERS,
        modified=MODIFIED,
        created=CREATED,
        sort_by_modified={"sort": "date_modified:asc"},
        id_in="id:in",
        includes=("addresses", "storecredit", "attributes", "formfields", "shopper_profile_id", "segment_ids"),
        filters=(
            "company:in", "customer_group_id:in", "email:in", "name:in", "name:like", "phone:in", "registration_ip_address:in",
            "date_created", "date_modified", "sort",
        ),
        create=Write("POST", "/v3/customers", batch_size=10),
        update=Write("PUT", "/v3/customers", batch_size=10, concurrency=3),
        delete=Write("DELETE", "/v3/customers", batch_size=None, required_filters=("id:in",)),
        webhook_scopes=("store/customer/created", "store/customer/updated", "store/customer/deleted"),
        spec_file="customers.v3.yml",
        note="Cursors are in the answer only to the first page (without page) or to before/after.",
    ),
)
