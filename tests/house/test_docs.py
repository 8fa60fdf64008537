"""The pages hold together: links lead somewhere, every page can be reached, and the commands they name exist."""

from __future__ import annotations

import functools
import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner

from airflow_provider_bigcommerce.cli import app
from tests.conftest import PROJECT

PAGES = [PROJECT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")] + sorted((PROJECT / "docs").rglob("*.md"))
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@functools.cache
def prose(page: Path) -> str:
    """The page without its code, where brackets mean something else."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))


@functools.cache
def anchors(page: Path) -> set[str]:
    """The anchors GitHub makes of a page's headings."""
    found: dict[str, int] = {}
    names = set()
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        names.add(f"{slug}-{found[slug]}" if slug in found else slug)
        found[slug] = found.get(slug, 0) + 1
    return names | set(re.findall(r'<a (?:id|name)="([^"]+)"', page.read_text(encoding="utf-8")))


def links(page: Path) -> list[tuple[Path, str]]:
    """Links inside the project, as (file, anchor)."""
    inside = []
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = unquote(target).partition("#")
        inside.append(((page.parent / name).resolve() if name else page, anchor))
    return inside


def commands() -> list[tuple[str, str]]:
    """Every shell line of the pages, as (page, line)."""
    found = []
    for page in PAGES:
        for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
            if language in {"", "sh", "bash", "shell", "console"}:
                joined = block.replace("\\\n", " ")
                found += [(page.name, line.strip().removeprefix("$ ")) for line in joined.splitlines()]
        found += [(page.name, code) for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", page.read_text(encoding="utf-8")))]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_to_a_file_and_a_heading(page):
    broken = []
    for target, anchor in links(page):
        if not target.exists():
            broken.append(f"{target.relative_to(PROJECT)} does not exist")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            broken.append(f"{target.relative_to(PROJECT)} has no heading #{anchor}")
    assert broken == []


def test_every_page_and_picture_can_be_reached_from_the_readme():
    reached: set[Path] = set()
    waiting = [PROJECT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        if page.suffix == ".md" and page.exists():
            waiting += [target for target, _ in links(page)]
    pictures = {path for path in (PROJECT / "docs").rglob("*") if path.suffix in {".png", ".svg"}}
    assert {str(path.relative_to(PROJECT)) for path in {*PAGES, *pictures} - reached} == set()


def test_the_make_targets_that_pages_name_exist():
    targets = set(re.findall(r"^([a-z][a-z-]*):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    named = {(page, target) for page, line in commands() for target in re.findall(r"^make ([a-z][a-z-]*)", line)}
    assert named, "the README names no make target: the pattern above is wrong"
    assert {(page, target) for page, target in named if target not in targets} == set()


@functools.cache
def help_of(*subcommand: str) -> str:
    done = CliRunner().invoke(app, [*subcommand, "--help"], env={"COLUMNS": "300", "NO_COLOR": "1"})
    assert done.exit_code == 0, f"{subcommand}: {done.output}"
    return done.output


def test_the_subcommands_and_options_that_pages_name_exist():
    named = [(page, line) for page, line in commands() if re.match(r"airflow-bigcommerce\s+[a-z]", line)]
    assert named, "no page names a subcommand: the pattern above is wrong"
    wrong = []
    for page, line in named:
        words = shlex.split(line.split(" | ")[0].split(" > ")[0].replace("...", ""), comments=True)[1:]
        if not re.search(rf"\b{re.escape(words[0])}\b", help_of()):
            wrong.append(f"{page}: no subcommand {words[0]}")
            continue
        own = help_of(*words[:2]) if "COMMAND [ARGS]" in " ".join(help_of(words[0]).split()) else help_of(words[0])
        wrong += [
            f"{page}: {words[0]} has no {option}"
            for option in (word.partition("=")[0] for word in words[1:] if re.match(r"--[a-z]", word))
            if option not in own
        ]
    assert wrong == []


def test_python_blocks_of_pages_are_python():
    for page in PAGES:
        for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
            if language == "python":
                compile(block, str(page), "exec", flags=0x2000)  # PyCF_ALLOW_TOP_LEVEL_AWAIT: snippets may await
