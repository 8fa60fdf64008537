"""Plans and what applies them, made by hand, against the sandbox."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_bigcommerce.client.portal import run
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.writing.apply import Applied, Applying
from airflow_provider_bigcommerce.writing.folder import begin_attempt, open_outcomes
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlanManifest, PlanRow
from airflow_provider_bigcommerce.writing.undo import Undoing

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
APPROVED = {"chosen_options": ["Approve"], "responded_at": "2026-03-01T11:30:00+00:00", "responded_by_user": {"id": "7", "name": "Ann"}}


def planned(
    path: Path | str,
    sandbox: Sandbox,
    resource: str,
    rows: Iterable[PlanRow],
    operation: str = "update",
    *,
    run: str = "plan",
    **changes: Any,
) -> str:
    """A plan; the URI of its manifest."""
    folder = begin_attempt(path, resource, run, "plan")
    with folder.rows() as writer:
        for row in rows:
            writer.write(row)
    values: dict[str, Any] = {
        "plan_id": run, "resource": resource, "store_hash": sandbox.store_hash, "operation": operation, "match_on": [],
        "created_at": "2026-03-01T11:00:00.000+00:00", "provider_version": "0", "rows": writer.rows, "counts": {"input": writer.rows},
        "digest": folder.files[0].sha256, "files": folder.files,
    }  # fmt: skip
    return folder.commit(PlanManifest(**{**values, **changes}))


def change(place: int, id: int, old: Mapping[str, Any], new: Mapping[str, Any]) -> PlanRow:  # noqa: A002  # BigCommerce's noun
    """The planned change of a row that is known by its id."""
    return PlanRow(row=place, key=[id], id=id, operation="update", fields=list(new), old=dict(old), new=dict(new), body={"id": id, **new})


def applying(sandbox: Sandbox, plan: object, **more: Any) -> Applied:
    """Apply a plan as a run does; see :class:`Applying` for ``more``."""
    settings = more.pop("settings", {})
    values: dict[str, Any] = {
        "plan": plan, "run": "apply-run", "store_hash": sandbox.store_hash, "approval": APPROVED, "clock": lambda: NOW,
    }  # fmt: skip

    return Applying(**{**values, **more}).execute(driving(sandbox, **settings))


def undoing(sandbox: Sandbox, outcome: str, **more: Any) -> dict[str, Any]:
    """Make the plan of an undo; see :class:`Undoing` for ``more``."""
    values: dict[str, Any] = {"outcome": outcome, "run": "undo", "store_hash": sandbox.store_hash, "clock": lambda: NOW}
    return Undoing(**{**values, **more}).execute(driving(sandbox))


def driving(sandbox: Sandbox, **settings: Any) -> Callable[[Callable[[BigCommerceStore], Any]], None]:
    """Opens the sandbox, and runs a coroutine with it."""

    def drive(send: Callable[[BigCommerceStore], Any]) -> None:
        async def main() -> None:
            credentials = StoreCredentials(sandbox.store_hash, sandbox.token, base_url=sandbox.url)
            async with BigCommerceStore(credentials, StoreSettings(**settings)) as store:
                await send(store)

        run(main())

    return drive


def outcomes(applied: Applied) -> list[OutcomeRow]:
    """What became of each row, in order."""
    with open_outcomes(applied.uri) as opened:
        return sorted(opened.rows(), key=lambda row: row.row)


def lines(applied: Applied, name: str) -> list[dict[str, Any]]:
    """The lines of another file beside the outcomes."""
    path = Path(applied.uri.removeprefix("file://")).parent / name
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
