"""dlt's ``rest_api`` source into its ``filesystem`` destination, with dlt's defaults. Runs in an environment of its own."""

from __future__ import annotations

import dlt  # type: ignore[import-not-found,unused-ignore]  # lives in an environment of its own
from dlt.destinations import filesystem  # type: ignore[import-not-found,unused-ignore]
from dlt.sources.rest_api import rest_api_source  # type: ignore[import-not-found,unused-ignore]

from tests.benchmarks.drivers.measured import Job, drive


def products(job: Job) -> None:
    source = rest_api_source(
        {
            "client": {"base_url": f"{job.store_url}/v3/", "headers": {"X-Auth-Token": "token"}},
            "resources": [
                {
                    "name": "products",
                    "endpoint": {
                        "path": "catalog/products",
                        "params": {"limit": 250},
                        "data_selector": "data",
                        "paginator": {"type": "page_number", "base_page": 1, "total_path": "meta.pagination.total_pages"},
                    },
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "benchmark", pipelines_dir=str(job.folder / "_state"), destination=filesystem(str(job.folder)), dataset_name="data"
    )
    pipeline.run(source)


if __name__ == "__main__":
    drive(products)
