"""Which calls carry a write of many rows out: what creates, changes, deletes them, and by which key they are distinguished and found.

Pure; reads the catalog's rows and never asks for a resource's name.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from airflow_provider_bigcommerce.core.catalog import Lookup, Resource, Write
from airflow_provider_bigcommerce.core.keys import Key, key_of
from airflow_provider_bigcommerce.core.planning import column_of, placeholders
from airflow_provider_bigcommerce.core.writing.row_identity import Folded, fold, is_key_value, value_at
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

Operation = Literal["create", "update", "upsert", "delete"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)

#: What is done with one row; an ``upsert`` is left to the store, which makes or changes it.
Action = Literal["create", "update", "upsert", "delete"]

#: A key of more fields is none that people tell rows by (a whole address).
_MOST_KEY_FIELDS = 4
#: What tells a failed row apart so badly that a new row is better sent alone, where it cannot be looked up either.
_NAMELESS = frozenset({None, "split", "unknown", "none", "count"})


@dataclass(frozen=True, kw_only=True, eq=False)
class Route:
    """How the rows of one write go to the store.

    :param resource: what is written.
    :param operation: what the caller wants.
    :param create: call that makes a row, where the operation may need one.
    :param update: call that changes one, likewise.
    :param delete: call that deletes one, likewise.
    :param match_on: fields by which a row is found in the store; empty where it has its id, or the store finds it.
    :param lookups: how they are asked for, the best way first.
    :param id_field: the field with the row's id, None where a row is known by several fields.
    """

    resource: Resource
    operation: Operation
    create: Write | None = None
    update: Write | None = None
    delete: Write | None = None
    match_on: tuple[str, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    id_field: str | None = None

    def call(self, action: Action) -> Write:
        """The call for a row of which it is known what is to be done."""
        write = self.create if action == "create" else self.delete if action == "delete" else self.update
        if write is None:
            raise InvalidQueryError(f"{self.resource.name!r} has no call for {action!r}.")
        return write

    @functools.cached_property
    def settles(self) -> tuple[Lookup, ...]:
        """How a row is found after an unclear answer, without its id: by the keys that no other row can have, where there are such."""
        write = self.create or self.update or self.delete
        lookups = write.lookup if write is not None else ()
        return tuple(lookup for lookup in lookups if lookup.unique) or lookups[:1]

    def id_of(self, row: Mapping[str, Any]) -> int | str | None:
        """The row's own id, where it names one."""
        for name in self._id_columns:
            if is_key_value(row.get(name)):
                return row[name]  # type: ignore[no-any-return]  # a key's value: a number or a text
        return None

    @functools.cached_property
    def _id_columns(self) -> tuple[str, ...]:
        """Columns that can hold the id: the key's field, and the placeholder that ends the path (``brand_id``)."""
        names = [self.id_field] if self.id_field else []
        names += [path_columns(write.path)[-1] for write in (self.update, self.delete) if write is not None and ending(write.path)]
        return tuple(dict.fromkeys(names))

    def path_columns(self, action: Action) -> tuple[str, ...]:
        """Columns that fill the call's path, but the one that is the row's id."""
        path = self.call(action).path
        names = path_columns(path)
        return names[:-1] if self.id_field and ending(path) and action in ("update", "delete") else names

    def is_straight(self, row: Mapping[str, Any]) -> bool:
        """Whether an upsert of this row is the store's own: it makes the row where it has none of that key."""
        write = self.update
        if write is None or write.role != "upsert" or write.repeat == "depends" or self.lookups or self.id_of(row) is not None:
            return False
        return self.upsert_key(row) is not None or not write.upsert_by

    def upsert_key(self, row: Mapping[str, Any]) -> tuple[str, ...] | None:
        """The fields by which the store itself finds this row, None where the row lacks one of each key."""
        for fields in self.update.upsert_by if self.update is not None else ():
            if all(is_key_value(value_at(row, name)) for name in fields):
                return fields
        return None

    def key_fields(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """The fields by which this row is distinguished from the others of the input; empty where it has no key."""
        if self.match_on:
            return self._below(self.match_on)
        if self.operation != "create" and self.id_of(row) is not None:
            return self._below(tuple(name for name in self._id_columns if is_key_value(row.get(name)))[:1])
        fields = self.upsert_key(row)
        if fields is not None:
            return self._below(fields)
        if self.operation in ("update", "delete"):
            return self._delete_key if self.delete is not None else self._below(self.resource.primary_key)
        for lookup in self.settles:
            fields = tuple(map(plain, lookup.fields))
            if lookup.unique and len(fields) <= _MOST_KEY_FIELDS and all(is_key_value(value_at(row, name)) for name in fields):
                return self._below(fields)
        return ()

    @functools.cached_property
    def _delete_key(self) -> tuple[str, ...]:
        """The columns that a DELETE names a row by."""
        if self.delete is None or self.id_field is not None:
            return (self.id_field,) if self.id_field else ()
        return self.resource.primary_key if ending(self.delete.path) else tuple(map(column_in, self.delete.required_filters))

    def _below(self, fields: tuple[str, ...]) -> tuple[str, ...]:
        """The key's fields behind those of the path: one SKU may have a price in each of two lists."""
        return tuple(dict.fromkeys([*self._parents, *fields])) if self._parents else fields

    @functools.cached_property
    def _parents(self) -> tuple[str, ...]:
        """Columns that fill the path before its end."""
        path = next((write.path for write in (self.update, self.delete, self.create) if write is not None), "")
        return path_columns(path)[: -1 if ending(path) else None]

    def key(self, row: Mapping[str, Any]) -> tuple[tuple[str, ...], Key | None, Folded | None]:
        """The fields of the row's key, the key as its outcome shows it, and as keys are compared; None where it has none."""
        fields = self.key_fields(row)
        values = [value_at(row, name) for name in fields]
        if not values or not all(map(is_key_value, values)):
            return fields, None, None
        return fields, key_of(values), tuple(map(fold, fields, values))

    def rows_at_once(self, write: Write) -> int:
        """Rows that one request of the call takes.

        A new row is sent alone where an answer would not tell which of many was refused and the store cannot be asked either: then many
        could neither be split nor sent again.
        """
        is_blind = write.role == "create" and write.failed_by in _NAMELESS and not any(lookup.filter for lookup in write.lookup)
        return 1 if is_blind else write.rows_at_once


@functools.cache
def ending(path: str) -> str | None:
    """The placeholder that ends a path."""
    names = placeholders(path)
    return names[-1] if names and path.endswith(f"{{{names[-1]}}}") else None


@functools.cache
def path_columns(path: str) -> tuple[str, ...]:
    """The columns that fill a path's placeholders, in order."""
    return tuple(map(column_of, placeholders(path)))


@functools.cache
def plain(field: str) -> str:
    """A lookup's field as rows that are written have it: ``identity.sku`` is ``sku``."""
    return field.removeprefix("identity.")


@functools.cache
def column_in(parameter: str) -> str:
    """The column that a filter is about: ``product_id:in`` takes ``product_id``."""
    return parameter.partition(":")[0]


def route_of(resource: Resource, operation: str, match_on: str | Sequence[str] | None = None) -> Route:
    """How rows go to the store.

    :param match_on: the field, or fields, by which rows are found in the store; None takes their ids, or the key that the store knows.
    :raises InvalidQueryError: BigCommerce has no such call for the resource, or no way to find its rows by these fields.
    """
    if operation not in OPERATIONS:
        raise InvalidQueryError(f"operation={str(operation)[:40]!r} is unknown. Accepted: {', '.join(OPERATIONS)}.")
    fields = _fields(match_on)
    create, update, delete = _calls(resource, operation)
    write = update or delete or create
    if write is None:
        done = {"create": "created", "update": "updated", "upsert": "created or updated", "delete": "deleted"}[operation]
        raise InvalidQueryError(f"{resource.name!r} cannot be {done} through BigCommerce's API: it has no such call.")
    id_field = resource.primary_key[0] if len(resource.primary_key) == 1 else None
    if fields and fields == (id_field,):
        fields = ()
    lookups: tuple[Lookup, ...] = ()
    is_native = operation == "upsert" and update is not None and update.role == "upsert" and update.repeat != "depends"
    if fields and not (is_native and set(fields) in map(set, update.upsert_by if update else ())):
        lookups = _lookups(write, fields)
        if not lookups:
            raise InvalidQueryError(f"match_on={_told(fields)} finds no rows of {resource.name!r}. Accepted: {_accepted(write, id_field)}.")
    elif fields:
        fields = ()  # the store finds the row itself
    elif operation == "upsert" and not is_native:
        best = next((lookup for lookup in write.lookup if lookup.unique and lookup.filter), None)
        if best is not None:
            fields = tuple(map(plain, best.fields))
            lookups = _lookups(write, fields)
        elif create is None or id_field is None:
            raise InvalidQueryError(f"{resource.name!r} needs match_on=. Accepted: {_accepted(write, id_field)}.")
    if operation == "create":
        lookups = ()  # match_on says by which key a row is distinguished from others, and found after an unclear answer
    return Route(
        resource=resource, operation=operation, create=create, update=update, delete=delete,
        match_on=fields, lookups=lookups, id_field=id_field,
    )  # fmt: skip


def _fields(match_on: str | Sequence[str] | None) -> tuple[str, ...]:
    if match_on is None:
        return ()
    fields = (match_on,) if isinstance(match_on, str) else tuple(match_on)
    if not fields or not all(isinstance(name, str) and name.strip() for name in fields):
        raise InvalidQueryError("match_on has no field's name in it. Accepted: a field such as 'sku', or a list of fields.")
    return fields


def _calls(resource: Resource, operation: Operation) -> tuple[Write | None, Write | None, Write | None]:
    """(create, update, delete) as far as the operation needs them."""
    create, update = resource.create, resource.update
    if operation == "delete":
        return None, None, resource.delete
    if operation == "update":
        return None, update, None
    if create is not None and create.role == "upsert" and (update is None or operation == "create"):
        return None, create, None  # the store's own upsert is the only way to make a row
    return (create, None, None) if operation == "create" else (create if update is not None else None, update, None)


def _lookups(write: Write, fields: Sequence[str]) -> tuple[Lookup, ...]:
    """The ways to find rows by these fields, in bulk first."""
    found = [lookup for lookup in write.lookup if lookup.filter and set(map(plain, lookup.fields)) == set(fields)]
    return tuple(sorted(found, key=lambda lookup: not lookup.many))


def _accepted(write: Write, id_field: str | None) -> str:
    known = [tuple(map(plain, lookup.fields)) for lookup in write.lookup if lookup.filter]
    options = dict.fromkeys([*([(id_field,)] if id_field else []), *known, *write.upsert_by])
    return "; ".join(map(_told, options)) or "nothing, because no lookup is documented"


def _told(fields: Sequence[str]) -> str:
    return repr(fields[0]) if len(fields) == 1 else repr([*fields])
