"""Writing everything else: where something is special, and that a delete without a filter does what it is documented to do."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.all_routes import build_router
from airflow_provider_bigcommerce.sandbox.contract import contract
from tests.sandbox.inside import Inside

COUPON = {"name": "Neu", "code": "NEU", "type": "per_total_discount", "amount": "5", "applies_to": {"entity": "categories", "ids": [0]}}
GIFT = {"to_name": "A", "to_email": "a@example.com", "from_name": "B", "from_email": "b@example.com", "amount": "20"}


def test_coupons_have_one_code_and_lose_what_they_apply_to_when_it_is_left_out(inside: Inside) -> None:
    path = "/v2/coupons"
    made = inside.post(path, COUPON)

    assert (made.status, made.json["num_uses"] is not None) == (201, True)
    assert inside.post(path, {**COUPON, "name": "Other", "code": "neu"}).status == 409
    assert inside.post(path, {**COUPON, "name": "NEU", "code": "OTHER"}).status == 409
    assert inside.post(path, {**COUPON, "type": "free"}).status == 400
    kept = inside.put(f"{path}/{made.json['id']}", {"amount": "6", "applies_to": COUPON["applies_to"]}).json
    cleared = inside.put(f"{path}/{made.json['id']}", {"amount": "7"}).json
    assert (kept["applies_to"], cleared["applies_to"], cleared["amount"]) == (COUPON["applies_to"], {}, "7")
    assert inside.delete(path, id__in=made.json["id"]).status == 204
    assert inside.store.count("coupons") == 60


def test_gift_certificates_get_a_code_and_a_long_one_is_cut(inside: Inside) -> None:
    path = "/v2/gift_certificates"
    codes = [inside.post(path, body).json["code"] for body in (GIFT, GIFT, {**GIFT, "code": "x" * 25})]

    assert len({*codes}) == 3
    assert codes[2] == "x" * 20
    assert inside.store.outbox == []


def test_redirects_are_overwritten_by_path_and_site(inside: Inside) -> None:
    path = "/v3/storefront/redirects"
    row = {"from_path": "/Alt/", "site_id": 1000, "to": {"type": "url", "url": "/neu/"}}
    site = inside.store.rows("sites")[0]["id"]
    row["site_id"] = site
    first = inside.put(path, [row])
    before = inside.store.count("redirects")
    second = inside.put(path, [{**row, "from_path": "/alt/", "to": {"type": "url", "url": "/neuer/"}}, {**row, "from_path": "/zwei/"}])

    assert (first.status, second.status, len(second.data)) == (201, 201, 2)
    assert (second.data[0]["id"], second.data[0]["to"]["url"]) == (first.data[0]["id"], "/neuer/")
    assert inside.store.count("redirects") == before + 1
    assert inside.put(path, [{"from_path": "/x/"}]).status == 422
    assert inside.put(path, [row] * 251).status == 413
    assert inside.delete(path).status == 422
    assert inside.delete(path, site_id=site).status == 204
    assert [left for left in inside.store.rows("redirects") if left["site_id"] == site] == []


def test_a_promotion_with_codes_stays_and_codes_are_new_on_each_call(inside: Inside) -> None:
    by_code = inside.store.rows("promotion_codes")[0]["_promotion_id"]
    without = inside.store.add("promotions")["id"]
    path = f"/v3/promotions/{by_code}"

    told = inside.delete("/v3/promotions", id__in=f"{without},{by_code}")
    made = [code["code"] for _ in range(2) for code in inside.post(f"{path}/codegen", {"batch_size": 3, "prefix": "X"}).data["codes"]]

    assert (told.status, list(told.json["errors"][0]["errors"]), told.json["meta"]["success"]) == (422, ["1.code"], 1)
    assert (len({*made}), inside.delete("/v3/promotions").status) == (6, 422)
    assert inside.post(f"{path}/codes", {"code": made[0]}).status == 422
    assert inside.delete("/v3/promotions/codes", code=made[0].lower()).status == 204
    assert made[0] not in [row["code"] for row in inside.store.rows("promotion_codes")]


def test_segments_tell_conflicts_by_their_place_and_save_the_rest(inside: Inside) -> None:
    known = inside.store.rows("segments")[0]
    told = inside.post("/v3/segments", [{"name": "Neu"}, {"name": known["name"].upper()}])
    path = f"/v3/segments/{told.data[0]['id']}/shopper-profiles"
    profile = inside.store.rows("shopper_profiles")[0]["id"]

    assert (told.status, list(told.json["errors"][0]["errors"]), told.json["meta"]["success"]) == (409, ["1"], 1)
    assert [inside.post(path, [profile]).status for _ in range(2)] == [201, 409]
    assert inside.post(path, [profile] * 51).status == 413
    assert len(inside.get(path).data) == 1
    assert inside.delete(path).status == 204
    assert inside.get(path).data == []


def test_a_listing_that_is_not_there_is_left_out_of_the_answer(inside: Inside) -> None:
    path = "/v3/channels/1/listings"
    known = inside.get(path).data[0]
    row = {"product_id": 101, "state": "active", "variants": []}

    told = inside.put(path, [{**row, "listing_id": known["listing_id"]}, {**row, "listing_id": 999_999}])
    bad = inside.post(path, [{**row, "variants": [{"variant_id": 999_999, "product_id": 101}]}])

    assert (told.status, [listing["listing_id"] for listing in told.data]) == (200, [known["listing_id"]])
    assert "0.variants.0.variant_id" in bad.json["errors"]


def test_pages_are_created_although_one_is_bad_and_nothing_names_it(inside: Inside) -> None:
    path = "/v3/content/pages"
    before = inside.store.count("pages")

    told = inside.post(path, [{"type": "page", "name": "Neu"}, {"type": "raw", "name": "Ohne Text"}])

    assert (told.status, "errors" in told.json, inside.store.count("pages")) == (422, False, before + 1)
    assert inside.post(path, {"type": "page", "name": "Eine"}).data["name"] == "Eine"
    assert inside.delete(path).status == 422


def test_settings_that_are_replaced_lose_what_is_left_out_and_others_keep_it(inside: Inside) -> None:
    for path, field, kept in (("/v3/settings/store/profile", "store_name", False), ("/v3/settings/storefront/seo", "page_title", True)):
        before = inside.get(path).data
        after = inside.put(path, {field: "Neu"}).data
        others = {name for name, value in before.items() if name != field and value}

        assert others
        assert (after[field], all(after[name] == before[name] for name in others)) == ("Neu", kept), path


def test_currencies_keep_the_default_one(inside: Inside) -> None:
    assert inside.delete("/v2/currencies").status == 204
    assert [row["is_default"] for row in inside.store.rows("currencies")] == [True]


#: What a DELETE without a filter does; source: the text of BigCommerce's files.
WIPES = {
    "/v2/banners": "banners", "/v2/blog/posts": "blog_posts", "/v2/coupons": "coupons", "/v2/customers": "customers",
    "/v2/gift_certificates": "gift_certificates", "/v2/redirects": "redirects_v2", "/v3/customers/subscribers": "subscribers",
    "/v3/pricelists": "price_lists", "/v3/segments": "segments", "/v3/shopper-profiles": "shopper_profiles",
    "/v3/tax/customers": "tax_customers", "/v3/customers/metafields": "customer_metafields", "/v3/catalog/trees/categories": "categories",
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(WIPES))
def test_a_delete_without_a_filter_empties_the_collection(inside: Inside, path: str) -> None:
    assert inside.store.count(WIPES[path]) > 0
    assert inside.delete(path).status in (200, 202, 204)
    assert inside.store.count(WIPES[path]) == 0


def without_keys() -> list[str]:
    return sorted(
        path
        for path, route in build_router().templates.items()
        if "delete" in route.handlers and "{" not in path and "delete" in contract().get(path, {})
    )


@pytest.mark.parametrize("path", [path for path in without_keys() if path not in (*WIPES, "/v2/currencies", "/v2/orders")])
def test_any_other_delete_without_a_filter_changes_nothing(inside: Inside, path: str) -> None:
    before = {name: len(table) for name, table in inside.store.tables.items()}

    told = inside.delete(path)

    assert told.status in (400, 422) or path == "/v3/customers"
    assert {name: len(table) for name, table in inside.store.tables.items()} == before


@pytest.mark.parametrize(("path", "body", "field"), [
    ("/v2/currencies", {"name": "x"}, "currency_code"),
    ("/v3/hooks", {"scope": "store/order/*"}, "destination"),
    ("/v3/wishlists", {"name": "x"}, "customer_id"),
    ("/v3/tax/rates", [{"name": "x"}], "0.class_rates"),
    ("/v3/content/widgets", {"name": "x"}, "widget_template_uuid"),
], ids=str)  # fmt: skip
def test_what_a_file_requires_is_required(inside: Inside, path: str, body: Any, field: str) -> None:
    told = inside.post(path, body)

    assert told.status in (400, 422)
    assert field in str(told.json)


def test_a_channel_has_one_site_and_its_currencies(inside: Inside) -> None:
    path = "/v3/channels/1/site"
    assert inside.put(path, {"url": "https://neu.example.com"}).data["url"] == "https://neu.example.com"
    assert inside.get(path).data["url"] == inside.get("/v3/sites").data[0]["url"] == "https://neu.example.com"
    assert (inside.delete(path).status, inside.get(path).status) == (200, 404)
    path = "/v3/channels/1/currency-assignments"
    assert inside.put(path, {"enabled_currencies": ["EUR"], "default_currency": "EUR"}).data["default_currency"] == "EUR"
    assert inside.get(path).data["enabled_currencies"] == ["EUR"]
