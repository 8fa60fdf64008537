"""Airflow connections as options of ``deltalake``; as a mapping alone: no server of an object store is started here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.targets.lake.storage import table_storage

S3: dict[str, Any] = {"conn_type": "aws", "login": "AKIA", "password": "hidden", "extra": {"region_name": "eu-west-1"}}
GCS: dict[str, Any] = {"conn_type": "google_cloud_platform"}
AZURE: dict[str, Any] = {"conn_type": "wasb"}

CASES: dict[str, tuple[str, dict[str, Any], str, dict[str, str]]] = {
    "s3 with a key": (
        "s3://store@bucket/shop/",
        S3,
        "s3://bucket/shop/orders",
        {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_REGION": "eu-west-1"},
    ),
    "s3, the bucket itself": (
        "s3://store@bucket",
        {**S3, "extra": {"aws_session_token": "hidden-token", "region_name": "eu-west-1"}},
        "s3://bucket/orders",
        {
            "AWS_ACCESS_KEY_ID": "AKIA",
            "AWS_SECRET_ACCESS_KEY": "hidden",
            "AWS_SESSION_TOKEN": "hidden-token",
            "AWS_REGION": "eu-west-1",
        },
    ),
    "what speaks like s3": (
        "s3a://store@bucket/shop",
        {**S3, "extra": {"endpoint_url": "http://127.0.0.1:9000", "verify": False}},
        "s3://bucket/shop/orders",
        {
            "AWS_ACCESS_KEY_ID": "AKIA",
            "AWS_SECRET_ACCESS_KEY": "hidden",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9000",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ALLOW_INVALID_CERTIFICATES": "true",
        },
    ),
    "s3 with an endpoint for s3 alone, and options of its own": (
        "s3://store@bucket/shop",
        {
            **S3,
            "extra": {
                "service_config": {"s3": {"endpoint_url": "https://minio"}},
                "config_kwargs": {"s3": {"addressing_style": "virtual"}},
                "delta_storage_options": {"timeout": 60, "AWS_REGION": "fsn1"},
            },
        },
        "s3://bucket/shop/orders",
        {
            "AWS_ACCESS_KEY_ID": "AKIA",
            "AWS_SECRET_ACCESS_KEY": "hidden",
            "AWS_REGION": "fsn1",
            "AWS_ENDPOINT_URL": "https://minio",
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
            "timeout": "60",
        },
    ),
    "s3 by the machine's own rights": ("s3://store@bucket/shop", {"conn_type": "aws"}, "s3://bucket/shop/orders", {}),
    "gcs with a key": (
        "gs://store@bucket/shop",
        {**GCS, "extra": {"keyfile_dict": {"client_email": "x"}}},
        "gs://bucket/shop/orders",
        {"GOOGLE_SERVICE_ACCOUNT_KEY": '{"client_email": "x"}'},
    ),
    "gcs with a key's file": (
        "gs://store@bucket/shop",
        {**GCS, "extra": {"key_path": "/keys/x.json"}},
        "gs://bucket/shop/orders",
        {"GOOGLE_SERVICE_ACCOUNT": "/keys/x.json"},
    ),
    "azure with a key": (
        "abfs://store@container/shop",
        {**AZURE, "login": "account", "password": "hidden"},
        "az://container/shop/orders",
        {"AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_STORAGE_ACCOUNT_KEY": "hidden"},
    ),
    "azure with a client": (
        "abfss://store@container/shop",
        {
            **AZURE,
            "host": "https://account.blob.core.windows.net",
            "login": "client",
            "password": "hidden",
            "extra": {"tenant_id": "tenant"},
        },
        "az://container/shop/orders",
        {
            "AZURE_STORAGE_ACCOUNT_NAME": "account",
            "AZURE_STORAGE_TENANT_ID": "tenant",
            "AZURE_STORAGE_CLIENT_ID": "client",
            "AZURE_STORAGE_CLIENT_SECRET": "hidden",
        },
    ),
    "azure with a connection string": (
        "abfs://store@container/shop",
        {**AZURE, "extra": {"connection_string": "AccountName=account;AccountKey=hidden==;EndpointSuffix=core.windows.net"}},
        "az://container/shop/orders",
        {"AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_STORAGE_ACCOUNT_KEY": "hidden=="},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_connection_becomes_options(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    path, connection, uri, options = CASES[case]
    monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps(connection))

    found = table_storage(path, "orders")

    assert (found.uri, found.options) == (uri, options)
    assert "hidden" not in repr(found)


@pytest.mark.parametrize("path", ["/data/my shop", "file:///data/my shop", "/data/my shop/"])
def test_a_local_directory_needs_no_options(path: str) -> None:
    found = table_storage(path, "orders")

    assert (found.uri, found.options) == ("file:///data/my%20shop/orders", {})


def test_without_a_connection_the_environment_gives_the_rights() -> None:
    assert table_storage("s3://bucket/shop", "orders").options == {}


@pytest.mark.parametrize(
    ("path", "connection", "words"),
    [
        ("hdfs://store@host/shop", S3, "the scheme 'hdfs'.*Accepted: a local directory, s3://"),
        ("abfs://store@container/shop", AZURE, "names no storage account"),
        ("s3://store@bucket/shop", {**S3, "extra": {"role_arn": "arn:aws:iam::1:role/x"}}, "apache-airflow-providers-amazon is needed"),
        ("s3://store@bucket/shop", {**S3, "extra": {"delta_storage_options": ["x"]}}, "delta_storage_options .* is no JSON object"),
    ],
)
def test_what_cannot_work_is_told_without_a_secret(
    monkeypatch: pytest.MonkeyPatch, path: str, connection: dict[str, Any], words: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps(connection))

    with pytest.raises(DestinationError, match=words) as raised:
        table_storage(path, "orders")
    assert "hidden" not in str(raised.value)
