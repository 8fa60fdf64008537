"""Are the shipped schemas what the generator makes of BigCommerce's specs, and are they the columns that were promised?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.rows.columns import ColumnReader
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.schemas import Schema, Type, arrow_schema, resource_names, schema
from tests.tools.generate_schemas import DATA, Spec, generate, resource_rows
from tests.tools.spec_contradictions import Mixed, misfits, mixed_nodes

MONEY_COLUMNS = Path(__file__).parent / "money_columns.txt"


def leaves(kind: Type, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and code of every value below a type."""
    if isinstance(kind, dict):
        for name, part in kind.items():
            yield from leaves(part, f"{path}.{name}" if path else name)
    elif isinstance(kind, list):
        yield from leaves(kind[0], path + "[]")
    else:
        yield path, kind


def all_leaves() -> Iterator[tuple[str, str, str]]:
    for name in resource_names():
        for path, code in leaves(dict(schema(name).fields)):
            yield name, path, code


def test_the_shipped_schemas_are_what_the_generator_makes_of_the_specs(openapi_dir: Path) -> None:
    assert generate(openapi_dir, resource_rows(openapi_dir)) == DATA.read_text(encoding="utf-8")


def test_every_resource_of_the_facts_has_a_schema(openapi_dir: Path) -> None:
    assert sorted(row["name"] for row in resource_rows(openapi_dir)) == sorted(resource_names())
    assert len(resource_names()) == 217


def test_the_shipped_data_stay_small() -> None:
    assert DATA.stat().st_size < 600_000


def test_which_columns_are_money_is_a_reviewed_list() -> None:
    """A change of the list is a change of a column's type: look at each line of the difference before accepting it."""
    money = sorted({f"{name} {path}" for name, path, code in all_leaves() if code in ("money", "money_text", "rate_text")})

    assert money == MONEY_COLUMNS.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("resource", "column"),
    [
        ("products", "weight"),
        ("products", "total_sold"),
        ("products", "tax_class_id"),
        ("product_variants", "inventory_level"),
        ("orders", "items_total"),
        ("orders", "tax_provider_id"),
        ("order_taxes", "rate"),
        ("tax_rates", "class_rates"),
        ("price_list_records", "price_list_id"),
    ],
)
def test_weights_counts_ids_and_rates_are_not_money(resource: str, column: str) -> None:
    assert "decimal" not in str(arrow_schema(resource).field(column).type)


@pytest.mark.parametrize("resource", resource_names())
def test_every_schema_becomes_an_arrow_schema_with_our_four_columns_and_a_key(resource: str) -> None:
    found = arrow_schema(resource)

    assert found.names[-4:] == ["_extra", "_synced_at", "_store_hash", "_deleted_at"]
    for key in schema(resource).key:
        assert key.split(".")[0] in found.names
    nullable = {field.name for field in found if field.nullable}
    assert set(found.names) - nullable == schema(resource).required


MAIN = {
    "products": {"id": "int64", "price": "decimal128(20, 4)", "date_modified": "timestamp[us, tz=UTC]", "is_visible": "bool"},
    "product_variants": {"id": "int64", "product_id": "int64", "price": "decimal128(20, 4)", "weight": "double", "sku": "string"},
    "brands": {"id": "int64", "name": "string", "meta_keywords": "list<item: string>"},
    "categories": {"category_id": "int64", "tree_id": "int64", "parent_id": "int64", "is_visible": "bool"},
    "customers": {"id": "int64", "email": "string", "date_created": "timestamp[us, tz=UTC]", "channel_ids": "list<item: int64>"},
    "orders": {
        "id": "int64",
        "total_inc_tax": "decimal128(20, 4)",
        "currency_exchange_rate": "decimal128(20, 10)",
        "date_created": "timestamp[us, tz=UTC]",
        "items_total": "int64",
        "customer_id": "int64",
        "products": "struct<url: string, resource: string>",
    },
}


@pytest.mark.parametrize(("resource", "column", "kind"), [(r, c, k) for r, columns in MAIN.items() for c, k in columns.items()])
def test_the_main_resources_have_the_promised_types(resource: str, column: str, kind: str) -> None:
    assert str(arrow_schema(resource).field(column).type) == kind


@pytest.mark.parametrize(
    ("resource", "columns"),
    [
        (
            "products",
            ["variants", "images", "custom_fields", "bulk_pricing_rules", "primary_image", "modifiers", "options", "videos", "reviews"],
        ),
        ("products", ["channels", "parent_relations"]),
        ("customers", ["addresses", "store_credit_amounts", "attributes", "form_fields", "shopper_profile_id", "segment_ids"]),
        ("orders", ["consignments", "fees"]),
        ("price_list_records", ["bulk_pricing_tiers", "sku"]),
        ("channels", ["currencies"]),
        ("carts", ["redirect_urls"]),
        ("pages", ["body"]),
        ("redirects", ["to_url"]),
    ],
)
def test_what_include_adds_has_columns_whether_included_or_not(resource: str, columns: list[str]) -> None:
    assert set(columns) <= set(arrow_schema(resource).names)


def test_line_items_in_an_orders_consignments_are_typed_like_order_products() -> None:
    orders: Any = schema("orders").fields["consignments"]
    line_item = orders["shipping"][0]["line_items"][0]

    assert line_item.items() >= {name: kind for name, kind in schema("order_products").fields.items() if name != "order_id"}.items()


def test_a_parents_key_is_a_column_of_its_children() -> None:
    assert arrow_schema("product_images").field("product_id").type == pa.int64()
    assert arrow_schema("customer_consent").field("customer_id").type == pa.int64()
    added = arrow_schema(schema("product_variants").with_columns({"price_list_id": "int"}))
    assert added.names[0] == "price_list_id"


def test_ids_are_int64_or_the_specs_own_text() -> None:
    kinds = {code for _, path, code in all_leaves() if path.split(".")[-1] == "id"}

    assert kinds <= {"int", "int_text", "text", "scalar"}


def test_an_uncatalogued_path_keeps_its_key_and_the_rest_in_extra() -> None:
    found = arrow_schema(schema("/v3/something/new", ("uuid",)))

    assert found.names == ["uuid", "_extra", "_synced_at", "_store_hash", "_deleted_at"]


def test_the_schema_is_equal_in_another_process() -> None:
    program = (
        "from airflow_provider_bigcommerce.rows.schemas import *; import sys;"
        "sys.stdout.write(repr([arrow_schema(name).to_string() for name in resource_names()]))"
    )
    other = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout

    assert other == repr([arrow_schema(name).to_string() for name in resource_names()])


def test_importing_schemas_and_writers_does_not_import_pyarrow() -> None:
    program = "import sys; import airflow_provider_bigcommerce.targets.files.writers; sys.exit('pyarrow' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


#: Where BigCommerce's own examples contradict its schemas: a date that is "0" or a placeholder.
EXAMPLES_THAT_CONTRADICT = {
    "banners": {"date_from", "date_to"},
    "theme_configurations": {"date_created"},
}


def test_nodes_of_the_specs_that_say_their_type_twice_are_known(openapi_dir: Path) -> None:
    """A new one is looked at: what does the generator make of it, and what do stores send?"""
    assert list(mixed_nodes(openapi_dir)) == [
        # Text, a number or a list, and "items" beside it: JSON.
        Mixed("orders.v2.oas2.yml", "components/schemas/formFields/properties/value"),
    ]


def test_values_in_the_specs_that_their_own_column_does_not_hold_are_known(openapi_dir: Path) -> None:
    assert {(misfit.resource, misfit.path) for misfit in misfits(openapi_dir)} == {
        # The example of a list beside its items.
        ("customers", "channel_ids[]"),
        # One line item in place of the list, in an example of a whole object.
        ("orders", "consignments.downloads[].line_items"),
        ("orders", "consignments.email.gift_certificates[].line_items"),
        # Placeholders.
        ("abandoned_cart_emails", "notify_at_minutes"),
        ("banners", "date_from"),
        ("banners", "date_to"),
        ("blog_posts", "published_date_iso8601"),
    }


def test_every_form_field_value_is_json_as_its_kinds_are_text_number_and_list() -> None:
    kinds = {f"{name} {path}": code for name, path, code in all_leaves() if path.endswith("form_fields[].value")}

    assert kinds.pop("customers_v2 form_fields[].value") == "text"  # the one whose spec knows text alone
    assert set(kinds.values()) == {"json"}
    assert "orders billing_address.form_fields[].value" in kinds


def test_bigcommerces_own_examples_fit_the_schemas(openapi_dir: Path) -> None:
    read = 0
    contradicting: dict[str, set[str]] = {}
    for row in resource_rows(openapi_dir):
        if not (row["spec_file"] or "").startswith("reference/"):
            continue
        spec = Spec(openapi_dir / row["spec_file"].removeprefix("reference/"))
        _, operation = spec.operation(row["path"].removeprefix("/stores/{store_hash}"))
        found = Discrepancies()
        described = schema(row["name"])
        for record in spec.example_records(operation, row["api_version"]):
            whole = {**dict.fromkeys(described.required, 1), **record}
            ColumnReader(described, found).table(json.dumps(whole, default=str).encode() + b"\n", 1)
            read += 1
        if found.contradictions:
            contradicting[row["name"]] = set(found.contradictions)

    assert read > 200
    assert contradicting == EXAMPLES_THAT_CONTRADICT


def test_a_missing_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(InvalidQueryError, match=r"pip install 'airflow-provider-bigcommerce\[parquet\]'"):
        arrow_schema(Schema("products", ("id",), {"id": "int"}))
