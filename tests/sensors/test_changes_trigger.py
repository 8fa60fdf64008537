"""The watcher of changes on a store whose clock its pauses move: what it tells, what it remembers, what it survives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
import structlog

from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.triggers.changes import MOST_IDS, BigCommerceChangesTrigger
from airflow_provider_bigcommerce.triggers.changes_feed import Poll

pytestmark = pytest.mark.compat

NOON = datetime(2026, 3, 29, 12, 0, 0, tzinfo=UTC)


class TheEnd(Exception):  # noqa: N818  # not an error: the test has seen enough
    """The script is over."""


class State(dict[str, Any]):
    """An asset's state, as the triggerer hands it out."""

    async def aget(self, key: str, default: Any = None) -> Any:
        return self.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))


class World:
    """A store and its time: each pause of the watcher moves the clock and does the script's next step."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.now = NOON.timestamp()
        self.slept: list[float] = []
        sandbox.store.clock = lambda: self.now

    async def watch(self, trigger: BigCommerceChangesTrigger, *steps: Callable[[], Any] | None, state: State | None = None) -> list[Any]:
        """Run a watcher through the steps, then end it as a triggerer that stops does; the payloads it fired."""
        trigger.asset_state_store = state  # type: ignore[assignment]  # the two calls it makes
        script = list(steps)
        fired: list[Any] = []

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            if not script:
                raise TheEnd
            self.now += seconds
            if (step := script.pop(0)) is not None:
                step()

        try:
            async for event in trigger.events(trigger.polls(sleep), sleep):
                fired.append(event.payload)  # noqa: PERF401  # kept when the end comes
        except TheEnd:
            return fired
        pytest.fail("the watcher returned")

    def earlier(self, *steps: Callable[[], Any], seconds: float = 5) -> Callable[[], None]:
        """A step that happens so long before the poll that follows it."""

        def step() -> None:
            self.now -= seconds
            for part in steps:
                part()
            self.now += seconds

        return step

    def products(self) -> list[str]:
        """Queries of the requests to the list."""
        return [request.query for request in self.sandbox.store.requests if request.path == "/v3/catalog/products"]


@pytest.fixture
def world(connected: Sandbox) -> World:
    return World(connected)


def first_products(world: World, n: int) -> list[int]:
    return [row["id"] for row in world.sandbox.store.rows("products")[:n]]


# -- telling ----------------------------------------------------------------------------------------------------------


async def test_a_change_and_a_new_row_are_told_once_and_what_was_before_is_not(world: World) -> None:
    store = world.sandbox.store
    [old] = first_products(world, 1)
    made: list[int] = []

    change = world.earlier(lambda: store.edit_product(old, name="changed"), lambda: made.append(store.add_product(name="new")["id"]))
    fired = await world.watch(BigCommerceChangesTrigger("products"), None, change, None, None)
    assert fired == [
        {
            "resource": "products",
            "store_hash": world.sandbox.store_hash,
            "since": "2026-03-29T12:00:00Z",  # the poll between had no rows, which alone proves nothing
            "until": "2026-03-29T12:02:00Z",
            "count": 2,
            "ids": [old, *made],
            "is_whole": True,
            "deleted": [],
            "via": "poll",
        }
    ]


async def test_a_poll_is_one_request_for_the_fields_it_needs(world: World) -> None:
    await world.watch(BigCommerceChangesTrigger("products", conditions={"price": (">", 5)}), None, None, None)
    assert len(world.sandbox.store.requests) == len(world.products()) == 1 + 3  # one for the store's time, then one a poll
    assert all("include_fields=date_modified,id,price" in query for query in world.products())


@pytest.mark.parametrize("kind", ["no_content", "no_rows"])
async def test_a_change_that_one_empty_answer_lacks_is_told_by_the_next_poll(world: World, kind: str) -> None:
    store = world.sandbox.store
    order = store.rows("orders")[0]["id"]

    def lost() -> None:
        world.earlier(lambda: store.set_status(order, 2))()
        store.odd(r"^/v2/orders(\?|$)", answer=kind, times=1)

    fired = await world.watch(BigCommerceChangesTrigger("orders", poll_interval=600), None, lost, None, None, None)

    assert [event["ids"] for event in fired] == [[order]]


async def test_a_watch_without_changes_stays_one_poll_behind_and_no_more(world: World) -> None:
    await world.watch(BigCommerceChangesTrigger("products", poll_interval=600), None, None, None, None)

    since = [parse_qs(query)["date_modified:min"][0] for query in world.products()[1:]]
    assert [moment[11:16] for moment in since] == ["12:00", "12:00", "12:09", "12:19"]


async def test_v2_orders_are_watched_by_their_dates(world: World) -> None:
    store = world.sandbox.store
    order = store.rows("orders")[0]["id"]
    [event] = await world.watch(BigCommerceChangesTrigger("orders"), world.earlier(lambda: store.set_status(order, 2)), None, None)
    assert event["ids"] == [order]


async def test_a_very_long_key_is_cut_in_the_event_and_its_length_told(world: World) -> None:
    trigger, noon = BigCommerceChangesTrigger("products"), datetime.fromtimestamp(world.now, UTC)
    payload = trigger._payload(Poll("s", noon, noon, []), noon, [7, "k" * 600, (1, "m" * 70_000)])

    assert payload["ids"] == [7, "k" * 480 + "... (600 characters)", (1, "m" * 477 + "... (70,000 characters)")]
    assert (payload["count"], payload["is_whole"]) == (3, True)


async def test_a_row_that_changes_again_in_the_second_of_the_answer_is_told_again(world: World) -> None:
    store = world.sandbox.store
    [one] = first_products(world, 1)
    fired = await world.watch(BigCommerceChangesTrigger("products"), lambda: store.edit_product(one, name="now"), None, None, None)
    assert [event["ids"] for event in fired] == [[one], [one]]


async def test_a_write_that_shows_late_is_still_told(world: World) -> None:
    store = world.sandbox.store

    late = world.earlier(lambda: store.add_product(name="late"), seconds=75)  # before the end of the poll before
    fired = await world.watch(BigCommerceChangesTrigger("products"), None, None, late, None, None)
    assert [event["count"] for event in fired] == [1]


async def test_conditions_choose_what_is_told(world: World) -> None:
    store = world.sandbox.store

    sell = world.earlier(
        lambda: store.add_order(status_id=7),
        lambda: store.add_order(status_id=11, total_inc_tax="10.0000"),
        lambda: store.add_order(status_id=11, total_inc_tax="500.0000"),
    )
    trigger = BigCommerceChangesTrigger("orders", query={"status_id": 11}, conditions={"total_inc_tax": (">=", 100)})
    [event] = await world.watch(trigger, sell, None)
    assert event["ids"] == [store.rows("orders")[-1]["id"]]


async def test_a_bulk_change_is_counted_whole_and_named_in_part(world: World) -> None:
    store = world.sandbox.store

    import_many = world.earlier(*[lambda: store.add_product(name="imported")] * (MOST_IDS + 20))
    [event] = await world.watch(BigCommerceChangesTrigger("products"), import_many, None)
    assert (event["count"], len(event["ids"]), event["is_whole"]) == (MOST_IDS + 20, MOST_IDS, False)


async def test_events_hold_no_data_of_the_store_and_arguments_no_secret(world: World) -> None:
    trigger = BigCommerceChangesTrigger("customers", conditions={"first_name": ("!=", "x")})
    store = world.sandbox.store
    [event, *_] = await world.watch(trigger, lambda: store.add_customer(first_name="Rosalind", email="rosalind@example.com"), None)
    assert "osalind" not in json.dumps(event)
    path, kwargs = trigger.serialize()
    assert path == f"{BigCommerceChangesTrigger.__module__}.BigCommerceChangesTrigger"
    assert world.sandbox.token not in json.dumps(kwargs)
    assert BigCommerceChangesTrigger(**json.loads(json.dumps(kwargs))).serialize() == (path, kwargs)


# -- remembering ------------------------------------------------------------------------------------------------------


async def test_a_restarted_watcher_tells_what_happened_while_it_was_away(world: World) -> None:
    store, state = world.sandbox.store, State()
    await world.watch(BigCommerceChangesTrigger("products"), None, state=state)
    world.now += 3600
    missed = store.add_product(name="missed")["id"]
    world.now += 3600
    [event] = await world.watch(BigCommerceChangesTrigger("products"), None, state=state)
    assert (event["ids"], event["since"]) == ([missed], "2026-03-29T12:00:00Z")


async def test_an_event_that_airflow_may_not_have_stored_is_told_again(world: World) -> None:
    store, state = world.sandbox.store, State()
    changed: list[int] = []

    change = world.earlier(lambda: changed.append(store.add_product(name="told")["id"]))
    [event] = await world.watch(BigCommerceChangesTrigger("products"), change, state=state)  # killed right after the event
    [again] = await world.watch(BigCommerceChangesTrigger("products"), state=state)
    assert event["ids"] == again["ids"] == changed


async def test_the_cursor_is_kept_with_events_and_seldom_without(world: World) -> None:
    class Counted(State):
        writes = 0

        async def aset(self, key: str, value: Any) -> None:
            Counted.writes += 1
            await super().aset(key, value)

    state = Counted()
    await world.watch(BigCommerceChangesTrigger("products"), *[None] * 25, state=state)
    assert Counted.writes == 3
    [value] = state.values()
    assert value == {"store_hash": world.sandbox.store_hash, "until": "2026-03-29T12:20:00Z"}


async def test_a_watcher_whose_state_is_damaged_begins_at_the_present(world: World) -> None:
    trigger = BigCommerceChangesTrigger("products")
    state = State({trigger.state_key: {"until": "yesterday"}})
    assert await world.watch(trigger, None, state=state) == []
    assert state[trigger.state_key]["until"] == "2026-03-29T12:00:00Z"


async def test_another_store_behind_the_connection_is_a_new_watch(world: World) -> None:
    trigger = BigCommerceChangesTrigger("products")
    state = State({trigger.state_key: {"store_hash": "other", "until": "2020-01-01T00:00:00Z"}})
    assert await world.watch(trigger, None, state=state) == []
    assert state[trigger.state_key]["store_hash"] == world.sandbox.store_hash


# -- surviving --------------------------------------------------------------------------------------------------------


async def test_a_403_does_not_make_it_loop_nor_end(world: World) -> None:
    world.sandbox.store.add_token(world.sandbox.token, ["store_v2_orders_read_only"])
    assert await world.watch(BigCommerceChangesTrigger("products"), *[None] * 6) == []
    assert world.slept == [60, 120, 240, 480, 600, 600, 600]
    assert len(world.products()) == 7


async def test_an_outage_loses_no_change(world: World) -> None:
    store = world.sandbox.store

    fail = world.earlier(
        lambda: store.fail_next(6, "answer", match="/v3/catalog/products", status=503, body=b"{}"),
        lambda: store.add_product(name="meanwhile"),
    )
    [event] = await world.watch(BigCommerceChangesTrigger("products"), fail, None, None)
    assert (event["count"], event["since"]) == (1, "2026-03-29T12:00:00Z")
    assert world.slept[:3] == [60, 60, 120]


async def test_nothing_that_goes_wrong_is_raised(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(State):
        async def aset(self, key: str, value: Any) -> None:
            raise ConnectionError("the supervisor is gone")

    monkeypatch.delenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT")
    connection = json.dumps(world.sandbox.connection)
    store = world.sandbox.store
    [event] = await world.watch(
        BigCommerceChangesTrigger("orders"),
        None,
        lambda: monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", connection),
        world.earlier(store.add_order),
        lambda: store.fail_next(1, "answer", match="/v2/orders", status=200, body=b"no JSON"),
        None,
        state=Broken(),
    )
    assert event["count"] == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"resource": "categories"}, "no date filter"),
        ({"resource": "orders", "query": {"statu_id": 1}}, "Did you mean 'status_id'"),
        ({"resource": "order_messages"}, "no one list to watch"),
        ({"resource": "orders", "poll_interval": 0}, r"poll_interval=0 \(int\) cannot work. Accepted: a number above 0"),
    ],
)
def test_what_cannot_be_watched_is_refused_where_the_dag_is_parsed(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidQueryError, match=says):
        BigCommerceChangesTrigger(**arguments)


# -- sharing ----------------------------------------------------------------------------------------------------------


def test_watchers_of_one_list_share_a_poll_and_others_do_not() -> None:
    key = BigCommerceChangesTrigger("orders", conditions={"status_id": 11}).shared_stream_key()
    assert BigCommerceChangesTrigger("orders", conditions={"status_id": 2}).shared_stream_key() == key
    others = [
        BigCommerceChangesTrigger("orders"),
        BigCommerceChangesTrigger("products", conditions={"id": 11}),
        BigCommerceChangesTrigger("orders", conditions={"status_id": 11}, bigcommerce_conn_id="b"),
        BigCommerceChangesTrigger("orders", conditions={"status_id": 11}, poll_interval=5),
        BigCommerceChangesTrigger("orders", conditions={"status_id": 11}, query={"customer_id": 1}),
    ]
    assert all(other.shared_stream_key() != key for other in others)


async def test_airflows_own_manager_serves_two_watchers_by_one_poll(connected: Sandbox) -> None:
    shared_stream = pytest.importorskip("airflow.triggers.shared_stream", reason="shared streams came with Airflow 3.3")
    manager = shared_stream.SharedStreamManager(log=structlog.get_logger())
    store = connected.store
    triggers = {number: BigCommerceChangesTrigger("orders", conditions={"status_id": number}, poll_interval=0.2) for number in (2, 11)}
    fired: dict[int, list[Any]] = {2: [], 11: []}

    async def run(number: int, trigger: BigCommerceChangesTrigger) -> None:
        stream = manager.subscribe(trigger_id=number, trigger=trigger, key=trigger.shared_stream_key())
        async for event in trigger.filter_shared_stream(stream):
            fired[number].append(event.payload)

    running = [asyncio.create_task(run(number, trigger)) for number, trigger in triggers.items()]
    async with asyncio.timeout(60):
        while not any(request.path == "/v2/orders" for request in store.requests):
            await asyncio.sleep(0.02)
        made = {number: store.add_order(status_id=number)["id"] for number in triggers}
        while not all(fired.values()):
            await asyncio.sleep(0.02)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await manager.stop_all()

    assert {number: events[0]["ids"] for number, events in fired.items()} == {number: [key] for number, key in made.items()}
    assert sum("limit=1&" in f"{request.query}&" for request in store.requests) == 1


async def test_run_by_itself_tells_the_same_without_sharing(connected: Sandbox) -> None:
    store = connected.store
    events = BigCommerceChangesTrigger("orders", poll_interval=0.2).run()
    waiting = asyncio.ensure_future(anext(events))
    async with asyncio.timeout(60):
        while not any(request.path == "/v2/orders" for request in store.requests):
            await asyncio.sleep(0.02)
        made = store.add_order()["id"]
        event = await waiting
    assert event.payload["ids"] == [made]
    await events.aclose()  # type: ignore[attr-defined]  # an async generator
