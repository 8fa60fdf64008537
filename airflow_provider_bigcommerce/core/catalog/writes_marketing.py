"""What writes promotions, coupons, gift certificates and banners.

Rows only; the fields are explained in ``write.py``.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.write import Lookup, Write

COUPONS_KEYS = (Lookup("/v2/coupons", ("code",), filter="code", unique=True), Lookup("/v2/coupons", ("name",), filter="name", unique=True))
GIFT_CERTIFICATES_KEYS = (Lookup("/v2/gift_certificates", ("code",), filter="code", unique=True),)
PROMOTIONS_KEYS = (Lookup("/v3/promotions", ("name",), filter="name", unique=False), Lookup("/v3/promotions", ("code",), filter="code"))
PROMOTION_CODES_KEYS = (Lookup("/v3/promotions/{promotion_id}/codes", ("code",), filter="code", unique=True),)
COUPON_CODE_LOOKUP_KEYS = (Lookup("/v3/promotions/codes", ("code",), filter="code", unique=True),)

WRITES: tuple[Write, ...] = (
    Write("POST", "/v2/coupons", resource="coupons", role="create", repeat="refused", lookup=COUPONS_KEYS, source="marketing.v2.yml:190"),
    Write(
        "DELETE", "/v2/coupons", resource="coupons", role="delete_many", batch_size=None, body="none", required_filters=("id:in",),
        repeat="safe", empty_filter="wipes", lookup=COUPONS_KEYS, source="marketing.v2.yml:255",
    ),
    Write(
        "PUT", "/v2/coupons/{id}", resource="coupons", role="update", put="mixed", repeat="safe", lookup=COUPONS_KEYS,
        source="marketing.v2.yml:310",
    ),
    Write(
        "DELETE", "/v2/coupons/{id}", resource="coupons", role="delete", body="none", repeat="safe_404", empty_filter="one_object",
        lookup=COUPONS_KEYS, source="marketing.v2.yml:363",
    ),
    Write("POST", "/v2/banners", resource="banners", role="create", repeat="duplicates", source="marketing.v2.yml:444"),
    Write(
        "DELETE", "/v2/banners", resource="banners", role="delete_many", body="none", repeat="safe", empty_filter="wipes",
        source="marketing.v2.yml:490",
    ),
    Write(
        "PUT", "/v2/banners/{id}", resource="banners", role="update", put="partial_implied", repeat="safe", source="marketing.v2.yml:536",
    ),
    Write(
        "DELETE", "/v2/banners/{id}", resource="banners", role="delete", body="none", repeat="safe_404", empty_filter="one_object",
        source="marketing.v2.yml:575",
    ),
    Write(
        "PUT", "/v2/gift_certificates/{id}", resource="gift_certificates", role="update", put="partial_implied", repeat="safe",
        lookup=GIFT_CERTIFICATES_KEYS, source="marketing.v2.yml:648",
    ),
    Write(
        "DELETE", "/v2/gift_certificates/{id}", resource="gift_certificates", role="delete", body="none", repeat="safe_404",
        empty_filter="one_object", lookup=GIFT_CERTIFICATES_KEYS, source="marketing.v2.yml:692",
    ),
    Write(
        "POST", "/v2/gift_certificates", resource="gift_certificates", role="create", repeat="duplicates", lookup=GIFT_CERTIFICATES_KEYS,
        effects=("makes_codes",), source="marketing.v2.yml:831",
    ),
    Write(
        "DELETE", "/v2/gift_certificates", resource="gift_certificates", role="delete_many", body="none", repeat="safe",
        empty_filter="wipes", lookup=GIFT_CERTIFICATES_KEYS, source="marketing.v2.yml:887",
    ),
    Write(
        "PUT", "/v3/promotions/settings", resource="promotion_settings", role="update", put="unknown", repeat="safe",
        source="promotion_settings.v3.yml:53",
    ),
    Write(
        "POST", "/v3/promotions", resource="promotions", role="create", concurrency=40, repeat="duplicates", lookup=PROMOTIONS_KEYS,
        source="promotions.v3.yml:68",
    ),
    Write(
        "DELETE", "/v3/promotions", resource="promotions", role="delete_many", batch_size=50, body="none", required_filters=("id:in",),
        concurrency=40, repeat="safe", failed_by="index", failed_status=(422,), empty_filter="refused", lookup=PROMOTIONS_KEYS,
        source="promotions.v3.yml:110",
    ),
    Write(
        "PUT", "/v3/promotions/{id}", resource="promotions", role="update", concurrency=40, put="partial_implied", repeat="safe",
        lookup=PROMOTIONS_KEYS, source="promotions.v3.yml:154",
    ),
    Write(
        "DELETE", "/v3/promotions/{id}", resource="promotions", role="delete", body="none", concurrency=40, repeat="safe_404",
        empty_filter="one_object", lookup=PROMOTIONS_KEYS, source="promotions.v3.yml:183",
    ),
    Write(
        "POST", "/v3/promotions/{promotion_id}/codes", resource="promotion_codes", role="create", concurrency=40, repeat="unknown",
        lookup=PROMOTION_CODES_KEYS, source="promotions.v3.yml:223",
    ),
    Write(
        "DELETE", "/v3/promotions/{promotion_id}/codes", resource="promotion_codes", role="delete_many", batch_size=250, body="none",
        required_filters=("id:in",), filters=("code",), concurrency=40, repeat="safe", failed_by="index", failed_status=(422,),
        empty_filter="refused", lookup=PROMOTION_CODES_KEYS, source="promotions.v3.yml:261",
    ),
    Write(
        "POST", "/v3/promotions/{promotion_id}/codegen", resource="promotion_codes", role="action", concurrency=10, repeat="doubles",
        lookup=PROMOTION_CODES_KEYS, effects=("makes_codes",), source="promotions.v3.yml:284",
    ),
    Write(
        "DELETE", "/v3/promotions/codes", resource="coupon_code_lookup", role="delete_many", body="none", required_filters=("code",),
        concurrency=40, repeat="safe", empty_filter="required_param", lookup=COUPON_CODE_LOOKUP_KEYS, source="promotions.v3.yml:403",
    ),
    Write(
        "DELETE", "/v3/promotions/{promotion_id}/codes/{code_id}", resource="promotion_codes", role="delete", body="none", concurrency=40,
        repeat="safe_404", empty_filter="one_object", lookup=PROMOTION_CODES_KEYS, source="promotions.v3.yml:423",
    ),
)
