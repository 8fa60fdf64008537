"""Makes the report of one store: a look at each resource, and the open questions that concern it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from itertools import groupby

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.report_format import Finding, Report, ResourceReport
from airflow_provider_bigcommerce.reporting import questions
from airflow_provider_bigcommerce.reporting.asking import Asker
from airflow_provider_bigcommerce.reporting.looks import Looks, told


def make_report(store: BlockingStore, rows: Sequence[Resource], *, today: date, tell: Callable[[str], None] = lambda _line: None) -> Report:
    """Ask a store; GET alone, one request after the other, within the quota share of the store's settings.

    :param store: an open store.
    :param rows: the catalog's rows to ask for. The lists that they hang on are read too, and not reported.
    :param today: the day that the report names.
    :param tell: takes lines on how far it is.
    :raises AuthenticationError: the token is no token of this store.
    :raises StoreSuspendedError: nothing can be read now.
    :raises TransportError: the store does not answer at all.
    """
    wanted = [row for row in CATALOG.values() if row in {*rows}]
    asker = Asker(store)
    looks = Looks(asker)
    resources: list[ResourceReport] = []
    findings: list[Finding] = []
    for area, members in groupby(wanted, key=lambda row: row.area):
        for row in members:
            look = looks.at(row)
            resources.append(told(look))
            for question in questions.OF_A_LIST:
                findings.extend(question(asker, look))
        tell(f"{area}: {len(resources)} of {len(wanted)} resources, {store.stats.requests} requests")
    findings += questions.of_the_clock([*looks.known()])
    findings += questions.of_all_answers(asker)
    return Report(
        provider_version=__version__,
        made_on=today.isoformat(),
        is_whole=len(wanted) == len(CATALOG),
        requests=store.stats.requests,
        throttled=store.stats.throttled,
        resources=tuple(resources),
        findings=tuple(findings),
    )
