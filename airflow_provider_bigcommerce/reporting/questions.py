"""The questions that BigCommerce's documentation leaves open, each asked by reads and answered in one of a few words.

A question is asked of every resource whose catalog row it concerns; docs/reference/report.md lists the words. What decides is data of
the row, never its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from airflow_provider_bigcommerce.core import order_lines
from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.ends import told_total
from airflow_provider_bigcommerce.core.hosts import HOSTS, STORE
from airflow_provider_bigcommerce.core.observing import RATE_HEADERS, default_page, end_cursor, order_of, paging_of, rounding_of
from airflow_provider_bigcommerce.core.planning import UNKNOWN_ON_PURPOSE
from airflow_provider_bigcommerce.core.report_format import Finding, finding
from airflow_provider_bigcommerce.core.windows import in_format, read_moment
from airflow_provider_bigcommerce.reporting.asking import Asker, Outcome, with_params
from airflow_provider_bigcommerce.reporting.looks import Look

#: An id that no row has: the greatest that a signed number of 32 bits holds.
_NO_ROWS_ID: Final = 2**31 - 1

#: A question of one list: what was looked at, and how to ask more.
Question = Callable[[Asker, Look], Iterator[Finding]]


def _not_answered(question: str, about: str, outcome: Outcome) -> Finding:
    return Finding(question=question, about=about, asked=outcome.asked, status=outcome.status, why=outcome.why)


def _no_rows(question: str, look: Look) -> Finding:
    return Finding(question=question, about=look.row.name, asked="not_asked", why="no_rows")


def page_size(asker: Asker, look: Look) -> Iterator[Finding]:
    """Whether a list that documents no page has pages all the same: does it take a ``limit``?"""
    row = look.row
    if not row.may_have_pages:
        return
    if len(look.listing.records) < 2:
        yield _no_rows("undocumented_limit", look)
        return
    outcome, listing = asker.list(row, look.path, with_params(look.params, limit=1))
    if listing is None:
        yield _not_answered("undocumented_limit", row.name, outcome)
        return
    came, before = len(listing.records), len(look.listing.records)
    found = "takes_limit" if came == 1 else "ignores_limit" if came >= before else None
    yield finding("undocumented_limit", row.name, found)


def order(_asker: Asker, look: Look) -> Iterator[Finding]:
    """How a list comes that is asked for no order: those that are documented to come by key, and those walked by cursor."""
    row = look.row
    by_key = row.sort_by_id is not None and not row.sort_by_id
    if row.kind == "collection" and (by_key or row.paging == "v3_cursor") and look.own_keys():
        yield finding("order", row.name, order_of(look.own_keys()), "ascending" if by_key else None)


def unknown_filter(asker: Asker, look: Look) -> Iterator[Finding]:
    """What a list does with a filter that it does not have."""
    row = look.row
    if row.kind != "collection" or row.parent_keys or not row.page_size or not look.outcome.is_answered:
        return
    outcome, listing = asker.list(row, look.path, with_params(look.params, **{"limit": 1, UNKNOWN_ON_PURPOSE: 1}))
    if listing is None and outcome.asked == "failed" and outcome.status in (400, 404, 409, 422):
        yield finding("unknown_filter", row.name, f"refused_with_{outcome.status}")
    elif listing is None:
        yield _not_answered("unknown_filter", row.name, outcome)
    else:
        found = None if not look.listing.records else "passed_over" if listing.records else "no_rows"
        yield finding("unknown_filter", row.name, found)


def cursors(asker: Asker, look: Look) -> Iterator[Finding]:
    """Whether a list is paged by a cursor, and whether the cursor turns the page."""
    row = look.row
    if row.paging != "v3_cursor":
        if row.paging == "v3_page" and "cursor_pagination" in paging_of(look.listing):
            yield finding("cursor", row.name, "has_a_cursor", "page_numbers")
        return
    if len(look.listing.records) < 2:
        yield _no_rows("cursor", look)
        return
    outcome, first = asker.list(row, look.path, with_params(look.params, limit=1))
    cursor = None if first is None else end_cursor(first)
    if first is None:
        yield _not_answered("cursor", row.name, outcome)
        return
    if cursor is None:
        yield finding("cursor", row.name, "page_numbers" if "pagination" in paging_of(first) else "neither", "turns_the_page")
        return
    outcome, second = asker.list(row, look.path, with_params(look.params, limit=1, after=cursor))
    if second is None:
        yield _not_answered("cursor", row.name, outcome)
    else:
        turned = bool(second.records) and [*map(bytes, second.records)] != [*map(bytes, first.records)]
        yield finding("cursor", row.name, "turns_the_page" if turned else "does_not_turn", "turns_the_page")


def archive_field(_asker: Asker, look: Look) -> Iterator[Finding]:
    """Whether rows have the field that marks an archived one."""
    name = look.row.archive_field
    if name is not None and look.outcome.is_answered:
        rows = look.rows()
        found = None if not rows else "in_every_row" if all(name in one for one in rows) else "in_no_row"
        if found == "in_no_row" and any(name in one for one in rows):
            found = "in_some_rows"
        yield finding("archive_field", look.row.name, found, "in_every_row")


def empty_list(asker: Asker, look: Look) -> Iterator[Finding]:
    """How V2 answers a list in which nothing is; its headers are told with all other answers without a body."""
    row = look.row
    if row.api_version == "v2" and row.id_min and row.kind == "collection" and not row.parent_keys and look.outcome.is_answered:
        outcome = asker.ask(look.path, with_params(look.params, **{row.id_min: _NO_ROWS_ID}))
        if outcome.is_answered:
            yield finding("empty_list", row.name, "status_204" if outcome.status == 204 else "a_body", "status_204")
        else:
            yield _not_answered("empty_list", row.name, outcome)


def count(asker: Asker, look: Look) -> Iterator[Finding]:
    """Whether the endpoint that counts takes the list's filters."""
    row = look.row
    if row.count_path is None or row.placeholders or row.id_min is None or not look.outcome.is_answered:
        return
    counts = []
    for params in ({}, {row.id_min: str(_NO_ROWS_ID)}):
        outcome, number = asker.number(row.count_path, params)
        if number is not None:
            counts.append(number)
        elif params and outcome.status in (400, 422):
            yield finding("count_filter", row.name, f"refused_with_{outcome.status}", _count_assumed(row))
            return
        else:
            yield _not_answered("count_filter", row.name, outcome)
            return
    whole, none = counts
    found = None if not whole else "takes_filters" if none == 0 else "ignores_filters" if none == whole else None
    yield finding("count_filter", row.name, found, _count_assumed(row))


def _count_assumed(row: Resource) -> str:
    return "takes_filters" if row.is_count_filtered else "ignores_filters"


def window(asker: Asker, look: Look) -> Iterator[Finding]:
    """Whether a filter by change date has the second that it is given: incremental runs depend on it."""
    row, dates = look.row, look.row.modified
    if dates is None or not look.outcome.is_answered:
        return
    keys = look.own_keys()
    dated = [(at, key) for one, key in zip(look.rows(), keys, strict=False) if (at := read_moment(one.get(dates.field))) is not None]
    if not dated:
        yield _no_rows("window_has_its_second", look)
        return
    at, wanted = min(dated, key=lambda each: each[0])  # the one that is least likely to change now
    params = with_params(look.params, **{dates.since: in_format(at, dates.format)})
    if dates.until:
        params[dates.until] = in_format(at, dates.format)
    outcome, listing = asker.list(row, look.path, params)
    assumed = "no" if dates.is_open else "yes"
    if listing is None:
        yield _not_answered("window_has_its_second", row.name, outcome)
    else:
        has = wanted in Look(row, outcome, look.path, params, listing).own_keys()
        # Many rows may have been changed in one second, and a filter without an end has all later ones.
        may_be_behind = dates.until is None or len(listing.records) >= (default_page(listing) or len(look.listing.records))
        yield finding("window_has_its_second", row.name, "yes" if has else None if may_be_behind else "no", assumed)


def whole_list(asker: Asker, look: Look) -> Iterator[Finding]:
    """Whether a list leaves some of its rows out where it is not asked for all."""
    row = look.row
    if not row.whole_params or not look.outcome.is_answered:
        return
    params = {name: value for name, value in look.params.items() if name not in row.whole_params}
    outcome, listing = asker.list(row, look.path, params)
    if listing is None:
        yield _not_answered("left_out_unasked", row.name, outcome)
        return
    some, whole = told_total(listing), told_total(look.listing)
    found = None if some is None or not whole else "some_rows" if some < whole else "none_here"
    yield finding("left_out_unasked", row.name, found)


def line_count(_asker: Asker, look: Look) -> Iterator[Finding]:
    """Whether the number of items in an order is the sum of its lines' quantities."""
    if look.row.include_companions and look.row.kind == "collection" and not look.row.parent_keys and look.outcome.is_answered:
        whole = [record for record in look.with_includes if not order_lines.may_lack_lines(record)]
        differ = any(map(order_lines.count_disagrees, whole))
        yield finding("items_total", look.row.name, None if not whole else "another_number" if differ else "sum_of_lines", "sum_of_lines")


#: The questions of single lists, in the order of the page.
OF_A_LIST: Final[tuple[Question, ...]] = (
    page_size,
    order,
    unknown_filter,
    cursors,
    archive_field,
    empty_list,
    count,
    window,
    whole_list,
    line_count,
)


def of_the_clock(looks: list[Look]) -> Iterator[Finding]:
    """Whether the store's clock needs the scope that its file names: told only by a token without that scope."""
    for clock in (look for look in looks if look.row.is_clock and look.outcome.asked != "not_asked"):
        others = [look for look in looks if look.row.read_scopes == clock.row.read_scopes and not look.row.is_clock]
        if any(look.outcome.is_answered for look in others):
            yield finding("clock_needs_scope", clock.row.name, None, "yes")  # the token has the scope, or none is needed
        elif clock.outcome.asked == "refused_for_scope":
            yield finding("clock_needs_scope", clock.row.name, "yes", "yes")
        elif clock.outcome.is_answered and any(look.outcome.asked == "refused_for_scope" for look in others):
            yield finding("clock_needs_scope", clock.row.name, "no", "yes")
        else:
            yield _not_answered("clock_needs_scope", clock.row.name, clock.outcome)


def of_all_answers(asker: Asker) -> Iterator[Finding]:
    """What the headers of all answers together tell."""
    for host in HOSTS:
        if host.name in asker.rate_headers:
            assumed = _names({*RATE_HEADERS}) if host.quota is None else "none"
            yield finding("rate_headers", host.name, _names(asker.rate_headers[host.name]), assumed)
    if asker.on_204 is None:
        yield Finding(question="rate_headers_on_204", about=STORE.name, asked="not_asked", why="no_rows")
    else:
        yield finding("rate_headers_on_204", STORE.name, _names(asker.on_204), _names({*RATE_HEADERS}))
    step = rounding_of(asker.resets)
    yield finding("reset_rounded_to", STORE.name, None if step is None else f"{step}_ms")
    yield Finding(question="refusals_count", about=STORE.name, asked="not_asked", why="would_use_quota")


def _names(headers: set[str]) -> str:
    return " ".join(sorted(headers)) or "none"
