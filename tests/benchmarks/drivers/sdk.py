"""BigCommerce's own Python SDK, which knows V2: every product by its connection's ``get``, page by page, written as JSON lines.

Its resource objects would take some 2 ms of CPU a row, for they call ``dir`` for each field; this is the SDK at its fastest.
The SDK always speaks https; its address is turned into http here, so that nobody in the table pays for TLS.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from bigcommerce.api import BigcommerceApi
from bigcommerce.connection import OAuthConnection

from tests.benchmarks.drivers.measured import Job, drive


class _PlainConnection(OAuthConnection):  # type: ignore[misc]  # the SDK ships no types
    def full_path(self, url: str) -> str:
        return str(super().full_path(url)).replace("https://", "http://", 1)


def products(job: Job) -> None:
    api = BigcommerceApi(client_id="x", store_hash="abc123", access_token="token")
    api.connection = _PlainConnection("x", "abc123", "token", host=urlsplit(job.url).netloc)
    with (job.folder / "products.jsonl").open("w", encoding="utf-8") as file:
        page = 1
        while rows := api.connection.get("products", limit=250, page=page):
            file.writelines(json.dumps(row) + "\n" for row in rows)
            page += 1


if __name__ == "__main__":
    drive(products)
