"""Secret fields (passwords) of rows that are planned and applied in one task: taken from the input, sent, and written down nowhere.

The plan's files hold the rows without them. Each try reads them from the input again, by the row's place; a row whose key is not the
planned one any more is not sent.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.writing.route import Route
from airflow_provider_bigcommerce.writing.deciding import keys_of
from airflow_provider_bigcommerce.writing.formats import PlanRow
from airflow_provider_bigcommerce.writing.input_columns import Columns, checked_mapping, fields_of_route
from airflow_provider_bigcommerce.writing.plan import Input, PlanSettings, secret_fields


class Secret(msgspec.Struct, frozen=True):
    """The secret fields of one row.

    :param key: of the row, as the plan has it.
    :param values: field -> value, dots for nested ones.
    """

    key: list[Any]
    values: dict[str, Any]


Secrets = Mapping[int, Secret]


def secrets_of(source: Input, settings: PlanSettings) -> Secrets:
    """Place -> the secret fields of that row; rows without any are not in it. Memory grows with the rows that have some."""
    route = settings.route()
    names = secret_fields(route)
    if not names:
        return {}
    columns = Columns(checked_mapping(settings.mapping), settings.nulls, source.has_texts, fields_of_route(route))
    found: dict[int, Secret] = {}
    for place, row in enumerate(columns.rows(source.rows())):
        values = {name: value for name in names if (value := _at(row, name)) is not None}
        if values:
            found[place] = Secret(_key(route, row), values)
    return found


def _key(route: Route, row: Mapping[str, Any]) -> list[Any]:
    return keys_of(route.key(row)[1])


def _at(row: Mapping[str, Any], path: str) -> Any:
    value: Any = row
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def with_secret(row: PlanRow, secret: Secret | None) -> PlanRow | None:
    """The row as it is sent; None where the input's row is another than the planned one."""
    if secret is None:
        return row
    if secret.key != row.key:
        return None
    body = copy.deepcopy(row.body)
    for name, value in secret.values.items():
        *parents, last = name.split(".")
        place = body
        for part in parents:
            place = place.setdefault(part, {})
        place[last] = value
    return msgspec.structs.replace(row, body=body)
