"""What never reaches a log line, and how a text is freed of it.

Knows which headers carry credentials, which parts of a URL may hold customer data, and the spellings in which a secret can hide.
Reads no configuration and keeps no secret.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

from airflow_provider_bigcommerce.exceptions import BigCommerceError

Error = TypeVar("Error", bound=Exception)

#: Headers whose values are credentials, in lower case.
SECRET_HEADERS: Final = frozenset({"x-auth-token", "x-auth-client", "authorization", "proxy-authorization", "cookie", "set-cookie"})

#: What is in the place of a secret; the same mark that Airflow uses.
MASK: Final = "***"


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers for a log line: names as they are, the values of credentials masked."""
    return {name: MASK if name.lower() in SECRET_HEADERS else value for name, value in headers.items()}


def redact_url(url: str) -> str:
    """A URL for a log line: without user, password, query and fragment, since filters carry customers' data (``email:in=...``)."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def spellings(secret: str) -> tuple[str, ...]:
    """The texts in which a secret can appear: plain, URL-encoded, and base64 at each of the three offsets.

    :returns: the distinct spellings, longest first, so that replacing them in order leaves no piece; none for an empty secret.
    """
    if not secret:
        return ()
    raw = secret.encode()
    found = {secret, quote(secret, safe=""), quote_plus(secret), quote(secret)}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        found.add(encode(raw).decode())
        # Inside a longer text ("Basic id:secret") the secret starts at any of three offsets; only the characters made of its own bytes
        # alone are certain.
        for offset in range(3):
            whole = encode(b"\0" * offset + raw).decode().rstrip("=")
            inner = whole[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
            if len(inner) >= 8:  # shorter ones would be found in innocent text
                found.add(inner)
    return tuple(sorted(found, key=lambda text: (-len(text), text)))


def redacted(error: Error, secrets: Iterable[str]) -> Error:
    """The error, with every spelling of every secret masked in what it says and in what it keeps of the answer."""
    secrets = tuple(secrets)
    error.args = tuple(redact(part, secrets) if isinstance(part, str) else part for part in error.args)
    if isinstance(error.__cause__, BigCommerceError):
        redacted(error.__cause__, secrets)
    for name in ("title", "request_id"):
        if isinstance(value := getattr(error, name, None), str):
            setattr(error, name, redact(value, secrets))
    return error


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text with every spelling of every secret masked.

    :param text: what is about to be shown.
    :param secrets: credentials; empty ones are skipped.
    """
    for secret in secrets:
        for spelling in spellings(secret):
            text = text.replace(spelling, MASK)
    return text
