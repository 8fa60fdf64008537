"""Rows that the store drops by itself some time after their parent was put away: codes of an archived promotion."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from tests.reconcile.conftest import Archive


def test_a_promotion_that_has_lost_all_its_codes_is_no_difference_and_one_lost_code_is(archive: Archive) -> None:
    archive.make("promotion_codes", mode="full")
    store = archive.night.sandbox.store
    by_promotion: dict[int, list[int]] = {}
    for row in store.rows("promotion_codes"):
        by_promotion.setdefault(row.get("_promotion_id", row.get("promotion_id")), []).append(row["id"])
    archived, other = sorted(by_promotion.values(), key=len)[-2:]

    for code in archived:
        store.delete("promotion_codes", code)
    assert archive.reconcile("promotion_codes", sample=None)["equal"] is True

    store.delete("promotion_codes", other[0])
    report = archive.reconcile("promotion_codes", sample=None)
    assert (report["equal"], report["deleted"]) == (False, [other[0]])


def test_an_archived_promotion_is_no_difference_before_its_codes_are_gone_nor_after(archive: Archive) -> None:
    archive.make("promotion_codes", mode="full")
    store = archive.night.sandbox.store
    with_codes = {row["_promotion_id"] for row in store.rows("promotion_codes")}
    codes = store.count("promotion_codes")
    with BigCommerceHook().store() as client:
        client.request("POST", "/v3/promotions/archive", json=[min(with_codes)])

    assert archive.reconcile("promotion_codes", sample=None)["equal"] is True
    assert store.count("promotion_codes") == codes

    archive.night.later(timedelta(minutes=5))
    assert archive.reconcile("promotion_codes", sample=None)["equal"] is True
    assert store.count("promotion_codes") < codes
