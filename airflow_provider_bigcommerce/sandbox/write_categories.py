"""Writes of brands, category trees and their categories."""

# ruff: noqa: ARG001 (every function that rules name for one purpose has the same signature)
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.refusals import TREES
from airflow_provider_bigcommerce.sandbox.routes import Call, Handler, Router
from airflow_provider_bigcommerce.sandbox.rules import Rules
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.unique import folded
from airflow_provider_bigcommerce.sandbox.writes import add_writes, styled


def url_of(row: Row) -> Any:
    """Read the path a row is shown at in the storefront."""
    url = row.get("custom_url")
    path = url.get("url") if isinstance(url, dict) else None
    return str(path).casefold() if path else None


def make_brand(store: Store, call: Call | None, body: Row) -> Row:
    """Add a brand; an address that another brand has is not saved."""
    plain = {"page_title": "", "meta_keywords": [], "meta_description": "", "image_url": "", "search_keywords": ""}
    taken = store.unique("brands", url_of).find(url_of(body)) is not None
    if url_of(body) is None or taken:
        body = {name: value for name, value in body.items() if name != "custom_url"}
    row = store.add("brands", **{**plain, **body})
    if "custom_url" not in body:
        row = store.edit("brands", row["id"], custom_url={"url": f"/brand-{row['id']}/", "is_customized": False})
    return row


def _change_brand(store: Store, call: Call, old: Row, body: Row) -> Row:
    if _unsaved_brand(store, call, body, old):
        del body["custom_url"]
    return store.edit("brands", old["id"], **body)


def _unsaved_brand(store: Store, call: Call, row: Row, old: Row | None) -> Mapping[str, str]:
    other = store.unique("brands", url_of).find(url_of(row))
    return {"custom_url": "is already in use"} if other is not None and (old is None or other != old["id"]) else {}


BRANDS = Rules("brands", unique={"name": folded("name")}, make=make_brand, change=_change_brand, split=_unsaved_brand)
TREES_OF_CATEGORIES = Rules(
    "category_trees",
    most={"PUT": 50},
    creates_without_key=True,
    required=("name",),
    references={"channels": "channels"},
    styles=styled(delete=TREES),
)

_under = folded("name", "parent_id", "tree_id")  # a name may not stand twice under one parent


def _check_category(store: Store, call: Call, row: Row, old: Row | None) -> Mapping[str, str]:
    if old is None and not row.get("parent_id") and not row.get("tree_id"):
        return {"tree_id": "is required, or parent_id"}
    return {"name": "must not be longer than 50 characters"} if len(str(row.get("name", ""))) > 50 else {}


def _make_category(store: Store, call: Call, body: Row) -> Row:
    parent = store.tables["categories"].get(body.get("parent_id") or 0)
    plain: Row = {
        "parent_id": 0, "tree_id": parent["tree_id"] if parent else 1, "description": "", "views": 0, "sort_order": 0, "page_title": "",
        "meta_keywords": [], "meta_description": "", "search_keywords": "", "layout_file": "category.html", "image_url": "",
        "is_visible": True, "default_product_sort": "use_store_settings",
    }  # fmt: skip
    row = store.add("categories", **{**plain, **body})
    return (
        row
        if "url" in body
        else store.edit("categories", row["category_id"], url={"path": f"/c-{row['category_id']}/", "is_customized": False})
    )


def _drop_category(store: Store, category_id: Any) -> bool:
    """Remove a category with those below it, and take the products out of them."""
    below = [row["category_id"] for row in store.children("categories", "parent_id", category_id)]
    found = store.delete("categories", category_id)
    for child in below:
        _drop_category(store, child)
    return found


CATEGORIES = Rules(
    "categories",
    key="category_id",
    most={"POST": 50, "PUT": 50},
    optional=("parent_id", "tree_id"),
    unique={"name": _under},
    references={"parent_id": "categories", "tree_id": "category_trees"},
    styles=styled(post=TREES, put=TREES),
    empty_delete="wipes",
    check=_check_category,
    make=_make_category,
    drop=_drop_category,
    counts=True,
)


def legacy(row: Row) -> Row:
    """Show a category as the older paths do."""
    kept = {name: value for name, value in row.items() if name not in ("category_id", "category_uuid", "tree_id", "url")}
    return {"id": row["category_id"], **kept, "custom_url": {"url": row["url"]["path"], "is_customized": row["url"]["is_customized"]}}


def _from_legacy(body: Row) -> Row:
    url = body.pop("custom_url", None)
    body.pop("id", None)
    if isinstance(url, dict) and url.get("url"):
        body["url"] = {"path": url["url"], "is_customized": True}
    return body


LEGACY = Rules(
    "categories",
    key="category_id",
    unique={"name": _under},
    references={"parent_id": "categories"},
    filters={"id": "category_id", "id:in": "category_id"},
    make=lambda store, call, body: _make_category(store, call, _from_legacy(body)),
    change=lambda store, _call, old, body: store.edit("categories", old["category_id"], **_from_legacy(body)),
    drop=_drop_category,
    show=lambda _store, row: legacy(row),
)


def _counted(handler: Handler) -> Handler:
    """Answer a PUT or DELETE of categories with counts only."""

    def answer(store: Store, call: Call) -> Answer:
        before = len(store.tables["categories"])
        found = handler(store, call)
        if found.status not in (200, 202, 204):
            return found
        gone = before - len(store.tables["categories"])
        total = len(call.body) if call.method == "PUT" else gone
        return ok({"meta": {"total": total, "success": total, "failed": 0}}, 200 if call.method == "PUT" else 202)

    return answer


def _delete_by_name(store: Store, call: Call) -> Answer:
    """Delete brands by name or page title; the file requires the name."""
    if not call.query.get("name"):
        return error("v3", 422, errors={"name": "is required"})
    for row in list(store.tables["brands"].rows()):
        if all(str(row[name]).casefold() == text.casefold() for name, text in call.query.items() if name in ("name", "page_title")):
            store.delete("brands", row["id"])
    return NOTHING


def add(router: Router) -> None:
    """Add the routes."""
    add_writes(router, BRANDS, "/v3/catalog/brands", "/v3/catalog/brands/{brand_id}")
    router.add("/v3/catalog/brands", delete=_delete_by_name)
    add_writes(router, TREES_OF_CATEGORIES, "/v3/catalog/trees")
    add_writes(router, CATEGORIES, "/v3/catalog/trees/categories")
    handlers = router.templates["/v3/catalog/trees/categories"].handlers
    router.add("/v3/catalog/trees/categories", **{method: _counted(handlers[method]) for method in ("put", "delete")})
    add_writes(router, LEGACY, "/v3/catalog/categories", "/v3/catalog/categories/{category_id}")
