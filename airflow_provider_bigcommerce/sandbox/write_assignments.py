"""Writes of which product is in which category and channel, and in which order a category shows its products."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.refusals import BY_REFERENCE, Bad, Refused
from airflow_provider_bigcommerce.sandbox.routes import Call, Handler, Router
from airflow_provider_bigcommerce.sandbox.rules import UNPUBLISHED
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.writes import too_many

_OTHERS: Mapping[str, str] = {"category_id": "categories", "channel_id": "channels"}


def _assigned(store: Store, product_id: int, field: str) -> list[int]:
    if field == "channel_id":
        return store.channels_of(product_id)
    product = store.tables["products"].get(product_id)
    return [] if product is None else list(product["categories"])


def _keep(store: Store, product_id: int, field: str, others: list[int]) -> None:
    if field == "channel_id":
        store.nested["product_channels"].put((product_id,), [{"channel_id": other} for other in others])
    else:
        store.edit("products", product_id, categories=others)


def _put(field: str) -> Handler:
    def put(store: Store, call: Call) -> Answer:
        rows = call.body
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return error("v3", 422, errors={"": "the body must be a list of objects"})
        if len(rows) > UNPUBLISHED:
            return too_many("v3", UNPUBLISHED)
        bad = [Bad(index, row, found) for index, row in enumerate(rows) if (found := _against(store, row, field))]
        if bad:
            return BY_REFERENCE.answer(Refused(call, bad, (), len(rows)))
        for row in rows:
            others = _assigned(store, row["product_id"], field)
            if row[field] not in others:
                _keep(store, row["product_id"], field, [*others, row[field]])
        return NOTHING

    return put


def _against(store: Store, row: Row, field: str) -> dict[str, str]:
    tables = {"product_id": "products", field: _OTHERS[field]}
    return {
        name: f"{row.get(name)} not found" if name in row else "is required"
        for name, table in tables.items()
        if not isinstance(row.get(name), int) or not store.has(table, row[name])
    }


def _delete(field: str) -> Handler:
    """Remove the pairs that both filters name; one filter alone takes every pair of its products, categories or channels."""

    def delete(store: Store, call: Call) -> Answer:
        products, others = (_numbers(call.query.get(f"{name}:in", "")) for name in ("product_id", field))
        if not products and not others:
            return error("v3", 422, "At least one filter must be provided in order to delete assignments.")
        for product_id in products or list(store.tables["products"].ids()):
            if not store.has("products", product_id):
                continue
            found = _assigned(store, product_id, field)
            left = [other for other in found if others and other not in others]
            if left != found:
                _keep(store, product_id, field, left)
        return NOTHING

    return delete


def _numbers(text: str) -> set[int]:
    return {int(part) for part in text.split(",") if part.strip().isdigit()}


def _put_order(store: Store, call: Call) -> Answer:
    """Set the place of products in a category."""
    category_id = call.last_key
    if not store.has("categories", category_id):
        return error("v3", 404)
    rows = call.body
    if not isinstance(rows, list) or not all(isinstance(row, dict) and {"product_id", "sort_order"} <= row.keys() for row in rows):
        return error("v3", 422, errors={"": "the body must be a list of objects with product_id and sort_order"})
    unknown = {f"{n}.product_id": "not found" for n, row in enumerate(rows) if not store.has("products", row["product_id"])}
    if unknown:
        return error("v3", 422, errors=unknown)
    kept = {row["product_id"]: row for row in store.singletons.get(f"sort order {category_id}", {}).get("rows", [])}
    kept |= {row["product_id"]: {"product_id": row["product_id"], "sort_order": row["sort_order"]} for row in rows}
    store.keep_singleton(f"sort order {category_id}", {"rows": list(kept.values())})
    return ok([kept[row["product_id"]] for row in rows])  # bare, as the file has it


def add(router: Router) -> None:
    """Add the routes."""
    for field, name in (("category_id", "category-assignments"), ("channel_id", "channel-assignments")):
        router.add(f"/v3/catalog/products/{name}", put=_put(field), delete=_delete(field))
    router.add("/v3/catalog/categories/{category_id}/products/sort-order", put=_put_order)
