"""The ``bigcommerce://`` asset URIs: ``bigcommerce://<connection id>/<resource>`` for a resource's copy, and
``bigcommerce://<connection id>/changes/<resource>`` for its changes in the store.

Decides what such a URI may look like; opens nothing and knows no catalog, so that parsing a DAG stays cheap.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult

from airflow_provider_bigcommerce.core.naming import kept_name

if TYPE_CHECKING:
    from airflow.sdk import Asset, AssetAlias

#: The group of all our assets on Airflow's page of assets.
GROUP = "bigcommerce"

#: The alias through which events go whose asset is known only in the run.
DATA_ALIAS = "bigcommerce_data"

#: The alias through which changes go that come from a queue, whose resources are known only in the run.
CHANGES_ALIAS = "bigcommerce_changes"


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Accept ``bigcommerce://<connection id>`` alone, with one resource name after it, or with ``changes/`` and one resource name.

    :raises ValueError: anything else; Airflow shows it where the DAG is parsed.
    """
    if not uri.netloc or not re.fullmatch(r"(?:/(?:changes/)?[a-z0-9_-]+)?/?", uri.path) or uri.query:
        raise ValueError(
            f"The asset URI {uri.geturl()!r} is not of the form bigcommerce://<connection id>/<resource>, "
            "such as bigcommerce://bigcommerce_default/orders, or bigcommerce://<connection id>/changes/<resource>."
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
    return Asset(name=uri, uri=uri, group=GROUP, extra=extra or {})


def uri_of(conn_id: str, resource: str) -> str:
    """``bigcommerce://<connection id>/<resource>``; a path has the name of its directory: ``v3_foo_bar-0123456789ab``."""
    return f"bigcommerce://{conn_id}/{kept_name(resource)}"


def asset_of(conn_id: str, resource: str) -> Asset:
    """The asset that a transfer of this resource announces, and that a DAG is scheduled on.

    :param conn_id: connection id of the store.
    :param resource: catalog name or path.
    """
    from airflow.sdk import Asset

    uri = uri_of(conn_id, resource)
    return Asset(name=uri, uri=uri, group=GROUP)


def changes_uri(conn_id: str, resource: str) -> str:
    """``bigcommerce://<connection id>/changes/<resource>``: URI, and name, of the asset of a resource's changes in the store."""
    return f"bigcommerce://{conn_id}/changes/{kept_name(resource)}"


def changes_asset(conn_id: str, resource: str) -> Asset:
    """The asset whose events report changes in the store, whoever tells them: webhooks, polls or a queue.

    Its events carry ``{"payload": {"resource", "store_hash", "since", "until", "count", "ids", "is_whole", "deleted", "via"}}`` as extra.

    :param conn_id: connection id of the store.
    :param resource: catalog name or path.
    """
    from airflow.sdk import Asset

    uri = changes_uri(conn_id, resource)
    return Asset(name=uri, uri=uri)


def data_alias() -> AssetAlias:
    """What stands for the assets of all resources where they are known only in the run; a DAG can be scheduled on it too."""
    from airflow.sdk import AssetAlias

    return AssetAlias(name=DATA_ALIAS, group=GROUP)


def changes_alias() -> AssetAlias:
    """What stands for the assets of changes where a queue reports them: their resources are known only in the run."""
    from airflow.sdk import AssetAlias

    return AssetAlias(name=CHANGES_ALIAS, group=GROUP)


def is_known(*arguments: object) -> bool:
    """Whether arguments say what they mean when the DAG is parsed: texts without a template."""
    return all(isinstance(argument, str) and "{{" not in argument and "{%" not in argument for argument in arguments)
