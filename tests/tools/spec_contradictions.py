"""List the places where BigCommerce's OpenAPI files contradict themselves about a value's type.

Two kinds: a node whose ``oneOf`` or ``anyOf`` says one thing and whose own ``type``, ``items`` or ``properties`` says another; and a node
whose ``example``, ``default``, ``enum`` or ``x-examples`` value does not fit the column that we made of it. Run it as
``python -m tests.tools.spec_contradictions``; a test holds the list against what was decided.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from airflow_provider_bigcommerce.rows.careful import RecordCleaner
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.schemas import Schema, schema
from tests.tools.generate_schemas import Spec, Type, openapi_folder, resource_rows

_CHOICES = ("oneOf", "anyOf")
_OWN = ("type", "items", "properties")


class Mixed(NamedTuple):
    """A node that says its type twice, and not the same."""

    file: str
    path: str


class Misfit(NamedTuple):
    """A value in a spec that its own column does not hold."""

    resource: str
    path: str
    column: str
    seen: str


def mixed_nodes(folder: Path) -> Iterator[Mixed]:
    """Every schema node of the specs with a choice and a type of its own that is not a type of every option.

    :param folder: BigCommerce's OpenAPI files.
    """
    for file in sorted(folder.rglob("*.y*ml")):
        spec = Spec(file)
        for path, node in _nodes(spec.document, ()):
            for choice in _CHOICES:
                options = node.get(choice)
                if isinstance(options, list) and any(own in node for own in _OWN):
                    own = _kind(node)
                    kinds = {_kind(spec.resolve(option)) for option in options} - {None}
                    if kinds - {own}:
                        yield Mixed(file.relative_to(folder).as_posix(), "/".join(path))


def _kind(node: Any) -> str | None:
    """A node's type as it says itself."""
    if not isinstance(node, Mapping):
        return None
    if isinstance(node.get("type"), str):
        return str(node["type"])
    return "array" if "items" in node else "object" if "properties" in node else None


def _nodes(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if isinstance(node, Mapping):
        yield path, node
        for name, part in node.items():
            yield from _nodes(part, (*path, str(name)))
    elif isinstance(node, list):
        for number, part in enumerate(node):
            yield from _nodes(part, (*path, str(number)))


def misfits(folder: Path) -> Iterator[Misfit]:
    """Every value beside a field's schema that the field's column would not hold as it is.

    :param folder: BigCommerce's OpenAPI files.
    """
    seen: set[Misfit] = set()
    for row in resource_rows(folder):
        spec_file = row["spec_file"] or ""
        if not spec_file.startswith("reference/"):
            continue
        spec = Spec(folder / spec_file.removeprefix("reference/"))
        _, operation = spec.operation(row["path"].removeprefix("/stores/{store_hash}"))
        known = dict(schema(row["name"]).fields)
        for path, kind, value in _told(spec, spec.answer(operation), known, (), ()):
            found = Discrepancies()
            # As a record of this one column, by the careful path, which is what decides in the end.
            column = Schema(row["name"], (), {"value": kind})
            RecordCleaner(column, found).clean(json.dumps({"value": value}, default=str).encode())
            for drift in found.drift:
                if drift.kind == "changed_type":
                    inner = drift.path.removeprefix("value")
                    misfit = Misfit(row["name"], path + inner, json.dumps(kind) if not inner else "", drift.seen_type)
                    if misfit not in seen:
                        seen.add(misfit)
                        yield misfit


def _told(spec: Spec, node: Any, kind: Type | None, path: tuple[str, ...], refs: tuple[str, ...]) -> Iterator[tuple[str, Type, Any]]:
    """Path, column type and value of everything that stands beside the schemas below this node."""
    if not isinstance(node, Mapping) or kind is None or kind == "json":
        return
    if isinstance(ref := node.get("$ref"), str):
        if ref not in refs:
            yield from _told(spec, spec.resolve(node), kind, path, (*refs, ref))
        return
    for keyword in ("allOf", *_CHOICES):
        for part in node.get(keyword) or ():
            yield from _told(spec, part, kind, path, refs)
    if path:
        values = [node[name] for name in ("example", "default") if name in node]
        values += [value for value in node.get("enum") or () if value is not None]
        more = node.get("examples", node.get("x-examples"))
        values += list(more.values() if isinstance(more, Mapping) else more or ()) if not isinstance(more, str) else []
        for value in values:
            yield ".".join(path), kind, value
    properties = node.get("properties")
    if isinstance(properties, Mapping):
        if not path and "data" in properties and isinstance(kind, dict) and "data" not in kind:
            yield from _told(spec, properties["data"], kind, path, refs)  # an answer's envelope
            return
        if isinstance(kind, dict):
            for name, part in properties.items():
                yield from _told(spec, part, kind.get(str(name)), (*path, str(name)), refs)
    if "items" in node:
        inner = kind[0] if isinstance(kind, list) else kind if not path else None
        yield from _told(spec, node["items"], inner, (*path[:-1], path[-1] + "[]") if path else (), refs)


def main() -> int:
    """Print both lists."""
    folder = openapi_folder()
    for mixed in mixed_nodes(folder):
        print(f"{mixed.file}: {mixed.path}")
    for misfit in misfits(folder):
        print("\t".join(misfit))
    return 0


if __name__ == "__main__":
    sys.exit(main())
