"""BigCommerce's documented paths, parameters and answer schemas, as `compile_specs` took them from the OpenAPI files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

#: Filters of lists that are newer than the files. Source: promotions.v3.yml of July 2026.
_NEWER: Mapping[str, Mapping[str, Any]] = {
    "/v3/promotions": {"is_featured": {"type": "boolean"}},
    "/v3/promotions/{promotion_id}/codes": {"valid_from:min": {"type": "integer"}, "valid_until:max": {"type": "integer"}},
}


@cache
def contract() -> dict[str, dict[str, Any]]:
    """Give the whole contract: path template to method to operation."""
    text = files("airflow_provider_bigcommerce.sandbox").joinpath("contract.json").read_bytes()
    found: dict[str, dict[str, Any]] = msgspec.json.decode(text)
    for path, query in _NEWER.items():
        found[path]["get"]["query"] |= query
    return found


def parameters(path: str, method: str = "get") -> frozenset[str]:
    """Name the query parameters an operation documents."""
    return frozenset(contract()[path][method]["query"])


def schema_of(path: str) -> tuple[Mapping[str, Any], bool]:
    """Give the schema of what a GET shows, and whether it comes in `data`."""
    schema = contract()[path]["get"].get("schema") or {}
    data = schema.get("properties", {}).get("data")
    return (schema, False) if data is None else (data, True)
