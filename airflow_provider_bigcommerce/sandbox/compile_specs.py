"""Turns BigCommerce's OpenAPI folder into `contract.json`: paths, parameters and the shape of answers, with no text.

Beside it goes `bodies.json`: what may be written, which is read only when something is.

Run by a developer (`python -m airflow_provider_bigcommerce.sandbox.compile_specs FOLDER`), never by the sandbox itself.
It takes facts only (names, types, limits, enums); descriptions and examples stay behind.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from airflow_provider_bigcommerce.sandbox.compile_bodies import body_of

_KEPT = ("type", "format", "enum", "minimum", "maximum", "minLength", "maxLength", "maxItems", "minItems")
_METHODS = ("get", "post", "put", "delete")
_DEEPEST = 9  # deep enough for every record; it also ends the recursive schemas (widget configuration, category nodes)


def main(arguments: list[str]) -> int:
    """Write the contract of the folder named on the command line beside this module.

    :param arguments: one element, the folder with BigCommerce's OpenAPI files.
    :returns: exit status.
    """
    folder = Path(arguments[0])
    contract: dict[str, Any] = {}
    bodies: dict[str, Any] = {}
    for file in sorted(folder.rglob("*.y*ml")):
        if "webhook-callbacks" in file.parts:
            continue
        document = load(file)
        contract.update(paths_of(document))
        bodies.update(bodies_of(document))
    for name, found in (("contract.json", contract), ("bodies.json", bodies)):
        target = Path(__file__).with_name(name)
        target.write_text(json.dumps(dict(sorted(found.items())), separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")
        sys.stdout.write(f"{target}: {len(found)} entries\n")
    return 0


def load(file: Path) -> dict[str, Any]:
    """Read one OpenAPI file; dates stay text.

    :param file: a YAML file.
    :returns: the document.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    document: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), Loader)  # noqa: S506 (a SafeLoader)
    return document


def paths_of(document: dict[str, Any]) -> dict[str, Any]:
    """Pick what a server must know of each management path of one document.

    :param document: an OpenAPI document.
    :returns: `/v3/...` path to method to parameters, success status and answer schema.
    """
    version = _version(document)
    if version is None:
        return {}
    result: dict[str, Any] = {}
    for path, item in document["paths"].items():
        operations = {}
        for method in _METHODS:
            if method not in item:
                continue
            operation = item[method]
            parameters = [_resolve(document, p) for p in (item.get("parameters") or []) + (operation.get("parameters") or [])]
            operations[method] = {
                "query": {p["name"]: _parameter(document, p) for p in parameters if p.get("in") == "query"},
                **_success(document, operation, whole=method == "get"),
            }
            body = _request_schema(document, operation)
            if body is not None:
                operations[method]["body"] = body
        result[f"/{version}{path.rstrip('/')}"] = operations
    return result


def _version(document: dict[str, Any]) -> str | None:
    server = (document.get("servers") or [{}])[0].get("url", "")
    version = server.rsplit("/", 1)[-1]
    return version if version in ("v2", "v3") and "//api." in server else None


def bodies_of(document: dict[str, Any]) -> dict[str, Any]:
    """Pick the fields of each management operation's body.

    :param document: an OpenAPI document.
    :returns: `POST /v3/...` to the schema of one row.
    """
    version = _version(document)
    if version is None:
        return {}
    return {
        f"{method.upper()} /{version}{path.rstrip('/')}": body
        for path, item in document["paths"].items()
        for method in ("post", "put", "delete")
        if method in item and (body := body_of(document, item[method], _resolve)) is not None
    }


def _resolve(document: dict[str, Any], node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        target: Any = document
        for escaped in node["$ref"].removeprefix("#/").split("/"):
            part = escaped.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
            target = target.get(part) if isinstance(target, dict) else None
        if target is None:
            return {}
        node = target
    return node


def _parameter(document: dict[str, Any], parameter: dict[str, Any]) -> dict[str, Any]:
    schema = _resolve(document, parameter.get("schema", parameter))
    kept = {k: schema[k] for k in ("type", "format", "enum", "minimum", "maximum", "default") if k in schema}
    if isinstance(kept.get("default"), str) and len(kept["default"]) > 40:
        del kept["default"]
    items = _resolve(document, schema.get("items") or {})
    if "enum" in items:
        kept["enum"] = items["enum"]
    if parameter.get("required"):
        kept["required"] = True
    return kept


def _success(document: dict[str, Any], operation: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    codes = [str(code) for code in operation.get("responses", {})]
    status = next((code for code in ("200", "201", "202", "204") if code in codes), "200")
    responses = operation.get("responses") or {}
    response = _resolve(document, responses.get(status) or responses.get(int(status)) or {})
    schema: Any = None
    for content in (response.get("content") or {}).values():
        schema = content.get("schema")
        break
    found: dict[str, Any] = {"status": int(status), "codes": codes}
    if schema is not None:
        answer = compact(document, schema)
        if not whole:  # of an answer to a write the engine needs to know only: data or bare, one or many
            data = answer.get("properties", {}).get("data")
            answer = {"type": answer.get("type"), **({"properties": {"data": {"type": data.get("type")}}} if data is not None else {})}
        found["schema"] = answer
    return found


def _request_schema(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    body = _resolve(document, operation.get("requestBody") or {})
    for content in (body.get("content") or {}).values():
        schema = compact(document, content.get("schema") or {})
        return {k: v for k, v in schema.items() if k in ("type", "maxItems", "required")}
    return None


def compact(document: dict[str, Any], node: Any, depth: int = 0, seen: tuple[str, ...] = ()) -> dict[str, Any]:
    """Reduce a schema to what a maker of data needs; `allOf` is merged, of `oneOf` the first usable branch is taken.

    :param document: the document the schema is from.
    :param node: the schema.
    :returns: a schema of `type`, `properties`, `items` and limits only.
    """
    if isinstance(node, dict) and "$ref" in node:
        if node["$ref"] in seen:
            return {}
        seen = (*seen, node["$ref"])
    schema = _resolve(document, node)
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return {}
    merged: dict[str, Any] = {}
    for part in schema.get("allOf", ()):
        _merge(merged, compact(document, part, depth, seen))
    for choice in ("oneOf", "anyOf"):
        if schema.get(choice):
            branches = [compact(document, part, depth, seen) for part in schema[choice]]
            _merge(merged, next((branch for branch in branches if branch), {}))
    kept: dict[str, Any] = {key: schema[key] for key in _KEPT if key in schema}
    if schema.get("nullable") or schema.get("x-nullable") or schema.get("type") == "null":
        kept["nullable"] = True
    if isinstance(kept.get("type"), list):
        kept["nullable"] = "null" in kept["type"] or kept.get("nullable", False)
        kept["type"] = next((t for t in kept["type"] if t != "null"), "string")
    if isinstance(schema.get("properties"), dict):
        kept["properties"] = {
            name: compact(document, value, depth + 1, seen)
            for name, value in schema["properties"].items()
            if not (isinstance(value, dict) and value.get("writeOnly"))
        }
        kept.setdefault("type", "object")
    if isinstance(schema.get("required"), list):
        kept["required"] = schema["required"]
    if "items" in schema:
        kept["items"] = compact(document, schema["items"], depth + 1, seen)
        kept.setdefault("type", "array")
    _merge(merged, kept)
    return merged


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if key == "properties" and key in into:
            for name, schema in value.items():
                if schema or name not in into[key]:
                    into[key][name] = {**into[key].get(name, {}), **schema}
        elif key == "required" and key in into:
            into[key] = sorted(set(into[key]) | set(value))
        else:
            into[key] = value


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
