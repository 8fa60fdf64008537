"""A Delta table's log: opened, made, refused, widened, committed to. It holds what is data, and how far runs have come.

What the log says of a run stands in *transactions*: a name and a whole number that a commit carries, and that outlive checkpoints and the
clean-up of old commits. A commit is made for one version only: if another writer has made that version, nothing of ours is seen, and
the caller looks again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from airflow_provider_bigcommerce.core.outside_text import message
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.rows.schemas import load_pyarrow
from airflow_provider_bigcommerce.targets.files.destination import Destination, is_temporary
from airflow_provider_bigcommerce.targets.lake.layout import FORMAT, MADE_BY, Layout, as_identity
from airflow_provider_bigcommerce.targets.lake.parts import Part
from airflow_provider_bigcommerce.targets.lake.storage import TableStorage, load_deltalake

#: Commits after which the log is summed up in a checkpoint, which a reader then begins with.
CHECKPOINT_EVERY: Final = 10
#: Days for which commits stay in the log, and for which a run is known to have been made.
LOG_DAYS: Final = 30
#: What readers and writers of the table must know; more is a feature that somebody else has turned on.
_PROTOCOL: Final = (1, 2)
#: The member of a commit's information that holds the run's manifest.
_INFO: Final = "bigcommerce"


class OvertakenError(Exception):
    """The commit was not made, as far as is known: look again what stands there.

    :param is_certain: whether it is known that the files that it would have named are not part of the table.
    """

    def __init__(self, cause: Exception, *, is_certain: bool) -> None:
        super().__init__(type(cause).__name__)
        self.cause, self.is_certain = cause, is_certain


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a resource's transactions.

    :param watermark: how far runs with these filters have come, seconds since 1970.
    :param full: where the last of them that read everything ended, likewise.
    :param run: of the run: the version that its commit made.
    :param tidied: when old files were last removed, likewise seconds.
    """

    watermark: str
    full: str
    run: str
    tidied: str

    @classmethod
    def of(cls, resource: str, filters: Mapping[str, str], run: str) -> Names:
        """The names of a run.

        :param filters: the part of the query that decides which rows there are.
        :param run: run key.
        """
        start = f"bigcommerce/{resource}"
        watermark = f"{start}/{_hash(json.dumps(dict(filters), sort_keys=True), 12)}"
        return cls(watermark, f"{watermark}/full", f"{start}/run/{_hash(run, 16)}", f"{start}/tidied")


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The table as it stood when it was looked at.

    :param table: ``deltalake``'s; it moves on when the table is looked at again, the rest does not.
    :param version: of it.
    :param parts: its data files.
    :param schema: Arrow schema of its columns.
    """

    table: Any
    version: int
    parts: Sequence[Part]
    schema: Any

    def transaction(self, name: str) -> int | None:
        """The number of a transaction, or None where there is none."""
        found: int | None = self.table.transaction_version(name)
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit makes of the table.

    :param added: parts that become data.
    :param removed: parts that are data no more.
    :param numbers: transaction -> number, which stay.
    :param run: the name of the run's transaction, or None where the commit changes no row.
    :param manifest: what people find in the commit.
    :param schema: Arrow schema of the added parts.
    """

    added: Sequence[Part]
    removed: Sequence[Part]
    numbers: Mapping[str, int]
    run: str | None
    manifest: Manifest
    schema: Any


class LakeTable:
    """The table of a resource.

    :param destination: the operator's path.
    :param folder: the table's directory below it.
    :param layout: what it looks like.
    :param store_hash: the store that the connection points to.
    :param storage: gives the place with fresh credentials.
    :param keep_days: days for which files that are data no more stay.
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

    @property
    def uri(self) -> str:
        """Where it is, without a secret."""
        return self._storage().uri

    # -- what stands there

    def look(self) -> Snapshot | None:
        """The table as it is now, or None where there is none.

        :raises InvalidQueryError: it is not one to go on with.
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
            if self._opened is not None and self._opened[0] == storage:
                self._opened[1].update_incremental()
            else:
                self._opened = storage, deltalake.DeltaTable(storage.uri, storage_options=dict(storage.options))
        except deltalake.exceptions.TableNotFoundError:
            return None
        except deltalake.exceptions.DeltaProtocolError as error:
            raise InvalidQueryError(self._newer()) from error
        except (deltalake.exceptions.DeltaError, OSError) as error:
            raise self.failed("read", error) from error
        return self._opened[1]

    def failed(self, verb: str, error: Exception) -> DestinationError:
        """What is told of an error of ``deltalake``; its words may quote an answer of the store, so only plain ones are let through."""
        return DestinationError(
            f"The table {self.uri} could not be {verb}: {type(error).__name__}: {message(str(error).partition(chr(10))[0])} "
            "Check the bucket, the connection's rights and its region, and that the log (_delta_log) is whole."
        )

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
                f"{self._store_hash!r}: going on would mix two stores in one table. Give another path for the new store, or remove the "
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
            if not is_ours and not (name.startswith("part-") and "/" not in name):
                raise InvalidQueryError(
                    f"The directory {self.uri} holds files that are no table of a lake, such as the copy of "
                    "BigCommerceToObjectStorageOperator: the table would be made among them, and its tidying would remove them. Give "
                    "another path."
                )

    def require_writable(self) -> None:
        """Write a small file that stays, so that a long read does not end at a closed door; removing may be forbidden there.

        :raises DestinationError: it cannot be written.
        """
        self._destination.fs.makedirs(self._destination.full(self._folder), exist_ok=True)
        self._destination.write(f"{self._folder}/{PROBE}", b"")

    def manifest(self, version: int) -> Manifest | None:
        """The manifest of the run that made that version, or None where the log has it no more."""
        data = self._destination.read(f"{self._folder}/_delta_log/{version:020d}.json")
        for line in (data or b"").splitlines():
            info = msgspec.json.decode(line).get("commitInfo")
            if info is not None and _INFO in info:
                return Manifest.decode(msgspec.json.encode(info[_INFO]))
        return None

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
        have, want = _fields(snapshot.table.schema()), deltalake.Schema.from_arrow(self._layout.arrow)
        lacking, wrong = [], []
        for field in want.fields:
            column = json.loads(field.to_json())
            found = have.get(column["name"])
            if found is None:
                lacking.append(deltalake.Field(column["name"], field.type, nullable=True))
            elif (difference := _difference(found["type"], column["type"], column["name"])) is not None:
                if difference:
                    wrong.append(difference)
                else:
                    lacking.append(deltalake.Field(column["name"], field.type, nullable=bool(found["nullable"])))
        if wrong:
            raise InvalidQueryError(
                f"The table {self.uri} has columns of other types than {self._layout.resource!r} needs: {'; '.join(wrong)}. A Delta "
                "table's types do not widen, so it is left as it is. Give another path, and the table is read anew there."
            )
        if lacking and not is_dry:
            try:
                snapshot.table.alter.add_columns(lacking, commit_properties=deltalake.CommitProperties(max_commit_retries=0))
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
                snapshot.table.create_write_transaction(
                    actions, "append", deltalake.Schema.from_arrow(change.schema), [], commit_properties=properties
                )
        except (deltalake.exceptions.DeltaError, OSError) as error:
            is_certain = isinstance(error, deltalake.exceptions.CommitFailedError)
            raise OvertakenError(error, is_certain=is_certain) from error
        return version

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
        """Remove files that are data no more for longer than they are kept, and those of killed tries that are as old.

        :returns: how many.
        :raises DestinationError: that is not allowed, or failed.
        """
        deltalake, table = load_deltalake(), self._newest()
        if table is None:
            return 0
        hours = max(1, round(self._keep_days * 24))
        try:
            return len(table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True))
        except (deltalake.exceptions.DeltaError, OSError) as error:
            raise self.failed("tidied", error) from error


#: A file that is written to see whether that is possible; its name tells readers that it is no data.
PROBE: Final = "_bigcommerce_probe"


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


def _fields(schema: Any) -> dict[str, Any]:
    return {field["name"]: field for field in json.loads(schema.to_json())["fields"]}


def _difference(have: Any, want: Any, path: str) -> str | None:
    """What keeps a column from holding values of a type: "" if it only lacks fields of objects, None if nothing."""
    if have == want:
        return None
    if isinstance(have, dict) and isinstance(want, dict) and have.get("type") == want.get("type"):
        if have["type"] == "array":
            return _difference(have["elementType"], want["elementType"], f"{path}[]")
        if have["type"] == "struct":
            known = {field["name"]: field for field in have["fields"]}
            found = [
                "" if field["name"] not in known else _difference(known[field["name"]]["type"], field["type"], f"{path}.{field['name']}")
                for field in want["fields"]
            ]
            told = [difference for difference in found if difference is not None]
            return max(told, default=None)  # a text that says something comes before the empty one
    return f"{path} is {_type(have)}, needed is {_type(want)}"


def _type(kind: Any) -> str:
    return str(kind.get("type")) if isinstance(kind, dict) else str(kind)
