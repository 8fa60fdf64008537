"""The columns of a table against those that a run's rows have: which are to be added, and which cannot hold them. Changes nothing."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_bigcommerce.targets.lake.storage import load_deltalake


def lacking_columns(schema: Any, wanted: Any) -> tuple[list[Any], list[str]]:
    """What a table's schema lacks.

    :param schema: ``deltalake``'s, of the table.
    :param wanted: Arrow schema of the rows.
    :returns: fields to be added, whole columns or objects with more fields; and sentences of what cannot be.
    """
    deltalake = load_deltalake()
    have, lacking, wrong = _fields(schema), list[Any](), list[str]()
    for field in deltalake.Schema.from_arrow(wanted).fields:
        column = json.loads(field.to_json())
        found = have.get(column["name"])
        if found is None:
            lacking.append(deltalake.Field(column["name"], field.type, nullable=True))
        elif (difference := _difference(found["type"], column["type"], column["name"])) is not None:
            if difference:
                wrong.append(difference)
            else:
                lacking.append(deltalake.Field(column["name"], field.type, nullable=bool(found["nullable"])))
    return lacking, wrong


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
