"""The ``bigcommerce://`` asset URIs: ``bigcommerce://<connection id>/<resource>`` for a resource's files.

Decides what such a URI may look like; opens nothing and knows no catalog, so that parsing a DAG stays cheap.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult

if TYPE_CHECKING:
    from airflow.sdk import Asset


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Accept ``bigcommerce://<connection id>`` with or without one resource name after it.

    :raises ValueError: anything else; Airflow shows it where the DAG is parsed.
    """
    if not uri.netloc or not re.fullmatch(r"(?:/[a-z0-9_]+)?/?", uri.path) or uri.query:
        raise ValueError(
            f"The asset URI {uri.geturl()!r} is not of the form bigcommerce://<connection id>/<resource>, "
            "such as bigcommerce://bigcommerce_default/orders."
        )
    return uri._replace(path=uri.path.rstrip("/"))


def create_asset(*, conn_id: str, resource: str, extra: dict[str, Any] | None = None) -> Asset:
    """The asset of a resource of a store.

    :param conn_id: connection id of the store.
    :param resource: catalog name of the resource.
    :param extra: passed on to the asset.
    """
    from airflow.sdk import Asset

    uri = f"bigcommerce://{conn_id}/{resource}"
    return Asset(name=uri, uri=uri, extra=extra or {})
