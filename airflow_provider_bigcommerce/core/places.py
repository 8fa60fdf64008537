"""What the path of a directory may be, as far as its text tells; nothing is opened.

Pure. Used where a DAG is parsed, and again where the directory is opened.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_bigcommerce.core.arguments import Check, text
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

_ACCEPTED = (
    "Give '/data/bigcommerce', 'file:///data/bigcommerce' (three slashes) or an object store's URL such as "
    "'s3://aws_default@bucket/bigcommerce'."
)
#: Schemes of the local disk.
_LOCAL = ("", "file", "local")
#: Schemes of stores that have buckets.
_BUCKETS = ("s3", "s3a", "gs", "gcs", "abfs", "abfss")


def fault_of(path: str, name: str = "path") -> str | None:
    """Why the text cannot be a directory, in a sentence; None where nothing tells against it.

    :param path: as it was given; never with credentials, which Airflow's connections hold.
    :param name: of the argument.
    """
    try:
        parts = urlsplit(path)
    except ValueError as error:  # brackets of an IPv6 address that are not closed
        return f"{name}={path!r} is no URL ({error}). {_ACCEPTED}"
    if parts.scheme in _LOCAL:
        if parts.netloc or not parts.path.startswith("/"):
            return f"{name}={path!r} is not absolute, so it would depend on the worker's directory. {_ACCEPTED}"
        return None
    if not path[len(parts.scheme) :].startswith("://") or (parts.scheme in _BUCKETS and not parts.netloc.rpartition("@")[2]):
        return f"{name}={path!r} names no bucket: behind {parts.scheme + ':'!r} come two slashes and the bucket's name. {_ACCEPTED}"
    return None


def url_of(path: str) -> str:
    """A directory as watermarks name it: ``file:///data/bigcommerce``, ``s3://aws_default@bucket/bigcommerce``."""
    parts = urlsplit(path)
    return f"file://{parts.path.rstrip('/')}" if parts.scheme in _LOCAL else path.rstrip("/")


def place(example: str) -> Check:
    """A directory: text, or an object that stands for a path: ``pathlib``'s, Airflow's ``ObjectStoragePath``.

    :param example: one, as it is written.
    """
    as_text = text(example)

    def read(name: str, value: Any) -> Any:
        if hasattr(value, "fs") and hasattr(value, "path"):
            return value
        if not isinstance(value, PurePath):
            as_text(name, value)
        if (fault := fault_of(str(value), name)) is not None:
            raise InvalidQueryError(fault)
        return value

    return Check(read)
