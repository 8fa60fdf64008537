"""Looks at one page of each resource: what became of the request, how the list is paged and ordered, which fields its rows have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from airflow_provider_bigcommerce.client.walking import keys_of_children
from airflow_provider_bigcommerce.core import observing, odd_bytes
from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.messages import query_text
from airflow_provider_bigcommerce.core.planning import column_of, filled
from airflow_provider_bigcommerce.core.reading import Listing, Meta
from airflow_provider_bigcommerce.core.report_format import ResourceReport
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, UnexpectedAnswerError
from airflow_provider_bigcommerce.reporting.asking import Asker, Outcome
from airflow_provider_bigcommerce.rows.field_names import FieldNames
from airflow_provider_bigcommerce.rows.schemas import schema

#: Parents whose children are asked for, one after the other, until one has some.
MOST_PARENTS: Final = 4
#: Rows of one answer that are looked at.
MOST_ROWS: Final = 50
#: Rows that are asked for with all that can be included.
_ROWS_WITH_INCLUDES: Final = 5

_NOTHING: Final = Listing([], Meta())


@dataclass(frozen=True, slots=True)
class Look:
    """One resource as it answered.

    :param row: the catalog's row.
    :param outcome: what became of the request.
    :param path: that was asked, its ids filled in; empty where none was.
    :param params: that were sent.
    :param listing: the page; empty where none came.
    :param with_includes: raw rows that came with all that can be included.
    :param include_status: the status by which those were refused.
    """

    row: Resource
    outcome: Outcome
    path: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    listing: Listing = _NOTHING
    with_includes: tuple[msgspec.Raw, ...] = ()
    include_status: int | None = None

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the page as dicts."""
        found = [odd_bytes.python_value(record) for record in self.listing.records[:MOST_ROWS]]
        return [one for one in found if isinstance(one, dict)]

    def own_keys(self) -> list[object]:
        """The rows' own key, where it is one field of the row; else nothing."""
        columns = {column_of(name) for name in self.row.parent_columns}
        names = [name for name in self.row.primary_key if name not in columns]
        return [one.get(names[0]) for one in self.rows()] if len(names) == 1 and "." not in names[0] else []


class Looks:
    """The looks at some resources, and at the parents of those that hang on others; each is asked once.

    :param asker: sends.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._known: dict[str, Look] = {}

    def at(self, row: Resource) -> Look:
        """The look at one resource."""
        if row.name not in self._known:
            self._known[row.name] = self._with_includes(self._look(row))
        return self._known[row.name]

    def known(self) -> Iterator[Look]:
        """All that were looked at so far."""
        yield from list(self._known.values())

    def _look(self, row: Resource) -> Look:
        if row.id_placeholder is not None:
            return Look(row, Outcome("not_asked", why="needs_id"))
        if not row.parent_keys:
            if row.required_any or row.required_params:
                return Look(row, Outcome("not_asked", why="needs_parameter"))
            return self._asked(row, row.path, {})
        parents = self.at(CATALOG[row.parent or ""])
        if not parents.outcome.is_answered:
            return Look(row, Outcome("not_asked", why="parent_not_read"))
        found = Look(row, Outcome("not_asked", why="no_parent_rows"))
        enough = 2 if row.may_have_pages else 1  # whether a list has pages, one row does not tell
        for path, params in self._lists_of(row, parents):
            next_one = self._asked(row, path, params)
            if len(next_one.listing.records) >= len(found.listing.records):
                found = next_one
            if len(found.listing.records) >= enough or found.outcome.asked == "refused_for_scope":
                break
        return found

    def _asked(self, row: Resource, path: str, params: Mapping[str, str]) -> Look:
        params = {**{name: query_text(value) for name, value in row.whole_params.items()}, **params}
        outcome, listing = self._asker.list(row, path, params)
        if outcome.asked == "failed" and outcome.status in (404, *row.no_rows_status) and row.parent_keys:
            outcome = Outcome("answered", outcome.status)  # this parent has no such list
        return Look(row, outcome, path, params, listing or _NOTHING)

    @staticmethod
    def _lists_of(row: Resource, parents: Look) -> Iterator[tuple[str, dict[str, str]]]:
        """Path and query of the lists of some parents."""
        above = dict(zip(parents.row.placeholders, _filled_in(parents), strict=False))
        asked: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
        for parent in parents.rows():
            # A grandchild's path has its grandparent's key too, which is no field of the row but stood in its parents' path.
            parent = {**{column_of(name): key for name, key in above.items()}, **parent}  # noqa: PLW2901  # the same parent, with its keys
            try:
                combinations = keys_of_children(row, parent)
            except UnexpectedAnswerError:
                continue
            for keys in combinations:
                params = {name: str(value) for name, value in keys.items() if name not in row.placeholders}
                try:
                    path = filled(row.path, {name: value for name, value in keys.items() if name in row.placeholders})
                except InvalidQueryError:
                    continue
                if (path, tuple(params.items())) not in asked:
                    asked.add((path, tuple(params.items())))
                    yield path, params
                    if len(asked) >= MOST_PARENTS:
                        return

    def _with_includes(self, look: Look) -> Look:
        row = look.row
        if not row.includes or not look.outcome.is_answered or not look.listing.records:
            return look
        params = {**look.params, **row.include_companions, "include": ",".join(row.includes)}
        if row.kind == "collection" and row.page_size:
            params["limit"] = str(_ROWS_WITH_INCLUDES)
        outcome, listing = self._asker.list(row, look.path, params)
        records = tuple(listing.records) if listing is not None else ()
        status = None if outcome.is_answered else outcome.status
        return Look(row, look.outcome, look.path, look.params, look.listing, records, status)


def _filled_in(look: Look) -> list[str]:
    """What is in the path's placeholders."""
    asked, template = look.path.split("/"), look.row.path.split("/")
    return [value for value, name in zip(asked, template, strict=False) if name.startswith("{")]


def told(look: Look) -> ResourceReport:
    """The look as it is in the report."""
    row, outcome = look.row, look.outcome
    names = FieldNames(schema(row.name, row.primary_key), [column_of(name) for name in row.parent_columns])
    records = (*look.listing.records[:MOST_ROWS], *look.with_includes)
    for record in records:
        try:
            names.look(bytes(record))
        except UnexpectedAnswerError:  # a row that is no object: text, a number
            continue
    is_list = row.kind == "collection"
    return ResourceReport(
        name=row.name,
        asked=outcome.asked,
        status=None if outcome.is_answered else outcome.status,
        why=outcome.why,
        is_described=row.spec_exception != "archived",
        rows=names.rows,
        default_page=observing.default_page(look.listing) if is_list else None,
        paging=observing.paging_of(look.listing) if is_list else (),
        order=observing.order_of(look.own_keys()) if is_list else None,
        include_status=look.include_status,
        new_fields=names.new(),
        changed_fields=names.changed(),
        absent_fields=names.absent(),
    )
