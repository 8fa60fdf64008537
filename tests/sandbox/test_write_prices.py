"""Writing price lists: records by variant or SKU, answers that say nothing, bad rows that name themselves, lists that are emptied."""

from __future__ import annotations

import pytest

from tests.sandbox.inside import Inside

RECORDS = "/v3/pricelists/1/records"


def prices(inside: Inside, **query: object) -> dict[tuple[int, str], float]:
    rows = inside.get(RECORDS, limit=250, **query).data
    return {(row["variant_id"], row["currency"]): row["price"] for row in rows}


def test_records_are_made_and_changed_by_variant_or_sku_and_the_answer_says_nothing(inside: Inside) -> None:
    inside.delete(RECORDS)
    made = inside.put(
        RECORDS, [{"variant_id": 1, "currency": "USD", "price": 5, "sale_price": 4}, {"sku": "sku-0000102", "currency": "eur", "price": 6}]
    )
    changed = inside.put(RECORDS, [{"sku": "SKU-0000101", "currency": "usd", "price": 7}])
    record = inside.get(f"{RECORDS}/1/usd").data

    assert (made.status, made.json, changed.json) == (200, {"data": {}, "meta": {}}, {"data": {}, "meta": {}})
    assert prices(inside) == {(1, "usd"): 7, (2, "eur"): 6}
    assert (record["sale_price"], record["calculated_price"], record["sku"]) == (4, 4, "SKU-0000101")  # what is left out stays
    assert record["date_modified"] == "2026-05-28T20:26:40+00:00"


def test_bad_records_name_themselves_and_the_good_ones_are_saved(inside: Inside) -> None:
    rows = [
        {"variant_id": 1, "currency": "chf", "price": 1},
        {"variant_id": 999_999, "currency": "chf", "price": 1},
        {"sku": "nobody", "currency": "chf", "price": 1},
        {"variant_id": 2, "currency": "francs", "price": 1},
        {"variant_id": 2, "currency": "chf", "price": "much"},
        {"currency": "chf", "price": 1},
        {"variant_id": 2, "price": 1},
    ]
    told = inside.put(RECORDS, rows)

    found = [(error["data"], list(error["field_errors"])) for error in told.json["batch_errors"]]
    assert told.status == 422
    assert [names for _, names in found] == [["variant_id"], ["sku"], ["currency"], ["price"], ["variant_id"], ["currency"]]
    assert found[0][0] == {"price_list_id": 1, "variant_id": 999_999, "currency": "chf"}
    assert inside.get(f"{RECORDS}/1/chf").data["price"] == 1
    assert inside.get(f"{RECORDS}/2/chf").status == 404


def test_a_record_is_created_once(inside: Inside) -> None:
    for price_list in (1, 2):
        inside.delete(f"/v3/pricelists/{price_list}/records")
    row = {"variant_id": 3, "currency": "sek", "price": 5}

    assert [inside.post(RECORDS, [row]).status for _ in range(2)] == [200, 422]
    assert inside.post("/v3/pricelists/records", [{**row, "price_list_id": 2}]).json == {"data": {}, "meta": {}}
    bad = inside.put("/v3/pricelists/records", [{**row, "price_list_id": 99}, {**row, "price_list_id": 1, "price": 6}])
    assert (bad.status, bad.json["data"]["price_list_id"], list(bad.json["field_errors"])) == (422, 99, ["price_list_id"])
    assert inside.get(f"{RECORDS}/3/sek").data["price"] == 6


@pytest.mark.parametrize(("method", "most"), [("PUT", 1000), ("POST", 100)])
def test_as_many_records_as_documented_go_in_one_request(inside: Inside, method: str, most: int) -> None:
    inside.delete(RECORDS)
    names = [first + second for first in "abcdefghijklmnopqrstuvwxyz" for second in "abcdefghijklmnopqrstuvwxyz"]
    rows = [{"variant_id": variant, "currency": f"{name}x", "price": 1} for variant in (1, 2) for name in names][: most + 1]

    assert inside.ask(method, RECORDS, rows).status == 413
    assert inside.ask(method, RECORDS, rows[:most]).status == 200
    assert len(inside.store.children("price_list_records", "price_list_id", 1)) == most


def test_a_delete_of_records_without_a_filter_empties_the_list(inside: Inside) -> None:
    inside.delete(RECORDS)
    inside.put(RECORDS, [{"variant_id": n, "currency": currency, "price": 1} for n in (1, 2, 3) for currency in ("usd", "eur")])

    inside.delete(RECORDS, currency="EUR", variant_id__in="1,2")
    assert prices(inside) == {(1, "usd"): 1, (2, "usd"): 1, (3, "usd"): 1, (3, "eur"): 1}
    inside.delete(RECORDS, sku__in="SKU-0000101")
    assert (1, "usd") not in prices(inside)
    assert inside.delete(f"{RECORDS}/3/usd").status == 204
    assert inside.delete(f"{RECORDS}/3/usd").status == 404
    assert inside.delete(RECORDS).status == 204
    assert prices(inside) == {}


def test_a_single_record_is_set_by_its_path(inside: Inside) -> None:
    path = f"{RECORDS}/4/nok"

    assert inside.put(path, {"price": 3}).data["price"] == 3
    assert inside.put(path, {"sale_price": 2}).data["calculated_price"] == 2
    assert inside.put(path, {"price": "x"}).status == 422
    assert inside.put(f"{RECORDS}/999999/nok", {"price": 3}).status == 404


def test_price_lists_have_one_name_and_go_with_their_records(inside: Inside) -> None:
    path = "/v3/pricelists"
    made = inside.post(path, {"name": "Händler", "active": True}).data

    assert inside.post(path, {"name": "HÄNDLER"}).status == 409
    inside.put(f"{path}/{made['id']}/records", [{"variant_id": 1, "currency": "usd", "price": 1}])
    assert inside.delete(path, id__in=made["id"]).status == 204
    assert inside.store.children("price_list_records", "price_list_id", made["id"]) == []
    assert inside.delete(path).status == 204
    assert (inside.store.count("price_lists"), inside.store.count("price_list_records")) == (0, 0)


def test_assignments_of_price_lists(inside: Inside) -> None:
    path = "/v3/pricelists/assignments"
    for row in inside.store.rows("price_list_assignments"):
        inside.store.delete("price_list_assignments", row["id"])
    rows = [{"price_list_id": 1, "customer_group_id": group, "channel_id": 1} for group in (1, 2)]

    assert inside.post(path, rows).status == 200
    again = inside.post(path, [rows[0], {"price_list_id": 99, "channel_id": 1}])
    assert (again.status, again.json["meta"]) == (422, {"saved_records": 0})
    assert inside.put("/v3/pricelists/2/assignments", {"customer_group_id": 1, "channel_id": 1}).data["price_list_id"] == 2
    assert inside.put("/v3/pricelists/2/assignments", {"customer_group_id": 9, "channel_id": 1}).status == 404
    assert inside.post(path, [rows[0]] * 26).status == 413
    assert inside.delete(path).status == 422
    assert (inside.delete(path, price_list_id=1).status, inside.store.count("price_list_assignments")) == (204, 1)
