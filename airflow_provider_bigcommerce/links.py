"""Links from a task in Airflow's UI to what it worked on in the store's control panel.

Knows the control panel's addresses; the link of a run is made where the run knows its store, and kept in XCom.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

#: Page of the control panel, by resource or by area; ``dashboard`` for the others.
_PAGES: Mapping[str, str] = {
    "orders": "orders",
    "products": "products",
    "catalog": "products",
    "brands": "products/brands",
    "categories": "products/categories",
    "category_trees": "products/categories",
    "customers": "customers",
    "customer_groups": "customers/groups",
    "channels": "channel-manager",
    "marketing": "marketing",
    "promotions": "marketing/promotions",
    "pages": "storefront-manager",
    "themes": "storefront-manager",
}


def control_panel_url(store_hash: str, resource: str, area: str) -> str:
    """The page of the store's control panel where a person sees a resource.

    :param resource: catalog name.
    :param area: its area in the catalog, used where the resource has no page of its own.
    """
    return f"https://store-{store_hash}.mybigcommerce.com/manage/{_PAGES.get(resource, _PAGES.get(area, 'dashboard'))}"


class BigCommerceControlPanelLink(BaseOperatorLink):
    """The button "BigCommerce control panel" of a task."""

    name = "BigCommerce control panel"
    #: Where the run keeps the address, so that it shows while the task runs.
    key = "bigcommerce_control_panel"

    @property
    def xcom_key(self) -> str:
        """XCom key that Airflow's API server reads the address from."""
        return self.key

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002  # Airflow's signature
        """The address that the run kept; empty where it did not come that far."""
        return str(XCom.get_value(key=self.key, ti_key=ti_key) or "")
