"""The headings of docs/troubleshooting.md are messages that the code can really say."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent.parent
PAGE = PROJECT / "docs" / "troubleshooting.md"


@functools.cache
def messages() -> list[str]:
    """Every text in the package, with ``...`` for what is filled in."""
    found: list[str] = []
    for file in (PROJECT / "airflow_provider_bigcommerce").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values))
    return [re.sub(r"%(\.\d+)?[sdrfg]", "...", text).replace("......", "...") for text in found]


def fragments(heading: str) -> list[str]:
    """The literal parts of a heading that are long enough to be told apart."""
    quoted: list[str] = re.findall(r"`([^`]+)`", heading)
    return [part.strip(" '\"().:;") for text in quoted for part in text.split("...") if len(part.strip(" '\"().:;")) >= 12]


HEADINGS = [line[4:] for line in PAGE.read_text().splitlines() if line.startswith("### ") and "`" in line]


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_heading_is_a_message_of_the_code(heading: str) -> None:
    said = messages()

    missing = [part for part in fragments(heading) if not any(part in text for text in said)]

    assert missing == []


def test_a_heading_that_nobody_says_is_found() -> None:
    said = messages()

    assert not any(part in text for part in fragments("### `a message that nobody ever says`") for text in said)
