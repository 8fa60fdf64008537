"""Reads BigCommerce's OpenAPI files: operations by method and API path, with references resolved.

For tests only; it must not import our package, so that a mistake of ours cannot excuse itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Node = Mapping[str, Any]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one reads all files in a second, the other in ten


@dataclass(frozen=True)
class Operation:
    """One operation of one file.

    :param file: path of the file in the OpenAPI folder.
    :param path: API path with its version, ``/v3/catalog/products``.
    :param parameters: query parameters by name.
    """

    file: str
    method: str
    path: str
    node: Node
    document: Node
    parameters: Mapping[str, Node]

    @property
    def text(self) -> str:
        """What the operation says of itself."""
        return f"{self.node.get('summary', '')}\n{self.node.get('description', '')}"

    @property
    def is_deprecated(self) -> bool:
        """Whether the file marks it so."""
        return bool(self.node.get("deprecated", False))

    def concurrency(self) -> int | None:
        """Requests at once that the operation's text allows, or None where it says nothing."""
        found = re.search(r"\*{0,2}(\d+)\*{0,2} (?:concurrent|simultaneous)", self.text)
        return int(found[1]) if found else None

    def answer(self) -> Node:
        """The schema of the 200 answer, resolved at its top; empty where the file has none."""
        responses = self.node["responses"]
        return self._json_schema(self.resolved(responses.get("200") or responses.get(200)))

    def body(self) -> Node:
        """The schema of the request's body, resolved at its top; empty where it has none."""
        return self._json_schema(self.resolved(self.node.get("requestBody")))

    def type_of(self, schema: object) -> str | None:
        """The first JSON type that a schema names, through its alternatives."""
        return next(self.types(schema), None)

    def values(self, schema: object) -> set[str]:
        """The values that a schema, or its items, lists; empty where it leaves them open."""
        node = self.resolved(schema)
        found = set(node.get("enum") or ())
        for each in [*self._alternatives(node), *([node["items"]] if "items" in node else [])]:
            found |= self.values(each)
        return found

    def properties(self, schema: object) -> dict[str, Node]:
        """Properties of a schema, those of its alternatives included."""
        node = self.resolved(schema)
        found: dict[str, Node] = dict(node.get("properties") or {})
        for each in self._alternatives(node):
            found.update(self.properties(each))
        return found

    def items(self, schema: object) -> Node:
        """The schema of a list's items; empty where it is no list."""
        node = self.resolved(schema)
        if "items" in node:
            return self.resolved(node["items"])
        return next((found for each in self._alternatives(node) if (found := self.items(each))), {})

    def resolved(self, schema: object) -> Node:
        """The node itself, behind any references; empty for None."""
        node: Any = schema or {}
        while "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return dict(node)

    def _json_schema(self, node: Node) -> Node:
        content: Node = node.get("content") or {}
        media: Node = content.get("application/json") or next(iter(content.values()), {})
        return self.resolved(media.get("schema"))

    def types(self, schema: object) -> Iterator[str]:
        """Every JSON type that a schema names, through its alternatives."""
        node = self.resolved(schema)
        if "type" in node:
            yield str(node["type"])
        elif "properties" in node:
            yield "object"
        for each in self._alternatives(node):
            yield from self.types(each)

    @staticmethod
    def _alternatives(node: Node) -> list[Node]:
        return [each for key in ("allOf", "oneOf", "anyOf") for each in node.get(key) or []]


class Published:
    """All operations of the Management API in a folder of OpenAPI files."""

    def __init__(self, folder: Path) -> None:
        self.texts: dict[str, str] = {}
        self.operations: dict[tuple[str, str], Operation] = {}
        for path in sorted([*folder.rglob("*.yml"), *folder.rglob("*.yaml")]):
            if "webhook-callbacks" not in path.parts:
                name = path.relative_to(folder).as_posix()
                self.texts[name] = path.read_text(encoding="utf-8")
                for operation in _operations(name, yaml.load(self.texts[name], Loader=_Loader)):
                    self.operations[operation.method, operation.path] = operation

    def get(self, path: str) -> Operation | None:
        """The GET of that API path."""
        return self.operations.get(("GET", path))


def _operations(file: str, document: Node) -> Iterator[Operation]:
    servers = [server["url"] for server in document.get("servers") or []]
    version = next((url[-3:] for url in servers if url.endswith(("/stores/{store_hash}/v2", "/stores/{store_hash}/v3"))), None)
    if version is None:  # storefront, login and payment processing have servers of their own
        return
    for path, item in (document.get("paths") or {}).items():
        for method in ("get", "post", "put", "delete"):
            if method in item:
                bare = Operation(file, method.upper(), version + path, item[method], document, {})
                declared = [bare.resolved(each) for each in [*(item.get("parameters") or []), *(item[method].get("parameters") or [])]]
                query = {each["name"]: each for each in declared if each["in"] == "query"}
                yield Operation(file, method.upper(), version + path, item[method], document, query)
