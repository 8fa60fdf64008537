"""The assets of a store's changes: which URIs there are, and that Airflow takes them as they are."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from airflow.sdk import AssetAny

from airflow_provider_bigcommerce import assets
from airflow_provider_bigcommerce.events import changes
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, UnknownResourceError


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


# -- the assets that a DAG is scheduled on


def test_changes_of_one_resource_are_its_asset_and_of_several_any_of_theirs() -> None:
    one, several = changes("products", conn_id="shop"), changes("products", "orders", conn_id="shop")

    assert one == assets.changes_asset("shop", "products")
    assert isinstance(several, AssetAny)
    assert [asset.uri for asset in several.objects] == [f"bigcommerce://shop/changes/{name}" for name in ("products", "orders")]
    assert not any(asset.watchers for asset in several.objects)


def test_each_polled_asset_has_a_trigger_of_its_own_or_its_cursor_could_not_be_kept() -> None:
    several = changes("products", "orders", conn_id="shop", poll=30)
    assert isinstance(several, AssetAny)
    [[products], [orders]] = [asset.watchers for asset in several.objects]

    for watcher, resource in ((products, "products"), (orders, "orders")):
        _, arguments = watcher.trigger.serialize()
        assert (arguments["resource"], arguments["bigcommerce_conn_id"], arguments["poll_interval"]) == (resource, "shop", 30)
    assert products.trigger.shared_stream_key() != orders.trigger.shared_stream_key()


@pytest.mark.parametrize(
    ("names", "arguments", "message"),
    [
        ([], {}, r"changes\(\) names no resource"),
        (["products", "products"], {}, "has 'products' twice"),
        (["prodcts"], {}, "products"),
        (["brands"], {}, r"no webhook for 'brands'.*poll=60\.0"),
        (["product_variants"], {"poll": 60.0}, "product_variants"),  # no change date to poll by
        (["products"], {"poll": 0}, "poll=0"),
        (["products"], {"conn_id": ""}, "conn_id=''"),
    ],
    ids=["none", "twice", "unknown", "no webhook", "no date", "no pause", "no connection"],
)
def test_what_nothing_would_tell_of_is_refused_where_the_dag_is_parsed(names: list[str], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((InvalidQueryError, UnknownResourceError), match=message):
        changes(*names, **arguments)
