"""A transfer that runs by events too: a run that events started reads the rows that they name, a scheduled one reads what changed.

Decides which of the two a run is, and when the events of a burst are taken; ``core.live`` decides what is read for them.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bigcommerce.assets import changes_asset, changes_uri, is_known
from airflow_provider_bigcommerce.compat import (
    come_again,
    is_by_event,
    is_of_mapped,
    nothing_to_do,
    require_event_filters,
    scheduled_assets,
)
from airflow_provider_bigcommerce.core.arguments import Checks, flag, optional, span
from airflow_provider_bigcommerce.core.live import Reading, readings, sources_of, wanted
from airflow_provider_bigcommerce.core.pages import page
from airflow_provider_bigcommerce.core.planning import copied_resource
from airflow_provider_bigcommerce.engine.selection import BY_IDS, Selection
from airflow_provider_bigcommerce.events import AssetEvent, new_events
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.transfers.telling_transfer import TellingTransfer

if TYPE_CHECKING:
    from airflow.sdk import Asset

_SUMS = ("rows", "deleted", "duplicates_dropped", "requests", "throttled", "seconds")


class LiveTransfer(TellingTransfer):
    """A transfer whose runs may be started by events.

    :param live: whether a run that events started reads the rows that they name.
    :param settle: for how long the events of a burst are collected, from the first on; None for what the place is best with.
    """

    argument_checks: ClassVar[Checks] = {
        **TellingTransfer.argument_checks,
        "live": flag(),
        "settle": optional(span(may_be_zero=True, example="timedelta(seconds=60)")),
    }

    #: What ``settle`` is where it is not given: a commit of files costs a file or more, one of tables nothing that stays.
    settles: ClassVar[timedelta] = timedelta(seconds=60)

    def __init__(self, *, live: bool, settle: timedelta | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.live = live
        self.settle = settle
        self._sources: list[tuple[str, Asset]] = []

    def listen(self, *, also_given: Sequence[str]) -> None:
        """Make the assets whose events are read inlets of the task, or Airflow hands out no events.

        :param also_given: names of arguments that say which rows are read.
        :raises InvalidQueryError: the task cannot be live; the DAG's import error shows it.
        """
        if not self.live:
            return
        require_event_filters("live=True")
        if also_given:
            raise InvalidQueryError(f"live=True does not go with {', '.join(also_given)}: events say which rows are read. Leave it out.")
        if is_of_mapped(self) or not is_known(self.resource, self.bigcommerce_conn_id):
            raise InvalidQueryError(
                "live=True does not go with a mapped task, nor with a template in resource or bigcommerce_conn_id: which events it reads "
                "must be known when the DAG is parsed. Make a task for each resource and store."
            )
        found = scheduled_assets(self)
        sources = {changes_uri(self.bigcommerce_conn_id, name): name for name in sources_of(copied_resource(self.resource).name)}
        if not any(uri.startswith(changes_uri(self.bigcommerce_conn_id, "")) for uri in found):
            raise InvalidQueryError(
                "live=True needs a DAG that changes of the store start. Give the DAG schedule=AssetOrTimeSchedule(timetable=..., "
                f"assets=changes({self.resource!r})), and make the task within it ({page('how-to/live-copy.md')})."
            )
        self._sources = [(name, changes_asset(self.bigcommerce_conn_id, name)) for uri, name in sources.items() if uri in found]
        self.inlets = [*self.inlets, *(found[asset.uri] for _, asset in self._sources)]

    @abstractmethod
    def selection(self, context: Mapping[str, Any]) -> Selection:
        """What the rendered arguments select."""

    @abstractmethod
    def transfer_selected(self, context: Mapping[str, Any], selection: Selection) -> dict[str, Any]:
        """Copy what is selected, commit, and return the manifest."""

    def transfer(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Copy, commit, and return the manifest."""
        if self.live and is_by_event(context):
            return self._by_events(context)
        return self.transfer_selected(context, self.selection(context))

    def _by_events(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Read what the new events name; the events are done with once that is committed."""
        row = copied_resource(self.resource)
        manifests: list[dict[str, Any]] = []
        key = f"{context['ti'].dag_id}.{context['ti'].task_id}"
        with ExitStack() as blocks:
            found = [(name, blocks.enter_context(new_events(context, asset, key))) for name, asset in self._sources]
            events = [event for _, each in found for event in each]
            if not events:
                raise nothing_to_do(f"No event since the last run is about {row.name}: the run is for other resources.")
            self._wait_until_settled(events)
            store_hash = BigCommerceHook(self.bigcommerce_conn_id).credentials().store_hash
            named = wanted(row, [(name, event.extra) for name, each in found for event in each], store_hash)
            if named.of_others:
                self.log.warning("%d of %d events are of another store, or have no payload.", named.of_others, len(events))
            told = "%d events name %s: %s ids, %s deleted, %s parents%s"
            counts = [f"{len(each):,}" for each in (named.ids, named.deleted, named.parents)]
            self.log.info(told, len(events), row.name, *counts, ", and changes that they do not name" if named.all_changed else "")
            mark = hashlib.sha256(repr(sorted(event.id for event in events)).encode()).hexdigest()[:12]
            for number, reading in enumerate(readings(row, named)):
                selection = self._read_by_event(context, reading, f"{mark}-{number}")
                manifests.append(self.transfer_selected(context, selection))
        if not manifests:
            raise nothing_to_do(f"The events name nothing of {row.name} that is to be read.")
        return {**manifests[0], **{name: sum(each[name] for each in manifests) for name in _SUMS}}

    def _read_by_event(self, context: Mapping[str, Any], reading: Reading, mark: str) -> Selection:
        selection = replace(self.selection(context), mark=mark, looks_for_deleted=False)
        if reading.ids is None:
            return selection
        return replace(
            selection,
            mode=BY_IDS,
            ids=reading.ids,
            ids_by=reading.by,
            deleted=reading.deleted,
            initial_since=None,
            full_every=None,
        )

    def _wait_until_settled(self, events: Sequence[AssetEvent]) -> None:
        """Release the worker slot until the oldest event is as old as ``settle``, so that a burst is one commit.

        A clock that is ahead on another machine does not hold it for longer than that.
        """
        settle = self.settles if self.settle is None else self.settle
        now = datetime.now(UTC)
        left = min(event.timestamp for event in events) + settle - now
        if timedelta(0) < left <= settle:
            told = "The events of the next %.0f s are taken together (settle); the task releases its worker slot until then."
            self.log.info(told, left.total_seconds())
            raise come_again(now + left)
