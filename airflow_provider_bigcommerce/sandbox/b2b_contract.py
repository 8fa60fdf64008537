"""What B2B Edition's OpenAPI files say of each path, as `compile_b2b` took it from them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

ROOT = "/api/v3/io"


@cache
def b2b_contract() -> dict[str, dict[str, Any]]:
    """Give the whole contract: path template to method to operation."""
    text = files("airflow_provider_bigcommerce.sandbox").joinpath("b2b_contract.json").read_bytes()
    found: dict[str, dict[str, Any]] = msgspec.json.decode(text)
    return found


def record_schema(path: str) -> Mapping[str, Any]:
    """Give the schema of one record of what a GET shows."""
    schema: Mapping[str, Any] = (b2b_contract()[path]["get"].get("schema") or {}).get("properties", {}).get("data", {})
    if {"list", "pagination"} <= schema.get("properties", {}).keys():
        schema = schema["properties"]["list"]
    while schema.get("type") == "array":
        schema = schema.get("items", {})
    return {**schema, "nullable": False, "type": "object"}
