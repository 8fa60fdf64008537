"""Absence must be proven, all the way: the client's walks, driven by its sender, in each way of ``tests/core/odd_shop.py``.

The whole table of odd answers is driven through the walks alone, in ``tests/core/test_absence.py``.
"""

from __future__ import annotations

from collections import Counter

import pytest

from airflow_provider_bigcommerce.client.portal import run
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.concurrency import Place
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.policy import Fault
from airflow_provider_bigcommerce.exceptions import BigCommerceError
from tests.core.odd_shop import ODD, WAYS, Shop


def read(shop: Shop) -> list[int]:
    """The keys that come."""

    async def main() -> list[int]:
        async def soon(seconds: float) -> None:
            return None

        async def answered(request: Request, place: Place, waited: float) -> Response | Fault:
            return shop.answer(request)

        store = BigCommerceStore(StoreCredentials("abc123", "token"), StoreSettings(max_attempts=3, max_concurrency=4), sleep=soon)
        store._sender._attempt = answered  # type: ignore[method-assign]  # the shop in place of the wire
        parents = {"parent_ids": [1]} if shop.way.is_child else {}
        return [row[shop.way.key] async for row in store.rows(shop.way.resource, query=shop.way.query, **parents)]

    return run(main())


@pytest.mark.parametrize("way", WAYS)
def test_every_row_comes_once_when_nothing_is_odd(way: str) -> None:
    assert sorted(read(Shop(WAYS[way]))) == sorted(WAYS[way].ids)


@pytest.mark.parametrize("odd", ["an empty body", "no rows, and the meta of all", "total is this page"])
@pytest.mark.parametrize("way", WAYS)
def test_one_odd_answer_costs_no_row(way: str, odd: str) -> None:
    try:
        keys = read(Shop(WAYS[way], ODD[odd], 2, 1))
    except BigCommerceError:
        return
    assert Counter(keys) == Counter(WAYS[way].ids)
