"""How the pages of a Relay connection of the Admin GraphQL API are walked, and when its end is believed.

Pure. ``hasNextPage: false`` is one word, and an end is believed when two independent things say so: a page that is shorter than one
before it, or a second answer. So a connection whose pages are all of one length costs one request more at its end, as every list does
(``docs/how-it-reads.md``).

Source: docs/store-operations/translations (connections).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core import odd_bytes
from airflow_provider_bigcommerce.core.graphql import GraphQLAnswer, find_connection, graphql_request
from airflow_provider_bigcommerce.core.keys import SeenKeys
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.raw_fields import dig
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, PaginationLoopError, UnexpectedAnswerError

#: Pages in a row without a node that is new, which may say that more is behind them: a connection can be filtered after it was cut
#: into pages.
_PAGES_WITHOUT_NEWS = 10


class _PageInfo(msgspec.Struct):
    has_next: bool = msgspec.field(name="hasNextPage")
    end_cursor: str | None = msgspec.field(name="endCursor", default=None)


class _Edge(msgspec.Struct):
    node: msgspec.Raw = msgspec.Raw(b"null")


class _Nodes(msgspec.Struct):
    edges: list[_Edge] | None = None
    nodes: list[msgspec.Raw] | None = None


class _Paged(msgspec.Struct):
    page_info: _PageInfo = msgspec.field(name="pageInfo")


_NODES = msgspec.json.Decoder(_Nodes)
_PAGED = msgspec.json.Decoder(_Paged)


class ConnectionWalk:
    """The pages of a Relay connection: ``endCursor`` goes into a variable of the next request.

    :param query: with ``pageInfo { hasNextPage endCursor }`` and a variable for the cursor.
    :param variables: the query's others.
    :param cursor_variable: name of the cursor's variable.
    :param connection: dotted path of the connection, or None to find it.
    :raises InvalidQueryError: the query cannot be read page by page.
    """

    def __init__(
        self, query: str, variables: Mapping[str, Any] | None = None, *, cursor_variable: str = "after", connection: str | None = None
    ) -> None:
        if any(needed not in query for needed in (f"${cursor_variable}", "pageInfo", "hasNextPage", "endCursor")):
            raise InvalidQueryError(
                f"To read all pages, the query needs the variable ${cursor_variable} as its connection's 'after' and "
                "pageInfo { hasNextPage endCursor }."
            )
        self._query, self._variables, self._cursor_variable = query, dict(variables or {}), cursor_variable
        self._path = tuple(connection.split(".")) if connection else None
        self._cursor: str | None = None
        self._cursors: set[str] = set()
        self._pages: set[bytes] = set()  # digests
        self._seen = SeenKeys()  # digests of nodes
        self._without_news = 0  # the last pages in a row
        self._longest = 0
        self._in_doubt = False  # the last answer said that nothing is here, or behind it, and nothing else did
        self._last: bytes | None = None  # digest of a last page that names no cursor, and is asked for again
        #: Whether all pages were read.
        self.is_done = False

    def request(self) -> Request:
        """The next request."""
        return graphql_request(self._query, {**self._variables, self._cursor_variable: self._cursor})

    def absorb(self, answer: GraphQLAnswer) -> list[msgspec.Raw]:
        """The nodes of the page that :meth:`request` asked for.

        :raises PaginationLoopError: the same cursor came twice, or the same nodes, or page after page without new ones.
        :raises UnexpectedAnswerError: it is no page of a connection.
        """
        nodes, info = self._page(answer)
        is_second_answer, self._in_doubt = self._in_doubt, False
        if self._last is not None:
            return self._again(nodes, info)
        if not nodes and not is_second_answer:
            self._in_doubt = True  # the same cursor is asked once more
        elif info.has_next:
            self._go_on(nodes, info.end_cursor)
        elif not nodes or len(nodes) < self._longest:
            self.is_done = True
        elif info.end_cursor is None:
            self._last = _digest(nodes)  # nothing can be asked behind it
        else:
            self._go_on(nodes, info.end_cursor)  # behind a page that may be full
            self._in_doubt = True
        self._longest = max(self._longest, len(nodes))
        return nodes

    def _again(self, nodes: list[msgspec.Raw], info: _PageInfo) -> list[msgspec.Raw]:
        if info.has_next or _digest(nodes) != self._last:
            raise UnexpectedAnswerError(f"POST /graphql answered two different pages for one cursor at {self._where}.")
        self.is_done = True
        return []

    def _page(self, answer: GraphQLAnswer) -> tuple[list[msgspec.Raw], _PageInfo]:
        self._path = path = self._path or find_connection(answer.data)
        connection = next(dig(answer.data, path), None)
        if connection is None:
            raise UnexpectedAnswerError(f"POST /graphql answered no connection at {self._where}.")
        try:
            info = odd_bytes.decoded(_PAGED, connection).page_info
        except msgspec.DecodeError:
            raise UnexpectedAnswerError(
                f"POST /graphql answered a pageInfo at {self._where} without a usable hasNextPage and endCursor."
            ) from None
        try:
            found = odd_bytes.decoded(_NODES, connection)
        except msgspec.DecodeError:
            found = _Nodes()
        nodes = found.nodes if found.nodes is not None else None if found.edges is None else [edge.node for edge in found.edges]
        if nodes is None or any(bytes(memoryview(node)[:1]) != b"{" for node in nodes):
            raise UnexpectedAnswerError(
                f"POST /graphql answered a connection at {self._where} without a list of nodes: ask for nodes {{ ... }} or "
                "edges { node { ... } }."
            )
        return nodes, info

    def _go_on(self, nodes: list[msgspec.Raw], cursor: str | None) -> None:
        if cursor is None or cursor in self._cursors:
            raise PaginationLoopError(f"POST /graphql answered the same cursor twice at {self._where}; the read would never end.")
        news = [node for node in nodes if self._seen.add(_digest([node]).hex())]
        page = _digest(nodes)
        self._without_news = 0 if news else self._without_news + 1
        if (nodes and page in self._pages) or self._without_news > _PAGES_WITHOUT_NEWS:
            what = "the same nodes twice" if nodes else f"{self._without_news} pages without nodes"
            raise PaginationLoopError(f"POST /graphql answered {what} at {self._where}, each with a new cursor; the read would never end.")
        self._pages.add(page)
        self._cursors.add(cursor)
        self._cursor = cursor

    @property
    def _where(self) -> str:
        return repr(".".join(self._path or ()))


def _digest(nodes: list[msgspec.Raw]) -> bytes:
    """Of nodes in whatever order."""
    return hashlib.blake2b(b"\0".join(sorted(bytes(node) for node in nodes)), digest_size=16).digest()
