"""The keys of parents out of a copy made before, so that their children can be read.

Uses manifests, of the newest run alone: after an incremental run, those are the parents that changed.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.file_reader import FileReader


def parents_in(destination: Destination, child: Resource, parent: Resource) -> list[dict[str, int | str]]:
    """What fills the child's path, one mapping a parent, in the order of the files.

    :param destination: the ``path`` of the transfer that copied the parents.
    :param child: the resource to read.
    :param parent: the resource that was copied.
    :raises InvalidQueryError: no run of the parent is committed there.
    :raises DestinationError: a file of it is not there.
    """
    runs = committed(destination, parent.name)
    if not runs:
        raise InvalidQueryError(
            f"parents_from={destination.url!r} holds no committed run of {parent.name!r}. Give the path of a task that copied it, "
            "and let this task come after it."
        )
    newest = runs[0]
    names = tuple(child.parent_keys)
    sources = tuple(child.parent_keys.values())
    reader = FileReader(destination)
    found: list[dict[str, int | str]] = []
    for file in newest.files:
        found += [
            dict(zip(names, keys, strict=True)) for *keys, deleted_at in reader.values(file, (*sources, DELETED_AT)) if not deleted_at
        ]
    return found
