"""An input's row becomes an item that can be sent, or is rejected here, before anything is sent. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_bigcommerce.core.catalog import Write
from airflow_provider_bigcommerce.core.keys import Key
from airflow_provider_bigcommerce.core.planning import column_of
from airflow_provider_bigcommerce.core.writing.checking import faults_of, told
from airflow_provider_bigcommerce.core.writing.items import Item, RowError, body_of, is_json, path_of
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome
from airflow_provider_bigcommerce.core.writing.route import Action, Route, column_in, ending
from airflow_provider_bigcommerce.core.writing.row_identity import CASELESS, Folded, is_key_value, value_at
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog.write_fields import WriteFields

#: Call's name -> the fields that its body takes; a call that is missing takes anything.
Fields: TypeAlias = "Mapping[str, WriteFields]"


def prepared(
    route: Route,
    fields: Fields,
    place: int,
    row: object,
    *,
    action: Action | None = None,
    id: int | str | None = None,  # noqa: A002  # BigCommerce's noun
    doubled: Collection[Folded] = (),
    is_late: bool = False,
) -> Item | Outcome:
    """The item that a row becomes, or its outcome where it cannot be sent.

    :param action: what is to be done, once that is known; None decides by the row, and leaves ``upsert`` where the store must be asked.
    :param id: the store's id of the row, where it was looked up.
    :param doubled: keys that come more than once in the input.
    :param is_late: whether the row's key came in a part of the input that has gone to the store already.
    """
    if not isinstance(row, Mapping) or not all(isinstance(name, str) for name in row):
        return Outcome(place, None, "rejected", error="The row is no object with field names.")
    key_fields, key, folded = route.key(row)

    def rejected(text: str, *blamed: str) -> Outcome:
        return Outcome(place, key, "rejected", error=text, fields=blamed)

    id = id if id is not None else route.id_of(row) if route.operation != "create" else None  # noqa: A001  # BigCommerce's noun
    if action is None:
        missing = _missing_key(route, row, id)
        if missing:
            return rejected(f"The row has no value in {missing[0]!r}, by which it is distinguished from others.", *missing)
        if is_late or (folded is not None and folded in doubled):
            return rejected(_double(key_fields, is_late=is_late), *key_fields)
        action = _action(route, row, id)
    if action == "upsert" and route.match_on and id is None:
        return Item(place=place, key=key, action=action, row=row, body=dict(row))  # the store is asked first
    item = _item(route, fields, place, row, key=key, action=action, id=id)
    return item if isinstance(item, Item) else rejected(item.text, *item.fields)


def _item(
    route: Route,
    fields: Fields,
    place: int,
    row: Mapping[str, Any],
    *,
    key: Key | None,
    action: Action,
    id: int | str | None,  # noqa: A002  # BigCommerce's noun
) -> Item | RowError:
    """The item of a row of which it is known what is to be done, or why it cannot be sent."""
    write = route.call(action)
    columns = [name for name in route.path_columns(action) if not is_key_value(row.get(name))]
    columns = [name for name in columns if not _is_key_end(route, row, write.path, name)]
    if columns:
        return RowError(f"The row has no value in {columns[0]!r}, which the call's path needs.", tuple(columns))
    takes = fields.get(write.name)
    path = ""
    if id is not None or not route.lookups or action == "create":
        try:
            path = path_of(route, write, row, id)
        except (InvalidQueryError, TypeError):  # a list is no id, and no key of the memory of paths
            return RowError("A value that the call's path is made of is no id.", route.key_fields(row))
    body = body_of(route, write, action, row, known=takes.fields if takes is not None else ())
    item = Item(place=place, key=key, action=action, row=row, body=body, path=path, id=id)
    error = _delete_error(write, item) if action == "delete" else _body_error(route, write, item, takes)
    return error or item


def _delete_error(write: Write, item: Item) -> RowError | None:
    """Why a row's DELETE cannot be sent: it would name another row as well, or none."""
    filters = [column_in(name) for name in write.required_filters[1:]]
    wrong = [name for name in filters if not is_key_value(item.row.get(name)) or "," in str(item.row.get(name))]
    if wrong or (isinstance(item.id, str) and "," in item.id):
        return RowError("The row has no single id in each of the columns that name it.", tuple(wrong))
    return None


def _body_error(route: Route, write: Write, item: Item, takes: WriteFields | None) -> RowError | None:
    """Why a row's body cannot be sent."""
    must_have = (item.action == "create" or write.role == "upsert" or write.put in ("replace", "unknown")) and write.repeat != "depends"
    ours = {*route.path_columns(item.action), *route.match_on, *([route.id_field] if route.id_field else [])} - set(item.body)
    faults = faults_of(item.body, takes, keys=ours, must_have=must_have, is_v2=write.path.startswith("/v2/"))
    if faults:
        return RowError(f"The row cannot be sent: {told(faults)}", tuple(fault.field for fault in faults))
    if not item.body:
        return RowError("The row has no field to write.")
    if not is_json(item.body):
        return RowError("A value of the row has a type that JSON does not have, or is text that is no Unicode.")
    return None


def _missing_key(route: Route, row: Mapping[str, Any], id: int | str | None) -> tuple[str, ...]:  # noqa: A002  # BigCommerce's noun
    """The key's fields that the row has no value in, where it needs them."""
    if route.match_on:
        if id is not None and route.operation != "create":
            return ()
        return tuple(name for name in route.match_on if not is_key_value(value_at(row, name)))
    if route.operation == "create" or id is not None:
        return ()
    if route.operation == "upsert":
        needs_key = route.create is None and route.upsert_key(row) is None and bool(route.update and route.update.upsert_by)
        return route.update.upsert_by[0] if needs_key and route.update else ()
    if route.upsert_key(row) is not None:
        return ()
    write = route.delete or route.update
    last = ending(write.path) if write is not None else None
    if last is not None and is_key_value(row.get(column_of(last))):  # by its column's name in the path
        return ()
    return tuple(name for name in route.key_fields(row) if not is_key_value(value_at(row, name)))


def _is_key_end(route: Route, row: Mapping[str, Any], path: str, name: str) -> bool:
    """Whether a column that ends the path has the name of the key's last field: ``{currency_code}`` is ``currency``."""
    last = ending(path)
    key = route.resource.primary_key[-1:]
    return bool(last and key and column_of(last) == name and is_key_value(row.get(key[0])))


def _double(fields: tuple[str, ...], *, is_late: bool) -> str:
    name = ", ".join(map(repr, fields))
    case = ", whatever the case of its letters" if CASELESS & set(fields) else ""
    if is_late:
        return f"An earlier row of the input has the same {name}{case}, and has been sent already."
    return f"Other rows of the input have the same {name}{case}: none of them is sent."


def _action(route: Route, row: Mapping[str, Any], id: int | str | None) -> Action:  # noqa: A002  # BigCommerce's noun
    if route.operation == "create":
        return "create" if route.create is not None else "upsert"
    if route.operation in ("update", "delete"):
        return route.operation
    if id is not None:
        return "update"
    return "upsert" if route.is_straight(row) or route.match_on else "create"
