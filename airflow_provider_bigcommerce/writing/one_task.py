"""A plan that is made and applied by one task: which one a try continues with, and when it makes a new one."""

from __future__ import annotations

from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.core.writing.route import Route
from airflow_provider_bigcommerce.exceptions import WriteFailedError
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.writing.claims import use_of
from airflow_provider_bigcommerce.writing.folder import MANIFEST, attempts_folder, begin_attempt
from airflow_provider_bigcommerce.writing.plan import Input, PlanSettings, plan_rows


def begun_plan(report_path: object, settings: PlanSettings, run: str) -> str | None:
    """The URI of the plan that this run has begun to apply, and continues with; None where a new one is made.

    A plan that was applied to its end is gone on with only where new rows could be made twice: a new plan of the others has only what is
    still to be done, since it is compared with the store.
    """
    destination = Destination.at(str(report_path))
    route = settings.route()
    above = attempts_folder(route.resource.name, run)
    folders = {entry.name.rpartition("/")[0] for entry in destination.entries(above) if entry.name.endswith("/_applied.json")}
    for folder in sorted(folders, key=_number, reverse=True):
        use = use_of(Destination.at(f"{destination.url}/{folder}"))
        if use is None or use.run != run:
            continue
        is_done = Destination.at(use.report_path).read(f"{use.folder}/{MANIFEST}") is not None
        if not is_done or _may_be_made_twice(route):
            return f"{destination.url}/{folder}/{MANIFEST}"
        return None
    return None


def made_plan(store: BlockingStore, source: Input, settings: PlanSettings, report_path: object, run: str, *, on_rejected: str) -> str:
    """Make a plan; the URI of its manifest.

    :raises WriteFailedError: rows are rejected already, and ``stop`` lets nothing be sent then.
    """
    folder = begin_attempt(str(report_path), settings.route().resource.name, run, "plan")
    manifest = plan_rows(store, source, settings, folder)
    bad = sum(manifest.counts.get(kind, 0) for kind in ("rejected", "conflict"))
    if bad and on_rejected == "stop":
        raise WriteFailedError(
            f"{bad:,} of {manifest.counts['input']:,} rows of {manifest.resource!r} are wrong, and on_rejected='stop': nothing was sent. "
            f"They are in 'rejected.jsonl.gz' next to {folder.uri}; correct them and run the task again."
        )
    return folder.uri


def _number(folder: str) -> int:
    number = folder.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _may_be_made_twice(route: Route) -> bool:
    """Whether nothing in the store keeps a new row from being made a second time."""
    if route.operation not in ("create", "upsert") or route.create is None:
        return False
    return route.create.repeat not in ("refused", "silent_noop")
