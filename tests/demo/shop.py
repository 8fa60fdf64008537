"""The store of the demo: the sandbox, started as a program, changed and questioned through its own pages."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import requests

from tests.demo.processes import DemoError, Programs, tail

START_SECONDS = 60.0

#: A shop of a size that takes a minute to read, within one window of the Standard plan's quota and a half.
SIZE = {"products": 2_000, "orders": 10_000, "customers": 5_000}

#: What BigCommerce needs for a page, roughly; without it the first run would be over before one can look.
LATENCY_MS = 150


class Shop:
    """A BigCommerce store on localhost.

    :param programs: starts and ends it.
    :param folder: where its token file may stand until it is read.
    """

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.programs = programs
        self.token = ""
        self.client_secret = secrets.token_urlsafe(32)
        self.connection: dict[str, Any] = {}
        self._token_file = folder / "token"
        self._folder = folder
        self._session = requests.Session()
        self._session.trust_env = False

    def start(self) -> None:
        """Start it, and take over its connection and token; the token's file is removed."""
        command = [Path(sys.executable).parent / "airflow-bigcommerce", "sandbox", "--port", "0", "--token-file", self._token_file]
        command += ["--latency-ms", str(LATENCY_MS)]
        for what, count in SIZE.items():
            command += [f"--{what}", str(count)]
        output = self.programs.start("sandbox", command, {**os.environ, "PYTHONUNBUFFERED": "1"}, self._folder)
        deadline = time.monotonic() + START_SECONDS
        while not (line := re.search(r"^AIRFLOW_CONN_BIGCOMMERCE_DEFAULT=.*$", output.read_text(), re.MULTILINE)):
            self.programs.check()
            if time.monotonic() > deadline:
                raise DemoError(f"The sandbox did not come up within {START_SECONDS:.0f} s. Its output:\n{tail(output)}")
            time.sleep(0.1)
        value = shlex.split(line.group().partition("=")[2], comments=True)[0]
        self.token = self._token_file.read_text().strip()
        self._token_file.unlink()
        self.connection = json.loads(value)
        extra = self.connection.get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
        self.connection["extra"] = {**extra, "access_token": self.token, "client_id": "demo-client", "client_secret": self.client_secret}
        self._session.headers["X-Auth-Token"] = self.token

    @property
    def secrets(self) -> Mapping[str, str]:
        """What must stand nowhere but in the encrypted connection."""
        return {"access token": self.token, "client secret": self.client_secret}

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.connection["host"]).rstrip("/")

    @property
    def store_hash(self) -> str:
        """Its hash, part of every API path."""
        return str(self.connection["extra"]["store_hash"])

    def change(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change the store through its own page and return the ids that were added or changed."""
        return dict(self._call("POST", "changes", changes))

    def counts(self) -> dict[str, int]:
        """Rows of each of its tables."""
        return dict(self._call("GET", "state")["counts"])

    def access_log(self) -> list[dict[str, Any]]:
        """Every API request it saw since the last :meth:`forget_requests`."""
        return list(self._call("GET", "requests"))

    def forget_requests(self) -> None:
        """Empty the access log."""
        self._call("DELETE", "requests")

    def rows_sent(self, path: str) -> tuple[list[dict[str, Any]], int]:
        """The requests to a list in the access log, and the rows that their answers held."""
        entries = [entry for entry in self.access_log() if entry["method"] == "GET" and entry["path"] == path]
        return entries, sum(entry["rows"] or 0 for entry in entries)

    def rows(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        """The first page of one of the store's V3 lists, as everybody can read it."""
        answer = self._session.get(f"{self.url}/stores/{self.store_hash}{path}", params=query, timeout=60)
        if not answer.ok:
            raise DemoError(f"The sandbox answered {answer.status_code} to GET {path}: {answer.text[:500]}")
        return list(answer.json()["data"])

    def _call(self, method: str, page: str, body: object = None) -> Any:
        answer = self._session.request(method, f"{self.url}/sandbox/{page}", json=body, timeout=60)
        if not answer.ok:
            raise DemoError(f"The sandbox answered {answer.status_code} to {method} /sandbox/{page}: {answer.text[:500]}")
        return answer.json()


def date_filter(entry: Mapping[str, Any]) -> str | None:
    """The lower date bound of a logged request, V3's parameter or V2's."""
    query = parse_qs(entry["query"])
    for name in ("date_modified:min", "min_date_modified"):
        if name in query:
            return query[name][0]
    return None
