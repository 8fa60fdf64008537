"""Names under which copies are kept: catalog names as they are, paths so that no two of them share a place."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bigcommerce.assets import asset_of
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.naming import kept_name
from airflow_provider_bigcommerce.engine.selection import select
from airflow_provider_bigcommerce.state import state_key

ALIKE = [
    "/v3/foo-bar",
    "/v3/foo_bar",
    "/v3/foo/bar",
    "/v3/Foo/bar",
    "/v3/foo.bar",
    "/v3/föo/bar",
    "/v3/fóo/bar",
    "/v2/foo/bar",
    "/v3/foo/bar/x",
]


def folder(resource: str) -> str:
    bounds = {"since": None, "until": None, "initial_since": None, "overlap": timedelta(0)}
    return select(resource=resource, mode="full", query=None, include=None, **bounds).folder  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CATALOG)
def test_a_catalog_name_is_its_own(name: str) -> None:
    assert kept_name(name) == name


@pytest.mark.parametrize(("one", "other"), itertools.combinations(ALIKE, 2))
def test_paths_that_are_alike_share_no_name_in_any_file_system(one: str, other: str) -> None:
    assert kept_name(one).casefold() != kept_name(other).casefold()
    assert folder(one).casefold() != folder(other).casefold()
    assert asset_of("c", one) != asset_of("c", other)
    assert state_key("c", one, "/d").casefold() != state_key("c", other, "/d").casefold()


def test_a_slash_at_the_end_names_no_other_path() -> None:
    assert kept_name("/v3/foo/bar/") == kept_name("/v3/foo/bar")


@given(st.text(min_size=1, max_size=400), st.text(min_size=1, max_size=400))
def test_any_two_paths_have_two_names_that_every_file_system_and_airflow_take(one: str, other: str) -> None:
    names = [kept_name(f"/v3/{text}") for text in (one, other)]

    assert all(name.isascii() and len(name) <= 60 and name.replace("-", "").replace("_", "").isalnum() for name in names)
    assert not {*names} & {*CATALOG}
    assert (names[0] == names[1]) == (one.rstrip("/") == other.rstrip("/"))
