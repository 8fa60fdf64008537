"""What BigCommerce has documented since its published files: backorders, schedules of codes, featured and archived promotions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from airflow_provider_bigcommerce.rows.field_names import FieldNames
from airflow_provider_bigcommerce.rows.schemas import schema
from airflow_provider_bigcommerce.sandbox.dates import parse
from airflow_provider_bigcommerce.sandbox.store import Store
from tests.sandbox.inside import Inside


@pytest.fixture
def inside() -> Inside:
    return Inside(Store(products=6, orders=3, customers=3))


def settings_of(schemas: dict[str, Any], name: str) -> dict[str, Any]:
    """The schema of a newer fragment, with its settings inside it."""
    return {**schemas[name], "properties": {**schemas[name]["properties"], "settings": schemas[f"{name}Settings"]}}


def stocked(inside: Inside, path: str) -> Iterator[dict[str, Any]]:
    for row in inside.get(path, limit=50).data:
        yield from row.get("locations", [row])


@pytest.mark.parametrize(
    ("path", "fragment"),
    [("/v3/inventory/locations/1/items", "LocationItemsResponse"), ("/v3/inventory/items", "ItemResponseLocationsItems")],
)
def test_stock_has_the_newer_fields_as_their_fragment_describes_them(inside: Inside, openapi_dir: Path, path: str, fragment: str) -> None:
    document = yaml.safe_load((openapi_dir / "inventory.v3.newer-fields.yml").read_text())
    schemas = document["components"]["schemas"]
    # The fragment names the message twice and holds it once.
    schemas["ItemResponseLocationsItemsSettingsBackorderMessage"] = schemas["LocationItemsResponseSettingsBackorderMessage"]
    described = settings_of(schemas, fragment)
    places = [*stocked(inside, path)]

    assert places
    for place in places:
        jsonschema.validate(place, {**described, "components": document["components"]})
        assert described["properties"].keys() <= place.keys()
        assert described["properties"]["settings"]["properties"].keys() <= place["settings"].keys()


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ("inventory_items", "/v3/inventory/items"),
        ("location_inventory_items", "/v3/inventory/locations/1/items"),
        ("promotions", "/v3/promotions"),
        ("promotion_codes", None),
    ],
)
def test_our_columns_hold_the_newer_fields(inside: Inside, resource: str, path: str | None) -> None:
    names = FieldNames(schema(resource))
    for row in inside.get(path or f"/v3/promotions/{promotion_with_codes(inside)}/codes").data:
        names.look(json.dumps(row).encode())

    assert (names.new(), names.changed()) == ((), ())
    newer = ("qty_backordered", "backorder_limit", "backorder_message", "is_featured", "schedule.valid_from")
    assert not [field for field in names.absent() if field.endswith(newer)]


def promotion_with_codes(inside: Inside) -> int:
    return int(inside.store.rows("promotion_codes")[0]["_promotion_id"])


def test_promotions_are_filtered_by_whether_they_are_featured(inside: Inside) -> None:
    featured, others = (inside.get("/v3/promotions", is_featured=value).data for value in ("true", "false"))

    assert {row["is_featured"] for row in featured} == {True}
    assert {row["is_featured"] for row in others} == {False}
    assert len(featured) + len(others) == len(inside.get("/v3/promotions").data)


def test_codes_are_filtered_by_their_schedule_in_unix_seconds(inside: Inside) -> None:
    path = f"/v3/promotions/{promotion_with_codes(inside)}/codes"
    codes = inside.get(path, limit=250).data
    scheduled = [row for row in codes if row["schedule"] is not None]
    begin, end = parse("2026-01-01T00:00:00Z"), parse("2026-02-01T00:00:00Z")

    assert 0 < len(scheduled) < len(codes)
    assert inside.get(path, valid_from__min=begin, limit=250).data == scheduled
    assert inside.get(path, valid_from__min=begin + 1).data == []
    assert inside.get(path, valid_until__max=end, limit=250).data == [row for row in scheduled if row["schedule"]["valid_until"]]
    assert inside.get(path, valid_until__max=end - 1).data == []


def test_an_archived_promotion_loses_the_codes_that_it_had_some_minutes_later(inside: Inside) -> None:
    store, now = inside.store, 1_790_000_000.0
    store.clock = lambda: now
    path = f"/v3/promotions/{promotion_with_codes(inside)}"
    had = inside.get(f"{path}/codes", limit=250).data

    assert inside.post("/v3/promotions/archive", [promotion_with_codes(inside)]).status == 204
    new = inside.post(f"{path}/codegen", {"batch_size": 1}).data["codes"]
    assert len(inside.get(f"{path}/codes", limit=250).data) == len(had) + 1

    now += 300
    assert [row["code"] for row in inside.get(f"{path}/codes").data] == [row["code"] for row in new]
    assert inside.get(path).data["is_featured"] is False
    assert inside.post("/v3/promotions/unarchive", [1]).status == 204


@pytest.mark.parametrize("body", [[], None, {"ids": [1]}, [0], [-1], ["1"], [True]])
def test_an_archive_of_nothing_is_refused(inside: Inside, body: Any) -> None:
    assert inside.post("/v3/promotions/archive", body).status == 422
    assert inside.post("/v3/promotions/unarchive", body).status == 422
