"""Which packages an object store needs, and which extra of this package brings them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from airflow_provider_bigcommerce.exceptions import MissingPackageError

#: The extra, and what Airflow needs for the store: module -> package.
_S3 = ("s3", {"airflow.providers.amazon": "apache-airflow-providers-amazon", "s3fs": "s3fs"})
_GCS = ("gcs", {"airflow.providers.google": "apache-airflow-providers-google", "gcsfs": "gcsfs"})
_AZURE = ("azure", {"airflow.providers.microsoft.azure": "apache-airflow-providers-microsoft-azure", "adlfs": "adlfs"})
#: Scheme of a URL -> the same.
STORES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    **dict.fromkeys(("s3", "s3a"), _S3),
    **dict.fromkeys(("gs", "gcs"), _GCS),
    **dict.fromkeys(("abfs", "abfss", "adl", "az"), _AZURE),
}


def require_packages(scheme: str, path: str) -> None:
    """Say which packages of an object store are not installed; nothing is said of other schemes.

    :param scheme: of the path.
    :param path: as it may be shown.
    :raises MissingPackageError: one is not.
    """
    extra, packages = STORES.get(scheme, ("", {}))
    missing = [package for module, package in packages.items() if not _is_installed(module)]
    if missing:
        raise MissingPackageError(
            f"path={path!r} needs {' and '.join(missing)}, not installed here: "
            f"pip install 'airflow-provider-bigcommerce[{extra}]' where the task runs."
        )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it is not there either
        return False
