"""Promotions, coupons, gift certificates and banners.

Rows only; the fields are explained in ``resource.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.operations import operation
from airflow_provider_bigcommerce.core.catalog.resource import MARKETING, Resource

ROWS: tuple[Resource, ...] = (
    Resource(
        name="promotions", area="marketing", path="/v3/promotions",
        item_path="/v3/promotions/{id}", scopes=MARKETING,
        sort_by_id={"sort": "id", "direction": "asc"},
        filters=("id", "name", "code", "currency_code", "redemption_type", "status", "sort", "direction", "query", "is_featured"),
        channel_filter="channels", concurrency=40, count_by=("status",),
        create=operation("POST", "/v3/promotions"),
        update=operation("PUT", "/v3/promotions/{id}"),
        delete=operation("DELETE", "/v3/promotions"),
        spec_file="promotions.v3.yml",
        note="No date filter. Sorted by id when nothing else is asked, but without an id range.",
    ),
    Resource(
        name="promotion_codes", area="marketing", path="/v3/promotions/{promotion_id}/codes",
        parent="promotions", parent_keys={"promotion_id": "id"}, paging="v3_cursor", scopes=MARKETING,
        filters=("code", "valid_from:min", "valid_until:max"), goes_with_parent=True,
        concurrency=10,
        create=operation("POST", "/v3/promotions/{promotion_id}/codes"),
        delete=operation("DELETE", "/v3/promotions/{promotion_id}/codes"),
        spec_file="promotions.v3.yml",
        note=(
            "page is deprecated in favour of the cursors. valid_from:min and valid_until:max are Unix seconds. A promotion that is "
            "archived loses its codes some minutes later."
        ),
    ),
    Resource(
        name="coupon_code_lookup", area="marketing", path="/v3/promotions/codes",
        may_have_pages=True,
        kind="lookup", paging="single", page_size=0, scopes=MARKETING,
        required_params=("code",), concurrency=40,
        delete=operation("DELETE", "/v3/promotions/codes"),
        spec_file="promotions.v3.yml",
    ),
    Resource(
        name="promotion_settings", area="marketing", path="/v3/promotions/settings",
        kind="singleton", paging="single", page_size=0, envelope="bare", primary_key=(), scopes=MARKETING,
        update=operation("PUT", "/v3/promotions/settings"),
        spec_file="promotion_settings.v3.yml",
    ),
    Resource(
        name="coupons", area="marketing", path="/v2/coupons",
        paging="v2_page", envelope="bare", scopes=MARKETING,
        sort_by_id={},
        id_min="min_id", id_max="max_id",
        filters=("id", "code", "name", "type", "exclude_type"),
        count_path="/v2/coupons/count",
        create=operation("POST", "/v2/coupons"),
        update=operation("PUT", "/v2/coupons/{id}"),
        delete=operation("DELETE", "/v2/coupons/{id}"),
        spec_file="marketing.v2.yml",
        note="Keyset by min_id is what BigCommerce recommends. A DELETE of the list without ids would empty it.",
    ),
    Resource(
        name="gift_certificates", area="marketing", path="/v2/gift_certificates",
        item_path="/v2/gift_certificates/{id}", paging="v2_page", envelope="bare", scopes=MARKETING,
        sort_by_id={"sort": "id", "direction": "asc"},
        id_min="min_id", id_max="max_id",
        filters=("code", "order_id", "to_name", "to_email", "from_name", "from_email", "sort", "direction"),
        create=operation("POST", "/v2/gift_certificates"),
        update=operation("PUT", "/v2/gift_certificates/{id}"),
        delete=operation("DELETE", "/v2/gift_certificates/{id}"),
        spec_file="marketing.v2.yml",
        note="Balances change without a date: read in full. purchase_date is a Unix time. A DELETE of the list would empty it.",
    ),
    Resource(
        name="banners", area="marketing", path="/v2/banners",
        item_path="/v2/banners/{id}", paging="v2_page", envelope="bare", scopes=MARKETING,
        sort_by_id={},
        id_min="min_id", id_max="max_id",
        count_path="/v2/banners/count",
        create=operation("POST", "/v2/banners"),
        update=operation("PUT", "/v2/banners/{id}"),
        delete=operation("DELETE", "/v2/banners/{id}"),
        spec_file="marketing.v2.yml",
        note="A DELETE of the list would empty it.",
    ),
)
