"""No module of the package imports another in a circle, be it inside a function or for types alone; no two share a name."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import airflow_provider_bigcommerce

NAME = airflow_provider_bigcommerce.__name__
ROOT = Path(airflow_provider_bigcommerce.__file__).parent


def modules(root: Path, name: str) -> dict[str, Path]:
    """Module -> its file."""
    found = {}
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        found[".".join([name, *(parts[:-1] if parts[-1] == "__init__" else parts)])] = file
    return found


def imported(source: str, module: str, known: Mapping[str, object], *, is_package: bool) -> set[str]:
    """The known modules that a module imports, wherever in it: at its top, in a function, under ``TYPE_CHECKING``.

    ``from package import module`` is the module and not the package, which has to be imported for it in any case.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: None if not node.level else len(module.split(".")) - node.level + is_package]
            origin = ".".join([*above, node.module or ""]).rstrip(".") if node.level else str(node.module)
            parts = {f"{origin}.{alias.name}" for alias in node.names}
            found |= {part if part in known else origin for part in parts}
    return {name for name in found if name in known and name != module}


def circles(imports: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """Groups of modules each of which reaches all others of its group (Tarjan's strongly connected components)."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []

    def visit(module: str) -> Iterator[list[str]]:
        numbers[module] = lowest[module] = len(numbers)
        path.append(module)
        for other in sorted(imports[module]):
            if other not in numbers:
                yield from visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in path:
                lowest[module] = min(lowest[module], numbers[other])
        if lowest[module] == numbers[module]:
            group = path[path.index(module) :]
            del path[path.index(module) :]
            if len(group) > 1:
                yield sorted(group)

    for module in sorted(imports):
        if module not in numbers:
            yield from visit(module)


def imports_of(files: Mapping[str, Path]) -> dict[str, set[str]]:
    return {
        module: imported(file.read_text(encoding="utf-8"), module, files, is_package=file.name == "__init__.py")
        for module, file in files.items()
    }


def test_no_module_imports_another_in_a_circle() -> None:
    assert list(circles(imports_of(modules(ROOT, NAME)))) == []


def test_a_circle_is_found_whatever_kind_of_import_closes_it(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    (package / "room").mkdir(parents=True)
    texts = {
        "__init__.py": "",
        "plain.py": "from shop.room import inner",
        "room/__init__.py": "",
        "room/inner.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..typed import Typed",
        "typed.py": "class Typed:\n    def late(self):\n        import shop.plain",
        "alone.py": "import shop.plain, json",
    }
    for name, text in texts.items():
        (package / name).write_text(text)

    assert list(circles(imports_of(modules(package, "shop")))) == [["shop.plain", "shop.room.inner", "shop.typed"]]


#: Rooms where Airflow or a person meets something: a module there has the name of what it offers, which another room carries out.
THIN = ("cli", "operators", "plugins", "sensors", "transfers", "triggers")


def doubled(files: Mapping[str, Path]) -> list[list[str]]:
    """Modules outside of thin rooms that share a name; the sandbox, which shares no code with the rest, is held against itself."""
    named: dict[tuple[str, bool], list[str]] = {}
    for module, file in files.items():
        room, name = module.split(".")[1:2], module.split(".")[-1]
        if file.name != "__init__.py" and not set(room) & set(THIN):
            named.setdefault((name, room == ["sandbox"]), []).append(module)
    return [found for found in named.values() if len(found) > 1]


def test_no_two_modules_have_one_name() -> None:
    assert doubled(modules(ROOT, NAME)) == []


def test_two_modules_of_one_name_are_found_in_rooms_that_carry_out() -> None:
    names = ("core.keys", "core.plan", "operators.plan", "rows.keys", "sandbox.keys", "sandbox.main.keys", "sandbox.state", "state")
    found = doubled({f"shop.{name}": Path(f"{name.replace('.', '/')}.py") for name in names})
    assert found == [["shop.core.keys", "shop.rows.keys"], ["shop.sandbox.keys", "shop.sandbox.main.keys"]]
