"""Airflow's own HttpOperator with a pagination function and a stock connection; its rows are written as JSON lines."""

from __future__ import annotations

import json
from typing import Any

import requests
from airflow.providers.http.operators.http import HttpOperator

from tests.benchmarks.drivers.measured import Job, drive


def _next_page(response: requests.Response) -> dict[str, Any] | None:
    about = response.json()["meta"]["pagination"]
    if about["current_page"] >= about["total_pages"]:
        return None
    return {"data": {"limit": 250, "page": about["current_page"] + 1}}


def copy(job: Job) -> None:
    products = HttpOperator(
        task_id="products",
        http_conn_id="http_store",
        method="GET",
        endpoint="stores/abc123/v3/catalog/products",
        data={"limit": 250, "page": 1},
        pagination_function=_next_page,
        response_filter=lambda pages: [row for page in pages for row in page.json()["data"]],
    )
    rows = products.execute({})
    with (job.folder / "products.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    drive(copy)
