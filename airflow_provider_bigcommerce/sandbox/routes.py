"""Which path does what: a table of routes, and how a path finds its route. Handlers are plain functions of a store and a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bigcommerce.sandbox.answers import Answer

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.store import Store


@dataclass(frozen=True)
class Call:
    """One request, as a handler sees it."""

    method: str
    version: str
    path: str
    keys: Mapping[str, Any]  # of the path; numbers as int
    query: Mapping[str, str]
    body: Any  # decoded JSON, or None
    token: str = ""

    @property
    def last_key(self) -> Any:
        """The key nearest to the end of the path."""
        return next(reversed(list(self.keys.values())))


Handler = Callable[["Store", Call], Answer]


@dataclass(frozen=True)
class Route:
    """A path template and its handlers by method."""

    template: str
    handlers: Mapping[str, Handler]


class Router:
    """Finds the route of a path; a literal segment wins over a key."""

    def __init__(self) -> None:
        self._by_length: dict[int, list[tuple[tuple[str, ...], Route]]] = {}
        self._exact: dict[str, Route] = {}
        self.templates: dict[str, Route] = {}

    def add(self, template: str, **handlers: Handler) -> None:
        """Add handlers to a path; a method that is there already is replaced."""
        old = self.templates.get(template)
        route = Route(template, {**(old.handlers if old else {}), **handlers})
        self.templates[template] = route
        if "{" not in template:
            self._exact[template] = route
            return
        parts = tuple(template.strip("/").split("/"))
        routes = self._by_length.setdefault(len(parts), [])
        routes[:] = [entry for entry in routes if entry[1].template != template]
        routes.append((parts, route))
        routes.sort(key=lambda entry: [part.startswith("{") for part in entry[0]])

    def find(self, path: str) -> tuple[Route, dict[str, Any]] | None:
        """Find the route of a path, and the keys in the path."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact, {}
        given = path.strip("/").split("/")
        for parts, route in self._by_length.get(len(given), ()):
            keys: dict[str, Any] = {}
            for part, text in zip(parts, given, strict=True):
                if part.startswith("{"):
                    keys[part[1:-1]] = int(text) if text.isdigit() else text
                elif part != text:
                    break
            else:
                return route, keys
        return None
