"""Applies a plan: what is refused before anything is sent, whose the plan is from then on, what is left behind, and how it ends.

The order: the plan is opened and its digest computed again; store, age and approval are checked against it; the plan becomes this run's own
(``writing/claims.py``); nobody else may write the resource meanwhile; rows are sent (``writing/sending_plan.py``), each request behind its
journal (``writing/journal.py``); the files are written, and the manifest last.

A run that the store or the network has ended leaves no manifest: a retry continues where it was. The last try commits what there is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.waiting import is_permanent
from airflow_provider_bigcommerce.core.writing.outcomes import GOOD_OUTCOMES
from airflow_provider_bigcommerce.exceptions import (
    BigCommerceError,
    InvalidQueryError,
    LongWaitError,
    OtherStoreError,
    PlanChangedError,
    PlanExpiredError,
    WriteFailedError,
)
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.writing.approval import require_approved
from airflow_provider_bigcommerce.writing.claims import (
    STALE,
    Lease,
    PlanUse,
    claim_plan,
    claim_taking_back,
    require_not_taken_back,
    require_own,
    use_of,
)
from airflow_provider_bigcommerce.writing.folder import (
    MANIFEST,
    REJECTED_ROWS,
    AttemptFolder,
    Plan,
    begin_attempt,
    certain_outcomes,
    extra_rows,
    open_attempt,
    open_plan,
    read_outcome_manifest,
)
from airflow_provider_bigcommerce.writing.formats import OutcomeManifest, PlanManifest
from airflow_provider_bigcommerce.writing.journal import Begun, Journal, Past
from airflow_provider_bigcommerce.writing.plan import INPUT_ROWS
from airflow_provider_bigcommerce.writing.results import Told, is_relative_stock, summary, write_results
from airflow_provider_bigcommerce.writing.secrets import Secrets
from airflow_provider_bigcommerce.writing.sending_plan import PlanSending, SendingManner, StoppedByRejectionError, window_size
from airflow_provider_bigcommerce.writing.sending_stock import STOCK_WINDOW, StockSending
from airflow_provider_bigcommerce.writing.sent_notes import RunNotes

log = logging.getLogger(__name__)

#: A plan that is older says too little of what the store is like now.
MAX_AGE = timedelta(hours=24)


#: Opens the store and runs a coroutine with it to its end.
Drive = Callable[[Callable[[BigCommerceStore], Coroutine[Any, Any, None]]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What an applied plan came to.

    :param manifest: of the outcomes.
    :param uri: of the manifest.
    :param undoable: rows that an undo can take back; None where an earlier try had committed.
    """

    manifest: OutcomeManifest
    uri: str
    undoable: int | None

    @property
    def is_good(self) -> bool:
        """Whether no row needs anybody's attention."""
        return not any(count for kind, count in self.manifest.counts.items() if kind not in GOOD_OUTCOMES)

    def as_json(self) -> dict[str, Any]:
        """The task's XCom: where the outcomes are, and counts; no row."""
        told = Told(self.manifest.counts, self.undoable or 0, self.manifest.rows)
        title = f"{self.manifest.resource} of store {self.manifest.store_hash}: {self.manifest.operation}"
        return {
            "manifest": self.uri,
            "digest": self.manifest.plan_digest,
            "counts": self.manifest.counts,
            "rows": self.manifest.rows,
            "approved_by": self.manifest.approved_by,
            "summary": summary(title, told, uri=self.uri),
        }


def plan_uri(plan: object, *, name: str = "plan") -> tuple[str, str | None]:
    """(URI of a plan's manifest, the digest that was told with it): of the URI itself, or of the plan task's XCom.

    :param name: the argument's: ``outcome`` is given likewise.
    :raises InvalidQueryError: it is neither.
    """
    if isinstance(plan, Mapping):
        uri, digest = plan.get("manifest"), plan.get("digest")
        if isinstance(uri, str) and uri:
            return uri, digest if isinstance(digest, str) else None
    if isinstance(plan, str) and plan.strip() not in ("", "None", "null") and not plan.lstrip().startswith("{"):
        return plan, None
    raise InvalidQueryError(
        f"{name} ({type(plan).__name__}) names none. Accepted: the result of the task that made it ({name}={name}.output), or the URI of "
        "its manifest."
    )


@dataclass(slots=True, kw_only=True)
class Applying:
    """One try of applying a plan.

    :param plan: the plan task's XCom, or its manifest's URI.
    :param run: key of the run, the same for all its tries.
    :param store_hash: of the connection's store.
    :param approval: the approval's XCom, or ``"none needed"``.
    :param max_age: of the plan.
    :param report_path: where the outcomes go; None for where the plan is.
    :param is_last_try: whether nobody continues where this one ends.
    :param clock: the time in UTC.
    :param stale: seconds after which a writer that is not heard of has gone.
    :param secrets: fields that are in no file, by the row's place.
    :param at: for tests: called where a process may be killed.
    """

    plan: object
    run: str
    store_hash: str
    approval: object
    max_age: timedelta | None = MAX_AGE
    report_path: str | None = None
    manner: SendingManner = field(default_factory=SendingManner)
    is_last_try: bool = True
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    stale: float = STALE
    window: int | None = None
    secrets: Secrets = field(default_factory=dict)
    at: Callable[[str], None] = lambda _: None

    def execute(self, drive: Drive) -> Applied:
        """Apply.

        :param drive: opens the store and runs a coroutine with it to its end.
        :raises PlanError: the plan is not what was approved, is of another store, too old, used, or not approved.
        :raises ResourceBusyError: another task writes this resource.
        :raises BigCommerceError: the store or the network ended the run, and a retry continues.
        """
        uri, told_digest = plan_uri(self.plan)
        started = self.clock()
        with open_plan(uri) as plan:
            plan_folder, root = places_of(plan.uri)
            approved_by = self._require(plan, told_digest, plan_folder)
            folder = self._claimed(plan, plan_folder, Destination.at(self.report_path) if self.report_path else root)
            if isinstance(folder, Applied):
                log.info("This run has applied the plan already, and sends nothing: %s", folder.uri)
                return folder
            if (outcomes := _taken_back(plan.manifest)) is not None:
                own = PlanUse(run=self.run, folder=folder.name, report_path=folder.destination.url, attempt=folder.number)
                claim_taking_back(outcomes, own)
            lease = Lease(folder.destination, plan.manifest.store_hash, plan.manifest.resource, self.run, stale=self.stale)
            lease.take()
            try:
                size, error = self._send(plan, folder, lease, drive)
            finally:
                lease.release()
            # A store that is busy for longer than the caller waits is no end: the task comes again.
            if error is not None and not _ends(error) and (not self.is_last_try or isinstance(error, LongWaitError)):
                raise error
            return self._commit(plan, folder, size, started, approved_by, error)

    def _require(self, plan: Plan, told_digest: str | None, plan_folder: Destination) -> str:
        """Refuse what must not be sent; who has approved it."""
        manifest = plan.manifest
        if told_digest is not None and told_digest != manifest.digest:
            raise PlanChangedError(
                f"The plan {plan.uri} has the digest {manifest.digest[:12]}, and the task that made it told {told_digest[:12]}: it was "
                "replaced since. Nothing was sent. Make a new plan."
            )
        if manifest.store_hash != self.store_hash:
            raise OtherStoreError(
                f"The plan was made for the store {manifest.store_hash!r}, and the connection is of {self.store_hash!r}. Nothing was sent. "
                "Name the plan's connection, or make a plan of this store."
            )
        use = use_of(plan_folder)
        if use is not None:
            require_own(plan_folder, use, self.run)
        if (outcomes := _taken_back(manifest)) is not None:
            require_not_taken_back(outcomes, self.run)
        made = datetime.fromisoformat(manifest.created_at)
        age = self.clock() - (made if made.tzinfo else made.replace(tzinfo=UTC))
        if use is None and self.max_age is not None and age > self.max_age:  # one that was begun is continued
            raise PlanExpiredError(
                f"The plan was made at {manifest.created_at}, more than max_age={self.max_age} ago. Nothing was sent. Make a new plan."
            )
        return require_approved(self.approval, created_at=manifest.created_at)

    def _claimed(self, plan: Plan, plan_folder: Destination, report: Destination) -> AttemptFolder | Applied:
        """This run's folder for the plan, which is its own from here on; or what the run has committed already."""
        resource = plan.manifest.resource
        use = use_of(plan_folder)
        if use is None:
            folder = begin_attempt(report, resource, self.run, "apply")
            own = PlanUse(run=self.run, folder=folder.name, report_path=report.url, attempt=folder.number)
            use = claim_plan(plan_folder, own)
            if use == own:
                return folder
        there = Destination.at(use.report_path)
        if there.read(f"{use.folder}/{MANIFEST}") is not None:
            uri = f"{there.url}/{use.folder}/{MANIFEST}"
            return Applied(manifest=read_outcome_manifest(uri), uri=uri, undoable=None)
        return open_attempt(there, resource, self.run, "apply", use.attempt)

    def _send(
        self,
        plan: Plan,
        folder: AttemptFolder,
        lease: Lease,
        drive: Drive,
    ) -> tuple[int, Exception | None]:
        """Send what is still to be sent; (rows of a window, why not all of it was)."""
        past = Past(folder.destination, folder.name)
        try:
            size = past.first.window if past.first is not None else self.window or _window_size(plan.manifest)
            if past.first is not None and past.first.digest != plan.manifest.digest:
                raise PlanChangedError(f"The journal in {folder.name} is of another plan. Nothing was sent. Make a new plan.")
            begun = Begun(number=past.tries + 1, at=_written(self.clock()), digest=plan.manifest.digest, window=size)
            journal = Journal(folder.destination, folder.name, begun)
            manner = replace(self.manner, attempt=folder.number)
            ended: list[Exception | None] = []

            async def send(store: BigCommerceStore) -> None:
                sending: PlanSending | StockSending
                if is_relative_stock(plan.manifest):
                    notes = RunNotes(folder.destination, plan.manifest.resource, self.run)
                    sending = StockSending(store, plan.manifest, journal, past, lease, manner, notes)
                else:
                    sending = PlanSending(store, plan.manifest, journal, past, lease, manner, secrets=self.secrets, at=self.at)
                try:
                    await sending.run(plan.rows(), size)
                finally:
                    await journal.aclose()
                ended.append(sending.error)

            drive(send)
        finally:
            past.close()
        return size, ended[0]

    def _commit(
        self, plan: Plan, folder: AttemptFolder, size: int, started: datetime, approved_by: str, error: Exception | None
    ) -> Applied:
        """Write what became of each row, and the manifest."""
        manifest, past = plan.manifest, Past(folder.destination, folder.name)
        try:
            with ExitStack() as files:
                certain = files.enter_context(certain_outcomes(plan))
                refused = files.enter_context(extra_rows(plan, REJECTED_ROWS))
                own = files.enter_context(extra_rows(plan, INPUT_ROWS))
                told = write_results(folder, manifest, plan.rows(), certain, refused or (), own, past, size)
        finally:
            past.close()
        outcome = OutcomeManifest(
            plan=plan.uri, plan_digest=manifest.digest, resource=manifest.resource, store_hash=manifest.store_hash,
            operation=manifest.operation, started_at=_written(started), finished_at=_written(self.clock()), provider_version=__version__,
            rows=told.rows, counts=told.counts, files=folder.files, approved_by=approved_by, undo_of=manifest.undo_of,
            settings={
                **manifest.settings, "on_conflict": self.manner.on_conflict, "on_rejected": self.manner.on_rejected,
                "verify": self.manner.verify, "match_on": manifest.match_on, **({"ended_by": type(error).__name__} if error else {}),
            },
        )  # fmt: skip
        return Applied(manifest=outcome, uri=folder.commit(outcome), undoable=told.undoable)


def _taken_back(manifest: PlanManifest) -> Destination | None:
    """The folder of the outcomes whose stock a plan takes back; None for other plans."""
    outcome = manifest.source.get("outcome")
    return places_of(outcome)[0] if is_relative_stock(manifest) and isinstance(outcome, str) else None


def _window_size(manifest: PlanManifest) -> int:
    return STOCK_WINDOW if is_relative_stock(manifest) else window_size(manifest)


def require_good(applied: Applied, *, on_rejected: str) -> None:
    """Fail where rows need somebody.

    :param on_rejected: ``warn`` lets rejected rows pass; ``unknown`` and ``not_sent`` never pass.
    :raises WriteFailedError: they do.
    """
    bad = {kind: count for kind, count in applied.manifest.counts.items() if count and kind not in GOOD_OUTCOMES}
    told = ", ".join(f"{count:,} {kind}" for kind, count in sorted(bad.items()))
    if not bad:
        return
    ended = applied.manifest.settings.get("ended_by")
    text = (
        f"{told} of {applied.manifest.rows:,} rows of {applied.manifest.resource!r}{f' (ended by {ended})' if ended else ''}. What became "
        f"of each is in {applied.uri}; 'rejected.jsonl.gz' next to it holds the rows that can be corrected and used as input again."
    )
    if on_rejected == "warn" and not {"unknown", "not_sent"} & set(bad):
        log.warning("%s", text)
        return
    raise WriteFailedError(text)


def _ends(error: Exception) -> bool:
    """Whether no retry would fare better."""
    return is_permanent(error) or not isinstance(error, BigCommerceError) or isinstance(error, StoppedByRejectionError)


def places_of(uri: str) -> tuple[Destination, Destination]:
    """(an attempt's folder, the directory of all reports): of ``<report_path>/<resource>/run=<run key>/plan-1/manifest.json``.

    :raises InvalidQueryError: the URI is none of an attempt's manifest.
    """
    folder = uri.rstrip("/").removesuffix(f"/{MANIFEST}")
    above = folder.rsplit("/", 3)
    if len(above) != 4 or not above[2].startswith("run="):
        raise InvalidQueryError(
            f"{uri} is not where a write's files are. Accepted: <report_path>/<resource>/run=.../plan-1/manifest.json, as its task told."
        )
    return Destination.at(folder), Destination.at(above[0])


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
