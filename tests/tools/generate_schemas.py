"""Derive the column types of every resource from BigCommerce's OpenAPI files and write them as compact data.

It decides nothing at run time: the package ships the result (``rows/schemas.json``), never the specs, and a test
runs this again and compares. Run it as ``python -m tests.tools.generate_schemas``.
"""

from __future__ import annotations

import functools
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.openapi import b2b_files
from tests.tools.money_fields import is_exchange_rate, is_money

#: A column's type as data: a code, a struct (name -> type), or a list of one type.
Type = str | dict[str, Any] | list[Any]

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY / "airflow_provider_bigcommerce" / "rows" / "schemas.json"

#: Deepest nesting that becomes columns; below it, and where a schema contains itself, JSON text is kept.
MAX_DEPTH = 7

#: Text fields whose name says that they are an instant. Times of day, time zones and words about time are not.
_TIME_NAME = re.compile(
    r"(^|_)(date|datetime|timestamp)($|_)|_at$|^(created|updated)_time$|^(created|modified|updated|last_updated|expires|expiry|last_used)$"
)
_NOT_TIME = re.compile(r"format|zone|range|display|type|label|text|limit|^date_of_birth_|description|option|based|updated_by|hidden_until")

#: Fields the specs call numbers that only ever count, order or identify.
_COUNT_NAME = re.compile(r"(^|_)(ids?|count|categories|priority|sort_order|as_integer)$|^quantity(_|$)|^items_(total|shipped)$")

#: The same in B2B Edition's files, which call every code a number.
_CODE_NAME = re.compile(r"(^|_)(status|statuses|type|source|year|month|operations|payment|role|level)$")

#: Whole numbers that the specs call strings, where the column must join with another resource's int64 key.
INTEGERS_AS_TEXT: frozenset[tuple[str, str]] = frozenset(
    {("order_transactions", "order_id"), ("order_taxes", "order_product_id")}
    | {(f"b2b_{name}", "customerId") for name in ("invoices", "invoice_payments", "receipts", "receipt_lines")}  # the company's id
)

#: Where the facts name a file of B2B Edition, and where it is below the OpenAPI folder.
_B2B_FILES, _B2B_FOLDER = "docs/b2b-edition/", "b2b"

#: Keys that the catalog says otherwise than the facts: by the column that a parent's key is.
KEYS: dict[str, list[str]] = {
    "order_consignment_shipping_quotes": ["order_id", "shipping_consignment_id"],
    "b2b_company_hierarchy": ["company_id", "companyId"],
}

#: Fields that are newer than the files. Source: facts/openapi-changes.md, openapi/inventory.v3.newer-fields.yml.
_BACKORDER: dict[str, Any] = {
    "backorder_limit": "int",
    "backorder_message": {"id": "int", "name": "text", "message": "text", "is_default": "bool", "created_at": "time", "updated_at": "time"},
}
NEWER: dict[str, dict[str, Any]] = {
    "inventory_items": {"locations": [{"qty_backordered": "int", "settings": _BACKORDER}]},
    "location_inventory_items": {"qty_backordered": "int", "settings": _BACKORDER},
    "promotions": {"is_featured": "bool"},
    "promotion_codes": {"schedule": {"valid_from": "scalar", "valid_until": "scalar"}},
}

#: Fields whose published examples, or descriptions, say more than their schema: (resource, path) -> type.
CORRECTED: dict[tuple[str, str], Type] = {
    # Seconds since 1970, as text, by the examples; dates by their names.
    ("gift_certificates", "expiry_date"): "time_unix_text",
    ("gift_certificates", "purchase_date"): "time_unix_text",
    ("banners", "date_created"): "time_unix_text",
    ("banners", "date_from"): "time_unix_text",
    ("banners", "date_to"): "time_unix_text",
    # A number by its description and text by its type: a key must hold whichever comes.
    ("tax_classes", "id"): "scalar",
    # An average has as many places as the division gives.
    ("catalog_summary", "average_variant_price"): "float",
    # A price that no schema names; one example has an empty object in its place.
    ("product_variants_by_product", "map_price"): "money",
    # Null, or an empty list, in the only example.
    ("orders", "credit_card_type"): "text",
    ("customers", "segment_ids"): ["text"],
    # A number in one example of the list that it is.
    ("checkouts", "cart.line_items.digital_items.coupons"): "json",
    # Seconds since 1970, as text.
    **{(f"b2b_{name}", field): "time_unix_text" for name in ("companies", "channels") for field in ("createdAt", "updatedAt")},
    # A UUID in the example and a number by its type.
    ("b2b_orders", "cartId"): "text",
    # A local time, whose zone stands in the field beside it.
    ("blog_posts", "published_date.date"): "text",
    # Numbers in the schema, text in the examples.
    ("shipping_methods", "handling_fees.fixed_surcharge"): "money_text",
    ("shipping_methods", "handling_fees.percentage_surcharge"): "float_text",
}

#: Examples that show another record than the list's.
_FOREIGN_EXAMPLES = frozenset({"order_fees"})

_OBJECT_KEYS = frozenset({"properties", "additionalProperties", "patternProperties"})


@functools.cache
def _document(path: Path) -> dict[str, Any]:
    """A file as it stands; several resources come from one, and it takes half a second to read."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)  # type: ignore[no-any-return]  # an OpenAPI file is an object


class Spec:
    """One OpenAPI file: looks up paths and references."""

    def __init__(self, path: Path, b2b: Path | None = None) -> None:
        self.document: dict[str, Any] = _document(path) if b2b is None else b2b_files.document(b2b, path)

    def resolve(self, node: Any) -> Any:
        """Follow local references until something that is none."""
        seen = set()
        while isinstance(node, Mapping) and isinstance(node.get("$ref"), str):
            ref = node["$ref"]
            if ref in seen or not ref.startswith("#/"):
                return {}
            seen.add(ref)
            target: Any = self.document
            for part in ref[2:].split("/"):
                target = target.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(target, Mapping) else {}
            node = target
        return node

    def operation(self, path: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The path item and the GET of an API path such as ``/v3/catalog/products``.

        :raises LookupError: the file has no such path.
        """
        wanted = re.sub(r"\{[^}]*\}", "{}", path)
        short = re.sub(r"^/v[23]", "", wanted)
        for key, item in self.document["paths"].items():
            plain = re.sub(r"\{[^}]*\}", "{}", key)
            if plain in (wanted, short) or plain.endswith(wanted):
                found = self.resolve(item)
                if "get" in found:
                    return found, found["get"]
        raise LookupError(path)

    def answer(self, operation: Mapping[str, Any]) -> Any:
        """The JSON schema of the 200 answer."""
        response = self.resolve(operation["responses"]["200"])
        for media, content in response.get("content", {}).items():
            if "json" in media:
                return content.get("schema", {})
        return {}

    def example_records(self, operation: Mapping[str, Any], version: str) -> Iterator[Mapping[str, Any]]:
        """The records in the published examples of the 200 answer."""
        response = self.resolve(operation["responses"]["200"])
        for content in response.get("content", {}).values():
            examples = [content.get("example"), *(self.resolve(example).get("value") for example in content.get("examples", {}).values())]
            for example in examples:
                data = example.get("data") if version == "v3" and isinstance(example, Mapping) else example
                yield from _objects(data if isinstance(data, list) else [data])


def _objects(values: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    return (value for value in values if isinstance(value, Mapping))


_NUMBERS = frozenset({"int", "float"})
_EITHER = {"money": "money_text", "float": "float_text", "int": "int_text"}


def merge(first: Type | None, second: Type | None) -> Type:
    """One type for a value that may be either; JSON text where no column type holds both."""
    if first is None or second is None or first == second:
        return first or second or "json"
    if isinstance(first, dict) and isinstance(second, dict):
        return {name: merge(first.get(name), second.get(name)) for name in [*first, *(n for n in second if n not in first)]}
    if isinstance(first, list) and isinstance(second, list):
        return [merge(first[0], second[0])]
    for one, other in ((first, second), (second, first)):
        if isinstance(one, list) and isinstance(other, dict) and other.keys() == {"url", "resource"}:
            return [*one, "link"]
    if isinstance(first, str) and isinstance(second, str):
        pair = {first, second}
        if pair == _NUMBERS:
            return "float"
        for number, either in _EITHER.items():
            if pair == {number, either}:
                return either
        if "text" in pair and pair & {*_NUMBERS, "scalar"}:
            return "scalar"
    return "json"


def _completed(first: Type, more: Type | None) -> Type:
    """The first type with the fields that only the other one has."""
    if isinstance(first, dict) and isinstance(more, dict):
        return {
            **{name: _completed(part, more.get(name)) for name, part in first.items()},
            **{n: t for n, t in more.items() if n not in first},
        }
    if isinstance(first, list) and isinstance(more, list):
        return [_completed(first[0], more[0]), *first[1:]]
    return first


class Deriver:
    """Types of one resource's record."""

    def __init__(self, spec: Spec, resource: str, version: str) -> None:
        self.spec = spec
        self.resource = resource
        self.version = version
        self.recursive: set[str] = set()

    def type_of(self, schema: Any, path: tuple[str, ...] = (), refs: tuple[str, ...] = ()) -> Type | None:
        """The type of a schema node, None where the node says nothing.

        :param path: field names from the record down.
        :param refs: references being expanded, so that a schema that contains itself ends.
        """
        if not isinstance(schema, Mapping):
            return None
        if isinstance(ref := schema.get("$ref"), str):
            if ref in refs or len(path) > MAX_DEPTH:
                self.recursive.add(ref)
                return "json"
            target = self.type_of(self.spec.resolve(schema), path, (*refs, ref))
            # A grammar (a promotion's conditions) is kept as text from its top, not cut off at some depth.
            return "json" if ref in self.recursive and path else target
        found: Type | None = None
        for part in schema.get("allOf", ()):
            found = self._both(found, self.type_of(part, path, refs))
        for keyword in ("oneOf", "anyOf"):
            choice: Type | None = None
            for part in schema.get(keyword, ()):
                option = self.type_of(part, path, refs)
                choice = option if choice is None else choice if option is None else merge(choice, option)
            if choice == "json":
                # Options that no one type holds: what stands beside them (a stray ``items``) does not make them one.
                return choice
            found = self._both(found, choice)
        return self._both(found, self._own(schema, path, refs))

    @staticmethod
    def _both(first: Type | None, second: Type | None) -> Type | None:
        """The type of a node that both parts describe: an object's parts add up, a later scalar wins."""
        if first is None or second is None:
            return second if first is None else first
        if isinstance(first, dict) and isinstance(second, dict):
            return merge(first, second)
        return first if second == "json" else second if first == "json" else merge(first, second)

    def _own(self, schema: Mapping[str, Any], path: tuple[str, ...], refs: tuple[str, ...]) -> Type | None:
        kind = schema.get("type")
        if isinstance(kind, list):
            kinds = [item for item in kind if item != "null"]
            kind = kinds[0] if len(kinds) == 1 else None
        if kind == "array" or (kind is None and "items" in schema):
            item = self.type_of(schema.get("items"), path, refs)
            if item is None and path and path[-1].endswith("_ids"):
                item = "int"
            return "json" if item is None or len(path) > MAX_DEPTH else [item]
        if kind == "object" or (kind is None and not _OBJECT_KEYS.isdisjoint(schema)):
            properties = schema.get("properties")
            if not isinstance(properties, Mapping) or not properties:
                # An object of unknown fields; beside an allOf or oneOf it only repeats that the whole is an object.
                return None if {"allOf", "oneOf", "anyOf"} & schema.keys() else "json"
            fields = {str(name): self.type_of(part, (*path, str(name)), refs) or "json" for name, part in properties.items()}
            return fields if len(path) <= MAX_DEPTH else "json"
        if kind is None and "enum" in schema and all(isinstance(value, str) for value in schema["enum"]):
            kind = "string"
        form = str(schema.get("format", "")).lower()
        if kind is None and form in ("float", "double"):
            kind = "number"
        return None if kind is None else self._scalar(str(kind), form, path)

    def _scalar(self, kind: str, form: str, path: tuple[str, ...]) -> Type:
        name = path[-1] if path else ""
        if (corrected := CORRECTED.get((self.resource, ".".join(path)))) is not None:
            return corrected
        if kind == "boolean":
            return "bool"
        text = kind == "string"
        if is_exchange_rate(self.resource, path):
            return "rate_text"
        if kind in ("string", "number", "integer") and is_money(self.resource, path, kind):
            return "money_text" if text else "money"
        if kind == "integer" or (kind == "number" and self.resource.startswith("b2b_") and self._is_time(name)):
            return "time_unix" if self._is_time(name) else "int"
        if text:
            if (self.resource, ".".join(path)) in INTEGERS_AS_TEXT:
                return "int_text"
            if path and path[-1] == "weight":
                return "float_text"
            if form in ("date-time", "date", "iso-8601") or (not form and self._is_time(name)):
                return "time_rfc" if self.version == "v2" else "time"
            return "text"
        codes = self.resource.startswith("b2b_") and _CODE_NAME.search(snake_case(name))
        return "int" if codes or _COUNT_NAME.search(snake_case(name)) else "float"

    def add_seen(self, fields: dict[str, Any], record: Mapping[str, Any], path: tuple[str, ...] = ()) -> None:
        """Add the fields that a published example has and the schema forgot.

        :param fields: the schema of the object, changed in place.
        :param record: the example.
        """
        for name, value in record.items():
            kind, here = fields.get(name), (*path, name)
            if isinstance(kind, dict) and isinstance(value, Mapping):
                self.add_seen(kind, value, here)
            elif isinstance(kind, list) and isinstance(kind[0], dict) and isinstance(value, list):
                for item in _objects(value):
                    self.add_seen(kind[0], item, here)
            elif kind is None:
                seen = "boolean" if isinstance(value, bool) else "number" if isinstance(value, (int, float)) else "string"
                is_scalar = isinstance(value, (bool, int, float, str)) or (self.resource, ".".join(here)) in CORRECTED
                fields[name] = self._scalar(seen, "", here) if is_scalar else "json"

    @staticmethod
    def _is_time(name: str) -> bool:
        snake = snake_case(name)
        return bool(_TIME_NAME.search(snake)) and not _NOT_TIME.search(snake)


#: Lists of the same record, of which the specs describe one more fully: both get all fields.
SAME_RECORD = {"product_variants": "product_variants_by_product"}

#: What ``include`` adds where the list's own schema is silent: (resource, field) -> (resource or type, whether a list).
INCLUDED: dict[tuple[str, str], tuple[Type, bool]] = {
    ("products", "variants"): ("product_variants", True),
    ("products", "images"): ("product_images", True),
    ("products", "options"): ("product_options", True),
    ("products", "modifiers"): ("product_modifiers", True),
    ("products", "videos"): ("product_videos", True),
    ("products", "reviews"): ("product_reviews", True),
    ("customers", "shopper_profile_id"): ("text", False),
    ("customers", "segment_ids"): ("text", True),
    ("carts", "redirect_urls"): ({"cart_url": "text", "checkout_url": "text", "embedded_checkout_url": "text"}, False),
    ("channels", "currencies"): ("channel_currency_assignments", False),
}

#: Fields that a store sends and the resource's own spec forgot: field -> type, for every object that has the field named first.
#: ``fulfillment_source`` of an ordered product stands in the B2B Edition's files alone: ``""``, or PHP's ``[]``.
FORGOTTEN: tuple[tuple[str, str, Type], ...] = (("ebay_transaction_id", "fulfillment_source", "text"),)


def add_forgotten(kind: Type) -> None:
    """Add the forgotten fields to a type and all below it, in place."""
    if isinstance(kind, list):
        add_forgotten(kind[0])
    elif isinstance(kind, dict):
        for mark, field, added in FORGOTTEN:
            if mark in kind:
                kind.setdefault(field, added)
        for part in kind.values():
            add_forgotten(part)


def snake_case(name: str) -> str:
    """``customerId`` -> ``customer_id``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def derive(row: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The schema of one resource: ``{"key": [...], "fields": {...}}``.

    :param row: its record of the facts file.
    :param folder: BigCommerce's OpenAPI files.
    """
    name, version = row["name"], row["api_version"]
    path = row["path"].removeprefix("/stores/{store_hash}")
    spec_file = row["spec_file"] or ""
    is_b2b = spec_file.startswith(_B2B_FILES)
    placeholders = re.findall(r"\{([^}]*)\}", path)
    keys = [key if "." in key or (is_b2b and key not in placeholders) else snake_case(key) for key in row["primary_key"]]
    keys = KEYS.get(name, keys)
    file = folder / spec_file.removeprefix("reference/")
    fields: dict[str, Any] = {}
    parameters: dict[str, str] = {}
    if spec_file.startswith(("reference/", _B2B_FILES)):
        b2b = folder / _B2B_FOLDER
        spec = Spec(b2b / spec_file.removeprefix(_B2B_FILES), b2b) if is_b2b else Spec(file)
        item, operation = spec.operation(path.removeprefix(urlsplit(row["base_url"]).path) if is_b2b else path)
        parameters = dict(_path_parameters(spec, item, operation))
        version = "v3" if is_b2b else version
        deriver = Deriver(spec, name, version)
        fields = (_b2b_record if is_b2b else _record)(deriver, spec.answer(operation))
        for record in [] if name in _FOREIGN_EXAMPLES else spec.example_records(operation, version):
            deriver.add_seen(fields, record)
    columns: dict[str, Any] = {}
    for placeholder in placeholders:
        column = snake_case(placeholder)
        if column not in fields:
            is_text = parameters.get(placeholder) == "string" and column not in ("channel_id", "promotion_id")
            columns[column] = "text" if is_text else "int"
    columns.update(fields)
    for key in keys:
        columns.setdefault(key.split(".")[0], "int")
    return {"key": keys, "fields": columns}


def _path_parameters(spec: Spec, *holders: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for holder in holders:
        for node in holder.get("parameters", ()):
            parameter = spec.resolve(node)
            if parameter.get("in") == "path":
                yield parameter["name"], spec.resolve(parameter.get("schema", {})).get("type", "")


def _record(deriver: Deriver, answer: Any) -> dict[str, Any]:
    """The fields of one record, out of the answer's envelope and list."""
    whole = deriver.type_of(answer)
    if deriver.version == "v3" and isinstance(whole, dict) and "data" in whole:
        # Derived anew from below ``data``, so that paths (which the money list names) begin at the record.
        whole = deriver.type_of(_below_data(deriver.spec, answer)) or whole["data"]
    while isinstance(whole, list):  # blog tags are a list of lists
        whole = whole[0]
    return whole if isinstance(whole, dict) else {}


def _b2b_record(deriver: Deriver, answer: Any) -> dict[str, Any]:
    """The same for B2B Edition, whose answers add a plain envelope (``data``: a list of anything) to one with the record."""
    below = _below_data(deriver.spec, answer)
    fields: dict[str, Any] = {}
    for part in below["anyOf"] if "anyOf" in below and not below.keys() - {"anyOf"} else [below]:
        found = deriver.type_of(part)
        if isinstance(found, dict) and {"list", "pagination"} <= found.keys():
            found = found["list"]
        while isinstance(found, list):
            found = found[0]
        if isinstance(found, dict):
            merged = merge(fields, found)
            fields = merged if isinstance(merged, dict) else fields
    return fields


def _below_data(spec: Spec, schema: Any) -> Any:
    schema = spec.resolve(schema)
    if not isinstance(schema, Mapping):
        return None
    found = [schema["properties"]["data"]] if "data" in schema.get("properties", ()) else []
    for keyword in ("allOf", "oneOf", "anyOf"):
        found += [part for node in schema.get(keyword, ()) if (part := _below_data(spec, node)) is not None]
    return None if not found else found[0] if len(found) == 1 else {"anyOf": found}


def generate(folder: Path, rows: Iterable[Mapping[str, Any]]) -> str:
    """The data file: a JSON object of one line a resource.

    :param folder: BigCommerce's OpenAPI files.
    :param rows: the records of the facts file, one a resource.
    """
    schemas = {row["name"]: derive(row, folder) for row in rows}
    for name, twin in SAME_RECORD.items():
        fields = merge(schemas[name]["fields"], schemas[twin]["fields"])
        schemas[name]["fields"] = schemas[twin]["fields"] = fields
    for (name, field), (source, is_list) in INCLUDED.items():
        record = dict(schemas[source]["fields"]) if isinstance(source, str) and source in schemas else source
        wanted: Type = [record] if is_list else record
        there = schemas[name]["fields"].get(field)
        schemas[name]["fields"][field] = wanted if there is None else _completed(there, wanted)
    for name, newer in NEWER.items():
        schemas[name]["fields"] = _completed(schemas[name]["fields"], newer)
    for described in schemas.values():
        add_forgotten(described["fields"])
    lines = [f"{json.dumps(name)}:{json.dumps(schema, separators=(',', ':'))}" for name, schema in sorted(schemas.items())]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def openapi_folder() -> Path:
    """BigCommerce's OpenAPI files: ``$BIGCOMMERCE_OPENAPI_DIR``, else ``../shared/openapi``."""
    return Path(os.environ.get("BIGCOMMERCE_OPENAPI_DIR") or REPOSITORY.parent / "shared" / "openapi")


def resource_rows(folder: Path) -> list[dict[str, Any]]:
    """The facts files beside the OpenAPI folder: BigCommerce's resources, and those of B2B Edition with a few newer ones."""
    facts = folder.parent / "facts"
    files = ("bigcommerce-resources.json", "b2b-resources.json")
    return [row for name in files for row in json.loads((facts / name).read_text(encoding="utf-8"))]


def main() -> int:
    """Write the data files, and remove those no longer generated."""
    folder = openapi_folder()
    DATA.write_text(generate(folder, resource_rows(folder)), encoding="utf-8")
    print(f"{DATA.name}: {DATA.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
