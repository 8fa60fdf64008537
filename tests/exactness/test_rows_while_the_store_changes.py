"""Rows exact while the store changes: 100 writes a second during a read, once for each way in which lists are walked.

The writes keep to the clock, the claims do not: they hold however many writes fell into the read, and that some did is one of them.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bigcommerce.client.portal import run
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.exceptions import IncompleteReadError
from tests.exactness.writer import Writer

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
    from airflow_provider_bigcommerce.sandbox.store import Store

#: Rows of a short read, and of a full one.
SHORT, FULL = 1500, 100_000


def plain(resource: str, **fields: Any) -> Callable[[Store], Any]:
    return lambda store: store.add(resource, **fields)


def anywhere(store: Store) -> Any:
    """A row whose key is somewhere between those of others."""
    return store.add("widgets", uuid=str(uuid.uuid5(uuid.NAMESPACE_URL, str(store.tables["widgets"].version))))


@dataclass(frozen=True)
class Way:
    """How a list is walked: the list, what adds a row to it, and how a read asks for it.

    :param can_fail: whether a read may end in an error in place of losing rows.
    """

    resource: str
    add: Callable[[Store], Any]
    arguments: dict[str, Any] = field(default_factory=dict)
    can_fail: bool = False


WAYS = {
    "id ranges": Way("products", plain("products")),
    "id ranges of V2": Way("orders", lambda store: store.add_order(lines=1)),
    "cursor": Way("customers", lambda store: store.add_customer()),
    "keyset": Way("channel_listings", plain("channel_listings", channel_id=1)),
    "page numbers in the order of ids": Way("product_variants", plain("product_variants", product_id=1)),
    "page numbers of V2": Way("redirects_v2", plain("redirects_v2")),
    "page numbers with rows anywhere": Way("widgets", anywhere, can_fail=True),
}


def filled(store: Store, way: Way, rows: int) -> None:
    """Add rows until there are that many."""
    for _ in range(rows - store.count(way.resource)):
        way.add(store)


@dataclass
class Read:
    """What a read brought: its keys, the totals it was told, and the writes that fell between its first page and its last."""

    keys: list[Any]
    totals: set[int]
    writes: int


def read(sandbox: Sandbox, way: Way, limit: int, after_page: Callable[[int], int], *, concurrency: int = 4) -> Read:
    """Read the list.

    :param after_page: is told each page's number, and tells how many writes there were.
    """
    key = sandbox.store.tables[way.resource].key

    async def work() -> Read:
        found = Read([], set(), 0)
        first = None
        credentials = StoreCredentials(sandbox.store_hash, sandbox.token, base_url=sandbox.url)
        async with BigCommerceStore(credentials, StoreSettings(max_concurrency=concurrency)) as store:
            async for page in store.pages(way.resource, query={"limit": limit}, **way.arguments):
                found.keys += [row[key] for row in page.rows()]
                found.totals |= {page.total} if page.total is not None else set()
                writes = after_page(page.number)
                first = writes if first is None else first
                found.writes = writes - first
        return found

    return run(work())


def hold(sandbox: Sandbox, way: Way, rows: int, limit: int) -> None:
    """Read while the store changes, and check each row that stays."""
    filled(sandbox.store, way, rows)
    with Writer(sandbox.store, way.resource, way.add) as writer:
        try:
            found = read(sandbox, way, limit, lambda _: writer.writes)
        except IncompleteReadError:
            assert way.can_fail
            assert writer.writes > 0
            return
    times = Counter(found.keys)

    assert found.writes > 0, "no write fell into the read"
    assert [key for key in writer.stay if times[key] != 1] == []
    assert [key for key, often in times.items() if often > 1] == []


@pytest.mark.bigcommerce_sandbox(products=SHORT, orders=SHORT, customers=SHORT, latency_ms=15)
@pytest.mark.parametrize("name", WAYS)
def test_each_row_that_stays_comes_once(bigcommerce_sandbox: Sandbox, name: str) -> None:
    hold(bigcommerce_sandbox, WAYS[name], SHORT, 20)


@pytest.mark.exhaustive
@pytest.mark.timeout(1200)
@pytest.mark.bigcommerce_sandbox(products=FULL, orders=FULL, customers=FULL)
@pytest.mark.parametrize("name", WAYS)
def test_each_of_100000_rows_that_stay_comes_once(bigcommerce_sandbox: Sandbox, name: str) -> None:
    hold(bigcommerce_sandbox, WAYS[name], FULL, 250)


@pytest.mark.bigcommerce_sandbox
def test_rows_that_come_and_go_anywhere_all_the_time_end_in_the_error(bigcommerce_sandbox: Sandbox) -> None:
    way = WAYS["page numbers with rows anywhere"]
    filled(bigcommerce_sandbox.store, way, 200)
    writer = Writer(bigcommerce_sandbox.store, way.resource, way.add)

    def write(_: int) -> int:
        writer.exchange()
        return 0

    with pytest.raises(IncompleteReadError, match="gave other rows each time"):
        read(bigcommerce_sandbox, way, 20, write)


@pytest.mark.bigcommerce_sandbox(products=150)
@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if CATALOG[way.resource].guarantee == "checked"])
@pytest.mark.parametrize("moment", [1, 2, 3])
def test_a_row_that_goes_while_another_comes_costs_no_row_although_the_total_stays(
    bigcommerce_sandbox: Sandbox, name: str, moment: int
) -> None:
    """As in the 30 seconds that a read waits for its quota."""
    way, state = WAYS[name], bigcommerce_sandbox.store
    filled(state, way, 200)
    writer = Writer(state, way.resource, way.add)
    before = {*state.tables[way.resource].ids()}

    def once(page: int) -> int:
        if page == moment:
            writer.exchange()
        return 0

    found = read(bigcommerce_sandbox, way, 20, once, concurrency=1)

    assert len(found.totals) <= 1, "no total tells of it"
    assert before & {*state.tables[way.resource].ids()} <= {*found.keys}
    assert len(found.keys) == len({*found.keys})
