"""Writes of every other collection: a row of rules where something is special, BigCommerce's files for the rest."""

# ruff: noqa: ARG001 (every function that rules name for one purpose has the same signature)
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_bigcommerce.sandbox.contract import contract
from airflow_provider_bigcommerce.sandbox.kinds import KINDS, Kind
from airflow_provider_bigcommerce.sandbox.refusals import BULK_CONFLICT, BY_REFERENCE, COUNTED, DETAIL, PROBLEMS, TEXTS
from airflow_provider_bigcommerce.sandbox.routes import Call, Router
from airflow_provider_bigcommerce.sandbox.rules import Rules
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.unique import folded
from airflow_provider_bigcommerce.sandbox.writes import add_writes, styled

_CODE, _NAME = folded("code"), folded("name")


def _drop_currency(store: Store, currency_id: Any) -> bool:
    row = store.tables["currencies"].get(currency_id)
    return row is not None and not row["is_default"] and store.delete("currencies", currency_id)


def _make_gift(store: Store, call: Call, body: Row) -> Row:
    """Make a gift certificate; one without a code gets one, a longer one is cut. No mail leaves."""
    number = store.tables["gift_certificates"].next_id()
    code = str(body.get("code") or f"{store.catalog.dice.roll(number, 70):016X}")[:20]
    return store.add("gift_certificates", **{"balance": body["amount"], **body, "id": number, "code": code})


def _unsaved_discounts(store: Store, call: Call, row: Row, old: Row | None) -> Mapping[str, str]:
    """Tell that a group's discounts were not saved, where one names a category or product that is not there."""
    tables = {"category_id": "categories", "product_id": "products", "price_list_id": "price_lists"}
    for rule in row.get("discount_rules") or []:
        for name, table in tables.items():
            if isinstance(rule, dict) and name in rule and not store.has(table, _key(rule[name])):
                return {"discount_rules": f"{name} {rule[name]} not found"}
    return {}


def _key(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdigit() else value


def _group(store: Store, call: Call, body: Row) -> Row:
    if _unsaved_discounts(store, call, body, None):
        body = {**body, "discount_rules": []}
    plain = {"is_default": False, "is_group_for_guests": False, "discount_rules": [], "category_access": {"type": "all"}}
    return store.add("customer_groups", **{**plain, **body})


def _change_group(store: Store, call: Call, old: Row, body: Row) -> Row:
    if _unsaved_discounts(store, call, body, old):
        del body["discount_rules"]
    return store.edit("customer_groups", old["id"], **body)


def _check_listing(store: Store, call: Call, row: Row, old: Row | None) -> Mapping[str, str]:
    found = {}
    for n, variant in enumerate(row.get("variants") or []):
        if isinstance(variant, dict) and not store.has("product_variants", variant.get("variant_id")):
            found[f"variants.{n}.variant_id"] = "not found"
    return found


def _check_page(store: Store, call: Call, row: Row, old: Row | None) -> Mapping[str, str]:
    needed: Mapping[str, str] = {"raw": "body", "link": "link"}
    name = needed.get(str(row.get("type")))
    return {name: "is required"} if old is None and name is not None and not row.get(name) else {}


def _widget(store: Store, call: Call, body: Row) -> Row:
    template = store.tables["widget_templates"].get(body.pop("widget_template_uuid", ""))
    return store.add("widgets", **body, **({"widget_template": template} if template else {}))


def _placement(store: Store, call: Call, body: Row) -> Row:
    widget = store.tables["widgets"].get(body.pop("widget_uuid", ""))
    return store.add("widget_placements", **body, **({"widget": widget} if widget else {}))


def _drop_segment(store: Store, segment_id: Any) -> bool:
    for row in list(store.children("segment_shopper_profiles", "_segment_id", segment_id)):
        store.delete("segment_shopper_profiles", row["id"])
    return store.delete("segments", segment_id)


_SEGMENTS = Rules(
    "segments",
    unique={"name": _NAME},
    styles=styled(post=BULK_CONFLICT, put=BULK_CONFLICT),
    ignored=("created_at", "updated_at"),
    empty_delete="wipes",
    drop=_drop_segment,
)

OTHERS: tuple[Rules, ...] = (
    Rules(
        "currencies",
        unique={"currency_code": folded("currency_code")},
        ignored=("id", "last_updated"),
        empty_delete="wipes",
        drop=_drop_currency,
    ),
    Rules("customer_groups", required=("name",), make=_group, change=_change_group, split=_unsaved_discounts),
    Rules("coupons", unique={"code": _CODE, "name": _NAME}, ignored=("num_uses",), cleared={"applies_to": {}}, empty_delete="wipes"),
    Rules("gift_certificates", ignored=("order_id",), empty_delete="wipes", make=_make_gift),
    Rules("banners", ignored=("date_created",), empty_delete="wipes"),
    Rules("blog_posts", empty_delete="wipes"),
    Rules("redirects_v2", unique={"path": folded("path")}, ignored=("url",), empty_delete="wipes"),
    Rules("channels", ignored=("date_created", "date_modified")),
    Rules(
        "channel_listings", key="listing_id", parent="channel_id", references={"product_id": "products"}, missing=0, check=_check_listing
    ),
    Rules("sites", ignored=("created_at", "updated_at"), references={"channel_id": "channels"}),
    Rules("site_routes", parent="_site_id", required=("type", "matching", "route"), creates_without_key=True, styles=styled(put=COUNTED)),
    _SEGMENTS,
    Rules("shopper_profiles", references={"customer_id": "customers"}, required=("customer_id",), empty_delete="wipes"),
    Rules("wishlists", references={"customer_id": "customers"}, required=("customer_id",)),
    Rules(
        "promotions",
        most={"DELETE": 50},
        ignored=("current_uses",),
        styles={"POST": PROBLEMS, "PUT one": PROBLEMS},
        change=lambda store, _call, old, body: store.edit("promotions", old["id"], **{**body, "redemption_type": old["redemption_type"]}),
    ),
    Rules(
        "promotion_codes",
        parent="_promotion_id",
        most={"DELETE": 250},
        unique={"code": _CODE},
        conflict=422,
        styles=styled(post=PROBLEMS, delete=PROBLEMS),
    ),
    Rules("abandoned_cart_emails", styles={"POST": TEXTS, "PUT one": TEXTS}),
    Rules("email_templates", key="type_id"),
    Rules("pages", optional=("body", "link"), either=("POST", "PUT"), styles=styled(post=DETAIL), check=_check_page),
    Rules("scripts", key="uuid"),
    Rules("widget_templates", key="uuid"),
    Rules("widgets", key="uuid", make=_widget),
    Rules("widget_placements", key="uuid", make=_placement),
    Rules("redirects", upsert=folded("from_path", "site_id"), references={"site_id": "sites"}),
    Rules(
        "custom_template_associations",
        most={"PUT": 100},
        upsert=folded("channel_id", "entity_id", "entity_type"),
        references={"channel_id": "channels"},
        filters={"type": "entity_type"},
        styles=styled(put=BY_REFERENCE),
    ),
    Rules("tax_properties", unique={"code": _CODE}, conflict=422),
    Rules("product_tax_properties", key="product_id", upsert=folded("product_id"), references={"product_id": "products"}),
    Rules("tax_customers", key="customer_id", upsert=folded("customer_id"), references={"customer_id": "customers"}, empty_delete="wipes"),
    Rules("tax_rates", references={"tax_zone_id": "tax_zones"}),
    Rules(
        "product_customs_information",
        key="product_id",
        most={"PUT": 50},
        upsert=folded("product_id"),
        references={"product_id": "products"},
    ),
    Rules("pickup_methods", most={"POST": 100, "PUT": 10}),
)
#: Tables whose writes stand in modules of their own.
ELSEWHERE = frozenset(
    ("price_lists", "price_list_records", "price_list_assignments", "inventory_locations", "customer_attributes", "subscribers",
     "segment_shopper_profiles", "channel_currency_assignments", "search_filters", "search_filter_contexts")
)  # fmt: skip


def _rules_of(kind: Kind) -> Rules:
    special = next((rules for rules in OTHERS if rules.table == kind.name), None)
    return special or Rules(kind.name, key=kind.key, parent=kind.parent[1] if kind.parent is not None and "{" in kind.path else None)


def add(router: Router) -> None:
    """Add the routes."""
    documented = contract()
    for kind in KINDS:
        if kind.name in ELSEWHERE or kind.name.endswith("_metafields"):
            continue
        rules = _rules_of(kind)
        if kind.path in documented:
            add_writes(router, rules, kind.path)
        item = kind.item or next(
            (p for p in documented if p.startswith(f"{kind.path}/{{") and p.count("/") == kind.path.count("/") + 1), None
        )
        if item is not None and item.endswith("}") and item in documented:
            add_writes(router, replace(rules, parent=None), item)
