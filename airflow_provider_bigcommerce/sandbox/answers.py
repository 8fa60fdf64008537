"""What goes back over the wire: status, bytes and headers, and BigCommerce's error shapes of both versions."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

TYPE = "/api-docs/getting-started/api-status-codes"
encode = msgspec.json.encode


@dataclass(frozen=True)
class Answer:
    """One response before it is sent; `body` is None where there is none (204), `rows` tells how many rows a list's answer holds."""

    status: int
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    rows: int | None = None

    @cached_property
    def packed(self) -> bytes:
        """The body as gzip, for speed rather than size."""
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        return packer.compress(self.body or b"") + packer.flush()


def ok(payload: Any, status: int = 200) -> Answer:
    """Answer with JSON."""
    return Answer(status, encode(payload))


NOTHING = Answer(204)

_TITLES = {
    400: "Input is invalid",
    401: "Unauthorized - the v3 Auth client ID or token in the request are not a valid combination for this store.",
    403: "Unauthorized Access. You do not have permission to make this request.",
    404: "The resource at that URL is not found.",
    405: "Method not allowed",
    409: "The request cannot be processed due to a possible conflict. Please review the changes and try again.",
    413: "The request payload is too large.",
    422: "JSON data is missing or invalid",
    423: "The requested resource is currently locked and unavailable.",
    429: "Too many requests",
    500: "Internal server error",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "Gateway timeout",
}


_V2_TITLES = {404: "The requested resource was not found."}


def error(
    version: str,
    status: int,
    title: str | None = None,
    errors: Mapping[str, str] | None = None,
    *,
    details: Mapping[str, Any] | None = None,
) -> Answer:
    """Answer with an error in the shape of the API version: an object in V3, an array in V2, a code with a message in B2B Edition.

    :param version: `v2`, `v3` or `b2b`.
    :param errors: messages by field; in V2 they go into the message.
    :param details: what V2 tells beside the message.
    """
    if version == "b2b":
        told = {"errMsg": {name: [reason] for name, reason in errors.items()}} if errors else {}
        return ok({"code": status, "data": told, "meta": {"message": title or _TITLES.get(status, "Error")}}, status)
    title = title or (_V2_TITLES if version == "v2" else {}).get(status) or _TITLES.get(status, "Error")
    if version == "v2":
        reasons = "; ".join(f"{name}: {reason}" for name, reason in (errors or {}).items())
        found = {"status": status, "message": f"{title} {reasons}".strip() if reasons else title}
        return ok([found | ({"details": dict(details)} if details else {})], status)
    return ok({"status": status, "title": title, "type": TYPE, "errors": dict(errors or {})}, status)
