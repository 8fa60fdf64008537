"""From a queue to asset events, and back to the queue when they are stored: nothing is lost, whatever ends in between."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, AssetAlias

from airflow_provider_bigcommerce.assets import changes_alias, changes_asset
from airflow_provider_bigcommerce.compat import has_event_filters
from airflow_provider_bigcommerce.core.webhooks import SECRET_HEADER, Secrets
from airflow_provider_bigcommerce.engine.packages import FatalMissingPackageError
from airflow_provider_bigcommerce.exceptions import BigCommerceError, InvalidQueryError, QueueError
from airflow_provider_bigcommerce.operators import queue as module
from airflow_provider_bigcommerce.operators.queue import BigCommerceAcknowledgeOperator, BigCommerceQueueOperator
from tests.airflow_dag import known_to_airflow
from tests.fake_queue import FakeQueue, UnreachableError

SQS = "https://sqs.eu-west-1.amazonaws.com/123456789012/bigcommerce"
CONNECTION = {"conn_type": "bigcommerce", "extra": {"store_hash": "abc123", "access_token": "the-token"}}
SECRET = Secrets("abc123", "the-token").header


def event(key: object, scope: str = "store/product/updated", producer: str = "stores/abc123") -> bytes:
    return json.dumps({"scope": scope, "data": {"id": key}, "created_at": 1_800_000_000, "producer": producer}).encode()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeQueue:
    """What every name of a queue opens."""
    queue = FakeQueue()
    monkeypatch.setattr(module, "open_queue", lambda *_: queue)
    monkeypatch.setattr(module.batches, "__kwdefaults__", {**module.batches.__kwdefaults__, "monotonic": lambda: queue.now})
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(CONNECTION))
    return queue


class Airflow:
    """What a task is given, and what is stored of it when the task succeeds."""

    def __init__(self) -> None:
        self.stored: list[SimpleNamespace] = []
        self.emitted: list[tuple[str, dict[str, Any]]] = []

    def context(self) -> dict[str, Any]:
        return {"ti": SimpleNamespace(try_number=1), "outlet_events": self, "inlet_events": self}

    def succeed(self) -> None:
        """The API server's transaction: newest first, as they are asked for."""
        self.stored = [SimpleNamespace(asset=uri, extra=extra) for uri, extra in reversed(self.emitted)] + self.stored

    def payloads(self, resource: str = "products") -> list[list[int]]:
        """Ids of the stored events of a resource, oldest first."""
        uri = f"bigcommerce://bigcommerce_default/changes/{resource}"
        return [each.extra["payload"]["ids"] for each in reversed(self.stored) if each.asset == uri]

    # As an accessor of events that come, and of events that are there.

    def __getitem__(self, alias: AssetAlias) -> Airflow:
        assert alias.name == "bigcommerce_changes"
        return self

    def add(self, asset: Any, extra: dict[str, Any]) -> None:
        self.emitted.append((asset.uri, json.loads(json.dumps(extra))))

    def ascending(self, ascending: bool = True) -> Airflow:
        assert not ascending
        return self

    def limit(self, limit: int) -> list[SimpleNamespace]:
        return self.stored[:limit]


@pytest.fixture
def airflow() -> Airflow:
    return Airflow()


def pair(**more: Any) -> tuple[BigCommerceQueueOperator, BigCommerceAcknowledgeOperator]:
    with DAG("queue", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        received = BigCommerceQueueOperator(task_id="receive", message_queue=SQS, **more)
        return received, BigCommerceAcknowledgeOperator(task_id="acknowledge", received=received.output)


def received(airflow: Airflow, **more: Any) -> dict[str, Any]:
    """What the first task returns, through JSON as XCom does it; its events are not stored yet."""
    airflow.emitted = []
    return dict(json.loads(json.dumps(pair(**more)[0].execute(airflow.context()))))


def acknowledge(airflow: Airflow, *returned: Any) -> int:
    task = pair()[1]
    task.received = returned[0] if len(returned) == 1 else list(returned)
    return task.execute(airflow.context())


# -- a run ---------------------------------------------------------------------------------------------------------------------------------


def test_messages_are_told_as_events_and_removed_by_the_task_after(fake: FakeQueue, airflow: Airflow) -> None:
    fake.send(event(7), event(8), event(7), event(100, "store/order/updated"))
    returned = received(airflow)
    assert fake.called("acknowledge") == []
    airflow.succeed()
    assert (airflow.payloads(), airflow.payloads("orders")) == ([[7, 8]], [[100]])
    assert {each.extra["payload"]["via"] for each in airflow.stored} == {"queue"}

    assert acknowledge(airflow, returned) == 4
    assert fake.waiting == {}


def test_an_empty_queue_is_a_success_of_both_tasks(fake: FakeQueue, airflow: Airflow) -> None:
    returned = received(airflow)
    airflow.succeed()
    assert (returned["messages"], returned["events"], airflow.stored) == (0, 0, [])
    assert acknowledge(airflow, returned) == 0
    assert fake.called("acknowledge") == []


def test_a_run_of_a_thousand_messages_is_a_few_events(fake: FakeQueue, airflow: Airflow) -> None:
    fake.send(*(event(number) for number in range(1, 1_201)))
    returned = received(airflow, resource="products")
    assert (returned["messages"], returned["events"]) == (1_000, 2)
    airflow.succeed()
    assert acknowledge(airflow, returned) == 1_000
    assert len(fake.waiting) == 200


def test_a_run_ends_when_its_time_is_up(fake: FakeQueue, airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.send(*(event(number) for number in range(1, 101)))
    slow = fake.receive

    def receive(count: int, **more: Any) -> Any:
        fake.now += 4
        return slow(count, **more)

    monkeypatch.setattr(fake, "receive", receive)
    assert received(airflow, max_seconds=10)["messages"] == 30


@pytest.mark.parametrize("most", [1, 9, 10, 11, 25])
def test_no_more_messages_are_taken_than_a_run_may_have(fake: FakeQueue, airflow: Airflow, most: int) -> None:
    fake.send(*(event(number) for number in range(1, 31)))
    assert received(airflow, max_messages=most)["messages"] == most
    assert sum(fake.called("receive")) == most


def test_bad_messages_are_left_to_the_queue_and_the_log_names_their_kind(
    fake: FakeQueue, airflow: Airflow, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.send(event(1), b"Dear shopper@example.com", event(2, producer="stores/other"), event(3, "store/made/up"))
    returned = received(airflow)
    said = "".join(capsys.readouterr())
    airflow.succeed()
    assert returned["left"] == {"the body is not JSON": 1, "the event is not of this connection's store": 1}
    assert returned["unneeded"] == {"an unknown scope": 1}
    assert "2 messages are left to the queue, which brings them again after 600 s" in said
    assert "the body is not JSON (1); the event is not of this connection's store (1)" in said
    assert "shopper" not in said

    assert acknowledge(airflow, returned) == 2
    assert (sorted(fake.waiting), fake.called("hold")) == ([2, 3], [])
    fake.now += 601
    assert received(airflow)["messages"] == 2  # again, until the queue's own rule puts them aside


def test_sqs_wants_a_proof_and_pubsub_does_not(fake: FakeQueue, airflow: Airflow) -> None:
    fake.proof = "required"
    fake.send(event(1))
    fake.send(event(2), headers=((SECRET_HEADER, SECRET),))
    assert received(airflow)["left"] == {f"neither the header {SECRET_HEADER} nor a signature that can be checked came with the message": 1}
    fake.now += 601
    assert received(airflow, proof="if_present")["left"] == {}


# -- what may end in between ---------------------------------------------------------------------------------------------------------------


def test_killed_before_the_events_are_stored_the_messages_come_again(fake: FakeQueue, airflow: Airflow) -> None:
    fake.send(event(7))
    received(airflow)  # and no succeed(): the process is gone
    assert received(airflow)["messages"] == 0
    fake.now += 601
    returned = received(airflow)
    airflow.succeed()
    assert acknowledge(airflow, returned) == 1
    assert (airflow.payloads(), fake.waiting) == ([[7]], {})


def test_killed_between_the_events_and_the_acknowledgement_they_are_told_twice(fake: FakeQueue, airflow: Airflow) -> None:
    fake.send(event(7))
    received(airflow)
    airflow.succeed()  # and no acknowledgement
    fake.now += 601
    returned = received(airflow)
    airflow.succeed()
    assert acknowledge(airflow, returned) == 1
    assert (airflow.payloads(), fake.waiting) == ([[7], [7]], {})


def test_without_stored_events_nothing_is_removed(fake: FakeQueue, airflow: Airflow) -> None:
    """The API server refused the task's success, or somebody marked the task as a success by hand."""
    fake.send(event(7), event(100, "store/order/updated"))
    returned = received(airflow)
    expected = returned["events"]
    with pytest.raises(QueueError, match=f"Airflow has 0 of the {expected} events of 2 messages"):
        acknowledge(airflow, returned)
    airflow.succeed()
    airflow.stored.pop()  # one of them is not there
    with pytest.raises(QueueError, match=f"Airflow has {expected - 1} of the {expected} events"):
        acknowledge(airflow, returned)
    assert (len(fake.waiting), fake.called("acknowledge")) == (2, [])


def test_events_of_another_batch_prove_nothing(fake: FakeQueue, airflow: Airflow) -> None:
    fake.send(event(7))
    received(airflow)
    airflow.succeed()
    fake.now += 601
    returned = received(airflow)  # the same message, and its events are not stored
    with pytest.raises(QueueError):
        acknowledge(airflow, returned)


def test_events_are_found_behind_hundreds_of_others(fake: FakeQueue, airflow: Airflow) -> None:
    fake.send(event(7))
    returned = received(airflow)
    airflow.succeed()
    others = [SimpleNamespace(asset="a", extra=extra) for extra in ({}, None, {"queue": 5}, {"queue": {"batch": "x"}}, {"payload": {}})]
    airflow.stored[:0] = others * 100
    assert acknowledge(airflow, returned) == 1
    airflow.stored[:0] = others * 200
    with pytest.raises(QueueError):
        acknowledge(airflow, returned)


def test_a_receive_that_fails_half_way_gives_back_what_came(fake: FakeQueue, airflow: Airflow) -> None:
    fake.send(*(event(number) for number in range(1, 31)))
    fake.fails = {"receive": 3}
    with pytest.raises(UnreachableError):
        received(airflow)
    assert (airflow.emitted, len(fake.visible)) == ([], 30)

    fake.fails = {}
    assert received(airflow)["messages"] == 30


def test_where_nothing_can_be_given_back_the_first_error_is_told_and_the_messages_come_again(fake: FakeQueue, airflow: Airflow) -> None:
    fake.send(*(event(number) for number in range(1, 21)))
    fake.fails = {"receive": 2, "hold": 1}
    with pytest.raises(UnreachableError):
        received(airflow)
    assert len(fake.visible) == 10
    fake.now += 601
    assert len(fake.visible) == 20


def test_a_task_that_is_ended_from_outside_gives_its_messages_back(
    fake: FakeQueue, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.send(event(7))

    def ended(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "announce", ended)
    with pytest.raises(KeyboardInterrupt):
        received(airflow)
    assert fake.visible == [1]


def test_an_acknowledgement_that_fails_can_be_repeated(fake: FakeQueue, airflow: Airflow) -> None:
    fake.send(event(7), event(8))
    returned = received(airflow)
    airflow.succeed()
    fake.fails = {"acknowledge": 1}
    with pytest.raises(UnreachableError):
        acknowledge(airflow, returned)
    fake.fails, fake.refuses = {}, {2}
    with pytest.raises(QueueError, match="did not remove 1 of 2 messages"):
        acknowledge(airflow, returned)
    fake.refuses = set()
    assert [acknowledge(airflow, returned), acknowledge(airflow, returned)] == [2, 2]
    assert fake.waiting == {}


def test_an_acknowledgement_that_comes_too_late_removes_nothing_that_another_run_holds(fake: FakeQueue, airflow: Airflow) -> None:
    fake.send(event(7))
    late = received(airflow)
    airflow.succeed()
    fake.now += 601
    received(airflow)
    airflow.succeed()
    acknowledge(airflow, late)
    assert len(fake.waiting) == 1


def test_one_task_acknowledges_for_many_stores_and_one_of_them_holds_up_no_other(fake: FakeQueue, airflow: Airflow) -> None:
    fake.send(event(7))
    first = received(airflow)
    airflow.succeed()
    fake.send(event(8))
    second = received(airflow)  # whose events are not stored
    with pytest.raises(QueueError, match="0 of the 1 events of 1 messages"):
        acknowledge(airflow, second, first)
    assert sorted(fake.waiting) == [2]


# -- what cannot work ----------------------------------------------------------------------------------------------------------------------


def test_a_task_that_nobody_follows_is_refused_before_it_takes_a_message(fake: FakeQueue, airflow: Airflow) -> None:
    fake.send(event(7))
    with DAG("queue", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        alone = BigCommerceQueueOperator(task_id="receive", message_queue=SQS)
    with pytest.raises(InvalidQueryError, match="No BigCommerceAcknowledgeOperator follows"):
        alone.execute(airflow.context())
    assert fake.calls == []


def test_outside_of_a_task_nothing_is_taken(fake: FakeQueue, airflow: Airflow) -> None:
    first, second = pair()
    second.received = {"queue": SQS, "handles": ["1/1"]}
    for task in (first, second):
        with pytest.raises(InvalidQueryError, match="works in a task alone"):
            task.execute({})
    assert fake.calls == []


def test_a_queue_that_cannot_hold_so_long_is_refused(fake: FakeQueue, airflow: Airflow) -> None:
    with pytest.raises(InvalidQueryError, match=r"hold=900 is longer .* Accepted: 600 or less"):
        received(airflow, hold=900)
    assert fake.calls == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"hold": 89}, "hold=89 is too short for max_seconds=30.*Accepted: 90 or more"),
        ({"resource": "brands"}, "has 'brands', of whose changes BigCommerce tells nobody"),
        ({"resource": "producs"}, "Unknown BigCommerce resource 'producs'.*'products'"),
        ({"message_queue": "amqp://host/queue"}, "Accepted: the URL of an Amazon SQS queue"),
        ({"message_queue": "projects/p/topics/t"}, "subscriptions"),
        ({"message_queue": "https://sqs.eu-west-1.amazonaws.com/"}, "Accepted"),
        ({"message_queue": "https://user:pass@sqs.example.com/q"}, "Accepted"),
    ],
)
def test_what_cannot_work_is_said_where_the_dag_is_parsed(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(BigCommerceError, match=reason):
        BigCommerceQueueOperator(task_id="t", **{"message_queue": SQS, **given})


def test_events_of_lines_are_those_of_their_orders(fake: FakeQueue, airflow: Airflow) -> None:
    fake.send(event(100, "store/order/updated"), event(7))
    returned = received(airflow, resource=["order_products"])
    airflow.succeed()
    assert (airflow.payloads("orders"), airflow.payloads()) == ([[100]], [])
    assert returned["unneeded"] == {"store/product/updated": 1}


@pytest.mark.parametrize(
    ("queue", "hook", "package"),
    [
        (SQS, "airflow.providers.amazon.aws.hooks.sqs", "apache-airflow-providers-amazon"),
        ("projects/p/subscriptions/s", "airflow.providers.google.cloud.hooks.pubsub", "apache-airflow-providers-google"),
    ],
)
def test_a_missing_provider_ends_the_task_at_once_and_names_the_package(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch, queue: str, hook: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, hook, None)
    task = pair()[0]
    task.message_queue = queue
    with pytest.raises(FatalMissingPackageError, match=f"needs {package}, which is not installed here: pip install {package}"):
        task.execute(airflow.context())


@pytest.mark.compat
def test_on_airflow_3_1_both_say_that_they_need_3_2() -> None:
    makes = (
        lambda: BigCommerceQueueOperator(task_id="t", message_queue=SQS),
        lambda: BigCommerceAcknowledgeOperator(task_id="t", received="{{ 1 }}"),
    )
    for make in makes:
        if has_event_filters():
            make()
            continue
        with pytest.raises(InvalidQueryError, match=r"Operator needs Airflow 3\.2 or later"):
            make()


# -- in Airflow ----------------------------------------------------------------------------------------------------------------------------


def events_in_airflow() -> list[list[int]]:
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(AssetEvent.extra).join(AssetModel, AssetModel.id == AssetEvent.asset_id)
        query = query.where(AssetModel.uri == changes_asset("store_of_queue", "products").uri).order_by(AssetEvent.id)
        return [extra["payload"]["ids"] for extra in session.scalars(query)]


@pytest.fixture
def in_airflow(airflow_home: object, fake: FakeQueue, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A DAG of the two tasks that Airflow knows, and one that waits for changes."""
    from airflow.models.asset import AssetDagRunQueue, AssetEvent
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    monkeypatch.setenv("AIRFLOW_CONN_STORE_OF_QUEUE", json.dumps(CONNECTION))
    with DAG("waits_for_a_queue", schedule=changes_asset("store_of_queue", "products"), start_date=datetime(2026, 1, 1, tzinfo=UTC)) as one:
        pass
    known_to_airflow(one)
    with create_session() as session:
        session.get(DagModel, "waits_for_a_queue").is_paused = False
    with DAG("queue_in_airflow", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        first = BigCommerceQueueOperator(task_id="receive", message_queue=SQS, resource="products", bigcommerce_conn_id="store_of_queue")
        BigCommerceAcknowledgeOperator(task_id="acknowledge", received=first.output)
    yield known_to_airflow(dag)
    with create_session() as session:
        session.get(DagModel, "waits_for_a_queue").is_paused = True
        session.execute(delete(AssetEvent))
        session.execute(delete(AssetDagRunQueue))


def waiting_dags() -> list[str]:
    from airflow.models.asset import AssetDagRunQueue
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return list(session.scalars(select(AssetDagRunQueue.target_dag_id)))


def test_in_airflow_the_events_are_stored_a_dag_is_queued_and_then_the_messages_are_removed(in_airflow: Any, fake: FakeQueue) -> None:
    fake.send(event(7), event(8), event(7), b"{")
    assert str(in_airflow.test().state) == "success"
    assert (events_in_airflow(), waiting_dags()) == ([[7, 8]], ["waits_for_a_queue"])
    assert sorted(fake.waiting) == [4]


def test_in_airflow_a_success_without_stored_events_removes_nothing(
    in_airflow: Any, fake: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models.taskinstance import TaskInstance

    monkeypatch.setattr(TaskInstance, "register_asset_changes_in_db", staticmethod(lambda *_, **__: ()))
    fake.send(event(7))
    assert str(in_airflow.test().state) == "failed"
    assert (events_in_airflow(), sorted(fake.waiting), fake.called("acknowledge")) == ([], [1], [])


def test_both_tasks_have_the_alias_and_keep_what_they_were_given() -> None:
    alias = changes_alias()
    with DAG("queue", schedule=None):
        first = BigCommerceQueueOperator(task_id="receive", message_queue=SQS, outlets=[changes_asset("shop", "orders")])
        second = BigCommerceAcknowledgeOperator(task_id="acknowledge", received=first.output, inlets=changes_asset("shop", "orders"))
    assert [each.name for each in first.outlets] == ["bigcommerce://shop/changes/orders", alias.name]
    assert [each.name for each in second.inlets] == ["bigcommerce://shop/changes/orders", alias.name]
    assert second.upstream_task_ids == {"receive"}


# -- the page and the example --------------------------------------------------------------------------------------------------------------


def blocks(project: Path) -> list[str]:
    """The Python of docs/how-to/webhooks-from-a-queue.md, and the example."""
    page = (project / "docs/how-to/webhooks-from-a-queue.md").read_text()
    found = [textwrap.dedent(block.partition("```")[0]) for block in re.split(r"^ *```python\n", page, flags=re.MULTILINE)[1:]]
    return [*found, (project / "dags" / "bigcommerce_queue.py").read_text()]


def test_the_dags_of_the_page_and_the_example_bring_messages_to_events(
    fake: FakeQueue, airflow: Airflow, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BIGCOMMERCE_QUEUE", raising=False)
    first, _, example = blocks(project)
    for code in (first, example):
        names: dict[str, Any] = {}
        exec(compile(code, "page", "exec"), names)
        task = names["received"].operator if hasattr(names["received"], "operator") else names["received"]
        fake.send(event(7))
        airflow.emitted = []
        returned = task.execute(airflow.context())
        airflow.succeed()
        assert (returned["queue"], returned["messages"]) == ("projects/my-project/subscriptions/bigcommerce", 1)
        [after] = task.downstream_list
        after.received = returned
        assert after.execute(airflow.context()) == 1
    assert (airflow.payloads(), fake.waiting) == ([[7], [7]], {})


def test_the_pages_function_puts_deliveries_into_the_queue_as_the_operator_reads_them(
    fake: FakeQueue, airflow: Airflow, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: dict[str, Any] = {}
    boto3 = ModuleType("boto3")
    vars(boto3)["client"] = lambda _: SimpleNamespace(send_message=lambda *, QueueUrl, MessageBody: fake.send(MessageBody.encode()))  # noqa: N803  # Amazon's
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    monkeypatch.setenv("QUEUE_URL", SQS)
    exec(compile(blocks(project)[1], "page", "exec"), names)

    def delivered(method: str = "POST", body: str = event(7).decode(), **headers: str) -> int:
        request = {"requestContext": {"http": {"method": method}}, "headers": headers, "body": body, "isBase64Encoded": False}
        return int(names["handler"](request, None)["statusCode"])

    assert delivered(**{"x-airflow-bigcommerce": SECRET, "x-forwarded-for": "192.0.2.1"}) == 200
    assert delivered() == 200
    assert (delivered("GET"), delivered(body="x" * 100_001)) == (405, 405)
    assert b"192.0.2.1" not in fake.waiting[1].body
    fake.proof = "required"
    returned = received(airflow)
    assert (returned["messages"], len(returned["handles"]), sum(returned["left"].values())) == (2, 1, 1)


def test_the_defaults_of_the_page_are_those_of_the_operator(project: Path) -> None:
    page = (project / "docs/how-to/webhooks-from-a-queue.md").read_text()
    task = pair()[0]
    for name in ("max_messages", "max_seconds", "hold"):
        assert f"| `{name}` | {getattr(task, name)} |" in page
