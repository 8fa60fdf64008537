"""The report of a whole store: it only reads, has every resource, passes its schema, and holds no value of the store."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.core import report_format
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.observing import RATE_HEADERS
from airflow_provider_bigcommerce.core.report_format import Report, report_json_schema, report_text
from airflow_provider_bigcommerce.rows.schemas import resource_names, schema
from airflow_provider_bigcommerce.sandbox.store import Store
from tests.reporting.conftest import STORE_HASH, TOKEN, Recorder, shop

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


class Made:
    """One report, the store that it is of, and what was told on the way."""

    def __init__(self, store: Store, report: Report, texts: set[str], told: list[str]) -> None:
        self.store, self.report, self.texts, self.told = store, report, texts, told
        self.text = report_text(report)


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    with shop() as (store, report):
        recorder = store.ways = Recorder()
        told: list[str] = []
        yield Made(store, report(tell=told.append), recorder.texts, told)


def test_it_only_reads(made: Made) -> None:
    assert {request.method for request in made.store.requests} == {"GET"}
    assert len(made.store.requests) == made.report.requests > len(CATALOG)


def test_it_has_every_resource_once_and_each_was_answered_or_says_why_not(made: Made) -> None:
    assert [each.name for each in made.report.resources] == [*CATALOG]
    assert made.report.is_whole
    left_out = {each.name: each.why for each in made.report.resources if each.asked != "answered"}
    assert left_out == {
        "payment_methods": "needs_parameter", "coupon_code_lookup": "needs_parameter", "widget_regions": "needs_parameter",
        "carts": "needs_id", "checkouts": "needs_id", "abandoned_carts": "needs_id", "theme_jobs": "needs_id",
        "theme_custom_templates": "needs_id", "tax_provider_connection": "needs_id",
        "cart_metafields_by_cart": "parent_not_read", "product_modifier_values": "no_parent_rows",
    }  # fmt: skip
    assert sum(each.rows > 0 for each in made.report.resources) > 190


def test_it_passes_its_published_schema(made: Made) -> None:
    published = json.loads((REFERENCE / "report.schema.json").read_text())

    assert published == report_json_schema(), "write docs/reference/report.schema.json again: make docs"
    jsonschema.validate(json.loads(made.text), published)
    with pytest.raises(jsonschema.ValidationError, match="format_version"):
        jsonschema.validate({**json.loads(made.text), "format_version": "1"}, published)


def test_a_report_can_be_read_again(made: Made) -> None:
    assert msgspec.json.decode(made.text, type=Report) == made.report
    assert (made.report.format_version, made.report.provider_version, made.report.made_on) == (1, __version__, "2026-11-29")


def longer_than_three(texts: set[str]) -> set[str]:
    return {text for text in texts if sum(letter.isalpha() for letter in text) > 3}


def names_in(kind: Any) -> Iterator[str]:
    """Every name of a field in a schema's type."""
    if isinstance(kind, dict):
        for name, inner in kind.items():
            yield name
            yield from names_in(inner)
    elif isinstance(kind, list):
        yield from names_in(kind[0])


def vocabulary() -> str:
    """Every word that a report may use by the code and BigCommerce's documentation, without looking at a report or at a store."""
    words = {*CATALOG, *RATE_HEADERS, *(name for row in CATALOG.values() for name in (row.area, *row.primary_key))}
    words |= {name for resource in resource_names() for name in names_in(dict(schema(resource).fields))}
    words |= {*get_args(report_format.Asked), *get_args(report_format.Why), "ascending", "descending", "neither", "offset"}
    # The kinds of values, the members of the file, and what questions are called and answered with.
    page = (REFERENCE / "report.md").read_text()
    words |= set(re.findall(r"`([^`]+)`", page))
    return "\n".join(sorted(words)) + "\n" + "\n".join(report_json_schema()["$defs"]) + __version__


def test_no_text_of_the_store_is_in_it(made: Made) -> None:
    """Every text that the store sent and that has more than three letters, against the whole file."""
    known, sent = vocabulary(), longer_than_three(made.texts)

    assert len(sent) > 1000
    assert {text for text in sent if text in made.text and text not in known} == set()


def test_a_text_of_the_store_would_be_found(made: Made) -> None:
    """So that the search before this one cannot pass for want of looking."""
    known, sent = vocabulary(), longer_than_three(made.texts)
    with_one = made.text.replace('"seen_type": "text"', f'"seen_type": "{made.store.rows("customers")[0]["email"]}"', 1)

    assert {text for text in sent if text in with_one and text not in known} == {made.store.rows("customers")[0]["email"]}
    assert len({text for text in sent if text not in known}) > 0.9 * len(sent)


def test_no_address_hash_or_token_is_in_it(made: Made) -> None:
    for secret in (STORE_HASH, TOKEN, "127.0.0.1", "localhost", "http", "@", made.store.base_url):
        assert secret not in made.text


def test_its_numbers_are_counts_and_statuses(made: Made) -> None:
    def numbers(value: Any, name: str = "") -> Iterator[str]:
        if isinstance(value, dict):
            for inner_name, inner in value.items():
                yield from numbers(inner, inner_name)
        elif isinstance(value, list):
            for inner in value:
                yield from numbers(inner, name)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield name

    assert {*numbers(json.loads(made.text))} == {"format_version", "requests", "throttled", "rows", "default_page"}


def test_what_the_sandbox_sends_beyond_the_published_files_is_known(made: Made) -> None:
    """The files' own contradictions and the newer fields, so that a planted difference stands out."""
    new = {f"{each.name}.{field.path}" for each in made.report.resources if each.is_described for field in each.new_fields}

    metafields = ("product_variant", "category", "customer", "channel")
    assert new == {"orders.consignments.shipping[].__warning__"} | {
        f"{owner}_metafields_by_{owner.removeprefix('product_')}.owner_client_id" for owner in metafields
    }
    assert [each for each in made.report.findings if each.agrees is False] == []


def test_it_says_how_far_it_is(made: Made) -> None:
    assert made.told[0].startswith("catalog: 30 of 217 resources, ")
    assert made.told[-1] == f"b2b: 217 of 217 resources, {made.report.requests} requests"


def test_every_question_and_answer_stands_on_the_page(made: Made) -> None:
    page = (REFERENCE / "report.md").read_text()

    assert {each.question for each in made.report.findings if f"`{each.question}`" not in page} == set()
    words = {each.found for each in made.report.findings if each.found} - {" ".join(RATE_HEADERS)}
    assert {word for word in words if f"`{word}`" not in page and not re.fullmatch(r"refused_with_\d+|\d+_ms", word)} == set()
