"""The GraphQL Admin endpoint, as far as it goes here: products with their variants as Relay connections, translations, two mutations.

Errors come as BigCommerce sends them: at the top of the answer, or as a union inside a mutation's payload.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_bigcommerce.sandbox.answers import Answer, encode
from airflow_provider_bigcommerce.sandbox.graphql_text import GraphQLSyntaxError, Operation, Selection, parse
from airflow_provider_bigcommerce.sandbox.routes import Call
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row

MOST_COMPLEX = 10_000  # source: docs/start/about, the header's description
MOST_NODES = 50  # source: docs/store-operations/translations
_SNAKE = re.compile(r"(?<!^)([A-Z])")


class _FieldError(ValueError):
    """A query asks for what there is not."""


class _Connection:
    """A list to be shown page by page."""

    def __init__(self, keys: Sequence[Any], node: Callable[[Any], Any]) -> None:
        self.keys, self.node = keys, node


def answer(store: Store, call: Call) -> Answer:
    """Answer POST /graphql."""
    body = call.body if isinstance(call.body, dict) else {}
    if not isinstance(body.get("query"), str):
        return _errors(["Must provide query string."], 0)
    try:
        operation = parse(body["query"], body.get("variables") or {})
        complexity = _complexity(operation.selections, operation)
        if complexity > MOST_COMPLEX:
            text = f"The query is too complex as it has a complexity score of {complexity} out of {MOST_COMPLEX}. "
            return _errors([text + "Please remove some elements and try again"], complexity)
        root = _query_root(store) if operation.kind == "query" else _mutation_root(store)
        shown = _show(root, operation.selections, operation, "Query" if operation.kind == "query" else "Mutation")
    except (GraphQLSyntaxError, _FieldError) as bad:
        return _errors([str(bad)], 0)
    return Answer(200, encode({"data": shown}), _headers(complexity))


def _headers(complexity: int) -> dict[str, str]:
    return {"x-bc-graphql-complexity": str(complexity)}


def _errors(messages: Iterable[str], complexity: int) -> Answer:
    return Answer(200, encode({"errors": [{"message": message} for message in messages]}), _headers(complexity))


def _complexity(selections: Sequence[Selection], operation: Operation) -> int:
    total = 0
    for selection in selections:
        inner = operation.fragments.get(selection.spread or "", selection).selections
        times = selection.arguments.get("first")
        total += (0 if selection.on or selection.spread else 1) + _complexity(inner, operation) * (times if isinstance(times, int) else 1)
    return total


# -- what there is -------------------------------------------------------------------------------------------------------------------


def _query_root(store: Store) -> Row:
    def products(arguments: Mapping[str, Any]) -> _Connection:
        wanted = arguments.get("ids") or (arguments.get("filters") or {}).get("ids")
        keys = (
            store.tables["products"].ids() if wanted is None else [key for key in map(_number, wanted) if key in store.tables["products"]]
        )
        return _Connection(keys, lambda key: _product(store, key))

    def product(arguments: Mapping[str, Any]) -> Row | None:
        key = _number(str(arguments.get("id", "")))
        return _product(store, key) if key in store.tables["products"] else None

    def translations(_arguments: Mapping[str, Any]) -> _Connection:
        return _Connection(store.tables["products"].ids(), lambda key: _translation(store, key))

    return {"store": {"__typename": "Store", "id": f"bc/store/{store.store_hash}", "products": products, "product": product,
                      "translations": translations}}  # fmt: skip


def _number(text: str) -> int:
    tail = str(text).rsplit("/", 1)[-1]
    return int(tail) if tail.isdigit() else -1


def _product(store: Store, key: int) -> Row:
    row = store.tables["products"].get(key) or {}
    return {
        **row,
        "__typename": "Product",
        "id": f"bc/store/product/{key}",
        "entity_id": key,
        "variants": lambda _arguments: _Connection(
            store.variants_of(key),
            lambda v: {**v, "__typename": "Variant", "id": f"bc/store/productVariant/{v['id']}", "entity_id": v["id"]},
        ),
    }


def _translation(store: Store, key: int) -> Row:
    row = store.tables["products"].get(key) or {}
    fields = [
        {
            "field_name": "name",
            "original": row.get("name", ""),
            "translation": store.singletons.get(f"graphql/translation/{key}", {}).get("name"),
        }
    ]
    return {"__typename": "Translation", "resource_id": f"bc/store/product/{key}", "fields": fields}


def _mutation_root(store: Store) -> Row:
    def update_translations(arguments: Mapping[str, Any]) -> Row:
        errors = []
        for entity in (arguments.get("input") or {}).get("entities", ()):
            key = _number(str(entity.get("resourceId", "")))
            if key not in store.tables["products"]:
                errors.append({"__typename": "EntityNotFoundError", "id": entity.get("resourceId"), "message": "Entity not found."})
                continue
            for changed in entity.get("fields", ()):
                if not changed.get("value"):
                    errors.append(
                        {"__typename": "ValidationError", "message": "Value must not be empty.", "path": [changed.get("fieldName")]}
                    )
                else:
                    store.keep_singleton(f"graphql/translation/{key}", {changed.get("fieldName"): changed["value"]})
        return {"__typename": "UpdateTranslationsResult", "errors": errors}

    def create_webhook(arguments: Mapping[str, Any]) -> Row:
        given = arguments.get("input") or {}
        if not str(given.get("destination", "")).startswith("https://"):
            error = {"__typename": "ValidationError", "message": "The destination must be an https URL.", "path": ["destination"]}
            return {"__typename": "CreateHttpsWebhookResult", "webhook": None, "errors": [error]}
        row = store.add("webhooks", scope=given.get("scope"), destination=given["destination"], is_active=True)
        return {"__typename": "CreateHttpsWebhookResult", "webhook": {**row, "id": f"bc/store/webhook/{row['id']}"}, "errors": []}

    return {"translation": {"__typename": "TranslationMutations", "update_translations": update_translations},
            "webhook": {"__typename": "WebhookMutations", "create_https_webhook": create_webhook}}  # fmt: skip


# -- showing it ----------------------------------------------------------------------------------------------------------------------


def _show(value: Any, selections: Sequence[Selection], operation: Operation, name: str) -> Any:
    if value is None or not selections:
        if isinstance(value, dict):
            raise _FieldError(f'Field "{name}" must have a selection of subfields.')
        return value
    if isinstance(value, list):
        return [_show(item, selections, operation, name) for item in value]
    if not isinstance(value, dict):
        raise _FieldError(f'Field "{name}" must not have a selection since it has no subfields.')
    shown: Row = {}
    for selection in selections:
        if selection.spread is not None and selection.spread not in operation.fragments:
            raise _FieldError(f'Unknown fragment "{selection.spread}".')
        part = operation.fragments[selection.spread] if selection.spread is not None else selection
        if part.on is not None:
            if part.on in (value.get("__typename"), "Error", "Node"):
                shown |= _show(value, part.selections, operation, name)
            continue
        key = part.name if part.name.startswith("__") else _SNAKE.sub(r"_\1", part.name).lower()
        if key not in value:
            raise _FieldError(f'Cannot query field "{part.name}" on type "{value.get("__typename", name)}".')
        inner = value[key](part.arguments) if callable(value[key]) else value[key]
        if isinstance(inner, _Connection):
            shown[part.alias] = _show_connection(inner, part, operation)
        else:
            shown[part.alias] = _show(inner, part.selections, operation, part.name)
    return shown


def _show_connection(connection: _Connection, selection: Selection, operation: Operation) -> Any:
    first, after = selection.arguments.get("first", 10), selection.arguments.get("after")
    if not isinstance(first, int) or not 0 < first <= MOST_NODES:
        raise _FieldError(f'Argument "first" must be between 1 and {MOST_NODES}.')
    start = 0
    if after:
        try:
            start = int(b64decode(str(after).encode(), validate=True)) + 1
        except ValueError as bad:
            raise _FieldError('Argument "after" is not a cursor of this list.') from bad
    keys = connection.keys[start : start + first]
    edges = [{"__typename": "Edge", "cursor": _cursor(start + place), "node": connection.node(key)} for place, key in enumerate(keys)]
    info = {
        "__typename": "PageInfo",
        "has_next_page": start + len(keys) < len(connection.keys),
        "has_previous_page": start > 0,
        "start_cursor": edges[0]["cursor"] if edges else None,
        "end_cursor": edges[-1]["cursor"] if edges else None,
    }
    return _show({"__typename": "Connection", "edges": edges, "page_info": info}, selection.selections, operation, selection.name)


def _cursor(place: int) -> str:
    return b64encode(str(place).encode()).decode()
