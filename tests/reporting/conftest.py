"""A store that tells of everything it sent, and reports of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import msgspec

from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.core.report_format import Finding, Report, ResourceReport
from airflow_provider_bigcommerce.reporting.making import make_report
from airflow_provider_bigcommerce.sandbox.answers import Answer
from airflow_provider_bigcommerce.sandbox.quota import Quota
from airflow_provider_bigcommerce.sandbox.server import Server, ThreadedServer
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.ways import Ways

TOKEN = "token-of-the-report-5ecret"
STORE_HASH = "hash0fthestore"


class Recorder(Ways):
    """The store's usual ways; it keeps each text that it sends."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: set[str] = set()

    def shown(self, template: str, version: str, query: Mapping[str, str], answer: Answer) -> Answer:
        if answer.body:
            self.texts |= set(texts_of(msgspec.json.decode(answer.body)))
        return super().shown(template, version, query, answer)


def texts_of(value: Any) -> Iterator[str]:
    """Every text in a value; names of members are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)


@contextmanager
def shop(**arguments: Any) -> Iterator[tuple[Store, Callable[..., Report]]]:
    """A running store, and what makes a report of it: of all resources, or of those that are named."""
    sizes = {"seed": 1, "products": 6, "orders": 5, "customers": 6}
    store = Store(**{**sizes, "quota": Quota(None), "tokens": {TOKEN: None}, "store_hash": STORE_HASH, **arguments})
    with ThreadedServer(Server(store)) as server:

        def report(
            names: Iterable[str] = CATALOG, *, token: str = TOKEN, tell: Callable[[str], None] = lambda _line: None, **urls: str
        ) -> Report:
            urls = {"base_url": server.url, "b2b_url": server.url, **urls}
            settings = StoreSettings(max_attempts=1, max_wait=5.0)
            with BlockingStore(BigCommerceStore(StoreCredentials(STORE_HASH, token, **urls), settings)) as opened:
                return make_report(opened, [CATALOG[name] for name in names], today=date(2026, 11, 29), tell=tell)

        yield store, report


def of(report: Report, name: str) -> ResourceReport:
    """What a report says of one resource."""
    return next(each for each in report.resources if each.name == name)


def answer(report: Report, question: str, about: str) -> Finding:
    """What a report says to one question."""
    return next(each for each in report.findings if (each.question, each.about) == (question, about))
