"""Reads what the store has of many rows: by their ids, or by the keys that no other row can have; hundreds with one request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_bigcommerce.client.writing import Writing
from airflow_provider_bigcommerce.core.writing.items import Item
from airflow_provider_bigcommerce.core.writing.questions import Question, by_id, hits, questions
from airflow_provider_bigcommerce.exceptions import PermissionDeniedError

#: Look-ups at once; the sender has its own bounds of quota and endpoint.
_AT_ONCE = 8


async def held_rows(writing: Writing, items: Sequence[Item]) -> dict[int, list[Mapping[str, Any]]]:
    """Place -> the store's rows of that item; a place is missing where the store cannot be asked for it.

    :raises BigCommerceError: the store did not answer, or refused.
    """
    route = writing.route
    with_id = [item for item in items if item.id is not None]
    asked, left = by_id(route, with_id, "unclear") if with_id else ([], [])
    more, _ = questions(route, [*left, *(item for item in items if item.id is None)], route.lookups or route.settles, "unclear")
    found: dict[int, list[Mapping[str, Any]]] = {}
    slots = asyncio.Semaphore(_AT_ONCE)

    async def ask(question: Question) -> None:
        async with slots:
            try:
                rows = await writing.rows(question)
            except PermissionDeniedError:
                if not question.more:
                    raise
                rows = None
        if rows is not None:
            by_place = hits(question, rows)
            for place, item in enumerate(question.items):
                found.setdefault(item.place, []).extend(by_place[place])
        if question.more:
            missing = [item for item in question.items if not found.get(item.place)]
            again, _ = questions(route, missing, question.more, question.purpose)
            for other in again:
                await ask(other)

    async with asyncio.TaskGroup() as group:
        for question in [*asked, *more]:
            group.create_task(ask(question))
    return found
