"""Walks every documented GET of the sandbox over HTTP, finding the keys in a path from the lists that hold them."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

# where the values of a key in a path come from, where that is not the list before it: list path, field
KEYS: dict[str, tuple[str, str]] = {
    "product_id": ("/v3/catalog/products", "id"),
    "category_id": ("/v3/catalog/trees/categories", "category_id"),
    "customerId": ("/v3/customers", "id"),
    "customer_id": ("/v3/customers", "id"),
    "channel_id": ("/v3/channels", "id"),
    "channelId": ("/v3/channels", "id"),
}
SAMPLES = 3
TRIED = 30


class Walker:
    """Asks a sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._base = f"{sandbox.url}/stores/{sandbox.store_hash}"
        self._token = sandbox.token
        self._lists: dict[str, list[Any]] = {}

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

    def fill(self, template: str) -> list[str]:
        """Give up to a few real paths of a template."""
        match = re.search(r"\{([^}]+)\}", template)
        if match is None:
            return [template]
        name, before, after = match[1], template[: match.start()].rstrip("/"), template[match.end() :]
        own = self.rows(before)
        if name in KEYS and not ("{" not in before and own and isinstance(own[0], dict) and name in own[0]):
            source, field = KEYS[name]
        else:
            source, field = before, name
        found: list[str] = []
        for row in self.rows(source)[:TRIED]:
            key = next((row[candidate] for candidate in (FIELDS.get(name, field), "id", "uuid") if candidate in row), None)
            if key is not None:
                found += self.fill(f"{before}/{quote(str(key))}{after}")
            if len(found) >= SAMPLES:
                break
        return found[:SAMPLES]


FIELDS: dict[str, str] = {"currency_code": "currency", "template-name": "type_id"}
