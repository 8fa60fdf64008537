"""Rows that change while a window is read: whatever moves under the reader, the next run has it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from tests.transfers.conftest import Night

SECOND = timedelta(seconds=1)

#: A list of each way: ranges of ids, a cursor, V3's and V2's page numbers; and a field to edit.
LISTS = [("orders", "staff_notes"), ("products", "name"), ("customers", "notes"), ("subscribers", "last_name"), ("customer_groups", "name")]


def while_it_reads(night: Night, path: str, at_request: int, happens: Callable[[], None]) -> None:
    """Let something happen when the n-th page of a list has been asked for and not yet been made."""
    store, draw, seen = night.sandbox.store, night.sandbox.store.draw_fault, [0]

    def drawn(method: str, text: str) -> Any:
        if text.startswith(f"{path}?"):
            seen[0] += 1
            if seen[0] == at_request:
                happens()
        return draw(method, text)

    store.draw_fault = drawn  # type: ignore[method-assign]  # the place where each request comes by


def the_copy_is_the_store(night: Night, resource: str, field: str) -> None:
    key = CATALOG[resource].primary_key[0]
    store = {row[key]: (row[field], row["date_modified"]) for row in night.sandbox.store.rows(resource)}
    assert {name: (row[field], row["date_modified"]) for name, row in night.copy(resource).items()} == store


def changed_rows(night: Night, resource: str, field: str) -> list[int]:
    """A few rows that changed within the window that is read next."""
    store, key = night.sandbox.store, CATALOG[resource].primary_key[0]
    keys = [row[key] for row in store.rows(resource)][:5]
    for name in keys:
        night.later(SECOND)
        store.edit(resource, name, **{field: "changed"})
    night.later(timedelta(minutes=10))
    return keys


@pytest.mark.parametrize(("resource", "field"), LISTS)
@pytest.mark.parametrize("at_request", [1, 2, 3])
@pytest.mark.parametrize("edited", [0, 1, -1])
def test_a_row_edited_between_pages_is_lost_neither_itself_nor_another_in_its_place(
    night: Night, resource: str, field: str, at_request: int, edited: int
) -> None:
    night.run("r1", resource)
    night.later(timedelta(hours=1))
    keys = changed_rows(night, resource, field)

    def edit() -> None:
        night.later(SECOND)
        night.sandbox.store.edit(resource, keys[edited], **{field: "edited while it was read"})

    while_it_reads(night, CATALOG[resource].path, at_request, edit)
    night.run("r2", resource, query={"limit": 1})
    night.run("r3", resource, query={"limit": 1}, after=timedelta(hours=1))

    the_copy_is_the_store(night, resource, field)


@pytest.mark.parametrize(("resource", "field"), LISTS)
def test_a_row_edited_twice_while_it_is_read_ends_as_the_second_edit_left_it(night: Night, resource: str, field: str) -> None:
    night.run("r1", resource)
    night.later(timedelta(hours=1))
    keys = changed_rows(night, resource, field)
    edits = iter(("first edit", "second edit"))

    def edit() -> None:
        night.sandbox.store.edit(resource, keys[0], **{field: next(edits)})  # both within the second in which the window ends

    while_it_reads(night, CATALOG[resource].path, 1, edit)
    while_it_reads(night, CATALOG[resource].path, 2, edit)
    night.run("r2", resource, query={"limit": 1})
    assert next(edits, "none is left") == "none is left"
    night.run("r3", resource, query={"limit": 1}, after=timedelta(hours=1))

    the_copy_is_the_store(night, resource, field)
