"""Archiving promotions: at once out of the featured ones, and minutes later without the codes that they had.

Source: BigCommerce's newer promotions.v3.yml (July 2026). No source tells by which field an archived promotion is known, so it shows none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error
from airflow_provider_bigcommerce.sandbox.routes import Call, Router

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.store import Store

SECONDS = 180.0  # "a few minutes"


def _ids(call: Call) -> list[int]:
    ids = call.body if isinstance(call.body, list) else []
    return ids if all(isinstance(each, int) and not isinstance(each, bool) and each > 0 for each in ids) else []


def _archive(store: Store, call: Call) -> Answer:
    ids = [each for each in _ids(call) if store.has("promotions", each)]
    if not _ids(call):
        return error("v3", 422)
    for promotion_id in ids:
        store.edit("promotions", promotion_id, is_featured=False)
    codes = frozenset(row["id"] for each in ids for row in store.children("promotion_codes", "_promotion_id", each))
    store.going.append((store.clock() + SECONDS, codes))
    return NOTHING


def _unarchive(_store: Store, call: Call) -> Answer:
    return NOTHING if _ids(call) else error("v3", 422)


def add(router: Router) -> None:
    """Add the routes."""
    router.add("/v3/promotions/archive", post=_archive)
    router.add("/v3/promotions/unarchive", post=_unarchive)
