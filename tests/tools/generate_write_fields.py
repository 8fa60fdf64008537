"""Derive what the body of every write may hold from the facts about BigCommerce's writes, and write it as compact data.

Names, types and figures only. It decides nothing at run time: the package ships the result (``core/catalog/write_fields.json``), never the
facts, and a test runs this again and compares. Run it as ``python -m tests.tools.generate_write_fields``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.tools.generate_schemas import REPOSITORY, openapi_folder

DATA = REPOSITORY / "airflow_provider_bigcommerce" / "core" / "catalog" / "write_fields.json"

#: The facts' name of a figure, and ours. Of a list, minimum and maximum are of nobody knows what (its items, or their number).
_FIGURES = {
    "type": "type",
    "max_length": "max_length",
    "min_length": "min_length",
    "max": "maximum",
    "min": "minimum",
    "max_items": "max_items",
    "enum": "enum",
    "nullable": "nullable",
    "format": "format",
    "required": "required",
    "read_only": "read_only",
}


def write_facts(folder: Path) -> list[dict[str, Any]]:
    """The operations of the facts file beside the OpenAPI folder."""
    operations: list[dict[str, Any]] = json.loads((folder.parent / "facts" / "bigcommerce-writes.json").read_text(encoding="utf-8"))[
        "operations"
    ]
    return operations


def field_of(fact: Mapping[str, Any], *, is_kept: bool = False) -> dict[str, Any]:
    """One field as the data file has it.

    :param is_kept: whether it must be sent although it is declared to be read only.
    """
    left_out = {"max", "min"} if fact.get("type") == "array" else set[str]()
    if is_kept:
        left_out.add("read_only")
    if not fact.get("min_length"):
        left_out.add("min_length")  # 0 says nothing; a lowest number of 0 does
    known = {name: fact.get(name) for name in _FIGURES if name not in left_out}
    found = {_FIGURES[name]: value for name, value in known.items() if value is not None and value is not False and value != []}
    if fact.get("fields"):
        found["fields"] = {name: field_of(below) for name, below in fact["fields"].items()}
    return found


def body_of(operation: Mapping[str, Any]) -> dict[str, Any]:
    """What the body of one write may hold: ``fields``, ``required``, ``alternatives``, ``read_only``; empty parts are left out."""
    facts = operation["required"]
    # The text counts where the schema says nothing; beside one it names what some stores only require (a product's categories).
    required = dict.fromkeys(facts["by_schema"] or facts["by_text"] or ())
    groups = [names for choice in facts["alternatives"] for _, names in choice["alternatives"]]
    groups = [] if [] in groups else groups  # one of them asks for nothing
    alternatives = [*groups, *([name] for name in facts.get("one_of", ()))]
    # Seen in the answer only, or said to be: but a row that is changed has its id.
    read_only = operation["read_only"]
    named = dict.fromkeys([*read_only["declared"], *read_only["listed_in_text"], *(read_only["only_in_get"] or ())])
    kept = {*required, *(name for group in alternatives for name in group), *(["id"] if operation["method"] == "PUT" else [])}
    found: dict[str, Any] = {
        "required": list(required),
        "alternatives": [sorted(group) for group in alternatives],
        "read_only": sorted(name for name in named if name not in kept and re.fullmatch(r"\w[\w.-]*", name)),
        "fields": {name: field_of(fact, is_kept=name in kept) for name, fact in operation["fields"].items()},
    }
    return {name: part for name, part in found.items() if part}


def generate(operations: Iterable[Mapping[str, Any]]) -> str:
    """The data file: a JSON object of one line a write; a write whose body is another's names that one."""
    lines, seen = [], dict[str, str]()
    for operation in operations:
        body = body_of(operation)
        if not body.get("fields"):
            continue
        text = json.dumps(body, separators=(",", ":"))
        same = seen.setdefault(text, operation["id"])
        lines.append(f"{json.dumps(operation['id'])}:{text if same == operation['id'] else json.dumps(same)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Write the data file, or with ``--check`` only say whether it is current."""
    text = generate(write_facts(openapi_folder()))
    if "--check" in sys.argv[1:]:
        sys.exit(0 if DATA.read_text(encoding="utf-8") == text else f"{DATA} is not what the facts give; run this without --check.")
    DATA.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
