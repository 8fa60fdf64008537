"""Turns BigCommerce's OpenAPI files of B2B Edition into `b2b_contract.json`: paths, parameters and the shape of answers, with no text.

Run by a developer (`python -m airflow_provider_bigcommerce.sandbox.compile_b2b FOLDER`), never by the sandbox itself. These files refer to
each other by web addresses, which are looked up in the folder.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_bigcommerce.sandbox.compile_specs import _parameter, _success, load

_HOST = "https://api-b2b.bigcommerce.com"
_WEB = "https://raw.githubusercontent.com/bigcommerce/docs/main/docs/b2b-edition/"
_DEEPEST = 40  # references within references; it also ends schemas that contain themselves


def main(arguments: list[str]) -> int:
    """Write the contract of the folder named on the command line beside this module.

    :param arguments: one element, the folder with BigCommerce's OpenAPI files, which holds `b2b/`.
    :returns: exit status.
    """
    folder = Path(arguments[0]) / "b2b"
    contract: dict[str, Any] = {}
    for file in sorted((folder / "specs" / "api-v3").rglob("*.yaml")):
        document = load(file)
        server = (document.get("servers") or [{}])[0].get("url", "")
        if not server.startswith(f"{_HOST}/api/v3/io"):
            continue
        for path, item in document["paths"].items():
            if "get" in item:
                # the folder invoice_management has older copies of what invoice-management.yaml, which sorts before it, says
                contract.setdefault(urlsplit(server).path + path.rstrip("/"), {"get": _operation(folder, file, item)})
    target = Path(__file__).with_name("b2b_contract.json")
    target.write_text(json.dumps(dict(sorted(contract.items())), separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"{target}: {len(contract)} paths\n")
    return 0


def _operation(folder: Path, file: Path, item: dict[str, Any]) -> dict[str, Any]:
    whole = _whole(folder, file, {name: item.get(name) for name in ("parameters", "get")})
    parameters = [*(whole["parameters"] or []), *(whole["get"].get("parameters") or [])]
    query = {p["name"]: _parameter({}, p) for p in parameters if p.get("in") == "query"}
    return {"query": query, **_success({}, whole["get"], whole=True)}


@cache
def _document(file: Path) -> dict[str, Any]:
    return load(file)


def _whole(folder: Path, file: Path, node: Any, depth: int = 0) -> Any:
    """The node with what its references point to in their place; nothing below the deepest."""
    if isinstance(node, list):
        return [_whole(folder, file, item, depth) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return {name: _whole(folder, file, value, depth) for name, value in node.items() if name not in ("example", "examples")}
    if depth > _DEEPEST:
        return {}
    place, _, pointer = reference.partition("#")
    if place:
        file = folder / place.removeprefix(_WEB) if place.startswith(_WEB) else (file.parent / place).resolve()
    target: Any = _document(file)
    for part in filter(None, pointer.split("/")):
        target = target[part.replace("~1", "/").replace("~0", "~")]
    return _whole(folder, file, target, depth + 1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
