"""BigCommerce's OpenAPI files as JSON Schema: which schema the answer to a path and status must have. Knows nothing of the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import yaml


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # its type is known only at run time
    """YAML with dates left as text: JSON has none."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Published:
    """The management API's files, by path."""

    def __init__(self, folder: Path) -> None:
        self._operations: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {}
        for file in sorted(folder.rglob("*.y*ml")):
            if "webhook-callbacks" in file.parts:
                continue
            document = yaml.load(file.read_text(encoding="utf-8"), _Loader)
            server = (document.get("servers") or [{}])[0].get("url", "")
            version = server.rsplit("/", 1)[-1]
            if "//api." not in server or version not in ("v2", "v3"):
                continue
            document = _as_json_schema(document)
            for path, item in document["paths"].items():
                self._operations[f"/{version}{path.rstrip('/')}"] = (document, item, path)

    def paths(self, method: str = "get") -> list[str]:
        """Every path that has this method."""
        return sorted(path for path, (_, item, _) in self._operations.items() if method in item)

    def query(self, path: str) -> set[str]:
        """Names of the query parameters of GET on a path."""
        document, item, _ = self._operations[path]
        found = set()
        for parameter in (item.get("parameters") or []) + (item["get"].get("parameters") or []):
            resolved = _point(document, parameter["$ref"]) if "$ref" in parameter else parameter
            if resolved.get("in") == "query":
                found.add(resolved["name"])
        return found

    def schema(self, path: str, method: str, status: int) -> dict[str, Any] | None:
        """The schema of an answer's JSON, or None where the file gives none."""
        document, item, raw = self._operations[path]
        responses = item[method]["responses"]
        key = next((key for key in responses if str(key) == str(status)), None)
        if key is None:
            return None
        response, pointer = responses[key], f"#/paths/{quote(raw.replace('~', '~0').replace('/', '~1'), safe='~')}/{method}/responses/{key}"
        while "$ref" in response:
            pointer = response["$ref"]
            response = _point(document, pointer)
        for kind, content in (response.get("content") or {}).items():
            if "json" in kind and content.get("schema"):
                escaped = quote(kind.replace("~", "~0").replace("/", "~1"), safe="~")
                return {**document, "$ref": f"{pointer}/content/{escaped}/schema"}
        return None

    def errors(self, path: str, method: str, status: int, payload: Any) -> list[str]:
        """What of an answer contradicts its schema; each as `where: what`."""
        schema = self.schema(path, method, status)
        if schema is None:
            return []
        found = []
        for error in jsonschema.Draft4Validator(schema).iter_errors(payload):
            where = ".".join("[]" if isinstance(part, int) else str(part) for part in error.absolute_path)
            reason = f"{error.validator} {str(error.validator_value)[:60]!r}, got {str(error.instance)[:60]!r}"
            found.append(f"{where}: {reason}")
        return sorted(set(found))


def _point(document: Any, pointer: str) -> Any:
    node = document
    for part in pointer.removeprefix("#/").split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")]
    return node


def _as_json_schema(node: Any) -> Any:
    """Turn OpenAPI 3.0 into JSON Schema (draft 4), wherever it stands.

    `nullable` and the older `x-nullable` become the null type. `oneOf` becomes `anyOf`: the files use it for "one of these shapes"
    where an object of one shape passes as the other too.
    """
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key in ("example", "examples", "x-examples", "default"):
            continue
        if key == "properties" and isinstance(value, dict):
            result[key] = {name: _as_json_schema(schema) for name, schema in value.items()}
        else:
            result["anyOf" if key == "oneOf" else str(key)] = _as_json_schema(value)
    if result.get("nullable") is True or result.get("x-nullable") is True:
        if isinstance(result.get("type"), str):
            result["type"] = [result["type"], "null"]
        if isinstance(result.get("enum"), list):
            result["enum"] = [*result["enum"], None]
    if isinstance(result.get("required"), bool):  # an OpenAPI 2 leftover on a property; JSON Schema wants a list
        del result["required"]
    return result
