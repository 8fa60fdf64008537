"""Events of what belongs to a channel (settings, scripts, themes, sites, assignments) and of B2B Edition; beside `webhook_events`.

Pure. BigCommerce tells of a store's own settings once for each channel that they affect; which these are is not documented, and the
sandbox tells of its first channel alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox.table import Key, Row

Event = tuple[str, Any]
#: Finds a row of another table by its key.
Find = Callable[[str, Any], "Row | None"]
Maker = Callable[[Key, "Row | None", "Row | None", Find], Iterator[Event]]

_DATES = ("date_modified", "updated_at", "last_updated")
_FIRST = 1  # the channel that every store has
_OF_CHANNEL = re.compile(r"(.+)/channels/([0-9]+)")
#: A PUT of these paths is an event of each channel: what follows `store/channel/<id>/`.
_SETTINGS: Mapping[str, str] = {
    "/v3/abandoned-carts/settings": "notifications/abandonedCart/updated",
    "/v3/carts/settings": "settings/checkout/updated",
    "/v3/checkouts/settings": "settings/checkout/updated",
    "/v3/customers/settings": "settings/customerPrivacy/updated",
    "/v3/settings/catalog": "settings/catalog/updated",
    "/v3/settings/email-statuses": "settings/emailStatus/updated",
    "/v3/settings/inventory/notifications": "notifications/inventory/updated",
    "/v3/settings/logo": "settings/logo/updated",
    "/v3/settings/store/locale": "settings/locale/updated",
    "/v3/settings/store/profile": "settings/profile/updated",
    "/v3/settings/storefront/category": "settings/category/updated",
    "/v3/settings/storefront/product": "settings/product/updated",
    "/v3/settings/storefront/robotstxt": "settings/robots/updated",
    "/v3/settings/storefront/security": "settings/security/updated",
    "/v3/settings/storefront/seo": "settings/SEO/updated",
}


def settings_events(path: str) -> list[Event]:
    """The events of a PUT of settings; none for a path that nothing tells of."""
    of_channel = _OF_CHANNEL.fullmatch(path)
    base, channel = (of_channel[1], int(of_channel[2])) if of_channel is not None else (path, _FIRST)
    return [(f"store/channel/{channel}/{_SETTINGS[base]}", {})] if base in _SETTINGS else []


def _differs(old: Row | None, new: Row | None, *names: str) -> bool:
    """Whether there is a change: of these fields, or of any that a person sets."""
    if old is None or new is None:
        return old is not new
    looked = names or {
        name for name in old.keys() | new.keys() if name[0] != "_" and name not in ("date_modified", "updated_at", "last_updated")
    }
    return any(old.get(name) != new.get(name) for name in looked)


def _what(old: Row | None, new: Row | None) -> str | None:
    return None if not _differs(old, new) else "created" if old is None else "deleted" if new is None else "updated"


def _channels_of_tree(tree_id: Any, find: Find) -> list[int]:
    return list((find("category_trees", tree_id) or {}).get("channels") or [])


def category(key: Key, old: Row | None, new: Row | None, find: Find) -> Iterator[Event]:
    """A category, in each channel that shows its tree; of which `store/category/*` tells too."""
    if (what := _what(old, new)) is not None:
        tree_id = (new or old or {}).get("tree_id", 1)
        for channel in _channels_of_tree(tree_id, find):
            yield f"store/channel/{channel}/category/{what}", {"category_id": key, "tree_id": tree_id}


def product(key: Key, old: Row | None, new: Row | None, find: Find) -> Iterator[Event]:
    """A product that was put into a category, or taken out of one."""
    if old is None or new is None:
        return
    before, after = set(old.get("categories") or ()), set(new.get("categories") or ())
    for what, ids in (("assigned", after - before), ("unassigned", before - after)):
        for category_id in sorted(ids):
            for channel in _channels_of_tree((find("categories", category_id) or {}).get("tree_id", 1), find):
                yield f"store/channel/{channel}/category/product/{what}", {"product_id": key, "category_id": category_id}


def _product_channels(key: Key, old: Row | None, new: Row | None, _find: Find) -> Iterator[Event]:
    before, after = ({row["channel_id"] for row in (rows or {}).get("rows", [])} for rows in (old, new))
    for what, channels in (("assigned", after - before), ("unassigned", before - after)):
        for channel in sorted(channels):
            yield f"store/channel/{channel}/product/{what}", {"product_id": int(key)}


def _tree(key: Key, old: Row | None, new: Row | None, _find: Find) -> Iterator[Event]:
    if _differs(old, new):
        for channel in sorted({*(old or {}).get("channels", ()), *(new or {}).get("channels", ())}):
            yield f"store/channel/{channel}/categoryTree/updated", {"tree_id": key}


def _script(key: Key, old: Row | None, new: Row | None, _find: Find) -> Iterator[Event]:
    if (what := _what(old, new)) in ("created", "updated"):
        yield f"store/channel/{(new or {}).get('channel_id') or _FIRST}/script/{what}", {"uuid": key}


def _theme(key: Key, old: Row | None, new: Row | None, _find: Find) -> Iterator[Event]:
    if new is not None and old is None:
        yield f"store/channel/{_FIRST}/theme/configuration/created", {"theme_id": key}
    if new is not None and new.get("is_active") and not (old or {}).get("is_active"):
        yield f"store/channel/{_FIRST}/theme/configuration/activated", {"theme_id": key}


def _email_template(_key: Key, old: Row | None, new: Row | None, _find: Find) -> Iterator[Event]:
    if _differs(old, new):
        yield f"store/channel/{_FIRST}/email/templates/{'deleted' if new is None else 'updated'}", {}


def _site(key: Key, old: Row | None, new: Row | None, _find: Find) -> Iterator[Event]:
    if _differs(old, new):
        yield f"store/channel/{(new or old or {}).get('channel_id') or _FIRST}/settings/site/updated", {"site_id": key}


def _route(_key: Key, old: Row | None, new: Row | None, find: Find) -> Iterator[Event]:
    if _differs(old, new):
        site_id = (new or old or {}).get("_site_id")
        channel = (find("sites", site_id) or {}).get("channel_id") or _FIRST
        yield f"store/channel/{channel}/settings/route/updated", {"site_id": site_id}


def _currency(_key: Key, old: Row | None, new: Row | None, _find: Find) -> Iterator[Event]:
    if _differs(old, new):
        yield f"store/channel/{_FIRST}/settings/currency/updated", {}


def _channel_currencies(key: Key, old: Row | None, new: Row | None, _find: Find) -> Iterator[Event]:
    if _differs(old, new):
        yield f"store/channel/{key}/settings/currency/updated", {}


def _search(_key: Key, old: Row | None, new: Row | None, _find: Find) -> Iterator[Event]:
    if _differs(old, new):
        channel = ((new or old or {}).get("context") or {}).get("channel_id") or _FIRST
        yield f"store/channel/{channel}/settings/searchContextFilters/updated", {}


def _group(_key: Key, old: Row | None, new: Row | None, _find: Find) -> Iterator[Event]:
    if bool((old or {}).get("is_default")) != bool((new or {}).get("is_default")):
        yield f"store/channel/{_FIRST}/settings/defaultCustomerGroup/updated", {}


def _customer(key: Key, old: Row | None, new: Row | None, _find: Find) -> Iterator[Event]:
    if old is not None and new is not None and _differs(old, new, "channel_ids"):
        yield "store/customer/channel/login/access/updated", {"customer_id": key, "channel_ids": new.get("channel_ids")}


def _b2b(scope: str, status: str | None, *told: tuple[str, str]) -> Maker:
    """Events of a thing of B2B Edition.

    :param status: the field of which `statusUpdated` tells.
    :param told: names in `data`, and the fields that they are.
    """

    def make(_key: Key, old: Row | None, new: Row | None, _find: Find) -> Iterator[Event]:
        row = new or old or {}
        data = {name: row.get(field) for name, field in told}
        if (what := _what(old, new)) is not None:
            yield f"store/{scope}/{what}", data
        if status is not None and old is not None and new is not None and _differs(old, new, status):
            yield f"store/{scope}/statusUpdated", data

    return make


#: Table -> what tells of its changes, beside `webhook_events`.
MAKERS: Mapping[str, Maker] = {
    "b2b_addresses": _b2b("company/address", None, ("company_id", "companyId"), ("address_id", "addressId")),
    "b2b_companies": _b2b("company", "companyStatus", ("company_id", "companyId")),
    "b2b_quotes": _b2b("quote", "status", ("quote_id", "quoteId"), ("quote_uuid", "uuid")),
    "b2b_super_admins": _b2b("superadmin", None, ("user_id", "id")),
    "b2b_users": _b2b("company/user", None, ("company_id", "companyId"), ("user_id", "id")),
    "categories": category,
    "category_trees": _tree,
    "channel_currency_assignments": _channel_currencies,
    "currencies": _currency,
    "customer_groups": _group,
    "customers": _customer,
    "email_templates": _email_template,
    "product_channels": _product_channels,
    "products": product,
    "scripts": _script,
    "search_filter_contexts": _search,
    "search_filters": _search,
    "site_routes": _route,
    "sites": _site,
    "themes": _theme,
}
