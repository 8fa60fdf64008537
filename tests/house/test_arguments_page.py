"""The reference of operators names every argument that there is, and no other."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import pytest
from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger

import airflow_provider_bigcommerce
from tests.tools.generate_arguments_page import PACKAGE, PAGE, PARTS, arguments, documented, found, own_parameters, page

THINGS = [pytest.param(found(*where), id=where[1]) for things in PARTS.values() for where in things]

#: Of what only holds arguments for others.
NOT_A_PERSONS = {"LiveTransfer", "TellingTransfer"}


def test_the_page_of_arguments_is_the_one_that_the_docstrings_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "stale: run python -m tests.tools.generate_arguments_page"


@pytest.mark.parametrize("thing", THINGS)
def test_every_argument_is_documented_and_every_documented_one_exists(thing: Any) -> None:
    variable = [name for name, each in inspect.signature(thing).parameters.items() if each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]

    assert set(own_parameters(thing)) - set(documented(thing)) == set()
    assert set(documented(thing)) - set(own_parameters(thing)) - set(variable) == set()


@pytest.mark.parametrize("thing", THINGS)
def test_no_argument_has_an_empty_text(thing: Any) -> None:
    assert [argument.name for argument in arguments(thing) if not argument.text] == []


def test_every_operator_sensor_and_trigger_is_on_the_page() -> None:
    there = set()
    for module in pkgutil.walk_packages(airflow_provider_bigcommerce.__path__, f"{PACKAGE}."):
        if module.name.split(".")[1] in ("operators", "transfers", "sensors", "triggers"):
            for name, each in vars(importlib.import_module(module.name)).items():
                is_ours = inspect.isclass(each) and each.__module__ == module.name and issubclass(each, (BaseOperator, BaseTrigger))
                if is_ours and not name.startswith("_") and name not in NOT_A_PERSONS:
                    there.add(name)

    assert there - {name for things in PARTS.values() for _, name in things} == set()


def test_what_a_template_may_be_is_told() -> None:
    lines = page().splitlines()

    assert any(line.startswith("| `resource` | *required* | yes |") for line in lines)
    assert any(line.startswith("| `stamp` | `False` |  |") for line in lines)
    assert any(line.startswith("| `compression` | `None` |  |") for line in lines)
