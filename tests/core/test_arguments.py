"""Every argument of every operator, sensor, trigger and verb against values that cannot be meant: one sentence that names it.

The lists of classes and arguments are generated, so that a new argument without a check fails here.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.sdk import DAG, XComArg
from airflow.sdk.bases.operator import BaseOperator
from airflow.triggers.base import BaseEventTrigger, BaseTrigger

from airflow_provider_bigcommerce.core.arguments import Check, check_arguments, check_rendered, ids, included, is_pending, names, optional
from airflow_provider_bigcommerce.exceptions import BigCommerceError, InvalidQueryError
from airflow_provider_bigcommerce.operators import (
    apply,
    compact,
    graphql,
    partition,
    plan,
    queue,
    reconcile,
    refunds,
    request,
    shipments,
    stock,
    undo,
    webhooks,
)
from airflow_provider_bigcommerce.operators import sync as sync_operators
from airflow_provider_bigcommerce.sensors import resource as sensors
from airflow_provider_bigcommerce.sync import ARGUMENT_CHECKS, bigcommerce_sync
from airflow_provider_bigcommerce.transfers.object_storage_to_bigcommerce import ObjectStorageToBigCommerceOperator
from airflow_provider_bigcommerce.transfers.sql_to_bigcommerce import SqlToBigCommerceOperator
from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from airflow_provider_bigcommerce.triggers import changes, until
from airflow_provider_bigcommerce.triggers import resource as triggers

#: Arguments with which each class can be made.
WORKING: dict[type, dict[str, Any]] = {
    BigCommerceToObjectStorageOperator: {"resource": "orders", "path": "/x", "mode": "incremental"},
    BigCommerceToSqlOperator: {"resource": "orders", "conn_id": "w", "mode": "incremental"},
    BigCommerceToLakeOperator: {"resource": "orders", "path": "/x", "mode": "incremental"},
    compact.BigCommerceCompactOperator: {"path": "/x"},
    graphql.BigCommerceGraphQLOperator: {"query": "query { store { id } }"},
    partition.BigCommercePartitionOperator: {"resource": "orders", "into": 4},
    partition.BigCommerceCommitPartitionsOperator: {"returned": [], "path": "/x"},
    reconcile.BigCommerceReconcileOperator: {"resource": "orders", "path": "/x"},
    request.BigCommerceRequestOperator: {"path": "/v2/store"},
    sync_operators.BigCommerceReadableResourcesOperator: {},
    sync_operators.BigCommerceSyncSummaryOperator: {"bigcommerce_conn_id": "c", "copies": {"orders": "orders"}},
    webhooks.BigCommerceWebhooksOperator: {"resource": ["orders"]},
    queue.BigCommerceQueueOperator: {"message_queue": "projects/p/subscriptions/s"},
    queue.BigCommerceAcknowledgeOperator: {"received": []},
    plan.BigCommercePlanOperator: {"resource": "products", "operation": "update", "path": "/x.csv", "report_path": "/r"},
    apply.BigCommerceApplyOperator: {"plan": "/r/manifest.json", "approval": "none needed"},
    undo.BigCommerceUndoOperator: {"outcome": "/r/manifest.json"},
    ObjectStorageToBigCommerceOperator: {"resource": "products", "operation": "update", "path": "/x.csv", "report_path": "/r"},
    SqlToBigCommerceOperator: {"resource": "products", "operation": "update", "conn_id": "c", "sql": "SELECT 1", "report_path": "/r"},
    stock.BigCommerceStockOperator: {"path": "/x.csv", "report_path": "/r"},
    shipments.BigCommerceShipmentOperator: {"path": "/x.csv", "report_path": "/r"},
    refunds.BigCommerceRefundOperator: {"path": "/x.csv", "report_path": "/r"},
    sensors.BigCommerceResourceSensor: {"resource": "orders"},
    triggers.BigCommerceResourceTrigger: {"resource": "orders"},
    changes.BigCommerceChangesTrigger: {"resource": "orders"},
    until.BigCommerceUntilTrigger: {"moment": "2026-01-01T00:00:00Z"},
}
#: Arguments of which nothing is too odd, and why.
FREE = {"json": "a body is JSON of any shape", **dict.fromkeys(("plan", "approval", "outcome"), "what another task has returned")}


def named(value: object) -> str:
    """A test's name: the same in each process, whatever the order of a set and the place of a generator."""
    if isinstance(value, set):
        return f"set {sorted(value, key=str)}"
    return "generator" if hasattr(value, "__next__") else repr(value)


class Nothing:
    """A value of no kind that any argument takes; told the same in each process, by which tests are named."""

    def __repr__(self) -> str:
        return "<nothing>"


NONSENSE: list[Any] = [Nothing(), b"bytes", 3 + 4j, float("nan")]
NUMBERS: list[Any] = [300, 5.0, -1, 0, True, "300", "x", [300]]
DATES: list[Any] = [
    datetime.min,  # noqa: DTZ901  # without zone, which is the point
    datetime.max,  # noqa: DTZ901  # likewise
    datetime(2026, 1, 1),  # noqa: DTZ001  # likewise
    datetime.min.replace(tzinfo=timezone(timedelta(hours=2))),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-2))),
    date(2026, 1, 1),
    "2026-01-01T00:00:00",
    "0001-01-01",
    "9999-12-31T23:59:59Z",
    1_767_225_600,
    "yesterday",
    True,
]
#: Values that an argument of that name may not have, beside the nonsense.
WRONG: dict[str, list[Any]] = {
    **{
        name: [*NUMBERS, timedelta(days=10**6), timedelta(-1)]
        for name in ("overlap", "full_every", "settle", "checkpoint_every", "hand_back_after")
    },
    **{name: [*NUMBERS, timedelta(-1)] for name in ("keep", "every")},
    **dict.fromkeys(("since", "until", "initial_since", "end_time", "moment"), DATES),
    **{name: [0, -5, 1.5, True, "x", "7", timedelta(1)] for name in ("into", "max_rows_per_file", "at_least", "max_failures")},
    **{name: [-1, 1.5, True, "x", timedelta(1)] for name in ("sample", "days")},
    **{name: [-1, True, "x", timedelta(1), float("inf"), 1e12] for name in ("max_wait", "poke_interval", "poll_interval")},
    **{name: ["false", 0, 1, None] for name in ("stamp", "emit_empty", "live", "with_each_parent", "needs_key")},
    **{name: ["false", 0, 1, None] for name in ("accept_incomplete", "whole_collection")},
    "deferrable": ["false", 0, 1],
    "prune": ["false", 0, 1, None],
    "scopes": [{"a": 1}, "", "None", True, [None], [""], [7], ["a"], "store/channel/*"],
    **{name: ["", "None", 5, ["a"], "http://example.com/x"] for name in ("destination", "exceptions_destination")},
    "quota_share": [0, -1, 1.5, True, "0.5"],
    "max_deleted_percent": [150, -1, True, "20", float("inf"), None],
    **{name: ["", "None", 5, ["a"], None] for name in ("resource", "bigcommerce_conn_id", "method", "cursor_variable")},
    **{name: ["", "None", 5, ["a"]] for name in ("conn_id", "table", "schema", "name", "connection", "readable")},
    **{name: ["", "None", 5, ["a"]] for name in ("path", "report_path", "lake")},
    "parents_from": ["", "None", 5],
    **{
        name: [{"a": 1}, "", "None", True, [None], [""], [7]]
        for name in ("fields", "exclude_fields", "ignore_fields", "primary_key", "exclude")
    },
    "include": [{"a": 1}, True, [None], [7]],
    "parent_ids": [{"a": 1}, "", "None", True, 1.5, [None], [True], [1.5], [""], [[1]], [b"1"], {1: 2}, "{'a': 1}"],
    **{name: [{"a": 1}, "", "None", True, 1.5, [None], [True], [1.5], [""], [[1]], [b"1"], "{'a': 1}"] for name in ("ids", "deleted")},
    **{name: [[1], (1, 2), "", "None", True, 1.5, {"a": 1}] for name in ("id", "channel_id", "seed")},
    **{name: ["a=1", [("a", 1)], 5, {1: 2}, {"": 1}] for name in ("query", "parent_query")},
    "variables": ["a", [1], 5],
    "conditions": ["a", [1], 5, {"status_id": [1, 2]}],
    "copies": [5, ["a"], None],
    "returned": [5, "text", {"a": 1}, None],
    "received": [5, "text", {"a": 1}, [{"queue": "q"}], None],
    "message_queue": ["", "None", 5, ["a"], "amqp://host/queue", "projects/p/topics/t", None],
    "queue_conn_id": ["", "None", 5, ["a"]],
    "proof": ["x", ["required"], 5],
    "max_messages": [0, 10_001, 1.5, True, "10", None],
    "max_seconds": [0, 3_601, 1.5, True, "10", None],
    "hold": [59, 43_201, 89, 600.5, True, "600", None],
    "partition": [5, "text", [1]],
    **{name: [5, "text", {}] for name in ("response_check", "response_filter")},
    **{name: ["x", ["x"], 5, None] for name in ("mode", "deletes", "file_format", "nested", "on_mismatch")},
    "compression": ["x", ["gzip"], 5],
    # Plans.
    **{name: ["x", ["update"], 5, None] for name in ("operation", "nulls", "unchanged", "on_conflict")},
    **{name: ["", "None", 5, {"a": 1}, [None]] for name in ("match_on", "show_values")},
    "lookup": ["a", [1], 5, {"product_id": "sku"}],
    "max_changes": [-1, 1.5, True, "x"],
    "max_changed_percent": [150, -1, True, "20", float("inf")],
    "max_value_change_percent": [-1, True, "x", [1], float("inf"), {"price": "x"}],
    "verify": ["x", -1, 1.5, True, None],
    "max_age": [*NUMBERS, timedelta(-1)],
    # Stock, shipments, refunds.
    **{name: ["", "None", 5, ["a"]] for name in ("sql", "refund_method", "shipping_provider")},
    **{name: ["", "None", 5, ["a"], None] for name in ("reason",)},
    **{name: ["a", [1], 5] for name in ("mapping",)},
    **{name: ["x", ["fail"], 5, None] for name in ("on_rejected", "on_equal")},
    **{name: [*NUMBERS, timedelta(-1), None] for name in ("confirm_within",)},
}


def ours(base: type) -> set[type]:
    """All classes of the package below that one which a user can make."""
    found, waiting = set(), [base]
    while waiting:
        below = waiting.pop().__subclasses__()
        waiting += below
        found |= {each for each in below if each.__module__.startswith("airflow_provider_bigcommerce.") and not inspect.isabstract(each)}
    return found


def own_arguments(made: type) -> set[str]:
    """The arguments of a class that are not Airflow's."""
    found: set[str] = set()
    for each in made.__mro__:
        if each.__module__.startswith("airflow_provider_bigcommerce.") and "__init__" in vars(each):
            known = inspect.signature(each.__init__).parameters  # type: ignore[misc]  # of a class
            found |= {name for name, parameter in known.items() if parameter.kind is not parameter.VAR_KEYWORD}
    return found - {"self"}


def _may_be_none(made: type, name: str) -> bool:
    """Whether an argument may be left open: what an input's files tell by their names."""
    signatures = (inspect.signature(each.__init__).parameters for each in made.__mro__ if "__init__" in vars(each))  # type: ignore[misc]  # of a class
    return any(name in known and known[name].default is None for known in signatures)


def make(made: type, **given: Any) -> Any:
    task = {"task_id": "t"} if issubclass(made, BaseOperator) else {}
    return made(**{**task, **WORKING[made], **given})


def cases() -> Iterator[Any]:
    for made in WORKING:
        for name in sorted(own_arguments(made) - FREE.keys()):
            wrong = [*NONSENSE, *WRONG.get(name, [])]
            if made is reconcile.BigCommerceReconcileOperator and name in ("path", "conn_id", "lake"):
                wrong = NONSENSE if name == "path" else []
            names_all = (compact.BigCommerceCompactOperator, webhooks.BigCommerceWebhooksOperator, queue.BigCommerceQueueOperator)
            if made in names_all and name == "resource":
                wrong = [each for each in wrong if each is not None]
            if made is graphql.BigCommerceGraphQLOperator and name == "query":
                wrong = [*NONSENSE, "", 5, {"a": 1}]
            if name in ("id",) and made in (sensors.BigCommerceResourceSensor, triggers.BigCommerceResourceTrigger):
                wrong = [each for each in wrong if each != 1.5]
            if name == "file_format" and _may_be_none(made, name):
                wrong = [each for each in wrong if each is not None]
            for value in wrong:
                yield pytest.param(made, name, value, id=f"{made.__name__}-{name}-{value!r:.50}")


def test_every_class_is_in_the_table() -> None:
    made = ours(BaseOperator) | ours(BaseTrigger) | ours(BaseEventTrigger)

    bases = ("TellingTransfer", "LiveTransfer", "BigCommerceTransferOperator", "BigCommerceRowsOperator", "ToBigCommerceOperator")
    abstract = {each for each in made if each.__name__ in bases}
    assert made - abstract == WORKING.keys()


@pytest.mark.parametrize("made", WORKING)
def test_every_argument_has_a_check(made: Any) -> None:
    assert made.argument_checks.keys() == own_arguments(made)
    assert own_arguments(made) - FREE.keys() <= WRONG.keys()


@pytest.mark.parametrize("made", WORKING)
def test_what_works_works(made: Any) -> None:
    make(made)


@pytest.mark.parametrize(("made", "name", "value"), cases())
def test_what_cannot_be_meant_is_refused_by_name_where_the_dag_is_parsed(made: type, name: str, value: Any) -> None:
    with pytest.raises(BigCommerceError) as told:
        make(made, **{name: value})

    said = str(told.value)
    assert name.removesuffix("s") in said  # "The condition on ..."
    assert "\n" not in said
    assert len(said) < 1000


# -- what comes when the task runs ------------------------------------------------------------------------------------


class Owner:
    """As an operator: arguments, and checks for them."""

    def __init__(self, checks: dict[str, Check], **given: Any) -> None:
        self.checks = checks
        vars(self).update(given)
        check_arguments(self, checks)

    def rendered(self, **values: Any) -> Owner:
        vars(self).update(values)
        check_rendered(self, self.checks)
        return self


LISTS = {
    "parent_ids": optional(ids(of_parents=True)),
    "fields": optional(names("['id']")),
    "include": optional(included(), may_vanish=True),
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("101", ["101"]),
        ("[1, 2]", [1, 2]),
        ("(1, 2)", [1, 2]),
        ("['a', 'b']", ["a", "b"]),
        ('["a"]', ["a"]),
        ("1,2", ["1", "2"]),
        ("[]", []),
        (101, [101]),
        ([1, 2], [1, 2]),
        ((1, 2), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        ({1: "a", 2: "b"}.keys(), [1, 2]),
        ((each for each in (1, 2)), [1, 2]),
        (range(2), [0, 1]),
        ([{"product_id": 1, "option_id": 2}], [{"product_id": 1, "option_id": 2}]),
        ([], []),
    ],
    ids=named,
)
def test_text_where_a_list_is_meant_is_one_value_or_a_list_that_a_template_wrote(value: Any, expected: list[Any]) -> None:
    assert LISTS["parent_ids"]("parent_ids", value) == expected


def test_a_generator_can_be_read_more_than_once() -> None:
    task = make(BigCommerceToObjectStorageOperator, resource="order_products", parent_ids=(each for each in (1, 2)), mode="full")

    assert [task.selection({}).parent_ids, task.selection({}).parent_ids] == [(1, 2), (1, 2)]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("value", [None, "", "None"])
def test_a_template_that_comes_out_as_nothing_is_not_the_same_as_leaving_the_argument_out(name: str, value: Any) -> None:
    owner = Owner(LISTS, **{"parent_ids": None, "fields": None, "include": None, name: "{{ params.found }}"})
    if name == "include" and value in (None, ""):
        assert not owner.rendered(include=value).include  # type: ignore[attr-defined]
        return

    with pytest.raises(InvalidQueryError, match=name):
        owner.rendered(**{name: value})


def test_another_tasks_result_is_checked_when_it_is_there() -> None:
    with DAG("d", schedule=None):
        found = BaseOperator(task_id="found").output
        task = make(BigCommerceToObjectStorageOperator, resource="order_products", mode="full", parent_ids=found, channel_id="{{ x }}")

    assert isinstance(task.parent_ids, XComArg)
    task.parent_ids, task.channel_id = "101", "7"
    check_rendered(task, task.argument_checks)
    assert task.parent_ids == ["101"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{{ x }}", True),
        ("{% if x %}", True),
        (["{{ x }}"], True),
        ({"a": ("{{ x }}",)}, True),
        ("x", False),
        ({"a": 1}, False),
        (None, False),
    ],
)
def test_templates_are_told_from_values(value: Any, expected: bool) -> None:
    assert is_pending(value) is expected


# -- what has no class ------------------------------------------------------------------------------------------------


def test_every_argument_of_a_sync_that_no_task_has_has_a_check() -> None:
    named = inspect.signature(bigcommerce_sync).parameters.keys()

    assert named - {"arguments"} == ARGUMENT_CHECKS.keys() | {"resources", "to", "bigcommerce_conn_id", "exclude"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("resources", value) for value in ("orders", "", 5, None, b"all", [5], [None], {"orders": None}, {"orders": "x"}, [], {1: {}})),
        *(("exclude", value) for value in ("None", 5, {"a": 1}, [None])),
        *(("full_every", value) for value in (7, "7", timedelta(0), timedelta(days=10**6))),
        *(("initial_since", value) for value in DATES),
        *(("with_each_parent", value) for value in ("false", 0, None)),
        *(("group_id", value) for value in ("", 5, None)),
        *(("bigcommerce_conn_id", value) for value in ("", 5)),
        *(("to", value) for value in ("warehouse", 5, None, "")),
    ],
    ids=named,
)
def test_a_sync_refuses_what_cannot_be_meant(name: str, value: Any) -> None:
    with DAG("d", schedule=None), pytest.raises(BigCommerceError) as told:
        bigcommerce_sync(**{"resources": ["orders"], "to": "/x", name: value})

    assert "\n" not in str(told.value)


@pytest.mark.parametrize("given", [(each for each in ["orders", "brands"]), {"orders", "brands"}, ("orders", "brands")], ids=named)
def test_a_sync_takes_its_resources_out_of_anything_that_lists_them(given: Any) -> None:
    with DAG("d", schedule=None) as dag:
        bigcommerce_sync(given, to="/x")

    assert {"bigcommerce_sync.orders", "bigcommerce_sync.brands"} < {*dag.task_ids}


def test_alike_paths_have_a_task_each() -> None:
    with DAG("d", schedule=None) as dag:
        bigcommerce_sync(["/v3/foo-bar", "/v3/foo_bar", "/v3/foo/bar"], to="/x")

    assert len(dag.task_ids) == 5  # three copies, the summary, the compaction


def test_an_asset_as_outlet_or_inlet_is_one() -> None:
    from airflow.sdk import Asset

    other = Asset("other")
    assert other in make(BigCommerceToObjectStorageOperator, outlets=other).outlets
