"""A list's rows as the store has them now, and one write whose answer its caller reads: for what is decided row by row. Decides nothing."""

from __future__ import annotations

from typing import Any

from airflow_provider_bigcommerce.client.look_up_pages import MOST_PAGES, page, readable
from airflow_provider_bigcommerce.client.sending import Sender
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.catalog.operations import operation_of
from airflow_provider_bigcommerce.core.messages import Query, Request, Response
from airflow_provider_bigcommerce.core.odd_bytes import python_value
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.writing.steps import READ_STATUSES, Hopeless, Unclear, told_by
from airflow_provider_bigcommerce.exceptions import BigCommerceError, NotFoundError, PaginationLoopError


async def listed(sender: Sender, path: str, query: Query) -> list[dict[str, Any]] | None:
    """All rows of a list, page by page; None where there is no such list (404).

    :param query: filters, which make it short.
    """
    resource = resource_of(path)
    resource = CATALOG.get(resource.name, resource)  # the lists of all orders are one endpoint
    most = resource.page_size
    request, rows = Request.get(path, {**query, "limit": most, "page": 1} if most else query), list[dict[str, Any]]()
    for number in range(1, MOST_PAGES + 1):
        try:
            listing = await page(sender, request, resource)
        except NotFoundError:
            if number == 1:
                return None
            raise
        rows += [python_value(record) for record in listing.records]
        pages = listing.meta.pagination
        is_last = len(listing.records) < most if pages is None or pages.total_pages is None else number >= pages.total_pages
        if is_last or not most:
            return rows
        request = request.with_params({"page": number + 1})
    raise PaginationLoopError(f"GET {path} has more than {MOST_PAGES:,} pages of the rows that were looked up. Report it.")


async def answered(sender: Sender, request: Request) -> Response | Unclear | Hopeless:
    """What came of one request that writes: an answer, a refusal of its rows included; no clear answer; or nothing was done, and no
    request that follows will fare better.
    """
    write = operation_of(request.method, request.path)
    resource = resource_of(write.resource) if write is not None and write.resource is not None else None
    try:
        return await sender.send(request, readable, resource=resource, write=write, takes=READ_STATUSES)
    except BigCommerceError as error:
        return told_by(error, is_repeatable=False)
