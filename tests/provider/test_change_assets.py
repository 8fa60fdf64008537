"""The assets of a store's changes: which URIs there are, and that Airflow takes them as they are."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from airflow_provider_bigcommerce import assets


@pytest.mark.parametrize("conn_id", ["bigcommerce_default", "shop.eu-1"])
@pytest.mark.parametrize("resource", ["products", "/v3/foo/bar"])
def test_a_change_asset_is_named_as_its_uri_and_airflow_leaves_it_as_it_is(conn_id: str, resource: str) -> None:
    asset = assets.changes_asset(conn_id, resource)

    assert asset.name == asset.uri == assets.changes_uri(conn_id, resource)
    assert asset.uri.startswith(f"bigcommerce://{conn_id}/changes/")
    assert asset.uri != assets.asset_of(conn_id, resource).uri


@pytest.mark.parametrize(
    "uri",
    [
        "bigcommerce://shop/changes/products/more",
        "bigcommerce://shop/changes//products",
        "bigcommerce://shop/data/products",
        "bigcommerce://shop/changes/Products",
        "bigcommerce://shop/changes/products?x=1",
    ],
)
def test_another_second_segment_than_changes_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="is not of the form bigcommerce://"):
        assets.sanitize_uri(urlsplit(uri))


def test_a_slash_at_the_end_is_dropped() -> None:
    assert assets.sanitize_uri(urlsplit("bigcommerce://shop/changes/products/")).path == "/changes/products"
