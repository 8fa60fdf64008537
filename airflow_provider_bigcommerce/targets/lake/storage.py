"""Where a lake's tables are, as ``deltalake`` asks for it: a URI, and options made from an Airflow connection.

``deltalake`` reads and writes its log by itself and knows no Airflow connection; the data files go through ``targets.files.destination``.
Both are given the same ``path``. Options hold secrets: they are made when a table is opened, and are in no message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from airflow_provider_bigcommerce.exceptions import DestinationError, MissingPackageError

if TYPE_CHECKING:
    from airflow.sdk import Connection

#: Key of a storage connection's extra whose members are handed to ``deltalake`` as they are, after all others.
OWN_OPTIONS: Final = "delta_storage_options"

_LOCAL: Final = ("", "file", "local")
_S3: Final = ("s3", "s3a")
_GCS: Final = ("gs", "gcs")
_AZURE: Final = ("abfs", "abfss", "adl", "az")


@dataclass(frozen=True, slots=True)
class TableStorage:
    """A table's place.

    :param uri: without a connection id and without a secret: ``s3://bucket/shop/orders``.
    :param options: ``storage_options`` of ``deltalake``; not part of the text of this object.
    """

    uri: str
    options: Mapping[str, str] = field(repr=False)


def load_deltalake() -> Any:
    """The ``deltalake`` module.

    :raises MissingPackageError: it is not installed, or too old; the message says what to install.
    """
    try:
        import deltalake
        from deltalake.transaction import RemoveAction  # noqa: F401  # 1.6.6 is the first that has it
    except ImportError as error:
        raise MissingPackageError(
            "Tables of a lakehouse need deltalake 1.6.6 or later, which is not installed: pip install 'airflow-provider-bigcommerce[lake]'."
        ) from error
    return deltalake


def table_storage(path: str, folder: str) -> TableStorage:
    """The place of a resource's table.

    :param path: the operator's: ``/data/shop``, ``s3://aws_default@bucket/shop``.
    :param folder: the table's directory below it.
    :raises DestinationError: a scheme that is not one of these stores, or a connection that is missing.
    """
    parts = urlsplit(path)
    scheme, below = parts.scheme, "/".join(part for part in (parts.path.strip("/"), folder) if part)
    if scheme in _LOCAL:
        return TableStorage(f"file:///{quote(below)}", {})
    conn_id, _, bucket = parts.netloc.rpartition("@")
    make = _of_s3 if scheme in _S3 else _of_gcs if scheme in _GCS else _of_azure if scheme in _AZURE else None
    if make is None:
        raise DestinationError(
            f"path has the scheme {scheme!r}, which a lake's tables cannot be kept in. Accepted: a local directory, "
            "s3://, gs://, abfs:// (with a connection id before the bucket: s3://aws_default@bucket/shop)."
        )
    name = {**dict.fromkeys(_S3, "s3"), **dict.fromkeys(_GCS, "gs"), **dict.fromkeys(_AZURE, "az")}[scheme]
    uri = f"{name}://{bucket}/{below}"
    if not conn_id:  # what the environment gives, as for the data files
        return TableStorage(uri, {})
    connection = _connection(conn_id)
    options = make(connection, conn_id)
    own = connection.extra_dejson.get(OWN_OPTIONS) or {}
    if not isinstance(own, Mapping):
        raise DestinationError(f"{OWN_OPTIONS} in the extra of the connection {conn_id!r} is no JSON object. Give names and texts.")
    return TableStorage(uri, {**options, **{str(name): str(value) for name, value in own.items()}})


def _connection(conn_id: str) -> Connection:
    from airflow.sdk import BaseHook

    return BaseHook.get_connection(conn_id)


def _of_s3(connection: Connection, conn_id: str) -> dict[str, str]:
    """Options for S3 and what speaks like it, from a connection of type ``aws``."""
    extra: Mapping[str, Any] = connection.extra_dejson
    key = connection.login or extra.get("aws_access_key_id")
    secret = connection.password or extra.get("aws_secret_access_key")
    token, region = extra.get("aws_session_token"), extra.get("region_name")
    if extra.get("role_arn") or (not key and any(name in extra for name in ("profile_name", "assume_role_method"))):
        key, secret, token, region = _assumed(conn_id, region)
    endpoint = (extra.get("service_config") or {}).get("s3", {}).get("endpoint_url") or extra.get("endpoint_url") or extra.get("host")
    addressing = ((extra.get("config_kwargs") or {}).get("s3") or {}).get("addressing_style")
    found = {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": token,
        # A store that speaks like S3 has no region, and a request cannot be signed without one.
        "AWS_REGION": region or ("us-east-1" if endpoint else None),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true" if str(endpoint).startswith("http://") else None,
        "AWS_ALLOW_INVALID_CERTIFICATES": "true" if extra.get("verify") is False else None,
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true" if addressing == "virtual" else None,
    }
    return _given(found)


def _assumed(conn_id: str, region: Any) -> tuple[Any, Any, Any, Any]:
    """The credentials that Airflow's own hook takes on; they end after a while, so they are asked for at each opening."""
    try:
        from airflow.providers.amazon.aws.hooks.base_aws import (  # type: ignore[import-not-found,unused-ignore]  # an extra of the user's
            AwsBaseHook,
        )
    except ImportError as error:
        raise DestinationError(
            f"The connection {conn_id!r} takes on a role or names a profile, for which apache-airflow-providers-amazon is needed. Install "
            "it, or give the connection an access key."
        ) from error
    session = AwsBaseHook(aws_conn_id=conn_id, client_type="s3").get_session()
    found = session.get_credentials().get_frozen_credentials()
    return found.access_key, found.secret_key, found.token, region or session.region_name


def _of_gcs(connection: Connection, conn_id: str) -> dict[str, str]:  # noqa: ARG001  # as the others
    """Options for Google Cloud Storage, from a connection of type ``google_cloud_platform``; without a key, the machine's own identity."""
    extra: Mapping[str, Any] = connection.extra_dejson
    keyfile = extra.get("keyfile_dict")
    if isinstance(keyfile, Mapping):
        keyfile = json.dumps(keyfile)
    return _given({"GOOGLE_SERVICE_ACCOUNT_KEY": keyfile, "GOOGLE_SERVICE_ACCOUNT": extra.get("key_path")})


def _of_azure(connection: Connection, conn_id: str) -> dict[str, str]:
    """Options for Azure, from a connection of type ``wasb`` or ``adls``."""
    extra: Mapping[str, Any] = connection.extra_dejson
    tenant = extra.get("tenant_id")
    text = extra.get("connection_string")
    pairs = dict(pair.split("=", 1) for pair in text.split(";") if "=" in pair) if isinstance(text, str) else {}
    host = (connection.host or "").removeprefix("https://").partition(".")[0]
    account = extra.get("account_name") or pairs.get("AccountName") or host or (None if tenant else connection.login)
    if not account:
        raise DestinationError(
            f"The connection {conn_id!r} names no storage account. Give it as the host, https://<account>.blob.core.windows.net, or as "
            "account_name in the extra."
        )
    found = {
        "AZURE_STORAGE_ACCOUNT_NAME": account,
        "AZURE_STORAGE_ACCOUNT_KEY": extra.get("account_key") or pairs.get("AccountKey") or (None if tenant else connection.password),
        "AZURE_STORAGE_SAS_TOKEN": extra.get("sas_token"),
        "AZURE_STORAGE_TENANT_ID": tenant,
        "AZURE_STORAGE_CLIENT_ID": connection.login if tenant else None,
        "AZURE_STORAGE_CLIENT_SECRET": connection.password if tenant else None,
    }
    return _given(found)


def _given(options: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in options.items() if value}
