"""Is the fake true when it writes? Every answer to a write is held against BigCommerce's OpenAPI files.

Of a body that fits, of one that does not, of an empty one, and of a delete without a filter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airflow_provider_bigcommerce.sandbox.all_routes import build_router
from airflow_provider_bigcommerce.sandbox.contract import contract
from airflow_provider_bigcommerce.sandbox.fields import bodies
from airflow_provider_bigcommerce.sandbox.kinds import KINDS
from airflow_provider_bigcommerce.sandbox.parents import PARENTS
from airflow_provider_bigcommerce.sandbox.store import Store
from tests.sandbox.inside import Inside
from tests.sandbox.published import Published
from tests.sandbox.writing_samples import MORE, key_of, sample

KEYS = ("id", "uuid", "category_id", "type_id", "code", "currency")
SIZES: dict[str, Any] = {"products": 30, "orders": 12, "customers": 40, "recorded_values": False}
# What a file says of an answer and the sandbox does not follow: operation, start of the complaint, why.
_PRODUCTS = "one without options has no option set: the store says null, the file leaves null out"
_VALUES = "null where a value has neither colour nor picture, as the lists of values have it"
_METAFIELDS = "the same answer as in the files of the other metafields"
CONTRADICTIONS: dict[tuple[str, str], str] = {
    ("POST /v3/catalog/products", "data.option_set_id: type 'integer', got 'None'"): _PRODUCTS,
    ("PUT /v3/catalog/products", "data.[].option_set_id: type 'integer', got 'None'"): _PRODUCTS,
    ("PUT /v3/catalog/products/{product_id}", "data.option_set_id: type 'integer', got 'None'"): _PRODUCTS,
    ("POST /v3/catalog/products/{product_id}/options", "data.option_values.[].value_data"): _VALUES,
    ("POST /v3/catalog/products/{product_id}/modifiers/{modifier_id}/values", "data.value_data"): _VALUES,
    ("PUT /v3/catalog/products/{product_id}/modifiers/{modifier_id}/values/{value_id}", "data.value_data"): _VALUES,
    ("POST /v3/catalog/products/{product_id}/variants/{variant_id}/metafields", "data.description: minLength"): "none was given",
    ("POST /v3/customers/{customerId}/metafields", "data: type 'array'"): _METAFIELDS,
    ("PUT /v3/customers/{customerId}/metafields/{metafieldId}", "data: type 'array'"): _METAFIELDS,
    ("POST /v3/channels/metafields", "errors: type 'object'"): _METAFIELDS,
    ("POST /v3/store/metafields", "errors: type 'object'"): _METAFIELDS,
    ("PUT /v3/store/metafields", "errors: type 'object'"): _METAFIELDS,
    ("PUT /v3/catalog/brands/metafields", "errors: type 'object'"): _METAFIELDS,
    ("PUT /v3/carts/{cart_id}/metafields/{metafield_id}", "errors: type 'array'"): _METAFIELDS,
    ("POST /v3/sites/{site_id}/routes", "status: type 'string', got '422'"): "a number, as in every other file",
    ("PUT /v2/orders/{order_id}", "payment_provider_id: anyOf"): "null where no provider took part",
}
# Parts of paths whose keys no list gives.
NO_LIST = ("/carts/", "/checkouts/", "/tax/providers/", "/items/{item_id}", "/shipments/{shipment_id}")
# Bodies the sample does not know how to make fit: tested one by one elsewhere.
ELSEWHERE = {
    "POST /v2/orders", "POST /v2/orders/{order_id}/shipments", "POST /v3/orders/{order_id}/payment_actions/refund_quotes",
    "POST /v3/orders/{order_id}/payment_actions/refunds", "POST /v3/orders/{order_id}/payment_actions/capture",
    "POST /v3/orders/{order_id}/payment_actions/void", "POST /v3/themes", "PUT /v3/orders/pickups",
    "PUT /v3/hooks/admin", "PUT /v3/hooks/{webhook_id}",  # no field is required, and a body without any is refused (bigcommerce/docs 505)
}  # fmt: skip


def filled(store: Store, template: str) -> str | None:
    """A path whose keys are rows of the store; None where nothing hangs on any row."""
    found = re.search(r"{([\w-]+)}", template)
    if found is None:
        return template
    before, after = template[: found.start() - 1], template[found.end() :]
    if found[1] in PARENTS and found[1] != "variant_id":
        keys = list(store.tables[PARENTS[found[1]]].ids())
    else:
        fields = (found[1], *KEYS)
        keys = [next((row[name] for name in fields if name in row), None) for row in rows_of(store, before)]
    paths = (filled(store, f"{before}/{key}{after}") for key in keys[:30])
    return next((path for path in paths if path is not None), None)


def rows_of(store: Store, path: str) -> list[dict[str, Any]]:
    """The rows that a list shows; none where there is no such list."""
    found = build_router().find(path)
    if found is None or "get" not in found[0].handlers:
        return []
    rows = Inside(store).get(path).json
    rows = rows.get("data") if isinstance(rows, dict) else rows
    return rows if isinstance(rows, list) else []


def operations() -> Iterator[tuple[str, str]]:
    for template, route in sorted(build_router().templates.items()):
        for method in ("post", "put", "delete"):
            if method not in route.handlers:
                continue
            if method in contract().get(template, {}):
                yield method.upper(), template


def existing(store: Store, template: str, row: dict[str, Any]) -> dict[str, Any]:
    """Name a row that is there, in a PUT of a list by key."""
    first = next(iter(rows_of(store, template)), {})
    taken = bodies().get(f"PUT {template}", {}).get("properties", {})
    return {**row, **{name: first[name] for name in ("id", "category_id", "listing_id") if name in first and name in taken}}


def cases(store: Store, method: str, template: str) -> list[Any]:
    """Bodies: one that should fit first, then such as should not."""
    name = f"{method} {template}"
    if method == "DELETE":
        return [None]
    schema = bodies().get(name)
    row = {**sample(store, schema or {"type": "object"}), **MORE.get(name, {})}
    owner = next((kind.parent[0] for kind in KINDS if kind.path == template and kind.parent is not None), None)
    if "resource_id" in row and owner is not None:
        row["resource_id"] = key_of(store, owner)
    if schema is None and template.endswith("/image"):
        return [None, {}]  # an upload
    many = contract()[template][method.lower()].get("body", {}).get("type") == "array" or name == "PUT /v3/content/pages"
    if method == "PUT":  # a POST before it may have made a row of that name
        row = {field: value.replace("New ", "Other ") if isinstance(value, str) else value for field, value in row.items()}
    if method == "PUT" and many and name not in MORE:
        row = existing(store, template, row)
    if name == "POST /v3/segments/{segmentId}/shopper-profiles":
        return [[key_of(store, "shopper_profiles", 20)], ["nobody"], [], {}]
    wrong = {**row, **{field: {"x": 1} for field in list(row)[:1]}}
    return [[row], [wrong], [], {}, [{}]] if many else [row, wrong, {}, []]


def test_every_answer_to_a_write_has_the_shape_bigcommerce_publishes(published: Published) -> None:
    complaints: set[str] = set()
    used: set[tuple[str, str]] = set()
    refused: dict[str, Any] = {}
    unknown: set[str] = set()
    stores: dict[str, Store] = {}
    asked = 0
    for method, template in operations():
        name = f"{method} {template}"
        if stores.get(template) is None:  # one for each path: making a store takes most of the time
            stores = {template: Store(**SIZES)}
        store = stores[template]
        path = filled(store, template)
        if path is None:
            unknown.add(name)
            continue
        found = cases(store, method, template)
        for place, body in enumerate(found):
            told = Inside(store).ask(method, path, body)
            asked += 1
            if place == 0 and told.status >= 400 and method != "DELETE" and name not in ELSEWHERE:
                refused[name] = (told.status, told.json, found[0])
            for complaint in published.errors(template, method.lower(), told.status, told.json) if told.json is not None else []:
                known = [key for key in CONTRADICTIONS if key[0] == name and complaint.startswith(key[1])]
                used.update(known)
                if not known:
                    complaints.add(f"{name} {told.status}: {complaint}")
    assert not complaints, "\n".join(sorted(complaints))
    assert set(CONTRADICTIONS) - used == set(), "listed, but no answer contradicts its file there any more"
    assert refused == {}, "a body that has what its file requires is refused"
    assert {name for name in unknown if not any(part in name for part in NO_LIST)} == set(), "paths nobody could fill in"
    assert asked > 600
