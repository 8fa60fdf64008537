"""The command ``airflow-bigcommerce estimate``: what the first copy costs, before it begins."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_provider_bigcommerce.cli.connecting import ApiUrl, ConnId, StoreHash, Token, hook_for
from airflow_provider_bigcommerce.cli.output import only_results, print_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bigcommerce.engine.estimating import Estimate, Quota
    from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook


@only_results
def estimate(
    resources: Annotated[list[str], typer.Argument(metavar="RESOURCE...", help="Catalog names, as bigcommerce_sync gets them.")],
    quota_share: Annotated[
        float | None,
        typer.Option(min=0.01, max=1.0, help="Part of the quota that the copy may use; the connection's if not given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    conn_id: ConnId = None,
    store_hash: StoreHash = None,
    token: Token = None,
    api_url: ApiUrl = None,
) -> None:
    """Show what the first copy of these resources costs: requests, rows, bytes, and minutes at the store's quota.

    It asks for some pages of each list and says how many requests that took. Estimates are marked: lists with one request for each
    parent are sampled.

    \b
    airflow-bigcommerce estimate orders customers products
    airflow-bigcommerce estimate order_taxes --conn-id my_store --json
    """
    hook = hook_for(conn_id, store_hash, token, api_url)
    share = quota_share if quota_share is not None else hook.quota_share
    found, quota, asked = asyncio.run(_estimates(hook, list(dict.fromkeys(resources))))
    requests = sum(each.requests or 0 for each in found)
    minutes = quota.minutes(requests, share) if quota is not None else None
    if as_json:
        told = [
            {"resource": each.resource, "requests": each.requests, "rows": each.rows, "bytes": each.bytes, "notes": list(each.notes)}
            for each in found
        ]
        granted = None if quota is None else {"requests": quota.requests, "seconds": quota.seconds, "share": share}
        say(json.dumps({"resources": told, "requests": requests, "minutes": minutes, "quota": granted, "asked": asked}, indent=2))
        return
    print_table(("resource", "requests", "rows", "MB", "note"), [_line(each) for each in found])
    lacks = "" if all(each.requests is not None for each in found) else " for what is known"
    say(f"In all {requests:,} requests{lacks}{_at(quota, minutes, share)}.")
    say(f"MB are of JSON, as the store sends it. This estimate took {asked:,} requests.")


def _at(quota: Quota | None, minutes: float | None, share: float) -> str:
    if quota is None or minutes is None:
        return "; the store told no quota"
    part = "" if share == 1 else f", of which {share:.0%} are used"
    return f": at least {minutes:,.1f} minutes at the store's quota ({quota.requests:,} requests in {quota.seconds:g} s{part})"


def _line(each: Estimate) -> tuple[str, ...]:
    size = "" if each.bytes is None else f"{each.bytes / 1e6:,.1f}"
    numbers = ["?" if number is None else f"{number:,}" for number in (each.requests, each.rows)]
    return each.resource, *numbers, size, "; ".join(each.notes)


async def _estimates(hook: BigCommerceHook, resources: Sequence[str]) -> tuple[list[Estimate], Quota | None, int]:
    """The estimates, the quota that the store told, and how many requests were sent."""
    from airflow_provider_bigcommerce.engine.estimating import Estimator

    async with hook.astore(max_concurrency=1) as store:
        estimator = Estimator(store, datetime.now(UTC))
        found = [await estimator.estimate(resource) for resource in resources]
        return found, estimator.quota, store.stats.requests
