"""A Delta table's log: opened, made, refused, widened, committed to. It holds what is data, and how far runs have come.

What the log says of a run is in *transactions*: a name and a whole number that a commit carries, and that outlive checkpoints and the
clean-up of old commits. A commit is made for one version only: if another writer has made that version, nothing of ours is seen, and
the caller looks again.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from airflow_provider_bigcommerce.core.outside_text import message
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.rows.schemas import load_pyarrow
from airflow_provider_bigcommerce.targets.files.destination import Destination, is_temporary
from airflow_provider_bigcommerce.targets.lake.log_columns import lacking_columns
from airflow_provider_bigcommerce.targets.lake.log_mirror import LogMirror
from airflow_provider_bigcommerce.targets.lake.log_records import Change, OvertakenError, Snapshot
from airflow_provider_bigcommerce.targets.lake.parts import PART_NAME, Part
from airflow_provider_bigcommerce.targets.lake.storage import TableStorage, load_deltalake
from airflow_provider_bigcommerce.targets.lake.table_schema import FORMAT, MADE_BY, Layout, as_identity

log = logging.getLogger(__name__)

#: Commits after which the log is summed up in a checkpoint, which a reader then begins with.
CHECKPOINT_EVERY: Final = 10
#: Likewise in an object store, where each commit behind the checkpoint is a request for every reader.
MIRRORED_CHECKPOINT_EVERY: Final = 3
#: Days for which commits stay in the log, and for which a run is known to have been made.
LOG_DAYS: Final = 30
#: Commits whose runs are read at first, and twice as many each time that these are not enough: a week of hourly ones, after which a
#: compared or full read comes again, and the runs before it tell nothing more.
_COMMITS: Final = 200
#: What readers and writers of the table must know; more is a feature that somebody else has turned on.
_PROTOCOL: Final = (1, 2)
#: The member of a commit's information that holds the run's manifest.
_INFO: Final = "bigcommerce"


class LakeTable:
    """The table of a resource.

    :param destination: the operator's path.
    :param folder: the table's directory below it.
    :param layout: what it looks like.
    :param store_hash: the store that the connection points to.
    :param storage: gives the place with fresh credentials.
    :param keep_days: days for which files that are no longer data stay.
    """

    def __init__(
        self,
        destination: Destination,
        folder: str,
        layout: Layout,
        store_hash: str,
        storage: Callable[[], TableStorage],
        *,
        keep_days: float = 7,
    ) -> None:
        self._destination, self._folder, self._layout, self._store_hash = destination, folder, layout, store_hash
        self._storage, self._keep_days = storage, keep_days
        self._opened: tuple[TableStorage, Any] | None = None
        self._mirror = None if destination.is_local else LogMirror(destination, folder)

    @property
    def uri(self) -> str:
        """Where it is, without a secret."""
        return self._storage().uri

    # -- what is there

    def look(self) -> Snapshot | None:
        """The table as it is now, or None where there is none.

        :raises InvalidQueryError: it is not one to continue with.
        :raises DestinationError: it cannot be read.
        """
        table = self._newest()
        if table is None:
            self._opened = None
            self._refuse_occupied()
            return None
        self._refuse(table)
        pa = load_pyarrow()
        parts = [_part(row, self._layout) for row in pa.table(table.get_add_actions(flatten=True)).to_pylist()]
        return Snapshot(table, table.version(), parts, pa.schema(table.schema().to_arrow()))

    def _newest(self) -> Any:
        deltalake = load_deltalake()
        storage = self._storage()
        try:
            if self._mirror is not None:
                return self._mirror.newest()
            if self._opened is not None and self._opened[0] == storage:
                self._opened[1].update_incremental()
            else:
                self._opened = storage, self._in_store()
        except deltalake.exceptions.TableNotFoundError:
            return None
        except deltalake.exceptions.DeltaProtocolError as error:
            raise InvalidQueryError(self._newer()) from error
        except (deltalake.exceptions.DeltaError, OSError) as error:
            raise failed(storage.uri, "read", error) from error
        return self._opened[1]

    def _in_store(self) -> Any:
        """The table by the store's own log."""
        storage = self._storage()
        return load_deltalake().DeltaTable(storage.uri, storage_options=dict(storage.options))

    def _to_write(self, snapshot: Snapshot) -> Any:
        """The table that a commit behind this snapshot goes to.

        :raises OvertakenError: somebody else has committed.
        """
        if self._mirror is None:
            return snapshot.table
        table = self._in_store()
        if table.version() != snapshot.version:
            raise OvertakenError(load_deltalake().exceptions.CommitFailedError("a later version is there"), is_certain=True)
        return table

    def _newer(self) -> str:
        return (
            f"The table {self.uri} uses features of Delta Lake that this provider does not write (a reader above {_PROTOCOL[0]} or a "
            f"writer above {_PROTOCOL[1]}, such as deletion vectors or column mapping): somebody has turned them on. Give another path, or "
            "turn them off with the tool that did."
        )

    def _refuse(self, table: Any) -> None:
        protocol, metadata, uri = table.protocol(), table.metadata(), self.uri
        identity = _identity(metadata.description)
        if identity is None:
            raise InvalidQueryError(
                f"The table {uri} was not made by this provider: its description does not say so. It is left as it is. Give another path."
            )
        if (protocol.min_reader_version, protocol.min_writer_version) > _PROTOCOL or protocol.min_writer_version > _PROTOCOL[1]:
            raise InvalidQueryError(self._newer())
        if identity["format"] != FORMAT:
            raise InvalidQueryError(
                f"The table {uri} is kept in the way {identity['format']!r} of a later version of this provider; this one knows {FORMAT}. "
                "Update the provider where this task runs."
            )
        if identity["store_hash"] != self._store_hash:
            raise InvalidQueryError(
                f"The table {uri} was filled from the store {identity['store_hash']!r}, and the connection now points to "
                f"{self._store_hash!r}: continuing would mix two stores in one table. Give another path for the new store, or remove the "
                "table's directory to start over."
            )
        for name, wanted in (("resource", self._layout.resource), ("nested", self._layout.nested)):
            if identity[name] != wanted:
                raise InvalidQueryError(
                    f"The table {uri} was made with {name}={identity[name]!r}, and this run has {name}={wanted!r}. Keep "
                    f"{identity[name]!r}, or give another path."
                )
        if metadata.partition_columns:
            raise InvalidQueryError(f"The table {uri} is partitioned now, which this provider does not write. Give another path.")

    def _refuse_occupied(self) -> None:
        """Refuse a directory that holds somebody's files: tidying would take them for leftovers.

        :raises InvalidQueryError: it does.
        """
        for entry in self._destination.entries(self._folder):
            name = entry.name.removeprefix(f"{self._folder}/")
            is_ours = name.startswith(("_checkpoints/", "_delta_log/", PROBE)) or is_temporary(name)
            if not is_ours and PART_NAME.fullmatch(name) is None:
                raise InvalidQueryError(
                    f"The directory {self.uri} holds files that are no table of a lake, such as the copy of "
                    "BigCommerceToObjectStorageOperator: the table would be made among them, and its tidying would remove them. Give "
                    "another path."
                )

    def require_writable(self) -> None:
        """Write a small file that stays, so that a long read does not end at a closed door; removing may be forbidden there.

        :raises DestinationError: it cannot be written.
        """
        self._destination.write(f"{self._folder}/{PROBE}", b"")

    def manifest(self, version: int) -> Manifest | None:
        """The manifest of the run that made that version, or None where the log no longer has it."""
        info = self._commit_info(version) or {}
        return Manifest.decode(msgspec.json.encode(info[_INFO])) if _INFO in info else None

    def _commit_info(self, version: int) -> dict[str, Any] | None:
        data = self._destination.read(f"{self._folder}/_delta_log/{version:020d}.json")
        found = (msgspec.json.decode(line).get("commitInfo") for line in (data or b"").splitlines())
        return next((info for info in found if info is not None), None)

    def runs(self, snapshot: Snapshot, is_enough: Callable[[Sequence[Manifest]], bool] = lambda _: False) -> list[Manifest]:
        """The manifests of the runs that the log still has, whatever their filters, newest first.

        :param is_enough: whether those before these need not be read.
        """
        table = snapshot.table if self._mirror is None else self._in_store()  # a mirror begins with the last checkpoint
        most = _COMMITS
        while True:
            commits = table.history(most)
            infos = (commit.get(_INFO) for commit in commits)
            found = [Manifest.decode(msgspec.json.encode(info)) for info in infos if info is not None]
            if len(commits) < most or is_enough(found):
                return found
            most *= 2

    def before_restore(self, snapshot: Snapshot, commit: int) -> tuple[bool, Snapshot | None]:
        """Whether somebody has put the table back to an earlier version since a run's commit: rows went back, and numbers did not.

        :param commit: the version of the last commit of a run.
        :returns: that, and the version which the rows are of; None where it cannot be read any more.
        """
        for version in range(snapshot.version, commit, -1):
            info = self._commit_info(version) or {}
            if info.get("operation") == "RESTORE":
                return True, self._at(info.get("operationParameters") or {})
        return False, snapshot

    def _at(self, parameters: Mapping[str, Any]) -> Snapshot | None:
        deltalake, storage = load_deltalake(), self._storage()
        when: int | datetime
        try:
            if parameters.get("version") is not None:
                when = int(parameters["version"])
            else:
                when = datetime.fromtimestamp(int(parameters["datetime"]) / 1000, UTC)
            table = deltalake.DeltaTable(storage.uri, storage_options=dict(storage.options))
            table.load_as_version(when)
        except (deltalake.exceptions.DeltaError, OSError, KeyError, ValueError):
            return None
        return Snapshot(table, table.version(), [], None)

    # -- columns

    def widen(self, snapshot: Snapshot, *, is_dry: bool = False) -> bool:
        """Add the columns and the fields of objects that the table lacks, in a commit of its own.

        A commit of files with columns that are not in the table's schema is accepted, and no reader sees them.

        :param is_dry: whether to look alone.
        :returns: whether there were any.
        :raises InvalidQueryError: a column has another type.
        :raises OvertakenError: somebody else has committed.
        """
        deltalake = load_deltalake()
        lacking, wrong = lacking_columns(snapshot.table.schema(), self._layout.arrow)
        if wrong:
            raise InvalidQueryError(
                f"The table {self.uri} has columns of other types than {self._layout.resource!r} needs: {'; '.join(wrong)}. A Delta "
                "table's types do not widen, so it is left as it is. Give another path, and the table is read again there."
            )
        if lacking and not is_dry:
            try:
                self._to_write(snapshot).alter.add_columns(lacking, commit_properties=deltalake.CommitProperties(max_commit_retries=0))
            except (deltalake.exceptions.DeltaError, OSError) as error:
                raise OvertakenError(error, is_certain=False) from error
        return bool(lacking)

    # -- committing

    def commit(self, snapshot: Snapshot | None, change: Change) -> int:
        """Make the next version, all of it or nothing.

        :param snapshot: what the change was made for; None where there was no table.
        :returns: the version.
        :raises OvertakenError: it was not made, or nobody knows.
        """
        deltalake = load_deltalake()
        version = 0 if snapshot is None else snapshot.version + 1
        now = int(time.time() * 1000)  # for people, and for the end of a run's id; no row is ordered by it
        numbers = [deltalake.Transaction(name, number) for name, number in change.numbers.items()]
        numbers += [deltalake.Transaction(name, version) for name in change.versions]
        if change.run is not None:
            # With a time it may be forgotten once it is older than the log, so that their number is bounded.
            numbers.append(deltalake.Transaction(change.run, version, now))
        manifest = msgspec.structs.replace(change.manifest, sequence=version)
        properties = deltalake.CommitProperties(custom_metadata={_INFO: manifest.as_json()}, max_commit_retries=0, app_transactions=numbers)
        actions: list[Any] = [
            deltalake.transaction.AddAction(part.name, part.bytes, {}, now, True, _statistics(part, self._layout)) for part in change.added
        ]
        actions += [
            deltalake.transaction.RemoveAction(part.name, deletion_timestamp=now, data_change=True, size=part.bytes)
            for part in change.removed
        ]
        try:
            if snapshot is None:
                self._create(deltalake, change, actions, properties)
            else:
                # Old commits go with a checkpoint alone: to look for them is to list the log, 6 ms after 1,000 commits (measured).
                hooks = deltalake.PostCommitHookProperties(
                    create_checkpoint=self._mirror is None, cleanup_expired_logs=None if self._sums_up(version) else False
                )
                self._to_write(snapshot).create_write_transaction(
                    actions,
                    "append",
                    deltalake.Schema.from_arrow(change.schema),
                    [],
                    commit_properties=properties,
                    post_commithook_properties=hooks,
                )
        except (deltalake.exceptions.DeltaError, OSError) as error:
            is_certain = isinstance(error, deltalake.exceptions.CommitFailedError)
            raise OvertakenError(error, is_certain=is_certain) from error
        self._sum_up(version)
        return version

    def _sums_up(self, version: int) -> bool:
        """Whether a checkpoint comes with this version: on a disk by ``deltalake``, which counts as here, in an object store by us."""
        every = CHECKPOINT_EVERY if self._mirror is None else MIRRORED_CHECKPOINT_EVERY
        return version % every == every - 1

    def _sum_up(self, version: int) -> None:
        """In an object store, write a checkpoint now and then; ``deltalake``'s own way asks for the whole log again. Readers do without."""
        if self._mirror is None or not self._sums_up(version):
            return
        deltalake = load_deltalake()
        try:
            self._mirror.sum_up(version)
        except (deltalake.exceptions.DeltaError, DestinationError, OSError) as error:
            log.warning("The log of %s could not be summed up: %s. The rows of this run are committed.", self.uri, type(error).__name__)

    def _create(self, deltalake: Any, change: Change, actions: Sequence[Any], properties: Any) -> None:
        storage = self._storage()
        deltalake.transaction.create_table_with_add_actions(
            storage.uri,
            deltalake.Schema.from_arrow(change.schema),
            actions,
            "error",
            name=self._layout.resource,
            description=as_identity(self._layout, self._store_hash),
            configuration={
                "delta.checkpointInterval": str(CHECKPOINT_EVERY),
                "delta.logRetentionDuration": f"interval {LOG_DAYS} days",
                "delta.setTransactionRetentionDuration": f"interval {LOG_DAYS} days",
                "delta.deletedFileRetentionDuration": f"interval {max(1, round(self._keep_days * 24))} hours",
            },
            storage_options=dict(storage.options),
            commit_properties=properties,
        )

    def vacuum(self) -> int:
        """Remove files that are no longer data for longer than they are kept, and those of killed tries that are as old.

        :returns: how many.
        :raises DestinationError: that is not allowed, or failed.
        """
        deltalake = load_deltalake()
        hours = max(1, round(self._keep_days * 24))
        try:
            return len(self._in_store().vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True))
        except (deltalake.exceptions.DeltaError, OSError) as error:
            raise failed(self.uri, "tidied", error) from error


#: A file that is written to see whether that is possible; its name tells readers that it is no data.
PROBE: Final = "_bigcommerce_probe"


def identity_of(storage: TableStorage) -> dict[str, Any] | None:
    """What a table says of itself: resource, store and the way of nesting; None where no run of ours has made one.

    :raises DestinationError: it cannot be read.
    """
    deltalake = load_deltalake()
    try:
        return _identity(deltalake.DeltaTable(storage.uri, storage_options=dict(storage.options)).metadata().description)
    except deltalake.exceptions.TableNotFoundError:
        return None
    except (deltalake.exceptions.DeltaError, OSError) as error:
        raise failed(storage.uri, "read", error) from error


def failed(uri: str, verb: str, error: Exception) -> DestinationError:
    """What is logged of an error of ``deltalake``; its words may quote an answer of the store, so only plain ones are let through."""
    return DestinationError(
        f"The table {uri} could not be {verb}: {type(error).__name__}: {message(str(error).partition(chr(10))[0])} "
        "Check the bucket, the connection's rights and its region, and that the log (_delta_log) is whole."
    )


def _identity(description: str | None) -> dict[str, Any] | None:
    """What a description says that a run of ours has written; None for any other."""
    try:
        found = json.loads(description or "")
    except ValueError:
        return None
    names = {"made_by", "format", "resource", "store_hash", "nested"}
    is_ours = isinstance(found, dict) and names <= found.keys() and found["made_by"] == MADE_BY
    return found if is_ours else None


def _part(row: Mapping[str, Any], layout: Layout) -> Part:
    key = layout.key[0] if layout.key else ""
    return Part(
        unquote(row["path"]), row["num_records"], row["size_bytes"], row.get(f"min.{key}"), row.get(f"max.{key}"), row["modification_time"]
    )


def _statistics(part: Part, layout: Layout) -> str:
    found: dict[str, Any] = {"numRecords": part.rows}
    if part.lowest is not None:
        found |= {"minValues": _nested(layout.key[0], part.lowest), "maxValues": _nested(layout.key[0], part.highest)}
    return json.dumps(found)


def _nested(path: str, value: Any) -> dict[str, Any]:
    name, _, below = path.partition(".")
    return {name: _nested(below, value) if below else value}
