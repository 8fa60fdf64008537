"""Holds the rows of a request against the published body of its operation: which fields it takes, and what each of them may hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from airflow_provider_bigcommerce.sandbox.table import Row

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


@cache
def bodies() -> dict[str, dict[str, Any]]:
    """Give the schema of a row for every operation that takes one: `POST /v3/customers` to its fields."""
    text = files("airflow_provider_bigcommerce.sandbox").joinpath("bodies.json").read_bytes()
    found: dict[str, dict[str, Any]] = msgspec.json.decode(text)
    return found


def body_of(method: str, template: str) -> Mapping[str, Any]:
    """Give the schema of a row; empty where the operation publishes none."""
    return bodies().get(f"{method.upper()} {template}", {})


def problems(schema: Mapping[str, Any], row: Row, *, required: Iterable[str] = (), version: str = "v3") -> dict[str, str]:
    """Name what is wrong with a row.

    :param schema: the published schema of a row.
    :param row: the row as it was sent.
    :param required: fields that must be there beside those the schema requires.
    :param version: V2 takes a number as text and text as a number; V3 takes a number as text.
    :returns: message by dotted field name; empty where nothing is wrong.
    """
    found: dict[str, str] = {}
    for name in {**dict.fromkeys(schema.get("required", ())), **dict.fromkeys(required)}:
        if row.get(name) is None and not (name in row and schema.get("properties", {}).get(name, {}).get("nullable")):
            found[name] = "is required"
    for name, value in row.items():
        inner = schema.get("properties", {}).get(name)
        if inner and name not in found:
            _look(inner, value, name, version, found)
    return found


def _look(schema: Mapping[str, Any], value: Any, name: str, version: str, found: dict[str, str]) -> None:
    if value is None or schema.get("readOnly"):  # many files leave nullable out; what must be there is looked at before
        return
    kind = schema.get("type")
    kinds: list[str] = kind if isinstance(kind, list) else [str(kind)]
    if kind is not None and not any(_fits(one, value, version) for one in kinds):
        found[name] = f"must be of type {' or '.join(kinds)}"
        return
    choices = schema.get("enum")
    if choices and str(value) not in map(str, choices):
        found[name] = f"must be one of {', '.join(map(str, choices))}"
    elif isinstance(value, str) and "type" in schema and kind == "string":
        if len(value) > schema.get("maxLength", len(value)):
            found[name] = f"must not be longer than {schema['maxLength']} characters"
        elif len(value) < schema.get("minLength", 0):
            found[name] = f"must be at least {schema['minLength']} characters long"
    elif kind in ("integer", "number"):
        number = float(value)
        if number < schema.get("minimum", number) or number > schema.get("maximum", number):
            found[name] = f"must be between {schema.get('minimum', '-infinity')} and {schema.get('maximum', 'infinity')}"
    elif isinstance(value, dict):
        for inner, message in problems(schema, value, version=version).items():
            found[f"{name}.{inner}"] = message
    elif isinstance(value, list):
        if len(value) > schema.get("maxItems", len(value)):
            found[name] = f"must not hold more than {schema['maxItems']}"
        for place, item in enumerate(value):
            _look(schema.get("items", {}), item, f"{name}.{place}", version, found)


def _fits(kind: str, value: Any, version: str) -> bool:
    kinds = _KINDS.get(kind)
    if kinds is None:
        return True
    if kind != "boolean" and isinstance(value, bool):
        return False
    if isinstance(value, kinds):
        return True
    if kind in ("integer", "number"):
        return _is_number(value) and (kind == "number" or float(value).is_integer())
    if kind == "string":
        return version == "v2" and isinstance(value, int | float)
    return False


def _is_number(value: Any) -> bool:
    if isinstance(value, int | float):
        return True
    if not isinstance(value, str):
        return False
    try:
        return float(value) not in (float("inf"), float("-inf")) and float(value) == float(value)
    except ValueError:
        return False


def taken(schema: Mapping[str, Any], row: Row, ignored: Iterable[str] = (), extra: Iterable[str] = ()) -> Row:
    """Keep of a row what its operation takes; fields that are only read, and unknown ones, are silently ignored.

    Numbers and text become what the file says they are, as the store shows them: `"3.5"` a number in V3, `3.5` the text `3.5000` in V2.
    """
    dropped = set(ignored)
    if not schema.get("properties"):
        return {name: value for name, value in row.items() if name not in dropped}
    known: dict[str, Any] = {name: {} for name in extra} | dict(schema["properties"])
    return {
        name: _as_shown(known[name], value)
        for name, value in row.items()
        if name in known and name not in dropped and not known[name].get("readOnly")
    }


def _as_shown(schema: Mapping[str, Any], value: Any) -> Any:
    if schema.get("type") == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.4f}"
    if isinstance(value, str) and schema.get("type") in ("integer", "number") and _is_number(value):
        number = float(value)
        return int(number) if number.is_integer() else number
    return value
