"""What a run must know of the runs before it: how far a resource was read into a destination, and where this run's window ends.

Decides when a watermark may move and when it is refused; where it is kept is ``compat``'s affair. Values stay small: what is
large lies in files next to the manifests.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from airflow_provider_bigcommerce.assets import GROUP
from airflow_provider_bigcommerce.compat import KeyValueState, asset_state, is_first_try, is_task, task_state
from airflow_provider_bigcommerce.core.file_names import is_leaf, is_within, shown
from airflow_provider_bigcommerce.core.naming import kept_name
from airflow_provider_bigcommerce.core.windows import moment, written
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

if TYPE_CHECKING:
    from airflow.sdk import Asset

log = logging.getLogger(__name__)

STATE_ASSET_NAME = "bigcommerce_sync_state"
STATE_ASSET_URI = "bigcommerce://sync-state"

_CHECKPOINT = "bigcommerce_checkpoint"


def state_asset() -> Asset:
    """The asset that holds the watermarks of all stores; an inlet of each task that reads or writes one."""
    from airflow.sdk import Asset

    return Asset(name=STATE_ASSET_NAME, uri=STATE_ASSET_URI, group=GROUP)


def state_key(conn_id: str, resource: str, destination_url: str, query: Mapping[str, str] | None = None) -> str:
    """``<conn_id>/<resource>/<12 hex digits of the destination>``.

    Two tasks with different filters into one directory have watermarks of their own, so a query counts as part of the destination.
    A path instead of a name is written as its directory is called.
    """
    text = destination_url if not query else f"{destination_url}?{json.dumps(dict(query), sort_keys=True)}"
    return f"{conn_id}/{kept_name(resource)}/{hashlib.sha256(text.encode()).hexdigest()[:12]}"


class Watermark(msgspec.Struct, frozen=True, kw_only=True):
    """How far a resource was read into a destination.

    :param store_hash: the store it was read from.
    :param watermark: end of the last committed window, ISO-8601 with ``Z``.
    :param run: run key of the run that set it.
    :param set_at: the worker's clock then.
    :param full_at: end of the last window that began where the copy begins; empty where none is known.
    :param dag_id: for people who look at the state.
    :param task_id: likewise.
    :param run_id: likewise.
    :param resource: likewise, the catalog's name or a path.
    :param destination: likewise, the directory's URL, which has no credentials.
    :param filters: likewise, the filters as JSON, where there are some.
    """

    store_hash: str
    watermark: str
    run: str
    set_at: str
    full_at: str = ""
    dag_id: str = ""
    task_id: str = ""
    run_id: str = ""
    resource: str = ""
    destination: str = ""
    filters: str = ""

    @property
    def moment(self) -> datetime:
        """The watermark as a datetime."""
        found = moment(self.watermark, "watermark")
        if found is None:
            raise InvalidQueryError("watermark is empty.")
        return found


class WatermarkState:
    """The watermark of one resource in one destination.

    :param backend: Airflow's store, or None outside a task: then there is no watermark and setting one does nothing.
    :param key: from :func:`state_key`.
    """

    def __init__(self, backend: KeyValueState | None, key: str) -> None:
        self._backend = backend
        self.key = key

    @classmethod
    def of(cls, context: Mapping[str, Any], key: str) -> WatermarkState:
        """The watermark as seen from a task.

        :raises InvalidQueryError: Airflow has the state stores, and the task does not name the state's asset.
        """
        try:
            return cls(asset_state(context, state_asset()), key)
        except KeyError as error:
            raise InvalidQueryError(
                "The task's inlets lack the asset that holds the watermarks, so they cannot be read. For a mapped task add to "
                ".partial(): inlets=[state_asset()] (from airflow_provider_bigcommerce.state import state_asset)."
            ) from error

    def read(self, store_hash: str) -> Watermark | None:
        """The watermark, or None before the first committed run.

        :raises InvalidQueryError: the state is damaged, or belongs to another store.
        """
        value = self._backend.get(self.key) if self._backend is not None else None
        if value is None:
            return None
        remedy = f"Set or clear the key {self.key!r} of the asset {STATE_ASSET_NAME!r} in Airflow (Assets, its state)"
        try:
            found = msgspec.convert(value, Watermark)
            _ = found.moment
        except (msgspec.ValidationError, InvalidQueryError) as error:
            raise InvalidQueryError(f"The watermark kept under {self.key!r} cannot be read: {error}. {remedy}.") from error
        if found.run and not is_leaf(found.run):
            raise InvalidQueryError(
                f"The watermark kept under {self.key!r} was set by the run {shown(found.run)}, which is no run's key: it was edited, and "
                f"files of that name would be read and removed. {remedy}."
            )
        if found.store_hash != store_hash:
            raise InvalidQueryError(
                f"The watermark kept under {self.key!r} belongs to the store {found.store_hash!r}, and the connection now points to "
                f"{store_hash!r}: continuing would mix two stores in one copy. Use another path or connection id for the new store. "
                f"To start over here: {remedy[0].lower()}{remedy[1:]}, and empty the directory."
            )
        return found

    def advance(self, new: Watermark) -> bool:
        """Move the watermark forward; a slower run that ends later never moves it back.

        Airflow's stores have no compare-and-set: between the look and the write here another run could write too. Tasks of one
        DAG are kept apart by ``max_active_tis_per_dag=1``; what remains is a re-read window, never a skipped one, as long as
        the two runs do not end within the same few milliseconds.

        :returns: whether it was moved.
        """
        if self._backend is None:
            return False
        present = self.read(new.store_hash)
        if present is not None and present.moment > new.moment:
            log.info("The watermark stays at %s: a run that ended earlier had already read past %s.", present.watermark, new.watermark)
            return False
        self._backend.set(self.key, msgspec.to_builtins(new))
        return True


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A closed part file of a run under way; an array, so that hundreds fit into one value of Airflow's state.

    :param name: its name in the run's folder.
    :param rows: rows in it.
    :param bytes: its size.
    :param sha256: hex digest of its bytes.
    """

    name: str
    rows: int
    bytes: int
    sha256: str


class Reached(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the tries of a run have come: the part files they closed, and where the next one continues.

    :param what: digest of all that decides which rows are read and how they are written; a task that was changed starts from the beginning.
    :param at: when it was written, ISO-8601.
    :param position: where the walk continues behind the last closed part; see ``core.positions.Position``.
    :param parts: the closed parts, in order.
    :param found: different rows read.
    :param repeated: rows read twice.
    :param dropped: rows left out because the last run had written them.
    :param totals: the number of rows that was due last, and the highest one, or None.
    :param orders_in_doubt: see ``engine.copying.Copied``.
    :param is_refused: whether the store refused the include.
    :param drift: path, kind, seen type, nulls of what did not fit the schema.
    :param keys: file with the keys of the rows that were read, below the destination; None where none can come again.
    :param requests: requests sent.
    :param throttled: of these, answers 429.
    :param seconds: spent.
    :param waited: of these, seconds in which a request waited.
    :param started_at: when the first of these tries began, ISO-8601.
    :param read_at: the store's time at which its read began, ISO-8601; empty where that is not known.
    """

    what: str
    at: str
    position: dict[str, Any]
    parts: tuple[Part, ...]
    found: int
    repeated: int = 0
    dropped: int = 0
    totals: tuple[int, int] | None = None
    orders_in_doubt: int | None = None
    is_refused: bool = False
    drift: tuple[tuple[str, str, str, int], ...] = ()
    keys: str | None = None
    requests: int = 0
    throttled: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    started_at: str = ""
    read_at: str = ""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What the tries of a run leave for the next one.

    :param until: end of the window, ISO-8601 with ``Z``; None where there is none.
    :param since: its beginning.
    :param replaces: ``finished_at`` of the manifest that was there before this run, or None: a manifest with another one
        was committed by an earlier try.
    :param reached: how far they have come, or None before the first closed part.
    """

    until: str | None
    since: str | None
    replaces: str | None
    reached: Reached | None = None


class Directory(Protocol):
    """Where small files can be kept, next to the data."""

    def read(self, name: str) -> bytes | None:
        """A file's bytes, or None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Write it whole."""

    def remove(self, name: str) -> None:
        """Remove it, where it is there."""


class RunCheckpoint:
    """The checkpoint of one run: in Airflow's task state, or, below 3.3, in a small file at the destination.

    :param backend: Airflow's store, or None below 3.3.
    :param destination: where the file goes; None where there is no directory, so that below 3.3 there is no checkpoint.
    :param resource: catalog name.
    :param run: run key.
    :param is_kept: False outside a task, where there are no retries.
    :param is_first: whether no earlier try can have left one.
    :param mark: of a run that reads some rows: the next try may read others, and is another run.
    """

    def __init__(
        self,
        backend: KeyValueState | None,
        destination: Directory | None,
        resource: str,
        run: str,
        *,
        is_kept: bool,
        is_first: bool = False,
        mark: str = "",
    ) -> None:
        self._state_key = f"{_CHECKPOINT}_{mark}" if mark else _CHECKPOINT
        self._backend = backend
        self._destination = destination
        self._name = f"{resource}/_checkpoints/{run}.json"
        self._is_kept = is_kept
        self._is_first = is_first
        self._keys: str | None = None  # the file that the checkpoint names

    @classmethod
    def of(
        cls, context: Mapping[str, Any], destination: Directory | None, resource: str, run: str, mark: str | None = None
    ) -> RunCheckpoint:
        """The checkpoint as seen from a task."""
        is_first = is_first_try(context)
        return cls(task_state(context), destination, resource, run, is_kept=is_task(context), is_first=is_first, mark=mark or "")

    def read(self) -> Checkpoint | None:
        """What an earlier try fixed, or None on the first try; one that cannot be read is none, and is warned of."""
        if not self._is_kept:
            return None
        value: Any = None
        if self._backend is not None:
            # Asking is a request, and of a deleted run of the same name Airflow has kept nothing.
            value = None if self._is_first else self._backend.get(self._state_key)
        elif self._destination is not None:
            value = self._destination.read(self._name)
        if value is None:
            return None
        try:
            found = msgspec.json.decode(value, type=Checkpoint) if isinstance(value, bytes) else msgspec.convert(value, Checkpoint)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            log.warning("The checkpoint of an earlier try cannot be read (%s); this attempt starts from the beginning.", error)
            return None
        if (outside := self._outside(found)) is not None:
            log.warning(
                "The checkpoint of an earlier try names %s, which is none of its run's files: it was edited. It is not used and nothing "
                "that it names is removed; this attempt starts from the beginning.",
                shown(outside),
            )
            return msgspec.structs.replace(found, reached=None)
        self._keys = found.reached.keys if found.reached is not None else None
        return found

    def _outside(self, checkpoint: Checkpoint) -> str | None:
        """A name of the checkpoint that leads elsewhere than its run's files are, or None."""
        reached, start = checkpoint.reached, self._name.removesuffix(".json")
        if reached is None:
            return None
        folder = self._name.partition("/")[0]
        if reached.keys is not None and not (is_within(reached.keys, folder) and reached.keys.startswith(f"{start}.keys-")):
            return reached.keys
        return next((part.name for part in reached.parts if not is_leaf(part.name)), None)

    def write(self, checkpoint: Checkpoint) -> None:
        """Keep it for the retries, then remove the file of keys that the one before it named."""
        if not self._is_kept:
            return
        if self._backend is not None:
            # By way of JSON: Airflow takes lists, and to_builtins leaves tuples.
            self._backend.set(self._state_key, msgspec.json.decode(msgspec.json.encode(checkpoint)))
        elif self._destination is not None:
            self._destination.write(self._name, msgspec.json.encode(checkpoint))
        self._keep_keys(checkpoint.reached.keys if checkpoint.reached is not None else None)

    def _keep_keys(self, keys: str | None) -> None:
        if self._keys is not None and self._keys != keys and self._destination is not None:
            self._destination.remove(self._keys)
        self._keys = keys

    def delete(self) -> None:
        """Forget it: the run has ended well. Airflow's task state would outlive a clear."""
        if not self._is_kept:
            return
        if self._backend is not None:
            self._backend.delete(self._state_key)
        elif self._destination is not None:
            self._destination.remove(self._name)
        self._keep_keys(None)


def watermark_of(
    until: datetime,
    *,
    store_hash: str,
    run: str,
    set_at: datetime,
    context: Mapping[str, Any],
    full_at: str = "",
    of: tuple[str, str, Mapping[str, str]] = ("", "", {}),
) -> Watermark:
    """The watermark that a run sets when its window, up to ``until``, is durable.

    :param of: resource, destination and filters, for people who look at the state.
    """
    resource, destination, filters = of
    ti = context.get("ti")
    return Watermark(
        store_hash=store_hash,
        watermark=written(until) or "",
        run=run,
        set_at=written(set_at) or "",
        full_at=full_at,
        dag_id=str(getattr(ti, "dag_id", "")),
        task_id=str(getattr(ti, "task_id", "")),
        run_id=str(getattr(ti, "run_id", "")),
        resource=resource,
        destination=destination,
        filters=json.dumps(dict(filters), sort_keys=True) if filters else "",
    )
