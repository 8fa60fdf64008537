"""Applies a plan in a process of its own, to be killed: ``python -m tests.writing.killed URL STORE_HASH TOKEN PLAN``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from airflow_provider_bigcommerce.client.portal import run
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.writing.apply import Applying


def main(url: str, store_hash: str, token: str, plan: str) -> None:
    def drive(send: Callable[[BigCommerceStore], Any]) -> None:
        async def opened() -> None:
            async with BigCommerceStore(StoreCredentials(store_hash, token, base_url=url), StoreSettings(max_concurrency=4)) as store:
                await send(store)

        run(opened())

    Applying(
        plan=plan, run="apply-run", store_hash=store_hash, approval="none needed", max_age=None, is_last_try=False, stale=0,
        clock=lambda: datetime.now(UTC),
    ).execute(drive)  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
