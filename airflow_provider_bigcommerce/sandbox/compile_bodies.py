"""Turns the request bodies of BigCommerce's OpenAPI files into `bodies.json`: the fields of a row that may be written, and their limits.

Facts only, as in `compile_specs`, which runs it. Where a file offers several shapes of a row, their fields are put together, and only what
all of them require is required.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_LIMITS = ("type", "enum", "minimum", "maximum", "minLength", "maxLength", "maxItems", "minItems")
_DEEPEST = 3  # rows, their lists, and what stands in those: deeper limits are not checked
Resolve = Callable[[dict[str, Any], Any], Any]


def body_of(document: dict[str, Any], operation: dict[str, Any], resolve: Resolve) -> dict[str, Any] | None:
    """Give the schema of one row of an operation's JSON body; None where it takes none.

    :param document: the OpenAPI document.
    :param operation: one of its operations.
    :param resolve: follows a `$ref` within the document.
    """
    body = resolve(document, operation.get("requestBody") or {})
    for kind, content in (body.get("content") or {}).items():
        if "json" in kind:
            schema = _compact(document, content.get("schema") or {}, resolve)
            row: dict[str, Any] = schema.get("items", schema)
            return row if row.get("properties") else None
    return None


def _compact(document: dict[str, Any], node: Any, resolve: Resolve, depth: int = 0, seen: tuple[str, ...] = ()) -> dict[str, Any]:
    if isinstance(node, dict) and "$ref" in node:
        if node["$ref"] in seen:
            return {}
        seen = (*seen, node["$ref"])
    schema = resolve(document, node)
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return {}
    parts = [_compact(document, part, resolve, depth, seen) for part in schema.get("allOf", ())]
    parts += [
        _either([_compact(document, part, resolve, depth, seen) for part in schema[choice]])
        for choice in ("oneOf", "anyOf")
        if schema.get(choice)
    ]
    parts.append(_own(document, schema, resolve, depth, seen))
    return _all(parts)


def _own(document: dict[str, Any], schema: dict[str, Any], resolve: Resolve, depth: int, seen: tuple[str, ...]) -> dict[str, Any]:
    kept: dict[str, Any] = {key: schema[key] for key in _LIMITS if key in schema}
    if isinstance(kept.get("type"), list):
        kept["nullable"] = "null" in kept["type"]
        several = [one for one in kept["type"] if one != "null"]
        kept["type"] = several[0] if len(several) == 1 else None
    if kept.get("type", "") is None:
        del kept["type"]
    if schema.get("nullable") or schema.get("x-nullable"):
        kept["nullable"] = True
    if schema.get("readOnly"):
        kept["readOnly"] = True
    if isinstance(schema.get("properties"), dict):
        kept["properties"] = {name: _compact(document, value, resolve, depth + 1, seen) for name, value in schema["properties"].items()}
        kept.setdefault("type", "object")
    if isinstance(schema.get("required"), list) and schema["required"]:
        kept["required"] = sorted(schema["required"])
    if "items" in schema:
        kept["items"] = _compact(document, schema["items"], resolve, depth + 1, seen)
        kept.setdefault("type", "array")
    return kept


def _all(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Put schemas together that all hold."""
    whole: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if key == "properties":
                known = whole.setdefault(key, {})
                for name, schema in value.items():
                    known[name] = _all([known[name], schema]) if name in known else schema
            elif key == "required":
                whole[key] = sorted({*whole.get(key, ()), *value})
            else:
                whole[key] = value
    return whole


def _either(branches: list[dict[str, Any]]) -> dict[str, Any]:
    """Put schemas together of which one holds: every field of any, and only the limits that all of them have."""
    branches = [branch for branch in branches if branch]
    if not branches:
        return {}
    whole: dict[str, Any] = {
        key: value
        for key, value in branches[0].items()
        if key not in ("properties", "required") and all(b.get(key) == value for b in branches)
    }
    kinds = [branch.get("type") for branch in branches]
    if None not in kinds and len({*map(str, kinds)}) > 1:
        whole["type"] = sorted({kind for several in kinds for kind in (several if isinstance(several, list) else [several])})
    fields: dict[str, Any] = {}
    for branch in branches:
        for name, schema in branch.get("properties", {}).items():
            fields[name] = _either([fields[name], schema]) if name in fields and fields[name] != schema else schema
    if fields:
        whole["properties"] = fields
    required = set.intersection(*(set(branch.get("required", ())) for branch in branches))
    if required:
        whole["required"] = sorted(required)
    return whole
