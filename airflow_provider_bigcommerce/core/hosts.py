"""The hosts of BigCommerce's APIs: which paths belong to which, what each wants in addition to the token, and what it grants.

Data and one question. A path names its host by its beginning, so that a path is all that a caller need give. B2B Edition stands on a host
of its own, with its own quota, for the same store and the same token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One host.

    :param name: ``store`` or ``b2b``.
    :param title: what people call what it serves.
    :param url: where it is, unless the connection says otherwise.
    :param root: what all its paths begin with; empty for the store's own, which begin with ``/v2/`` or ``/v3/``.
    :param hash_header: header that names the store, where the path does not; empty for none.
    :param quota: requests that it grants a window where its answers do not tell; None if only the one in its answers counts.
    :param window_seconds: length of that window.
    :param is_optional: whether there are stores without it.
    """

    name: str
    title: str
    url: str
    root: str = ""
    hash_header: str = ""
    quota: int | None = None
    window_seconds: float | None = None
    is_optional: bool = False


STORE: Final = Host(name="store", title="the store's API", url="https://api.bigcommerce.com")

#: Source: docs/b2b-edition/specs/api-v3 (servers), best-practices.mdx (150 requests a minute for all integrations of a store).
B2B: Final = Host(
    name="b2b",
    title="B2B Edition",
    url="https://api-b2b.bigcommerce.com",
    root="/api/v3/io",
    hash_header="X-Store-Hash",
    quota=150,
    window_seconds=60.0,
    is_optional=True,
)

HOSTS: Final = (STORE, B2B)


def host_of(path: str) -> Host:
    """The host that a path belongs to, by its beginning: ``/api/v3/io/companies`` is B2B Edition's."""
    return next((host for host in HOSTS if host.root and (path == host.root or path.startswith(f"{host.root}/"))), STORE)
