"""Writing the catalog: unique names and SKUs, batch limits, what is saved in part, what is added again, deletes without a filter."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.inside import Inside

PRODUCTS, VARIANTS = "/v3/catalog/products", "/v3/catalog/variants"
TEA = {"name": "Tëa", "type": "physical", "weight": 1, "price": 3.5}


def product(inside: Inside, product_id: int = 101) -> dict[str, Any]:
    found: dict[str, Any] = inside.get(f"{PRODUCTS}/{product_id}").data
    return found


@pytest.mark.parametrize(("body", "status", "field"), [
    ({**TEA, "name": "NORDIC LAMP"}, 200, None),
    ({**TEA, "name": "the first"}, 409, "name"),  # differs by case only
    ({**TEA, "sku": "sku-0000102"}, 409, "sku"),
    ({**TEA, "sku": "sku-0000103-2"}, 409, "sku"),  # a variant of another product has it
    ({**TEA, "price": "12.5"}, 200, None),  # a number as text
    ({**TEA, "price": "dear"}, 422, "price"),
    ({**TEA, "price": -1}, 422, "price"),
    ({**TEA, "type": "virtual"}, 422, "type"),
    ({**TEA, "name": ""}, 422, "name"),
    ({**TEA, "name": "x" * 251}, 422, "name"),
    ({**TEA, "brand_id": 999}, 422, "brand_id"),
    ({**TEA, "categories": [22, 999]}, 422, "categories"),
    ({"name": "x"}, 422, "price"),
    ([TEA], 422, ""),
], ids=str)  # fmt: skip
def test_a_product_is_created_or_told_why_not(inside: Inside, body: Any, status: int, field: str | None) -> None:
    inside.store.edit_product(101, name="The First")
    before = inside.store.count("products")

    told = inside.post(PRODUCTS, body)

    assert told.status == status
    assert inside.store.count("products") == before + (status == 200)
    if field is not None:
        assert field in told.json["errors"]


def test_a_new_product_has_its_lists_and_nothing_made_up(inside: Inside) -> None:
    lists = {"custom_fields": [{"name": "Holz", "value": "Eiche"}], "images": [{"image_url": "https://example.com/a.png"}]}

    made = inside.post(PRODUCTS, {**TEA, "sku": "TEA", **lists}).data
    fields = inside.get(f"{PRODUCTS}/{made['id']}/custom-fields").data
    variants = inside.get(f"{PRODUCTS}/{made['id']}/variants").data

    assert (made["calculated_price"], made["brand_id"], made["categories"], made["sale_price"]) == (3.5, 0, [], 0)
    assert [(row["name"], row["value"]) for row in fields] == [("Holz", "Eiche")]
    assert [row["image_file"] for row in inside.get(f"{PRODUCTS}/{made['id']}/images").data] == [f"{made['id']}/a.png"]
    assert [(row["sku"], row["price"], row["calculated_price"]) for row in variants] == [("TEA", None, 3.5)]


def test_a_product_with_variants_makes_their_options(inside: Inside) -> None:
    values = [[{"option_display_name": "Size", "label": label}] for label in ("S", "M")]
    variants = [{"sku": f"TEA-{n}", "option_values": value} for n, value in enumerate(values)]

    made = inside.post(PRODUCTS, {**TEA, "variants": variants}).data

    assert made["base_variant_id"] is None
    assert [row["sku"] for row in inside.get(f"{PRODUCTS}/{made['id']}/variants").data] == ["TEA-0", "TEA-1"]
    options = inside.get(f"{PRODUCTS}/{made['id']}/options").data
    assert [(row["display_name"], [value["label"] for value in row["option_values"]]) for row in options] == [("Size", ["S", "M"])]


def test_products_take_ten_rows_and_name_none_that_is_bad(inside: Inside) -> None:
    ids = [row["id"] for row in inside.store.rows("products")]

    too_many = inside.put(PRODUCTS, [{"id": ids[0], "price": 1}] * 11)
    bad = inside.put(PRODUCTS, [{"id": ids[0], "price": 1}, {"id": ids[1], "price": "x"}])
    taken = inside.put(PRODUCTS, [{"id": ids[0], "name": "One"}, {"id": ids[1], "name": "oNE"}])
    unknown = inside.put(PRODUCTS, [{"id": ids[0], "price": 1}, {"id": 999_999, "price": 1}])

    assert [told.status for told in (too_many, bad, taken, unknown)] == [413, 422, 409, 404]
    assert bad.json["errors"] == {"price": "must be of type number"}  # which row, it does not say
    assert product(inside, ids[0])["price"] != 1


def test_a_put_changes_what_it_names_and_passes_over_what_is_only_read(inside: Inside) -> None:
    before = product(inside)

    after = inside.put(
        PRODUCTS, [{"id": 101, "price": 9, "date_created": "2001-01-01T00:00:00Z", "calculated_price": 1, "colour": "red"}]
    ).data[0]

    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"price", "calculated_price", "date_modified"}
    assert (after["price"], after["date_modified"], "colour" in after) == (9, "2026-05-28T20:26:40+00:00", False)


def test_nested_rows_without_an_id_are_added_again_and_categories_are_replaced(inside: Inside) -> None:
    row = {"id": 102, "categories": [24], "custom_fields": [{"name": "Holz", "value": "Eiche"}]}
    before = len(inside.store.rows("product_custom_fields", 102))
    for _ in range(2):
        inside.put(PRODUCTS, [row])
    known = inside.store.rows("product_custom_fields", 102)[-1]
    inside.put(PRODUCTS, [{"id": 102, "custom_fields": [{"id": known["id"], "name": "Holz", "value": "Esche"}]}])

    assert product(inside, 102)["categories"] == [24]
    assert [row["value"] for row in inside.store.rows("product_custom_fields", 102)[before:]] == ["Eiche", "Esche"]


def test_fields_are_saved_although_stock_or_address_is_not(inside: Inside) -> None:
    inside.store.unsaved_stock.add(102)  # a test says whose stock the catalog does not save
    before = product(inside)

    address = inside.put(f"{PRODUCTS}/101", {"price": 7, "custom_url": {"url": "/SKU-102/"}})
    stock = inside.put(PRODUCTS, [{"id": 101, "inventory_level": 4}, {"id": 102, "inventory_level": 4, "price": 8}])

    assert (address.status, list(address.json["errors"]["errors"])) == (207, ["custom_url"])
    assert (product(inside)["price"], product(inside)["custom_url"]) == (7, before["custom_url"])
    assert (stock.status, list(stock.json["errors"]["errors"])) == (207, ["inventory_level"])
    assert [product(inside, row_id)["inventory_level"] == 4 for row_id in (101, 102)] == [True, False]
    assert product(inside, 102)["price"] == 8
    assert inside.put(PRODUCTS, [{"id": 101, "inventory_level": 2**31}]).status == 422  # above what the file allows


def test_variants_take_fifty_rows_inherit_by_null_and_tell_no_row(inside: Inside) -> None:
    ids = [row["id"] for row in inside.store.rows("product_variants")]

    null = inside.put(VARIANTS, [{"id": ids[0], "price": None}, {"id": ids[1], "price": 0}]).data
    unknown = inside.put(VARIANTS, [{"id": ids[0], "price": 2}, {"id": 999_999, "price": 2}])
    sku = inside.put(VARIANTS, [{"id": ids[0], "sku": "NEW"}]).data[0]

    assert (null[0]["calculated_price"], null[1]["calculated_price"]) == (product(inside)["calculated_price"], 0)
    assert (unknown.status, [sorted(error) for error in unknown.json["batch_errors"]]) == (422, [["errors", "status", "title", "type"]])
    assert inside.store.row("product_variants", ids[0])["price"] is None
    assert sku["sku"] == "SKU-0000101"  # the PUT of one variant changes it, the batch does not
    assert inside.put(f"{PRODUCTS}/101/variants/{ids[0]}", {"sku": "NEW"}).data["sku"] == "NEW"
    assert product(inside)["sku"] == "NEW"
    assert inside.put(VARIANTS, [{"id": ids[0]}] * 51).status == 413


def test_a_variant_is_created_once_for_a_sku(inside: Inside) -> None:
    option = inside.get(f"{PRODUCTS}/103/options").data[0]
    values = [{"option_id": option["id"], "id": option["option_values"][0]["id"]}]

    made = inside.post(f"{PRODUCTS}/103/variants", {"sku": "V-1", "option_values": values})

    assert (made.status, made.data["product_id"], made.data["option_values"][0]["label"]) == (200, 103, "Size 1")
    assert inside.post(f"{PRODUCTS}/103/variants", {"sku": "v-1", "option_values": values}).status == 409
    assert inside.post(f"{PRODUCTS}/103/variants", {"sku": "V-2"}).status == 422
    assert inside.put(VARIANTS, [{"product_id": 103, "sku": "V-3", "option_values": values}]).data[0]["sku"] == "V-3"


def test_assignments_are_added_and_removed_by_both_filters(inside: Inside) -> None:
    path = f"{PRODUCTS}/category-assignments"
    inside.put(PRODUCTS, [{"id": row_id, "categories": [21, 22]} for row_id in (101, 102)])

    def pairs() -> set[tuple[int, int]]:
        rows = inside.get(path, product_id__in="101,102", limit=250).data
        return {(row["product_id"], row["category_id"]) for row in rows}

    added = inside.put(path, [{"product_id": 101, "category_id": 23}, {"product_id": 101, "category_id": 21}])
    bad = inside.put(path, [{"product_id": 102, "category_id": 23}, {"product_id": 999, "category_id": 23}])
    assert (added.status, added.json, bad.status, list(bad.json["errors"])) == (204, None, 422, ["999"])
    assert pairs() == {(101, 21), (101, 22), (101, 23), (102, 21), (102, 22)}

    assert inside.delete(path).status == 422
    assert inside.delete(path, product_id__in="101", category_id__in="21,23").status == 204
    assert pairs() == {(101, 22), (102, 21), (102, 22)}
    assert inside.delete(path, product_id__in="102").status == 204  # one filter alone takes the product out of every category
    assert pairs() == {(101, 22)}


def test_channel_assignments_are_those_the_product_shows(inside: Inside) -> None:
    path = f"{PRODUCTS}/channel-assignments"
    inside.put(path, [{"product_id": 101, "channel_id": channel} for channel in (1, 2, 3)])
    inside.delete(path, product_id__in=101, channel_id__in=1)

    assert [row["channel_id"] for row in inside.get(path, product_id__in=101).data] == [2, 3]
    assert inside.get(PRODUCTS, id__in=101, include="channels").data[0]["channels"] == [2, 3]


def test_good_metafields_are_saved_beside_bad_ones_which_are_told_by_their_place(inside: Inside) -> None:
    path = f"{PRODUCTS}/metafields"
    row = {"resource_id": 101, "namespace": "n", "key": "k", "value": "v", "permission_set": "read"}

    told = inside.post(path, [row, {**row, "resource_id": 999}, {**row, "key": "K"}, {**row, "key": "other"}])
    ids = [made["id"] for made in told.data]
    gone = inside.delete(path, [ids[0], 77_777_777])

    assert (told.status, told.json["meta"]) == (422, {"total": 4, "success": 2, "failed": 2})
    assert sorted(told.json["errors"][0]["errors"]) == ["1", "2"]  # a resource that is not there; a key that differs by case
    assert (gone.status, gone.data, sorted(gone.json["errors"][0]["errors"])) == (422, [ids[0]], ["1"])
    assert inside.put(path, [{"id": ids[1], "value": "w"}]).json["data"][0]["value"] == "w"
    assert inside.post(path, [{**row, "key": "third"}]).json["errors"] == []


def test_categories_are_saved_in_part_and_go_with_those_below(inside: Inside) -> None:
    path = "/v3/catalog/trees/categories"

    told = inside.post(
        path, [{"name": "Neu", "tree_id": 1}, {"name": "nEU", "tree_id": 1}, {"name": "x" * 51, "tree_id": 1}, {"name": "Y"}]
    )
    parent = told.data[0]["category_id"]
    child = inside.post(path, [{"name": "Kind", "parent_id": parent}]).data[0]
    changed = inside.put(path, [{"category_id": parent, "name": "Anders"}, {"category_id": 999, "name": "Z"}])
    gone = inside.delete(path, category_id__in=parent)

    assert (told.status, sorted(told.json["errors"]["errors"])) == (207, ["1.name", "2.name", "3.tree_id"])
    assert (child["tree_id"], changed.status, changed.json["meta"]) == (1, 207, {"total": 2, "success": 1, "failed": 1})
    assert (gone.status, gone.json["meta"]["total"], inside.store.has("categories", child["category_id"])) == (202, 2, False)
    assert inside.delete(path).status == 202
    assert inside.store.count("categories") == 0  # nothing says that a filter is needed, so that a client's mistake is seen


def test_brands_have_one_name_and_are_deleted_by_it(inside: Inside) -> None:
    path = "/v3/catalog/brands"
    made = inside.post(path, {"name": "Ny"}).data
    known = inside.store.rows("brands")[0]

    assert inside.post(path, {"name": "NY"}).status == 409
    assert inside.put(f"{path}/{made['id']}", {"name": known["name"]}).status == 409
    assert inside.put(f"{path}/{made['id']}", {"custom_url": known["custom_url"]}).status == 207
    assert inside.delete(path).status == 422
    assert (inside.delete(path, name="ny").status, inside.store.has("brands", made["id"])) == (204, False)


def test_products_are_deleted_by_filter_only(inside: Inside) -> None:
    before = inside.store.count("products")

    assert inside.delete(PRODUCTS).status == 422
    assert inside.delete(PRODUCTS, limit=1).status == 422  # no filter
    assert inside.delete(PRODUCTS, sku="sku-0000101").status == 204
    assert inside.delete(PRODUCTS, id__in="102,104,999").status == 204
    assert inside.store.count("products") == before - 3
