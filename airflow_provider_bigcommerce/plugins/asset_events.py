"""Changes of a store as events of Airflow's assets, written into the metadata database in one transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from airflow_provider_bigcommerce.assets import changes_uri
from airflow_provider_bigcommerce.compat import known_assets, register_asset_events
from airflow_provider_bigcommerce.core.webhooks import Change, payloads

#: Seconds for which it is remembered whether an asset is there.
ASSETS_KEPT: Final = 30.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one delivery told.

    :param conn_id: connection id of its store.
    :param store_hash: that store.
    :param changes: the rows it names.
    """

    conn_id: str
    store_hash: str
    changes: tuple[Change, ...]


class AssetEvents:
    """Writes the events of a batch; an asset that no DAG mentions does not exist for Airflow, and is ignored.

    :param clock: epoch seconds, for events that do not say when they were.
    :param monotonic: seconds, for what is remembered.
    :param find: which of these names are assets; by the metadata database.
    :param register: writes events, in one transaction.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        find: Callable[[Iterable[str]], set[str]] = known_assets,
        register: Callable[[list[tuple[str, dict[str, object]]]], int] = register_asset_events,
    ) -> None:
        self._clock, self._monotonic, self._find, self._register = clock, monotonic, find, register
        self._lock = threading.Lock()
        self._known: dict[str, tuple[bool, float]] = {}

    def commit(self, batch: list[Delivery]) -> None:
        """Write the events of a batch of deliveries: one a connection and resource, in one transaction.

        :raises Exception: whatever the database raises; nothing is written then.
        """
        changes: dict[tuple[str, str], list[Change]] = {}
        for delivery in batch:
            changes.setdefault((delivery.conn_id, delivery.store_hash), []).extend(delivery.changes)
        known = self._listened_to({changes_uri(conn_id, each.resource) for (conn_id, _), rows in changes.items() for each in rows})
        events: list[tuple[str, dict[str, object]]] = []
        for (conn_id, store_hash), rows in changes.items():
            wanted = [each for each in rows if changes_uri(conn_id, each.resource) in known]
            for resource, payload in payloads(wanted, store_hash, self._clock()):
                events.append((changes_uri(conn_id, resource), {"payload": payload}))
        if events:
            self._register(events)

    def _listened_to(self, names: set[str]) -> set[str]:
        """Those of the names that are assets, as of the last half minute."""
        with self._lock:
            now = self._monotonic()
            unsure = sorted(name for name in names if now - self._known.get(name, (False, -1e9))[1] > ASSETS_KEPT)
            if unsure:
                found = self._find(unsure)
                self._known.update({name: (name in found, now) for name in unsure})
            return {name for name in names if self._known[name][0]}
