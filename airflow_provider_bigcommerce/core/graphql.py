"""The Admin GraphQL API: what an answer means.

Pure. A query is the caller's; only whether it may be repeated, and where its connection is, is decided here. How the pages of a
connection are walked is in ``connection_walk``.

Source: docs/start/about (complexity header, status codes), docs/store-operations/translations (error unions).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core import odd_bytes, outside_text
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.reading import header_number
from airflow_provider_bigcommerce.exceptions import GraphQLError, InvalidQueryError, UnexpectedAnswerError

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
