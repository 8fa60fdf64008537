"""BigCommerce's OpenAPI files of B2B Edition, which refer to each other by web addresses: read whole, with every reference resolved.

For tests and generators only; it must not import our package.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

_WEB = "https://raw.githubusercontent.com/bigcommerce/docs/main/docs/b2b-edition/"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 40


@functools.cache
def _loaded(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)


def document(folder: Path, file: Path) -> dict[str, Any]:
    """One file without references.

    :param folder: the folder ``b2b`` of the OpenAPI files.
    """
    whole: dict[str, Any] = _resolved(folder, file, _loaded(file), 0)
    return whole


def operations(folder: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """API path -> file below ``b2b``, and the GET of that path with the path's own parameters beside its own."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for file in sorted((folder / "specs" / "api-v3").rglob("*.yaml")):
        raw = _loaded(file)
        server = (raw.get("servers") or [{}])[0].get("url", "")
        if not server.startswith("https://api-b2b.bigcommerce.com/api/v3/io"):
            continue
        for path, item in document(folder, file)["paths"].items():
            if "get" in item:
                parameters = [*(item.get("parameters") or []), *(item["get"].get("parameters") or [])]
                name = file.relative_to(folder).as_posix()
                api_path = urlsplit(server).path + path.rstrip("/")
                if api_path not in found or "invoice_management/" in found[api_path][0]:  # which is an older copy of one file
                    found[api_path] = name, {**item["get"], "parameters": parameters}
    return found


def _resolved(folder: Path, file: Path, node: Any, depth: int) -> Any:
    if isinstance(node, list):
        return [_resolved(folder, file, item, depth) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return {name: _resolved(folder, file, value, depth) for name, value in node.items()}
    if depth > _DEEPEST:
        return {}
    place, _, pointer = reference.partition("#")
    if place:
        file = folder / place.removeprefix(_WEB) if place.startswith(_WEB) else (file.parent / place).resolve()
    target = _loaded(file)
    for part in filter(None, pointer.split("/")):
        target = target[part.replace("~1", "/").replace("~0", "~")]
    return _resolved(folder, file, target, depth + 1)
