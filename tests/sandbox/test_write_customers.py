"""Writing customers: one e-mail address in the store, answers that name no row, addresses that are there already, subscribers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.inside import Inside

CUSTOMERS, ADDRESSES, VALUES = "/v3/customers", "/v3/customers/addresses", "/v3/customers/attribute-values"
ADA = {"email": "Ada@Example.com", "first_name": "Ada", "last_name": "Lovelace"}
HOME = {
    "first_name": "Ada", "last_name": "Lovelace", "address1": "1 High St", "city": "Leeds", "country_code": "GB", "postal_code": "LS1",
    "state_or_province": "West Yorkshire",
}  # fmt: skip


def test_a_customer_has_addresses_attributes_and_nothing_made_up(inside: Inside) -> None:
    body = {
        **ADA,
        "addresses": [HOME],
        "attributes": [{"attribute_id": 1, "attribute_value": "Gold"}],
        "authentication": {"new_password": "s3cret"},
    }

    made = inside.post(CUSTOMERS, [body]).data[0]
    shown = inside.get(CUSTOMERS, id__in=made["id"], include="addresses,attributes").data[0]

    assert (made["company"], made["phone"], made["customer_group_id"], made["address_count"], made["attribute_count"]) == ("", "", 0, 1, 1)
    assert [(row["address1"], row["country"]) for row in shown["addresses"]] == [("1 High St", "United Kingdom")]
    assert [row["attribute_value"] for row in shown["attributes"]] == ["Gold"]
    assert "s3cret" not in str(inside.store.tables["customers"].changed)  # a password cannot be read back


@pytest.mark.parametrize("rows", [
    [{**ADA, "email": "B@example.com"}, {**ADA, "email": "CUSTOMER11@example.com"}],  # the store has it, in another case
    [{**ADA, "email": "a@example.com"}, {**ADA, "email": "A@Example.com"}],  # twice in one request
    [{**ADA, "email": "no address"}],
    [{"email": "c@example.com"}],
    [{**ADA, "addresses": [{"city": "Leeds"}]}],
    [{**ADA, "attributes": [{"attribute_id": 999, "attribute_value": "x"}]}],
    [{**ADA, "customer_group_id": 999}],
], ids=str)  # fmt: skip
def test_one_bad_customer_refuses_the_request_and_no_row_is_named(inside: Inside, rows: list[Any]) -> None:
    before = inside.store.count("customers")

    told = inside.post(CUSTOMERS, rows)

    assert (told.status, told.json["errors"]) == (422, {".customer_create": "Error creating customers"})
    assert inside.store.count("customers") == before


def test_ten_customers_go_in_a_request(inside: Inside) -> None:
    rows = [{**ADA, "email": f"a{n}@example.com"} for n in range(11)]

    assert (inside.post(CUSTOMERS, rows).status, inside.post(CUSTOMERS, rows[:10]).status) == (413, 200)
    assert inside.put(CUSTOMERS, [{"id": 11}] * 11).status == 413


def test_a_put_keeps_what_it_leaves_out_and_refuses_the_address_of_another(inside: Inside) -> None:
    before = inside.get(CUSTOMERS, id__in=11).data[0]

    after = inside.put(CUSTOMERS, [{"id": 11, "first_name": "Zoë", "registration_ip_address": "1.1.1.1", "addresses": [HOME]}]).data[0]
    taken = inside.put(CUSTOMERS, [{"id": 11, "last_name": "X"}, {"id": 12, "email": "CUSTOMER13@example.com"}])

    assert {name for name in before if before[name] != after[name]} <= {"first_name", "date_modified"}
    assert (taken.status, taken.json["errors"]) == (422, {"email": "'CUSTOMER13@example.com' is already in use"})
    assert inside.put(CUSTOMERS, [{"id": 11, "email": "CUSTOMER11@EXAMPLE.com"}]).status == 200  # its own
    assert inside.put(CUSTOMERS, [{"id": 999_999}]).status == 422


def test_a_mail_leaves_for_a_new_customer_only_where_it_is_asked_for(inside: Inside) -> None:
    inside.post(
        CUSTOMERS, [{**ADA, "trigger_account_created_notification": asked} | {"email": f"{asked}@example.com"} for asked in (True, False)]
    )

    told = [(mail.what, inside.store.row("customers", mail.customer_id)["email"], mail.at) for mail in inside.store.outbox]
    assert told == [("customer created", "True@example.com", 1_780_000_000)]


def test_a_delete_without_ids_does_nothing(inside: Inside) -> None:
    before = inside.store.count("customers")

    assert (inside.delete(CUSTOMERS).status, inside.store.count("customers")) == (204, before)
    assert (inside.delete(CUSTOMERS, id__in="11,12").status, inside.store.count("customers")) == (204, before - 2)


def test_an_address_that_is_there_already_is_left_out_of_the_answer(inside: Inside) -> None:
    row = {**HOME, "customer_id": 11}
    first = inside.post(ADDRESSES, [row, {**row, "city": "York"}]).data
    again = inside.post(ADDRESSES, [{**row, "city": "LEEDS"}, {**row, "city": "Bath"}])
    into_other = inside.put(ADDRESSES, [{"id": first[1]["id"], "city": "Leeds"}, {"id": first[0]["id"], "phone": "1"}, {"id": 123_456}])

    assert (again.status, [address["city"] for address in again.data]) == (200, ["Bath"])
    assert [address["id"] for address in into_other.data] == [first[0]["id"]]
    assert inside.store.row("customers", 11)["address_count"] == len(inside.store.rows("customer_addresses", 11))


def test_addresses_are_refused_with_their_place_and_deleted_by_id(inside: Inside) -> None:
    bad = inside.post(
        ADDRESSES, [{**HOME, "customer_id": 11}, {**HOME, "customer_id": 999}, {"customer_id": 11, **HOME, "country_code": "GBR"}]
    )
    made = inside.post(ADDRESSES, [{**HOME, "customer_id": 11}]).data[0]

    assert (bad.status, sorted(bad.json["errors"])) == (422, ["1.customer_id", "2.country_code"])
    assert inside.delete(ADDRESSES).status == 422
    assert inside.delete(ADDRESSES, id__in=made["id"]).status == 204
    assert made["id"] not in [row["id"] for row in inside.store.rows("customer_addresses", 11)]


def test_attribute_values_are_set_for_ten_customers_a_request(inside: Inside) -> None:
    ids = [row["id"] for row in inside.store.rows("customers")]
    rows = [{"customer_id": row_id, "attribute_id": n, "value": "Gold"} for row_id in ids[:10] for n in (1, 2)]

    assert inside.put(VALUES, [*rows, {"customer_id": ids[10], "attribute_id": 1, "value": "x"}]).status == 413
    assert inside.put(VALUES, rows).status == 200
    kept = inside.put(VALUES, [{"customer_id": ids[0], "attribute_id": 1, "value": "Silver"}]).data
    assert len(kept) == 1
    values = {row["attribute_id"]: row["attribute_value"] for row in inside.store.rows("customer_attribute_values", ids[0])}
    assert values == {1: "Silver", 2: "Gold"}
    assert inside.put(VALUES, [{"customer_id": ids[0], "attribute_id": 99, "value": "x"}]).status == 422
    assert inside.put(VALUES, [{"customer_id": ids[0], "attribute_id": 1, "value": 5}]).status == 422
    assert inside.delete(VALUES, id__in=kept[0]["id"]).status == 204
    assert [row["attribute_id"] for row in inside.store.rows("customer_attribute_values", ids[0])] == [2]


def test_subscribers_have_one_address_and_a_delete_without_filter_takes_all(inside: Inside) -> None:
    path = "/v3/customers/subscribers"
    made = inside.post(path, {"email": "Reader@example.com", "channel_id": 1}).data

    assert inside.post(path, {"email": "reader@EXAMPLE.com"}).status == 409
    assert inside.put(f"{path}/{made['id']}", {"first_name": "R"}).data["email"] == "Reader@example.com"
    assert inside.delete(path, email="reader@example.com").status == 204
    assert (inside.store.has("subscribers", made["id"]), inside.store.count("subscribers")) == (False, 70)
    assert (inside.delete(path).status, inside.store.count("subscribers")) == (204, 0)


def test_v2_writes_the_same_customers(inside: Inside) -> None:
    path = "/v2/customers"
    made = inside.post(path, ADA).json
    home = {"first_name": "A", "last_name": "L", "phone": "1", "street_1": "x", "city": "Leeds", "state": "W", "zip": "1"}
    address = inside.post(f"{path}/{made['id']}/addresses", {**home, "country": "United Kingdom"}).json

    assert inside.get(CUSTOMERS, id__in=made["id"]).data[0]["email"] == "Ada@Example.com"
    assert inside.post(path, {**ADA, "email": "ada@example.com"}).json[0]["status"] == 409
    assert inside.post(path, {"first_name": "x"}).status == 400
    assert inside.put(f"{path}/{made['id']}", {"notes": "n"}).json["notes"] == "n"
    assert inside.put(f"{path}/{made['id']}", {"date_created": "x"}).status == 400
    assert inside.put(f"{path}/{made['id']}/addresses/{address['id']}", {"city": "York"}).json["city"] == "York"
    assert inside.delete(f"{path}/{made['id']}/addresses/{address['id']}").status == 204
    assert inside.delete(f"{path}/{made['id']}").status == 204
    assert (inside.delete(path).status, inside.store.count("customers")) == (204, 0)


def test_a_group_is_saved_although_its_discounts_are_not(inside: Inside) -> None:
    rule = {"type": "category", "method": "percent", "amount": "5.0000", "category_id": 999}

    told = inside.post("/v2/customer_groups", {"name": "Neu", "discount_rules": [rule]})

    assert (told.status, told.json["status"]) == (207, 207)
    assert [row["discount_rules"] for row in inside.store.rows("customer_groups") if row["name"] == "Neu"] == [[]]
