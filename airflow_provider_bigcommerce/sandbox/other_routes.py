"""Views of the main rows that have shapes of their own: inventory, assignments, category nodes, V2 customers, what hangs on customers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox import dates, listing
from airflow_provider_bigcommerce.sandbox.answers import Answer, error, ok
from airflow_provider_bigcommerce.sandbox.documented_routes import documented_listing, list_handler
from airflow_provider_bigcommerce.sandbox.routes import Call, Router
from airflow_provider_bigcommerce.sandbox.stock import SEEDED_PLACES, shown_stock
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.unique import SKU
from airflow_provider_bigcommerce.sandbox.write_categories import legacy

# -- catalog -------------------------------------------------------------------------------------------------------------------------


def _legacy_categories(store: Store, _keys: Mapping[str, Any]) -> list[Row]:
    return [legacy(row) for row in store.tables["categories"].rows()]


def _legacy_one(store: Store, call: Call) -> Answer:
    row = store.tables["categories"].get(call.last_key)
    return error("v3", 404) if row is None else ok({"data": legacy(row), "meta": {}})


def _nodes(store: Store, call: Call) -> Answer:
    tree_id = call.keys["tree_id"]
    if tree_id not in store.tables["category_trees"]:
        return error("v3", 404)
    rows = [row for row in store.tables["categories"].rows() if row["tree_id"] == tree_id]
    known = {row["category_id"] for row in rows}
    deepest = int(call.query["depth"]) if call.query.get("depth", "").isdigit() else None

    def under(parent: int, path: list[int]) -> list[Row]:
        if deepest is not None and len(path) > deepest:
            return []
        return [
            {
                "id": row["category_id"],
                "parent_id": row["parent_id"],
                "depth": len(path),
                "path": path,
                "name": row["name"],
                "is_visible": row["is_visible"],
                "url": row["url"]["path"],
                "children": under(row["category_id"], [*path, row["category_id"]]),
            }
            for row in rows
            if row["parent_id"] == parent or (parent == 0 and row["parent_id"] not in known and row["parent_id"] != 0)
        ]

    return ok({"data": under(0, []), "meta": {}})


def _product_categories(store: Store, product_id: int) -> list[int]:
    changed = store.tables["products"].changed.get(product_id)
    return list(changed["categories"]) if changed is not None else store.catalog.categories_of(product_id)


def _category_assignments(store: Store, _keys: Mapping[str, Any]) -> list[Row]:
    return [{"product_id": p, "category_id": c} for p in store.tables["products"].ids() for c in _product_categories(store, p)]


def _channel_assignments(store: Store, _keys: Mapping[str, Any]) -> list[Row]:
    return [{"product_id": p, "channel_id": c} for p in store.tables["products"].ids() for c in store.channels_of(p)]


def _sort_order(store: Store, keys: Mapping[str, Any]) -> list[Row] | None:
    category_id = keys["category_id"]
    if category_id not in store.tables["categories"]:
        return None
    inside = [p for p in store.tables["products"].ids() if category_id in _product_categories(store, p)]
    written = {row["product_id"]: row["sort_order"] for row in store.singletons.get(f"sort order {category_id}", {}).get("rows", [])}
    return [{"product_id": p, "sort_order": written.get(p, None if n % 3 == 2 else n)} for n, p in enumerate(inside)]


def _complex_rules(store: Store, keys: Mapping[str, Any]) -> list[Row] | None:
    product_id = keys["product_id"]
    return store.nested["product_complex_rules"].get(product_id) if product_id in store.tables["products"] else None


# -- inventory -----------------------------------------------------------------------------------------------------------------------


def _identity(variant: Row) -> Row:
    return {"sku": variant["sku"], "variant_id": variant["id"], "product_id": variant["product_id"]}


def _variants(store: Store, query: Mapping[str, str]) -> Iterable[Row]:
    """Walk the variants that a query can mean: those it names, or all."""
    table = store.tables["product_variants"]
    if query.get("sku:in"):
        index = store.unique("product_variants", SKU)
        keys: set[Any] = {key for text in query["sku:in"].split(",") for key in index.all(index.of({"sku": text}))}
    elif query.get("variant_id:in"):
        keys = {int(text) for text in query["variant_id:in"].split(",") if text.strip().isdigit()}
    elif query.get("product_id:in"):
        products = {int(text) for text in query["product_id:in"].split(",") if text.strip().isdigit()}
        keys = {variant["id"] for product_id in products for variant in store.variants_of(product_id)}
    else:
        return table.rows()
    return [row for key in sorted(keys) if (row := table.get(key)) is not None]


def _inventory_items(store: Store, call: Call) -> Answer:
    locations = list(store.tables["inventory_locations"].rows())
    rows: list[Row] = [
        {
            "identity": {**_identity(variant), "sku_id": variant["sku_id"] or variant["id"]},
            "locations": [
                {
                    "location_id": place["id"],
                    "location_code": place["code"],
                    "location_name": place["label"],
                    "location_enabled": True,
                    **shown_stock(stocked, place["id"]),
                }
                for n, place in enumerate(locations)
                if n < SEEDED_PLACES or str(place["id"]) in stocked
            ],
        }
        for variant in _variants(store, call.query)
        for stocked in [store.stock.places(variant)]
    ]
    how = documented_listing("/v3/inventory/items", lambda _store, _keys: rows, aliases=_BY_IDENTITY)
    return listing.answer(store, how, call.keys, call.query, call.version)


def _location_items(store: Store, call: Call) -> Answer:
    location_id = call.keys["location_id"]
    known = location_id in store.tables["inventory_locations"]
    variants = _variants(store, call.query) if known else ()
    rows = [{"identity": _identity(variant), **shown_stock(store.stock.places(variant), location_id)} for variant in variants]
    path = "/v3/inventory/locations/{location_id}/items"
    how = documented_listing(path, lambda _store, _keys: rows if known else None, aliases=_BY_IDENTITY)
    return listing.answer(store, how, call.keys, call.query, call.version)


_BY_IDENTITY: Mapping[str, Any] = {
    name: (lambda row, field=name: row["identity"][field]) for name in ("sku", "variant_id", "product_id")
} | {
    "location_id": lambda row: [place["location_id"] for place in row.get("locations", ())],
    "location_code": lambda row: [place["location_code"] for place in row.get("locations", ())],
}

# -- customers -----------------------------------------------------------------------------------------------------------------------


def customer_v2(store: Store, row: Row) -> Row:
    """Show a customer as V2 does."""
    return {
        "id": row["id"],
        "company": row["company"],
        "first_name": row["first_name"],
        "last_name": row["last_name"],
        "email": row["email"],
        "phone": row["phone"],
        "form_fields": [{"name": f["name"], "value": str(f["value"])} for f in store.nested["customer_form_field_values"].get(row["id"])],
        "date_created": dates.rfc2822(dates.parse(row["date_created"])),
        "date_modified": dates.rfc2822(dates.parse(row["date_modified"])),
        "store_credit": "0.0000",
        "registration_ip_address": row["registration_ip_address"],
        "customer_group_id": row["customer_group_id"],
        "notes": row["notes"],
        "tax_exempt_category": "",
        "reset_pass_on_login": False,
        "accepts_marketing": False,
        "addresses": {"url": f"{store.base_url}/v2/customers/{row['id']}/addresses", "resource": f"/customers/{row['id']}/addresses"},
    }


def address_v2(address: Row) -> Row:
    """Show an address as V2 does."""
    return {
        "id": address["id"],
        "customer_id": address["customer_id"],
        "first_name": address["first_name"],
        "last_name": address["last_name"],
        "company": address["company"],
        "street_1": address["address1"],
        "street_2": address["address2"],
        "city": address["city"],
        "state": address["state_or_province"],
        "zip": address["postal_code"],
        "country": address["country"],
        "country_iso2": address["country_code"],
        "phone": address["phone"],
        "address_type": address["address_type"],
    }


def _customers_v2(store: Store, _keys: Mapping[str, Any]) -> list[Row]:
    return [customer_v2(store, row) for row in store.tables["customers"].rows()]


def _addresses_v2(store: Store, keys: Mapping[str, Any]) -> list[Row] | None:
    customer_id = keys["customer_id"]
    if customer_id not in store.tables["customers"]:
        return None
    return [address_v2(address) for address in store.nested["customer_addresses"].get(customer_id)]


def _one_customer_v2(store: Store, call: Call) -> Answer:
    row = store.tables["customers"].get(call.last_key)
    return error("v2", 404) if row is None else ok(customer_v2(store, row))


def _one_address_v2(store: Store, call: Call) -> Answer:
    row = next((row for row in _addresses_v2(store, call.keys) or () if row["id"] == call.last_key), None)
    return error("v2", 404) if row is None else ok(row)


def _instruments(store: Store, keys: Mapping[str, Any]) -> list[Row] | None:
    customer_id = keys["customerId"]
    if customer_id not in store.tables["customers"]:
        return None
    return [
        {
            "type": "stored_card",
            "token": f"{store.buyers.dice.roll(customer_id, 60 + n):016x}",
            "is_default": n == 0,
            "brand": "VISA",
            "expiry_month": 11,
            "expiry_year": 2030,
            "issuer_identification_number": "411111",
            "last_4": "1111",
            "billing_address": {
                "first_name": "Zoë",
                "last_name": "Müller",
                "email": f"customer{customer_id}@example.com",
                "company": "",
                "address1": "1 Sample Street",
                "address2": "",
                "city": "Austin",
                "postal_code": "78751",
                "state_or_province": "Texas",
                "state_or_province_code": "TX",
                "country_code": "US",
                "phone": "",
            },
        }
        for n in range(store.buyers.dice.below(3, customer_id, 61))
    ]


def add(router: Router) -> None:
    """Add the routes."""
    for path, rows, changes in (
        ("/v3/catalog/categories", _legacy_categories, {}),
        ("/v3/catalog/products/category-assignments", _category_assignments, {"key": "product_id"}),
        ("/v3/catalog/products/channel-assignments", _channel_assignments, {"key": "product_id"}),
        ("/v3/catalog/categories/{category_id}/products/sort-order", _sort_order, {"key": "product_id"}),
        ("/v3/catalog/products/{product_id}/complex-rules", _complex_rules, {}),
        ("/v3/customers/attribute-values", lambda store, _keys: store.rows("customer_attribute_values"), {}),
        (
            "/v3/customers/form-field-values",
            lambda store, _keys: store.rows("customer_form_field_values"),
            {"key": "", "aliases": {"field_name": "name"}},
        ),
        ("/v2/customers", _customers_v2, {}),
        ("/v2/customers/{customer_id}/addresses", _addresses_v2, {}),
        ("/v3/customers/{customerId}/stored-instruments", _instruments, {"key": "token"}),
    ):
        router.add(path, get=list_handler(documented_listing(path, rows, **changes)))

    router.add("/v3/inventory/items", get=_inventory_items)
    router.add("/v3/inventory/locations/{location_id}/items", get=_location_items)

    def complex_rule(store: Store, call: Call) -> Answer:
        row = next((row for row in _complex_rules(store, call.keys) or () if row["id"] == call.last_key), None)
        return error("v3", 404) if row is None else ok({"data": row, "meta": {}})

    router.add("/v3/catalog/products/{product_id}/complex-rules/{complex_rule_id}", get=complex_rule)
    router.add("/v3/catalog/categories/{category_id}", get=_legacy_one)
    router.add("/v3/catalog/trees/{tree_id}/categories", get=_nodes)
    router.add("/v2/customers/{customer_id}", get=_one_customer_v2)
    router.add("/v2/customers/{customer_id}/addresses/{customer_address_id}", get=_one_address_v2)
    router.add("/v2/customers/count", get=lambda store, _call: ok({"count": len(store.tables["customers"])}))
    router.add(
        "/v2/customers/{customer_id}/addresses/count", get=lambda store, call: ok({"count": len(_addresses_v2(store, call.keys) or ())})
    )
    router.add("/v2/blog/tags", get=lambda store, _call: ok([[{"tag": "News", "post_ids": list(store.tables["blog_posts"].ids()[:2])}]]))
    for kind, field in (("options", "option_values"), ("modifiers", "option_values")):
        path = f"/v3/catalog/products/{{product_id}}/{kind}/{{{kind[:-1]}_id}}/values/{{value_id}}"

        def value(store: Store, call: Call, kind: str = kind, field: str = field) -> Answer:
            product_id, parent_id, value_id = call.keys.values()
            parents = [row for row in store.nested[f"product_{kind}"].get(product_id) if row["id"] == parent_id]
            row = next((row for parent in parents for row in parent[field] if row["id"] == value_id), None)
            return error("v3", 404) if row is None else ok({"data": row, "meta": {}})

        router.add(path, get=value)
