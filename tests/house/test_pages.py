"""Errors and example DAGs lead a person who has only the package somewhere: to addresses, and to pages that are there."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from airflow_provider_bigcommerce.core.pages import DOCS, page

PROJECT = Path(__file__).resolve().parent.parent.parent
DAGS = sorted((PROJECT / "dags").glob("*.py"))
SOURCES = sorted((PROJECT / "airflow_provider_bigcommerce").rglob("*.py"))


def documented(file: Path) -> str:
    """What Airflow shows as the DAG's documentation."""
    return ast.get_docstring(ast.parse(file.read_text())) or ""


def addresses(text: str) -> list[str]:
    return re.findall(rf"{re.escape(DOCS)}/[\w/.-]+\.md", text)


def texts(file: Path) -> list[str]:
    """The texts of a module that are no docstrings: among them are its messages."""
    tree = ast.parse(file.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def test_the_address_of_the_pages_is_that_of_the_package() -> None:
    listed = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["urls"]["Documentation"]

    assert listed.replace("/tree/", "/blob/") == DOCS
    assert page("how-to/backfill.md") == f"{DOCS}/how-to/backfill.md"


@pytest.mark.parametrize("file", DAGS, ids=lambda file: file.stem)
def test_the_documentation_of_an_example_renders_and_its_links_lead_to_pages(file: Path) -> None:
    told = documented(file)

    assert re.sub(r"`[^`]*`", "", told).count("<") == 0  # Markdown takes <resource> for HTML and swallows it
    assert not re.search(r"(?<![/\w])docs/", told)
    for address in addresses(told):
        assert (PROJECT / "docs" / address.removeprefix(f"{DOCS}/")).is_file()


@pytest.mark.parametrize("file", DAGS, ids=lambda file: file.stem)
def test_every_example_has_a_description_and_a_tag(file: Path) -> None:
    text = file.read_text()

    assert text.count("doc_md=__doc__") == text.count('    description="') == 1
    assert 'tags=["bigcommerce"' in text


def test_messages_name_no_file_that_only_a_checkout_has() -> None:
    found = [
        (file.name, text)
        for file in SOURCES
        if "sandbox" not in file.parts and file.name != "pages.py"
        for text in texts(file)
        if re.search(r"(?<![/\w])docs/[\w/-]+\.md", text)
    ]

    assert found == []


def test_every_page_that_a_message_names_is_there() -> None:
    named = {name for file in SOURCES for name in re.findall(r"page\(['\"]([\w/.-]+)['\"]\)", file.read_text())}

    assert named
    assert [name for name in sorted(named) if not (PROJECT / "docs" / name).is_file()] == []
