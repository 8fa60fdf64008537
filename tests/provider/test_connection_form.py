"""Claims about the connection form: what Airflow 3.2 and later draw from metadata, and 3.1 from the hook, is the same."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest
from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger
from packaging.version import Version

from airflow_provider_bigcommerce import get_provider_info as metadata
from airflow_provider_bigcommerce.compat import AIRFLOW_VERSION
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

pytestmark = pytest.mark.compat

MINOR = Version(AIRFLOW_VERSION).release[:2]


@pytest.fixture(scope="module")
def form() -> dict[str, Any]:
    """The form's description as the API server of this Airflow serves it to the browser, from a process of its own as there."""
    code = (
        "from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService as service\n"
        "(ours,) = [hook for hook in service.hook_meta_data() if hook.connection_type == 'bigcommerce']\n"
        "print(ours.model_dump_json())"
    )
    served = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    described: dict[str, Any] = json.loads(served.stdout.splitlines()[-1])
    return described


def test_reading_the_metadata_imports_neither_airflow_nor_a_client() -> None:
    code = (
        "import sys; from airflow_provider_bigcommerce.get_provider_info import get_provider_info; get_provider_info();"
        "print(sorted({'airflow', 'aiohttp', 'requests', 'msgspec', 'pyarrow', 'typer'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_airflow_discovers_the_provider_and_its_connection_type() -> None:
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    assert "airflow-provider-bigcommerce" in manager.providers
    hook = manager.hooks["bigcommerce"]
    assert hook is not None
    assert (hook.hook_name, hook.connection_id_attribute_name, hook.connection_testable) == ("BigCommerce", "bigcommerce_conn_id", True)


def test_the_metadata_follows_airflows_schema() -> None:
    from pathlib import Path

    import airflow
    import jsonschema

    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(metadata.get_provider_info(), schema)


def test_every_module_and_class_of_the_metadata_exists() -> None:
    def exists(path: str) -> bool:
        module, _, name = path.rpartition(".")
        return hasattr(importlib.import_module(module), name)

    info = metadata.get_provider_info()
    modules = [
        module for part in ("hooks", "operators", "sensors", "triggers") for row in info.get(part, ()) for module in row["python-modules"]
    ]
    modules += [row["python-module"] for row in info["transfers"]]
    assert [module for module in modules if not find_spec(module)] == []
    classes = [row["hook-class-name"] for row in info["connection-types"]] + info.get("extra-links", [])
    classes += [row[kind] for row in info["asset-uris"] for kind in ("handler", "factory")]
    assert [name for name in classes if not exists(name)] == []


def test_the_metadata_names_every_module_of_the_package() -> None:
    info = metadata.get_provider_info()
    named = {module for part in ("hooks", "operators", "sensors", "triggers") for row in info[part] for module in row["python-modules"]}
    named |= {row["python-module"] for row in info["transfers"]}
    package = "airflow_provider_bigcommerce"
    there = set()
    for room in ("operators", "transfers", "sensors", "triggers"):
        for found in pkgutil.iter_modules(importlib.import_module(f"{package}.{room}").__path__, f"{package}.{room}."):
            classes = [each for each in vars(importlib.import_module(found.name)).values() if isinstance(each, type)]
            if any(each.__module__ == found.name and issubclass(each, (BaseOperator, BaseTrigger)) for each in classes):
                there.add(found.name)

    in_common = {f"{package}.transfers.{name}" for name in ("transfer", "telling_transfer", "live_transfer", "write_back")}
    assert there - named == in_common


def test_the_link_of_the_description_is_not_glued_to_a_word() -> None:
    """Airflow's API takes the markup out, and its page of providers writes no blank behind a link."""
    description = re.sub("[`_<>]", "", metadata.get_provider_info()["description"].strip(" \n."))

    assert description.split(" ")[-1] == "https://www.bigcommerce.com/"


def test_the_form_shows_our_fields_in_order(form: dict[str, Any]) -> None:
    assert (form["hook_name"], list(form["extra_fields"])) == ("BigCommerce", ["store_hash", "access_token", "client_id", "client_secret"])
    titles = [field["schema"]["title"] for field in form["extra_fields"].values()]
    assert titles == ["Store hash", "Access token", "Client ID", "Client secret"]


def test_token_and_secret_are_masked_fields(form: dict[str, Any]) -> None:
    masked = [name for name, field in form["extra_fields"].items() if field["schema"].get("format") == "password"]
    assert masked == ["access_token", "client_secret"]


def test_store_hash_and_token_are_required_and_nothing_else(form: dict[str, Any]) -> None:
    required = [name for name, field in form["extra_fields"].items() if "null" not in field["schema"]["type"]]
    assert required == ([] if MINOR < (3, 2) else ["store_hash", "access_token"])  # the form methods of 3.1 cannot require


def test_every_field_says_where_bigcommerce_shows_its_value(form: dict[str, Any]) -> None:
    for name, field in form["extra_fields"].items():
        assert field["description"] == metadata.CONN_FIELDS[name]["description"]
    assert "Settings > Store-level API accounts" in form["extra_fields"]["access_token"]["description"]
    assert "https://store-abc123.mybigcommerce.com" in form["extra_fields"]["store_hash"]["description"]


def test_of_the_standard_fields_only_the_base_url_is_left(form: dict[str, Any]) -> None:
    standard = form["standard_fields"]
    assert [name for name in ("url_schema", "port", "login", "password") if not standard[name]["hidden"]] == []
    assert standard["host"] == {
        "hidden": False,
        "title": "API base URL",
        "placeholder": "leave empty for https://api.bigcommerce.com",
    }


def test_the_form_methods_say_the_same_as_the_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    class Field:
        def __init__(self, label: str, description: str) -> None:
            self.label, self.description = label, description

    class PasswordField(Field):
        pass

    import types

    wtforms = types.ModuleType("wtforms")
    wtforms.StringField, wtforms.PasswordField = Field, PasswordField  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wtforms", wtforms)
    widgets = BigCommerceHook.get_connection_form_widgets()
    assert {name: (field.label, field.description, type(field) is PasswordField) for name, field in widgets.items()} == {
        name: (field["label"], field["description"], field["schema"].get("format") == "password")
        for name, field in metadata.CONN_FIELDS.items()
    }
    assert list(widgets) == list(metadata.CONN_FIELDS)
    assert BigCommerceHook.get_ui_field_behaviour() == {
        "hidden_fields": ["schema", "port", "login", "password"],
        "relabeling": {"host": "API base URL"},
        "placeholders": {"host": "leave empty for https://api.bigcommerce.com"},
    }


def test_the_secret_fields_names_are_ones_that_airflow_masks() -> None:
    from airflow.sdk.log import redact

    extra = dict.fromkeys(metadata.CONN_FIELDS, "value")
    shown = redact(extra)
    assert shown == {"store_hash": "value", "access_token": "***", "client_id": "value", "client_secret": "***"}
