"""The type of all resource names has the names that the catalog has."""

from __future__ import annotations

from typing import get_args

from airflow_provider_bigcommerce.core.catalog import ALIASES, CATALOG
from airflow_provider_bigcommerce.core.catalog.names import ResourceName
from tests.tools.generate_resource_names import MODULE, module


def test_the_module_of_names_is_the_one_that_the_catalog_makes() -> None:
    assert MODULE.read_text(encoding="utf-8") == module(), "stale: run python -m tests.tools.generate_resource_names"


def test_the_type_has_every_name_and_every_alias() -> None:
    assert set(get_args(ResourceName)) == {*CATALOG, *ALIASES}
