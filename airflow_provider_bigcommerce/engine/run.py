"""One run of a copy, told once for every target: what is there, which span, read, what is gone, commit, tell.

The order makes that a reader sees all of a run or nothing of it, whatever happens in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.planning import ancestor_of
from airflow_provider_bigcommerce.core.windows import written
from airflow_provider_bigcommerce.engine.by_ids import NamedRows, Sleep
from airflow_provider_bigcommerce.engine.completeness import checked, require_whole, settled
from airflow_provider_bigcommerce.engine.copying import Copied, Copy, drift_of
from airflow_provider_bigcommerce.engine.deletes import Deletions, find_deleted, find_named
from airflow_provider_bigcommerce.engine.manifest import Manifest, ManifestWindow
from airflow_provider_bigcommerce.engine.progress import Progress
from airflow_provider_bigcommerce.engine.selection import Selection
from airflow_provider_bigcommerce.engine.spans import Span, fixed_span, span_until, tell_nothing, tell_window
from airflow_provider_bigcommerce.engine.stoppable import StoppableReading, store_settings
from airflow_provider_bigcommerce.engine.target import Run, Standing, Taking, Target
from airflow_provider_bigcommerce.engine.telling import Learnt
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.rows.row_keys import SeenKeys

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run behaves, in addition to which rows it reads.

    :param quota_share: of the store's quota; None for the connection's.
    :param most_deleted_percent: of the copy's rows, how many may be gone from the store; None where nobody looks for them.
    :param accept_incomplete: whether a copy that is not complete moves the watermark.
    :param patience: seconds without an answer after which the wait is refused; None to keep waiting.
    :param sleep: waits before ids that brought no row are asked for again.
    """

    quota_share: float | None = None
    most_deleted_percent: float | None = None
    accept_incomplete: bool = False
    patience: float | None = None
    sleep: Sleep = asyncio.sleep


class CopyRun:
    """One try of a run into a target.

    :param run: what names it.
    :param target: where the rows go.
    :param hook: of the store.
    :param manner: how it behaves.
    :param reading: what ``on_kill`` stops.
    :param learnt: is told what is learnt on the way.
    :param told: what Airflow stores of a run that begins; each word takes it some 10 ms, so the first page is asked for before.
    """

    def __init__(
        self,
        run: Run,
        target: Target,
        hook: BigCommerceHook,
        manner: Manner,
        *,
        reading: StoppableReading,
        learnt: Learnt,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self._run, self._target, self._hook, self._manner = run, target, hook, manner
        self._reading, self._learnt, self._told = reading, learnt, told

    def execute(self) -> Manifest:
        """Copy, commit, and return the manifest.

        :raises BigCommerceError: the store or the place refused, the list is not whole, too many rows are gone.
        """
        target = self._target
        try:
            stands = target.open()
            last = stands.last.moment if stands.last is not None else None
            self._learnt.watermark = last
            if stands.done is not None:
                log.info("An earlier try of this run had committed %s rows; only what follows the commit is left.", f"{stands.done.rows:,}")
                self._told()
                manifest = stands.done
            else:
                manifest = self._copy(stands)
            target.end(manifest)
            stands.checkpoint.delete()
        except BaseException as error:
            if not isinstance(error, Exception):  # a task's time-out: the place may be busy with what nobody waits for any more
                target.cancel()
            raise
        finally:
            target.close()
        return manifest

    def _copy(self, stands: Standing) -> Manifest:
        selection, target = self._run.selection, self._target
        last = stands.last.moment if stands.last is not None else None
        now, span = None, fixed_span(selection, stands.fixed, stands.replaced, stands.last)
        if span is None or target.needs_time:
            now = self._reading.store_time(self._hook, last)
            span = span or span_until(selection, now, stands.replaced, stands.last)
        fixed = stands.fixed or span.checkpoint(stands.replaced)

        def note() -> None:
            if stands.fixed is None:
                stands.checkpoint.write(fixed)
            self._told()

        taking = target.begin(span, fixed, now)
        named = NamedRows(self._manner.sleep) if selection.ids is not None else None
        copy = Copy(
            selection,
            span.window,
            taking.writer,
            before=taking.before,
            progress=Progress(selection.resource.name, parents=_parents_of(selection)),
            tell=log.info,
            parts=taking.parts,
            meanwhile=note,
            named=named,
            heard=taking.have_heard,
        )
        what, window = selection.resource.name, tell_window(selection, span.window)
        log.info("Copying %s of store %s%s into %s", what, self._run.store_hash, window, target.title)
        read_at, copied = self._reading.run(lambda: self._read(copy, taking, named))
        if selection.mode == "backfill" and not copied.rows:
            tell_nothing(selection, span.window)
        follows = stands.last.watermark if stands.last is not None and selection.mode == "incremental" and span.may_drop else None
        manifest = self._manifest(span, taking, copied, read_at, follows)
        return taking.commit(manifest, copied, self._reading.check)

    async def _read(self, copy: Copy, taking: Taking, named: NamedRows | None) -> tuple[str, Copied]:
        """Read the list, and what is gone from it."""
        settings = store_settings(self._run.selection.mode, self._manner.quota_share, self._hook)
        async with self._hook.astore(**settings, hand_back_after=self._manner.patience) as store:
            self._learnt.stats = store.stats
            taking.listen(store.heard)
            copied = await copy.run(store)
            read_at = await taking.have_read(store)
            most_deleted = self._manner.most_deleted_percent
            if most_deleted is not None and named is not None:
                await self._mark_named(store, copy, copied, taking, named, most_deleted)
            elif most_deleted is not None and self._run.selection.looks_for_deleted:
                await self._mark_deleted(store, copy, copied, taking, most_deleted)
            elif most_deleted is not None:
                taking.mark(Deletions(), copied)
            return read_at, copy.sum_up(store)

    async def _mark_deleted(self, store: BigCommerceStore, copy: Copy, copied: Copied, taking: Taking, most_percent: float) -> None:
        """Find the rows of the copy that the store no longer has."""
        seen = copy.seen
        if seen is not None:
            require_whole(copied)  # a list that lacks rows must not delete them
        selection, keys = self._run.selection, taking.keys(seen)
        found = await find_deleted(store, selection, keys, knows_all=seen is not None, most_percent=most_percent, completed=copy.completed)
        taking.mark(found, copied)

    async def _mark_named(
        self, store: BigCommerceStore, copy: Copy, copied: Copied, taking: Taking, named: NamedRows, most_percent: float
    ) -> None:
        """Of the rows that were asked for by id, those that the store no longer has."""
        keys = taking.keys(SeenKeys())
        found = await find_named(store, self._run.selection, keys, named, most_percent=most_percent, completed=copy.completed)
        taking.mark(found, copied)

    def _manifest(self, span: Span, taking: Taking, copied: Copied, read_at: str, follows: str | None) -> Manifest:
        """What came, as far as it does not depend on the place."""
        selection, window, checks = self._run.selection, span.window.as_json(), checked(copied)
        return Manifest(
            resource=selection.resource.name,
            store_hash=self._run.store_hash,
            mode=selection.mode,
            query=copied.query,
            window=ManifestWindow(since=window["since"], until=window["until"]),
            watermark=written(settled(span.watermark, checks, accept_incomplete=self._manner.accept_incomplete)),
            files=tuple(copied.files),
            rows=copied.rows,
            duplicates_dropped=copied.repeated + (taking.before.dropped if taking.before is not None else 0),
            deleted=copied.deleted,
            drift=drift_of(taking.discrepancies),
            rounded=taking.discrepancies.rounded_values,
            requests=copied.requests,
            throttled=copied.throttled,
            seconds=copied.seconds,
            started_at=self._run.started_at.isoformat(timespec="milliseconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            provider_version=__version__,
            complete=all(check.agrees for check in checks),
            checked=checks,
            read_at=read_at or None,
            waited=copied.waited,
            follows=follows,
        )


def _parents_of(selection: Selection) -> str | None:
    """What the rows are called that the log counts where a list is read parent by parent."""
    row = selection.resource
    if not row.per_parent:
        return None
    top = ancestor_of(row) if selection.parent_ids is None else None
    return top.name if top is not None else row.parent or "parents"
