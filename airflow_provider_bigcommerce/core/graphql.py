"""The Admin GraphQL API: what an answer means, and how a Relay connection is walked.

Pure. A query is the caller's; only whether it may be repeated, and where its connection is, is decided here.

Source: docs/start/about (complexity header, status codes), docs/store-operations/translations (connections, error unions).
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core import odd_bytes, outside_text
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.paging import dig
from airflow_provider_bigcommerce.core.reading import header_number
from airflow_provider_bigcommerce.exceptions import GraphQLError, InvalidQueryError, PaginationLoopError, UnexpectedAnswerError

GRAPHQL_PATH = "/graphql"
#: Errors of one answer that are told.
_MOST_ERRORS = 20

_STRINGS_AND_COMMENTS = re.compile(r'"""(?:.|\n)*?"""|"(?:\\.|[^"\\])*"|#[^\n]*')
_MUTATION = re.compile(r"\bmutation\b")


@dataclass(frozen=True, slots=True)
class GraphQLAnswer:
    """A good answer.

    :param data: the raw JSON of ``data``.
    :param complexity: the store's measure of the query (an error above 10,000), or None.
    """

    data: msgspec.Raw
    complexity: int | None


class _Envelope(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: list[dict[str, Any]] | None = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)


class PageInfo(msgspec.Struct):
    """Relay's page information."""

    has_next: bool = msgspec.field(name="hasNextPage", default=False)
    end_cursor: str | None = msgspec.field(name="endCursor", default=None)


_PAGE_INFO = msgspec.json.Decoder(PageInfo)


def graphql_request(query: str, variables: Mapping[str, Any] | None) -> Request:
    """The request; one that holds a mutation is never repeated blindly.

    :raises InvalidQueryError: an empty query.
    """
    if not query.strip():
        raise InvalidQueryError("The GraphQL query is empty.")
    is_mutation = bool(_MUTATION.search(_STRINGS_AND_COMMENTS.sub(" ", query)))
    body = msgspec.json.encode({"query": query, "variables": dict(variables or {})})
    return Request("POST", GRAPHQL_PATH, body=body, is_read=not is_mutation)


def read_graphql(response: Response) -> GraphQLAnswer:
    """Read an answer of status 200.

    :raises GraphQLError: top-level errors, or an error union in a mutation's payload.
    :raises msgspec.DecodeError: not JSON.
    """
    complexity = header_number(response.headers, "x-bc-graphql-complexity")
    answer = odd_bytes.decoded(_ENVELOPE, response.body)
    if answer.errors:
        errors = answer.errors[:_MOST_ERRORS]
        raise GraphQLError([_told(error) for error in errors], kinds=[_code(error) for error in errors])
    if bytes(answer.data) == b"null":
        raise UnexpectedAnswerError("POST /graphql answered neither data nor errors.")
    unions = list(itertools.islice(_error_unions(answer.data), _MOST_ERRORS))
    if unions:
        raise GraphQLError([_told(error) for error in unions], kinds=[outside_text.code(error.get("__typename", "")) for error in unions])
    return GraphQLAnswer(answer.data, None if complexity is None else int(complexity))


def _told(error: Mapping[str, Any]) -> str:
    where, text = error.get("path"), error.get("message")
    message = outside_text.message(text) if text else outside_text.code(error.get("__typename", "")) or "no message"
    return f"{message} (at {outside_text.field_name('.'.join(map(str, where[:10])))})" if isinstance(where, list) and where else message


def _code(error: Mapping[str, Any]) -> str:
    extensions = error.get("extensions")
    return outside_text.code(extensions.get("code", "")) if isinstance(extensions, Mapping) else ""


def _error_unions(data: msgspec.Raw) -> Iterator[Mapping[str, Any]]:
    """Members of ``errors`` lists in a mutation's payloads. Source: docs/store-operations/translations."""
    waiting: list[Any] = [odd_bytes.python_value(data)]
    while waiting:
        value = waiting.pop()
        if not isinstance(value, Mapping):
            continue
        errors = value.get("errors")
        if isinstance(errors, list):
            yield from (error for error in errors if isinstance(error, Mapping) and ("message" in error or "__typename" in error))
        waiting += [below for name, below in value.items() if name != "errors"]


def find_connection(data: msgspec.Raw) -> tuple[str, ...]:
    """The path of the one connection in an answer: the object that has ``pageInfo``.

    :raises InvalidQueryError: none, or several.
    """
    found: list[tuple[str, ...]] = []
    waiting: list[tuple[tuple[str, ...], Any]] = [((), odd_bytes.python_value(data))]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, Mapping):
            if "pageInfo" in value:
                found.append(path)  # connections inside its nodes are not pages of ours
            else:
                waiting += [((*path, name), below) for name, below in value.items()]
    if len(found) != 1:
        names = outside_text.one_line(", ".join(outside_text.field_name(".".join(path)) for path in found[:10])) or "none"
        raise InvalidQueryError(
            f"The query's answer must hold one connection with pageInfo {{ hasNextPage endCursor }}; found: {names}. "
            "Name it: connection='store.products'."
        )
    return found[0]


#: Pages without nodes in a row that may say that more is behind them: a connection can be filtered after it was cut into pages.
_EMPTY_PAGES = 10


class ConnectionWalk:
    """The pages of a Relay connection: ``endCursor`` goes into a variable of the next request.

    :param query: with ``pageInfo { hasNextPage endCursor }`` and a variable for the cursor.
    :param variables: the query's others.
    :param cursor_variable: name of the cursor's variable.
    :param connection: dotted path of the connection, or None to find it.
    """

    def __init__(
        self, query: str, variables: Mapping[str, Any] | None = None, *, cursor_variable: str = "after", connection: str | None = None
    ) -> None:
        if f"${cursor_variable}" not in query or "pageInfo" not in query:
            raise InvalidQueryError(
                f"To read all pages, the query needs the variable ${cursor_variable} as its connection's 'after' and "
                "pageInfo { hasNextPage endCursor }."
            )
        self._query, self._variables, self._cursor_variable = query, dict(variables or {}), cursor_variable
        self._path = tuple(connection.split(".")) if connection else None
        self._seen: set[str] = set()
        self._pages: set[bytes] = set()  # digests
        self._empty = 0  # pages without nodes, the last ones in a row

    def request(self, cursor: str | None) -> Request:
        """The request for the page after a cursor; the first one for None."""
        return graphql_request(self._query, {**self._variables, self._cursor_variable: cursor})

    def absorb(self, answer: GraphQLAnswer) -> tuple[list[msgspec.Raw], str | None]:
        """The page's nodes, and the cursor of the next page, None at the end.

        :raises PaginationLoopError: the same cursor came twice, or the same nodes, or page after page without nodes.
        """
        self._path = path = self._path or find_connection(answer.data)
        nodes = [*dig(answer.data, (*path, "edges", "node")), *dig(answer.data, (*path, "nodes"))]
        raw = next(dig(answer.data, (*path, "pageInfo")), None)
        if raw is None:
            raise UnexpectedAnswerError(f"POST /graphql answered no connection at {'.'.join(path)!r}.")
        try:
            info = odd_bytes.decoded(_PAGE_INFO, raw)
        except msgspec.DecodeError:
            raise UnexpectedAnswerError(
                f"POST /graphql answered a pageInfo at {'.'.join(path)!r} without a usable hasNextPage and endCursor."
            ) from None
        if not info.has_next:
            return nodes, None
        if info.end_cursor is None or info.end_cursor in self._seen:
            raise PaginationLoopError(f"POST /graphql answered the same cursor twice at {'.'.join(path)!r}; going on would never end.")
        page = hashlib.blake2b(b"\0".join(bytes(node) for node in nodes), digest_size=16).digest()
        self._empty = 0 if nodes else self._empty + 1
        if (nodes and page in self._pages) or self._empty > _EMPTY_PAGES:
            what = "the same nodes twice" if nodes else f"{self._empty} pages without nodes"
            raise PaginationLoopError(
                f"POST /graphql answered {what} at {'.'.join(path)!r}, each with a new cursor; going on would never end."
            )
        self._pages.add(page)
        self._seen.add(info.end_cursor)
        return nodes, info.end_cursor
