"""A resource's copy in files, read as Arrow batches: the newest row of each key.

Uses the snapshot, newest run first; the first row of a key is the one that counts, so memory holds one batch, and the keys as bits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.planning import copied_resource
from airflow_provider_bigcommerce.engine.copying import columns_of
from airflow_provider_bigcommerce.engine.manifest import DataFile
from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError, UnknownResourceError
from airflow_provider_bigcommerce.rows.columns import ColumnReader
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.lines import one_line_each
from airflow_provider_bigcommerce.rows.row_keys import SeenKeys, key_of
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, EXTRA, OURS, STORE_HASH, SYNCED_AT, arrow_schema, load_pyarrow
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.file_reader import BLOCK_ROWS, FileReader, column_values, newest_first, record_values

if TYPE_CHECKING:
    import pyarrow
    from airflow.sdk import ObjectStoragePath

#: What a transfer adds to a row.
_STAMPS = (SYNCED_AT, STORE_HASH, DELETED_AT)


def read_copy(
    path: str | Path | ObjectStoragePath,
    resource: str,
    columns: Sequence[str] | None = None,
    *,
    deleted: bool = False,
    primary_key: Sequence[str] = (),
) -> Iterator[pyarrow.RecordBatch]:
    """The rows of a copy: of each key the newest, newest run first.

    All batches have one schema, that of the resource's Parquet files, also where a file is JSON lines or of an earlier version; a column
    that a file lacks is null. A resource without a key (settings) has the rows of the newest run that wrote any.

    ::

        for batch in read_copy("/data/bigcommerce", "orders", ["id", "status", "total_inc_tax"]):
            print(batch.num_rows)

    :param path: as given to the transfer.
    :param resource: catalog name, or the path or name that was copied.
    :param columns: of the result, in their order; None for all.
    :param deleted: whether rows that the store no longer has come too; their ``_deleted_at`` is not null.
    :param primary_key: fields that identify a row, where the catalog does not know the resource: a path, a GraphQL operator's ``name``.
    :returns: batches of up to 5,000 rows, none of them empty.
    :raises InvalidQueryError: nothing is committed there, there is no such column, or pyarrow is not installed.
    :raises DestinationError: a file cannot be read.
    """
    destination, row = Destination.at(path), _row(resource, tuple(primary_key))
    runs = committed(destination, row.name)
    if not runs:
        raise InvalidQueryError(
            f"path={destination.url!r} holds no committed run of {resource!r}. Give the path of a task that copies it, and let it run."
        )
    whole: pyarrow.Schema = arrow_schema(columns_of(row))
    names = list(whole.names) if columns is None else list(columns)
    unknown = [name for name in names if name not in whole.names]
    if unknown:
        raise InvalidQueryError(f"columns={list(names)!r}: {resource} has no column {unknown[0]!r}. Accepted: {', '.join(whole.names)}.")
    if not row.primary_key:
        runs = [run for run in runs if any(file.rows for file in run.files)][:1]
    return _batches(destination, row, [file for _, file in newest_first(runs)], whole, names, with_deleted=deleted)


def _row(resource: str, primary_key: tuple[str, ...]) -> Resource:
    try:
        known = copied_resource(resource)
    except UnknownResourceError:
        if not primary_key:
            raise
        return Resource(name=resource, area="", path="", primary_key=primary_key, paging="single")  # a GraphQL operator's
    return known if known.name in CATALOG or not primary_key else dataclasses.replace(known, primary_key=primary_key)


def _batches(
    destination: Destination, row: Resource, files: Iterable[DataFile], whole: pyarrow.Schema, names: Sequence[str], *, with_deleted: bool
) -> Iterator[pyarrow.RecordBatch]:
    pa = load_pyarrow()
    schema = pa.schema([whole.field(name) for name in names])
    reader, met = FileReader(destination), SeenKeys()
    needed = list(dict.fromkeys([*names, *(name.partition(".")[0] for name in row.primary_key), DELETED_AT]))
    for file in files:
        blocks = _parquet(reader, file, needed) if file.path.endswith(".parquet") else _json(reader, file, row)
        for block in blocks:
            keys = map(key_of, column_values(block, row.primary_key)) if row.primary_key else repeat(None, block.num_rows)
            gone = (values[0] is not None for values in column_values(block, (DELETED_AT,)))
            at = [
                place
                for place, (key, is_gone) in enumerate(zip(keys, gone, strict=True))
                if (key is None or met.add(key)) and (with_deleted or not is_gone)
            ]
            if at:
                taken = block if len(at) == block.num_rows else block.take(pa.array(at))
                arrays = [_column(destination, file, taken, schema.field(name)) for name in names]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _parquet(reader: FileReader, file: DataFile, needed: Sequence[str]) -> Iterator[Any]:
    with reader.parquet(file) as parquet:
        there = set(parquet.schema_arrow.names)
        yield from parquet.iter_batches(BLOCK_ROWS, columns=[name for name in needed if name in there])


def _json(reader: FileReader, file: DataFile, row: Resource) -> Iterator[Any]:
    """Records of JSON lines as the columns that Parquet would have."""
    pa = load_pyarrow()
    columns = ColumnReader(columns_of(row), Discrepancies())
    for records in reader.lines(file):
        table = columns.table(one_line_each(records), len(records))
        stamps = zip(*record_values(records, _STAMPS), strict=True)
        for name, values in zip(_STAMPS, stamps, strict=True):
            field = table.schema.field(name)
            found = values if name == STORE_HASH else [_moment(value) for value in values]
            table = table.set_column(table.schema.get_field_index(name), field, pa.array(found, field.type))
        extras = pa.array([_without_ours(text) for text in table[EXTRA].to_pylist()], pa.string())
        table = table.set_column(table.schema.get_field_index(EXTRA), table.schema.field(EXTRA), extras)
        yield from table.combine_chunks().to_batches()


def _moment(text: object) -> datetime | None:
    """A time as a transfer writes it into JSON lines."""
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _without_ours(extra: str | None) -> str | None:
    """``_extra`` without what the transfer adds to a record, which is in columns of its own."""
    if extra is None or not any(name in extra for name in OURS):
        return extra
    left = {name: value for name, value in msgspec.json.decode(extra, type=dict[str, msgspec.Raw]).items() if name not in OURS}
    return msgspec.json.encode(left).decode() if left else None


def _column(destination: Destination, file: DataFile, block: Any, field: Any) -> Any:
    """A column of a block in the type that all batches have; null where the file lacks it."""
    pa = load_pyarrow()
    if field.name not in block.schema.names:
        return pa.nulls(block.num_rows, field.type)
    column = block.column(field.name)
    if column.type == field.type:
        return column
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DestinationError(
            f"{destination.full(file.path)} has {field.name!r} as {column.type}, which cannot be read as {field.type}: an earlier version "
            "wrote it. Give columns= without that one, or copy into a new path."
        ) from error
