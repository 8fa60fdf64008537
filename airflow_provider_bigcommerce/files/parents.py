"""The keys of parents out of a copy made before, so that their children can be read.

Goes by manifests, newest run alone: after an incremental run, those are the parents that changed.
"""

from __future__ import annotations

import gzip
import io

import msgspec

from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.paging import fields_of
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.files.destination import Destination
from airflow_provider_bigcommerce.files.manifest import committed
from airflow_provider_bigcommerce.files.schemas import load_pyarrow
from airflow_provider_bigcommerce.files.writers import load_zstd


def parents_in(destination: Destination, child: Resource, parent: Resource) -> list[dict[str, int | str]]:
    """What fills the child's path, one mapping a parent, in the order of the files.

    :param destination: the ``path`` of the transfer that copied the parents.
    :param child: the resource to read.
    :param parent: the resource that was copied.
    :raises InvalidQueryError: no run of the parent is committed there, or its files lack the keys.
    """
    runs = committed(destination, parent.name)
    if not runs:
        raise InvalidQueryError(
            f"parents_from={destination.url!r} holds no committed run of {parent.name!r}. Give the path of a task that copied it, "
            "and let this task come after it."
        )
    newest = max(runs, key=lambda run: run.finished_at)
    names = tuple(child.parent_keys)
    sources = tuple(child.parent_keys.values())
    found: list[dict[str, int | str]] = []
    for file in newest.files:
        data = destination.read(file.path)
        if data is None:
            raise InvalidQueryError(f"parents_from={destination.url!r}: the manifest names {file.path}, which is not there.")
        found += [dict(zip(names, keys, strict=True)) for keys in _keys(file.path, data, sources)]
    return found


def _keys(name: str, data: bytes, sources: tuple[str, ...]) -> list[list[int | str]]:
    if name.endswith(".parquet"):
        load_pyarrow()
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(io.BytesIO(data), columns=list(sources))
        return [list(row) for row in zip(*(table[source].to_pylist() for source in sources), strict=True)]
    if name.endswith(".gz"):
        data = gzip.decompress(data)
    elif name.endswith(".zst"):
        data = load_zstd().decompress(data)
    rows = (fields_of(msgspec.Raw(line), sources) for line in data.splitlines())
    return [[msgspec.json.decode(key) for key in row if key is not None] for row in rows]
