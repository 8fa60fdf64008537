"""Applying a plan against the sandbox: what is sent, what is refused, what is left behind."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bigcommerce.exceptions import (
    ConcurrentRunError,
    InvalidQueryError,
    NotApprovedError,
    OtherStoreError,
    PlanChangedError,
    PlanExpiredError,
    PlanUsedError,
    ResourceBusyError,
    ServerError,
    WriteFailedError,
)
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.writing.apply import require_good
from airflow_provider_bigcommerce.writing.approval import require_approved
from airflow_provider_bigcommerce.writing.claims import Lease
from airflow_provider_bigcommerce.writing.sending_plan import SendingManner
from tests.writing.planned import APPROVED, NOW, applying, change, lines, outcomes, planned

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox


def writes(sandbox: Sandbox) -> int:
    """Requests that wrote since the sandbox began."""
    return sum(request.method != "GET" for request in sandbox.store.requests)


def prices(sandbox: Sandbox, to: float = 12.5) -> list[Any]:
    """Planned rows: every product gets this price."""
    return [change(place, row["id"], {"price": row["price"]}, {"price": to}) for place, row in enumerate(sandbox.store.rows("products"))]


@pytest.mark.bigcommerce_sandbox(products=25)
def test_a_plan_is_applied_row_by_row(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    plan = planned(tmp_path, bigcommerce_sandbox, "products", prices(bigcommerce_sandbox))

    applied = applying(bigcommerce_sandbox, plan)

    assert applied.manifest.counts == {"updated": 25}
    assert [row.outcome for row in outcomes(applied)] == ["updated"] * 25
    assert {row["price"] for row in bigcommerce_sandbox.store.rows("products")} == {12.5}
    assert applied.manifest.approved_by == "Ann"
    assert lines(applied, "rejected.jsonl.gz") == []
    assert writes(bigcommerce_sandbox) == 3


@pytest.mark.bigcommerce_sandbox(products=6)
def test_a_row_whose_planned_field_was_changed_since_is_a_conflict(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    rows = prices(bigcommerce_sandbox)
    plan = planned(tmp_path, bigcommerce_sandbox, "products", rows)
    update(bigcommerce_sandbox, rows[1].id, price=99)
    update(bigcommerce_sandbox, rows[2].id, name="Another name")
    update(bigcommerce_sandbox, rows[3].id, price=12.5)
    bigcommerce_sandbox.store.tables["products"].remove(rows[4].id)

    applied = applying(bigcommerce_sandbox, plan)

    assert [row.outcome for row in outcomes(applied)] == ["updated", "conflict", "updated", "unchanged", "conflict", "updated"]
    held = {row["id"]: row for row in bigcommerce_sandbox.store.rows("products")}
    assert (held[rows[1].id]["price"], held[rows[2].id]["name"]) == (99, "Another name")
    assert [(row["_row"], row["_outcome"], row["price"]) for row in lines(applied, "rejected.jsonl.gz")] == [
        (1, "conflict", 12.5),
        (4, "conflict", 12.5),
    ]


@pytest.mark.bigcommerce_sandbox(products=2)
def test_a_conflict_can_be_overwritten_by_choice(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    rows = prices(bigcommerce_sandbox)
    plan = planned(tmp_path, bigcommerce_sandbox, "products", rows)
    update(bigcommerce_sandbox, rows[1].id, price=99)

    applied = applying(bigcommerce_sandbox, plan, manner=SendingManner(on_conflict="overwrite"))

    assert applied.manifest.counts == {"updated": 2}


def _edited(plan: str) -> str:
    rows = Path(plan.removeprefix("file://")).parent / "plan.jsonl.gz"
    text = gzip.decompress(rows.read_bytes()).replace(b"12.5", b"0.01")
    rows.write_bytes(gzip.compress(text))
    return plan


REJECTED = {**APPROVED, "chosen_options": ["Reject"]}

REFUSED: list[Any] = [
    pytest.param({"store_hash": "other1"}, OtherStoreError, "other1", id="another store"),
    pytest.param({"plan": _edited}, PlanChangedError, "plan.jsonl.gz", id="an edited file"),
    pytest.param({"plan": lambda uri: {"manifest": uri, "digest": "0" * 64}}, PlanChangedError, "000000000000", id="another digest"),
    pytest.param({"plan": lambda _: {"rows": 3}}, InvalidQueryError, "plan=plan.output", id="no plan"),
    pytest.param({"clock": lambda: NOW + timedelta(days=1)}, PlanExpiredError, "max_age", id="too old"),
    pytest.param({"approval": REJECTED}, NotApprovedError, "Reject", id="rejected"),
    pytest.param({"approval": {**APPROVED, "chosen_options": []}}, NotApprovedError, "nothing", id="nothing chosen"),
    pytest.param({"approval": {**APPROVED, "responded_at": "2026-03-01T10:59:59Z"}}, NotApprovedError, "made at", id="an old approval"),
    pytest.param({"approval": {**APPROVED, "responded_at": None}}, NotApprovedError, "not told", id="approval without a time"),
    pytest.param({"approval": None}, NotApprovedError, "approve.output", id="no answer"),
    pytest.param({"approval": "None"}, NotApprovedError, "approve.output", id="a template that rendered nothing"),
    pytest.param({"approval": "Approve"}, InvalidQueryError, "approve.output", id="a word"),
    pytest.param({"approval": True}, InvalidQueryError, "approve.output", id="a flag"),
]


@pytest.mark.bigcommerce_sandbox(products=3)
@pytest.mark.parametrize(("change", "error", "text"), REFUSED)
def test_what_must_not_be_sent_is_refused_and_nothing_is_sent(
    tmp_path: Path, bigcommerce_sandbox: Sandbox, change: dict[str, Any], error: type[Exception], text: str
) -> None:
    plan: Any = planned(tmp_path, bigcommerce_sandbox, "products", prices(bigcommerce_sandbox))
    values = dict(change)
    if "plan" in values:
        plan = values.pop("plan")(plan)

    with pytest.raises(error, match=text):
        applying(bigcommerce_sandbox, plan, **values)

    assert not bigcommerce_sandbox.store.requests


@pytest.mark.parametrize(
    "approval",
    [
        APPROVED,
        {**APPROVED, "responded_at": datetime(2026, 3, 1, 11, 30, tzinfo=UTC)},
        str({**APPROVED, "responded_at": datetime(2026, 3, 1, 11, 30, tzinfo=UTC)}),
        json.dumps(APPROVED),
        str(APPROVED).replace("'2026-03-01T11:30:00+00:00'", "DateTime(2026, 3, 1, 11, 30, 5, 250, tzinfo=Timezone('UTC'))"),
    ],
    ids=["xcom", "with a datetime", "rendered", "json", "rendered pendulum"],
)
def test_an_approval_is_read_as_airflow_hands_it_on(approval: object) -> None:
    assert require_approved(approval, created_at="2026-03-01T11:00:00+00:00") == "Ann"


@pytest.mark.bigcommerce_sandbox(products=3)
def test_a_plan_is_applied_once(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    plan = planned(tmp_path, bigcommerce_sandbox, "products", prices(bigcommerce_sandbox))
    first = applying(bigcommerce_sandbox, plan)
    sent = writes(bigcommerce_sandbox)

    again = applying(bigcommerce_sandbox, plan)
    with pytest.raises(PlanUsedError, match="apply-run"):
        applying(bigcommerce_sandbox, plan, run="another-run")

    assert again.uri == first.uri
    assert writes(bigcommerce_sandbox) == sent


@pytest.mark.bigcommerce_sandbox(products=3)
def test_an_empty_plan_is_applied_and_says_so(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    applied = applying(bigcommerce_sandbox, planned(tmp_path, bigcommerce_sandbox, "products", []))

    assert (applied.manifest.rows, applied.manifest.counts, applied.is_good) == (0, {}, True)
    assert "no rows" in applied.as_json()["summary"]
    assert not bigcommerce_sandbox.store.requests


@pytest.mark.bigcommerce_sandbox(products=30)
def test_a_rejected_row_stops_the_run_where_that_is_wanted(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    rows = prices(bigcommerce_sandbox)
    names = [row["name"] for row in bigcommerce_sandbox.store.rows("products")]
    rows[0] = change(0, rows[0].id, {"name": names[0]}, {"name": names[1]})
    plan = planned(tmp_path, bigcommerce_sandbox, "products", rows)

    applied = applying(bigcommerce_sandbox, plan, manner=SendingManner(on_rejected="stop"), settings={"max_concurrency": 1})

    told = Counter(row.outcome for row in outcomes(applied))
    assert told["not_sent"] >= 10
    assert told["conflict"] + told["rejected"] == 1
    with pytest.raises(WriteFailedError, match="not_sent"):
        require_good(applied, on_rejected="warn")


@pytest.mark.bigcommerce_sandbox(products=30)
def test_an_outage_ends_a_try_without_a_commit_and_the_next_one_goes_on(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    plan = planned(tmp_path, bigcommerce_sandbox, "products", prices(bigcommerce_sandbox))
    bigcommerce_sandbox.store.fail_next(1, "503_after", method="PUT")
    bigcommerce_sandbox.store.fail_next(1, "503", method="GET", skip=1)

    with pytest.raises(ServerError):
        applying(bigcommerce_sandbox, plan, is_last_try=False, settings={"max_attempts": 1, "max_concurrency": 1})
    applied = applying(bigcommerce_sandbox, plan)

    assert applied.manifest.counts == {"updated": 30}
    assert len(outcomes(applied)) == 30
    assert writes(bigcommerce_sandbox) == 3, "what the first try had sent was not sent again"


@pytest.mark.bigcommerce_sandbox(products=12)
def test_a_missing_scope_sends_nothing_else_and_commits_what_there_is(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    plan = planned(tmp_path, bigcommerce_sandbox, "products", prices(bigcommerce_sandbox))
    bigcommerce_sandbox.store.fail_next(99, "answer", method="PUT", status=403, body=b"{}")

    applied = applying(bigcommerce_sandbox, plan, is_last_try=False)

    assert applied.manifest.counts == {"not_sent": 12}
    assert applied.manifest.settings["ended_by"] == "PermissionDeniedError"
    assert writes(bigcommerce_sandbox) == 1


@pytest.mark.bigcommerce_sandbox(products=4)
def test_what_the_store_does_not_show_afterwards_is_unknown(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    plan = planned(tmp_path, bigcommerce_sandbox, "products", prices(bigcommerce_sandbox))
    bigcommerce_sandbox.store.fail_next(1, "answer", method="PUT", body=b'{"data": [], "meta": {}}')

    applied = applying(bigcommerce_sandbox, plan, manner=SendingManner(verify="all"))

    assert applied.manifest.counts == {"unknown": 4}


@pytest.mark.bigcommerce_sandbox(products=3)
def test_two_tasks_do_not_write_one_resource_at_once(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    plan = planned(tmp_path, bigcommerce_sandbox, "products", prices(bigcommerce_sandbox))
    other = Lease(Destination.at(tmp_path), bigcommerce_sandbox.store_hash, "products", "other-run")
    other.take()

    with pytest.raises(ResourceBusyError, match="other-run") as raised:
        applying(bigcommerce_sandbox, plan)
    assert 1 <= raised.value.seconds <= 120
    assert not bigcommerce_sandbox.store.requests
    other.release()

    assert applying(bigcommerce_sandbox, plan).manifest.counts == {"updated": 3}


def test_a_writer_that_is_not_heard_of_loses_its_hold(tmp_path: Path) -> None:
    place = Destination.at(tmp_path)
    first, second, third = (Lease(place, "abc123", "products", run, stale=0) for run in ("one", "two", "three"))
    first.take()
    first.beat()
    second.take()

    with pytest.raises(ConcurrentRunError, match="not heard of"):
        first.beat()
    second.beat()
    third.take()
    third.release()
    with pytest.raises(ConcurrentRunError):
        second.beat()


def update(sandbox: Sandbox, id: Any, **values: Any) -> None:  # noqa: A002  # BigCommerce's noun
    """Somebody's change in the store."""
    sandbox.store.tables["products"].put(id, {**row_of(sandbox, id), **values})


def row_of(sandbox: Sandbox, id: Any) -> dict[str, Any]:  # noqa: A002  # BigCommerce's noun
    """The store's row."""
    return next(row for row in sandbox.store.rows("products") if row["id"] == id)
