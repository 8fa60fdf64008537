"""Asks a sandbox over a real socket, with the standard library only."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox


@dataclass(frozen=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(gzip.decompress(self.body) if self.headers.get("Content-Encoding") == "gzip" else self.body)

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def pagination(self) -> Any:
        return self.json["meta"]["pagination"]

    def ids(self, key: str = "id") -> list[Any]:
        if self.status == 204:
            return []
        rows = self.json
        return [row[key] for row in (rows["data"] if isinstance(rows, dict) else rows)]


def ask(
    sandbox: Sandbox,
    path: str,
    query: Mapping[str, Any] | None = None,
    *,
    method: str = "GET",
    body: Any = None,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 20,
    store_hash: str | None = None,
) -> Reply:
    """Send one request; `path` is within the store."""
    text = "&".join(f"{quote(name, safe=':')}={quote(str(value))}" for name, value in (query or {}).items())
    parts = urlsplit(sandbox.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        sent = {"X-Auth-Token": sandbox.token if token is None else token, **(headers or {})}
        whole = f"/stores/{store_hash or sandbox.store_hash}{path}" + (f"?{text}" if text else "")
        connection.request(method, whole, None if body is None else json.dumps(body).encode(), sent)
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


def walk(sandbox: Sandbox, path: str, query: Mapping[str, Any] | None = None, *, limit: int) -> list[Any]:
    """Read a V3 list by pages, or a V2 list until it is empty."""
    rows: list[Any] = []
    for page in range(1, 1000):
        reply = ask(sandbox, path, {**(query or {}), "page": page, "limit": limit})
        if reply.status == 204:
            return rows
        found = reply.json
        rows += found["data"] if isinstance(found, dict) else found
        if isinstance(found, dict) and page >= found["meta"]["pagination"]["total_pages"]:
            return rows
    raise AssertionError("no end")
