"""Walks every documented GET of the sandbox over HTTP, finding the keys in a path from the lists that hold them."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

# where the values of a key in a path come from, where that is not the list before it: list path, field
KEYS: dict[str, tuple[str, str]] = {
    "product_id": ("/v3/catalog/products", "id"),
    "category_id": ("/v3/catalog/trees/categories", "category_id"),
    "order_id": ("/v2/orders", "id"),
    "customerId": ("/v3/customers", "id"),
    "customer_id": ("/v3/customers", "id"),
    "channel_id": ("/v3/channels", "id"),
    "channelId": ("/v3/channels", "id"),
}
SAMPLES = 3
TRIED = 30


# paths that need a parameter
QUERIES = {
    "/v3/content/regions": "?template_file=pages/home",
    "/v3/marketing/abandoned-cart-emails/settings": "?channel_id=1",
    "/v3/tax/products/properties": "?product_id:in=101,102",
    "/v3/promotions/codes": "?code=CODE-1",
}
# keys no list gives; values that the store knows
ONLY_BY_ID = ("cartId", "cart_id", "token", "checkoutId", "job_id", "version_uuid", "provider_id")


class Walker:
    """Asks a sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._base = f"{sandbox.url}/stores/{sandbox.store_hash}"
        self._token = sandbox.token
        self._lists: dict[str, list[Any]] = {}
        self._store = sandbox.store

    def _known(self, name: str) -> list[str]:
        carts = [row["id"] for row in self._store.rows("carts")]
        return {"provider_id": ["SampleTax"]}.get(name, carts)

    def get(self, path: str) -> tuple[int, Any]:
        request = urllib.request.Request(self._base + path, headers={"X-Auth-Token": self._token})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                body, status = response.read(), response.status
        except urllib.error.HTTPError as refused:
            body, status = refused.read(), refused.code
        return status, json.loads(body) if body else None

    def rows(self, path: str) -> list[Any]:
        if path not in self._lists:
            _, payload = self.get(path)
            data = payload.get("data", []) if isinstance(payload, dict) else payload or []
            self._lists[path] = data if isinstance(data, list) else []
        return self._lists[path]

    @staticmethod
    def split(path: str) -> tuple[str, dict[str, str]]:
        """Part a path from its query."""
        bare, _, query = path.partition("?")
        return bare, dict(parse_qsl(query))

    def pages(self, path: str, query: set[str], *, limit: int) -> Iterator[list[Any]]:
        """Read a list in pages of `limit`, by cursor where there is one, else by number, to its end."""
        mark, page, after = "&" if "?" in path else "?", 1, ""
        while page < 1000:
            step = f"&after={quote(after)}" if after else "" if "after" in query or "page" not in query else f"&page={page}"
            _, payload = self.get(f"{path}{mark}limit={limit}{step}")
            rows = payload.get("data") if isinstance(payload, dict) else payload or []
            if not isinstance(rows, list):
                return
            yield rows
            meta = payload.get("meta", {}) if isinstance(payload, dict) else {}
            cursors = meta.get("cursor_pagination", {})
            if "after" in query and rows:
                after = cursors.get("end_cursor") or str(rows[-1].get("listing_id", ""))
            page += 1
            if len(rows) < limit or not ({"after", "page"} & query):
                return

    def fill(self, template: str) -> list[str]:
        """Give up to a few real paths of a template."""
        match = re.search(r"\{([^}]+)\}", template)
        if match is None:
            return [template + QUERIES.get(template, "")]
        name, before, after = match[1], template[: match.start()].rstrip("/"), template[match.end() :]
        own = self.rows(before)
        if name == "shipping_consignment_id":  # no list of these; the order's consignments name them
            _, consignments = self.get(f"{'/'.join(before.split('/')[:4])}/consignments")
            return [f"{before}/{row['id']}{after}" for row in consignments["shipping"]]
        if name in ONLY_BY_ID:
            return [path for value in self._known(name) for path in self.fill(f"{before}/{value}{after}")][:SAMPLES]
        if (
            name in KEYS
            and not before.startswith("/v2/orders/")
            and not ("{" not in before and own and isinstance(own[0], dict) and name in own[0])
        ):
            source, field = KEYS[name]
        else:
            source, field = before, name
        found: list[str] = []
        for row in self.rows(source)[:TRIED]:
            candidates = ("id",) if before.startswith("/v2/orders/") else (FIELDS.get(name, field), "id", "uuid")
            key = next((row[candidate] for candidate in candidates if candidate in row), None)
            if key is not None:
                found += self.fill(f"{before}/{quote(str(key))}{after}")
            if len(found) >= SAMPLES:
                break
        return found[:SAMPLES]


FIELDS: dict[str, str] = {"currency_code": "currency", "template-name": "type_id"}
