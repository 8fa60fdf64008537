"""A place that a copy can go to, as the engine sees it: what a target must be able to do, and what it is told.

A run is told once, in ``engine.run``: *open*, *begin*, read, *mark* what is gone, *commit*, *end*. A target decides nothing about the
store, and the engine nothing about the place. To write another target, implement :class:`Target` and :class:`Taking`; ``targets.files``
and ``targets.sql`` are the examples. What it needs it says as data (``Target.needs_time``), and it never has to be asked for its type.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, Self

from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.compat import is_task
from airflow_provider_bigcommerce.core.clocks import Heard
from airflow_provider_bigcommerce.engine.copying import Copied
from airflow_provider_bigcommerce.engine.deletes import CopyKeys, Deletions
from airflow_provider_bigcommerce.engine.manifest import Manifest, run_key, task_key
from airflow_provider_bigcommerce.engine.selection import Selection
from airflow_provider_bigcommerce.engine.spans import Span
from airflow_provider_bigcommerce.engine.writing_rows import Parts, RowWriter, WrittenRows
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.row_keys import SeenKeys
from airflow_provider_bigcommerce.state import Checkpoint, RunCheckpoint, Watermark


@dataclass(frozen=True, slots=True)
class Run:
    """One try of a run.

    :param key: run key, the same for all tries.
    :param task: the part of it that all runs of the task share.
    :param selection: which rows.
    :param store_hash: of which store.
    :param started_at: the worker's clock, UTC.
    :param context: Airflow's; ``{}`` outside a task, where there is no state and no retry.
    """

    key: str
    task: str
    selection: Selection
    store_hash: str
    started_at: datetime
    context: Mapping[str, Any]

    @classmethod
    def of(cls, context: Mapping[str, Any], task_id: str, selection: Selection, store_hash: str, *, is_mapped: bool = True) -> Self:
        """The run that a task's try belongs to.

        :param is_mapped: whether each element of a mapped task is a run; the tasks that read one list in ranges are one together.
        """
        now = datetime.now(UTC)
        if is_task(context):
            ti = context["ti"]
            key = run_key(ti.dag_id, ti.run_id, ti.task_id, ti.map_index if is_mapped else None)
            task = task_key(ti.dag_id, ti.task_id)
        else:
            key = run_key("no_dag", f"{now:%Y-%m-%dT%H-%M-%S}-{uuid.uuid4().hex[:6]}", task_id)
            task = task_key("no_dag", task_id)
        if selection.named is not None:
            # What a run reads by ids adds to the copy. A try with other ids, a cleared task's for example, must not replace that.
            key = f"{key}-{selection.named}"
        return cls(key, task, selection, store_hash, now, context)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is in a place when a try begins.

    :param last: how far earlier runs came, or None where this run begins at the beginning.
    :param replaced: this run's own earlier commit, which the new one replaces: the task was cleared.
    :param checkpoint: what the tries of the run leave for each other.
    :param fixed: what an earlier try left there.
    :param done: this run's commit, if an earlier try made it: nothing is left to be read.
    """

    last: Watermark | None
    replaced: Manifest | None
    checkpoint: RunCheckpoint
    fixed: Checkpoint | None
    done: Manifest | None = None


class Taking(Protocol):
    """What one try brings, on its way into the place; nothing of it is seen by readers before the commit."""

    @property
    def writer(self) -> RowWriter:
        """Takes the rows."""

    @property
    def before(self) -> WrittenRows | None:
        """Drops rows that are there already; None where every row is taken."""

    @property
    def parts(self) -> Parts | None:
        """What retries continue with; None where they start from the beginning."""

    @property
    def discrepancies(self) -> Discrepancies:
        """What did not fit the schema."""

    def listen(self, heard: Heard) -> None:
        """The store is open; ``heard`` grows with each of its answers."""

    async def have_heard(self, store: BigCommerceStore) -> None:
        """The first rows are here, and none is written yet."""

    async def have_read(self, store: BigCommerceStore) -> str:
        """The list is read: the store's time at which its read began, ISO-8601."""

    def keys(self, seen: SeenKeys | None) -> CopyKeys:
        """The keys of the copy, to be checked against the store's.

        :param seen: the store's, where this try has read the whole list; None where they are still to come.
        """

    def mark(self, found: Deletions, copied: Copied) -> None:
        """Note which rows are gone, and take those that are back; counts them in ``copied``."""

    def commit(self, manifest: Manifest, copied: Copied, last_look: Callable[[], None]) -> Manifest:
        """Make it part of the copy in one step: rows, deletes and watermark.

        :param manifest: what came, as the engine knows it; the target sets its own numbers.
        :param last_look: called when all that is left is to make it seen; raises where the task was told to stop.
        :returns: the run's manifest as it is there.
        """


class Target(ABC):
    """A place, for one try of one run; used by one thread at a time, ``cancel`` excepted."""

    #: Whether the store's time must be known before the list is requested, as it is in the rows.
    needs_time: bool = False

    @property
    @abstractmethod
    def title(self) -> str:
        """What a person calls the place."""

    @abstractmethod
    def open(self) -> Standing:
        """Connect, refuse what can be refused before a request is sent, repair what killed tries left.

        :raises InvalidQueryError: the place is not one to continue with: another store's, somebody else's, of another form.
        """

    @abstractmethod
    def begin(self, span: Span, fixed: Checkpoint, now: datetime | None) -> Taking:
        """Begin to take rows.

        :param fixed: what the tries of the run have agreed on.
        :param now: the store's time, where :attr:`needs_time`.
        """

    def end(self, manifest: Manifest) -> None:  # noqa: B027  # nothing is left to do where the watermark is part of the commit
        """What follows a commit: a watermark that is kept elsewhere, tidying."""

    def cancel(self) -> None:  # noqa: B027  # most places have nothing that runs by itself
        """Stop what is under way; called from any thread or a signal handler."""

    def close(self) -> None:  # noqa: B027  # likewise
        """Let go of the place; what is not committed is gone."""
