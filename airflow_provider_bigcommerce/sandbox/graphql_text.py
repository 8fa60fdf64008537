"""Reads a GraphQL document: operations, fields with arguments and aliases, fragments, variables. No types, no validation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r'[\s,]+|#[^\n]*|(?P<token>\.\.\.|[!$()\[\]{}:=@|]|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|[_A-Za-z]\w*)')


class GraphQLSyntaxError(ValueError):
    """The text is not GraphQL."""


@dataclass
class Selection:
    """A field, or a fragment on a type (`on` is set then, and `name` is empty)."""

    name: str
    alias: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    selections: list[Selection] = field(default_factory=list)
    on: str | None = None
    spread: str | None = None


@dataclass
class Operation:
    """The one operation of a document."""

    kind: str
    selections: list[Selection]
    fragments: Mapping[str, Selection]


def parse(text: str, variables: Mapping[str, Any]) -> Operation:
    """Read a document of one operation.

    :param text: the document.
    :param variables: values put in for `$name`.
    :raises GraphQLSyntaxError: it cannot be read.
    """
    return _Reader(text, variables).document()


class _Reader:
    def __init__(self, text: str, variables: Mapping[str, Any]) -> None:
        self._tokens: list[str] = []
        place = 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise GraphQLSyntaxError(f"Syntax Error: Unexpected character: {text[place]!r}.")
            if found["token"]:
                self._tokens.append(found["token"])
            place = found.end()
        self._at = 0
        self._variables = dict(variables)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self, wanted: str | None = None) -> str:
        token = self._peek()
        if not token or (wanted is not None and token != wanted):
            raise GraphQLSyntaxError(f"Syntax Error: Expected {wanted or 'more'}, found {token or '<EOF>'}.")
        self._at += 1
        return token

    def document(self) -> Operation:
        kind, selections, fragments = "", [], {}
        while self._peek():
            if self._peek() == "fragment":
                self._next()
                name = self._next()
                self._next("on")
                fragments[name] = Selection("", on=self._next(), selections=self._block())
                continue
            kind = "query"
            if self._peek() != "{":
                kind = self._next()
                if kind not in ("query", "mutation"):
                    raise GraphQLSyntaxError(f'Syntax Error: Unexpected Name "{kind}".')
                if self._peek() not in ("(", "{"):
                    self._next()
                if self._peek() == "(":
                    self._declarations()
            selections = self._block()
        if not kind:
            raise GraphQLSyntaxError("Syntax Error: Unexpected <EOF>.")
        return Operation(kind, selections, fragments)

    def _declarations(self) -> None:
        self._next("(")
        while self._peek() != ")":
            self._next("$")
            name = self._next()
            self._next(":")
            while self._peek() not in ("$", ")", "="):
                self._next()
            if self._peek() == "=":
                self._next()
                default = self._value()
                self._variables.setdefault(name, default)
        self._next(")")

    def _block(self) -> list[Selection]:
        self._next("{")
        found = []
        while self._peek() != "}":
            found.append(self._selection())
        self._next("}")
        return found

    def _selection(self) -> Selection:
        if self._peek() == "...":
            self._next()
            if self._peek() == "on":
                self._next()
                return Selection("", on=self._next(), selections=self._block())
            return Selection("", spread=self._next())
        name = alias = self._next()
        if self._peek() == ":":
            self._next()
            name = self._next()
        selection = Selection(name, alias)
        if self._peek() == "(":
            self._next()
            while self._peek() != ")":
                argument = self._next()
                self._next(":")
                selection.arguments[argument] = self._value()
            self._next(")")
        if self._peek() == "{":
            selection.selections = self._block()
        return selection

    def _value(self) -> Any:
        token = self._next()
        if token == "$":
            return self._variables.get(self._next())
        if token == "[":
            items = []
            while self._peek() != "]":
                items.append(self._value())
            self._next("]")
            return items
        if token == "{":
            found = {}
            while self._peek() != "}":
                name = self._next()
                self._next(":")
                found[name] = self._value()
            self._next("}")
            return found
        if token.startswith('"'):
            return token[1:-1].encode().decode("unicode_escape") if "\\" in token else token[1:-1]
        if token[0].isdigit() or token[0] == "-":
            return float(token) if "." in token else int(token)
        return {"true": True, "false": False, "null": None}.get(token, token)
