"""Sends what looks rows up, page by page. Decides nothing: ``core/writing/look_ups.py`` says what is asked."""

from __future__ import annotations

from typing import Any

from airflow_provider_bigcommerce.client.sending import Sender
from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.odd_bytes import python_value
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.reading import Listing, read_listing
from airflow_provider_bigcommerce.core.writing.look_ups import PAGE_SIZE, Question
from airflow_provider_bigcommerce.exceptions import NotFoundError, PaginationLoopError

#: Pages that one look-up has at most: keys are asked for by the hundred.
MOST_PAGES = 1_000


async def answers(sender: Sender, question: Question) -> list[dict[str, Any]]:
    """All rows of the list that is asked, page by page; none where one row is asked for that is not there."""
    resource = resource_of(question.request.path)
    request, rows = question.request, list[dict[str, Any]]()
    for _ in range(MOST_PAGES):
        try:
            listing = await page(sender, request, resource, is_list=not question.is_one)
        except NotFoundError:
            return rows
        rows += [python_value(record) for record in listing.records]
        following = None if question.is_one else _following(request, listing)
        if following is None:
            return rows
        request = following
    raise PaginationLoopError(f"GET {request.path} has more than {MOST_PAGES:,} pages of the rows that were looked up. Report it.")


async def page(sender: Sender, request: Request, resource: Resource, *, is_list: bool = True) -> Listing:
    """One page of a list, or one row as a list of one."""
    envelope = "bare" if request.path.startswith("/v2/") else "data"
    return await sender.send(
        request,
        lambda response: read_listing(request, response, envelope=envelope, may_be_204=True, is_list=is_list),
        resource=resource,
    )


def readable(response: Response) -> Response:
    """The answer to a write, where it can be read; an answer of success that is no JSON is none."""
    if response.status < 300:
        response.json()
    return response


def _following(request: Request, listing: Listing) -> Request | None:
    """The request for the next page, None where there is none."""
    cursors, pages = listing.meta.cursor_pagination, listing.meta.pagination
    if cursors is not None and pages is None:
        return request.with_params({"after": cursors.end_cursor}) if cursors.end_cursor and cursors.links and cursors.links.next else None
    number = int(dict(request.params).get("page", "1"))
    if pages is not None and pages.total_pages is not None:
        return request.with_params({"page": number + 1}) if number < pages.total_pages else None
    return request.with_params({"page": number + 1}) if len(listing.records) >= PAGE_SIZE else None
