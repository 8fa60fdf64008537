"""One look at the store: how many rows match, read as cheaply as the resource allows.

Counts and stops early; it waits for nothing, which is the sensor's and the trigger's affair.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bigcommerce.core.messages import Query
from airflow_provider_bigcommerce.core.planning import check_parameters, check_query, is_counted, resource_of
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, NotFoundError

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore

#: How a look talks to the store: few requests at once, and no long waits inside, since the wait itself is told what to do.
LOOK_SETTINGS: Mapping[str, Any] = {"max_concurrency": 2, "max_attempts": 3, "max_wait": 30.0}


@dataclass(frozen=True, slots=True)
class Sought:
    """What is waited for.

    :param resource: catalog name or path of a list.
    :param id: the one row to look at, or None for the list.
    :param query: filters, as BigCommerce names them.
    :param at_least: rows that must match.
    :param is_match: whether a row counts, or None where each one does.
    """

    resource: str
    id: int | str | None = None
    query: Query | None = None
    at_least: int = 1
    is_match: Callable[[Mapping[str, Any]], bool] | None = None

    def check(self) -> None:
        """Refuse what cannot work, before anything is sent.

        :raises UnknownResourceError: no such resource.
        :raises InvalidQueryError: an argument that cannot work.
        """
        row = resource_of(self.resource)
        if self.id is not None:
            check_parameters(row, self.query or {}, is_one=True)
            if self.at_least > 1:
                raise InvalidQueryError(f"at_least={self.at_least} goes with a list; id={self.id!r} names one row.")
            return
        check_query(row, self.query or {})
        if row.parent_keys or row.id_placeholder:
            raise InvalidQueryError(
                f"{self.resource!r} is a list below each {row.parent or row.id_placeholder}: give the path of one list, such as "
                f"{row.path!r} with the ids filled in, or id=..."
            )


async def look(store: BigCommerceStore, sought: Sought) -> int:
    """How many rows match; counting ends where there are enough.

    A row that does not exist is no error: it may come.

    :raises BigCommerceError: see ``airflow_provider_bigcommerce.exceptions``.
    """
    row, query = resource_of(sought.resource), dict(sought.query or {})
    if sought.id is not None:
        try:
            found = await store.get(sought.resource, sought.id, query=query)
        except NotFoundError:
            return 0
        return int(sought.is_match is None or sought.is_match(found))
    if sought.is_match is None:
        if is_counted(row, query) or row.paging in ("v3_page", "offset"):  # both tell a number in one request
            return await store.count(sought.resource, query=query)
        if row.page_size:  # other lists take no limit
            query.setdefault("limit", min(sought.at_least, row.page_size))
    matching = 0
    async with contextlib.aclosing(store.rows(sought.resource, query=query)) as rows:
        async for record in rows:
            matching += sought.is_match is None or sought.is_match(record)
            if matching >= sought.at_least:
                break
    return matching
