"""Decides which paths may be sent: those that mean the same to every server, proxy and library on the way, below the store.

An id that rendered empty makes a list of a row (``DELETE /v2/orders/``), and a dotted segment leaves the store. So a path with a segment
that is empty or dotted, in any encoding, is refused for every verb, before anything is sent. Pure; names no resource.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from airflow_provider_bigcommerce.core.hosts import B2B
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

#: What nearly every path is made of, so that the careful look is for the others.
_PLAIN: Final = re.compile(r"/(?:v[23]|api/v3/io)(?:/[A-Za-z0-9_-]+)+")
_GRAPHQL: Final = "/graphql"
_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_UNDECODED: Final = "\ufffd"
_SHOWN: Final = 100
_ACCEPTED: Final = (
    "Accepted: paths below the store such as '/v3/catalog/products' or '/v2/orders/7', and of B2B Edition such as '/api/v3/io/companies'."
)


def checked(path: object, *, placeholders: bool = False) -> str:
    """The path, if it may be sent.

    :param path: API path below the store.
    :param placeholders: whether names in braces may be in it, as in the catalog's paths.
    :raises InvalidQueryError: it has a segment that is empty, dotted or that would be read as something else, or a query string; the
        message shows the part before that and nothing after it.
    """
    if isinstance(path, str) and (_PLAIN.fullmatch(path) or (path == _GRAPHQL and not placeholders)):
        return path
    if not isinstance(path, str) or not path.startswith(("/v2/", "/v3/", f"{B2B.root}/")):
        raise InvalidQueryError(f"{_start_of(path)} is no API path. {_ACCEPTED}")
    segments = path[1:].split("/")
    for number, segment in enumerate(segments):
        if fault := fault_of(segment, placeholders=placeholders):
            raise InvalidQueryError(f"{'/' + '/'.join([*segments[:number], '...'])!r} is no API path: it {fault}. {_ACCEPTED}")
    return path


def fault_of(segment: str, *, placeholders: bool = False) -> str | None:
    """What is wrong with one segment of a path, as a predicate that does not repeat it; None where nothing is."""
    plain = unquote(segment, errors="replace")
    if "%" in plain or _ENCODED.sub("", segment).count("%"):
        return "has a '%' that encodes nothing, or something that is encoded twice"
    if not plain.strip():
        return "has an empty segment: an id that rendered empty?"
    if not plain.strip(". "):
        return "has a segment of dots, which leads to another path"
    for mark, why in _MARKS.items():
        if mark in plain:
            return why
    if not plain.isprintable() or plain != plain.strip() or _UNDECODED in plain:
        return "has control characters or blanks around a segment"
    if not placeholders and ("{" in plain or "}" in plain):
        return "has a name in braces that was not filled in"
    return None


_QUERY: Final = "has a query string. Give the parameters by themselves, in params= (in the operators query=)"
#: Marks that a server, or a proxy on the way, may take for the end of a segment or of the path.
_MARKS: Final = {
    "?": _QUERY,
    "#": "has a fragment ('#')",
    "/": "has an encoded slash in a segment",
    "\\": "has a backslash",
    ";": "has a ';', which some servers read as the end of a segment",
}


def is_below(url: str, store_url: str) -> bool:
    """Whether a URL's path lies below the store's, whoever decodes it; scheme, host and port are not looked at.

    A trailing slash and a query are allowed: this is for addresses that the store itself gave.
    """
    try:
        path, base = urlsplit(url).path, urlsplit(store_url).path
    except ValueError:
        return False
    if not path.startswith(f"{base}/"):
        return False
    inner = path.removeprefix(f"{base}/").removesuffix("/")
    return all(fault_of(segment) is None for segment in inner.split("/"))


def _start_of(path: object) -> str:
    """A path for a message, without what may be a query."""
    if not isinstance(path, str):
        return f"A value of type {type(path).__name__}"
    return repr(re.split(r"[?#%]", path, maxsplit=1)[0][:_SHOWN])
