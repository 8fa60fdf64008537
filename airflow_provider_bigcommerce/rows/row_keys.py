"""Which rows of a file's resource these are; see ``core/keys.py``."""

from __future__ import annotations

from airflow_provider_bigcommerce.core import keys
from airflow_provider_bigcommerce.core.keys import Key, SeenKeys, key_of
from airflow_provider_bigcommerce.rows.schemas import NULLABLE_KEYS

__all__ = ["Key", "KeyReader", "SeenKeys", "key_of"]


class KeyReader(keys.KeyReader):
    """A reader that knows which key fields the resource's rows may lack; arguments as there."""

    def __init__(self, resource: str, primary_key: tuple[str, ...], modified_field: str | None = None) -> None:
        may_lack = [field for field in primary_key if (resource, field) in NULLABLE_KEYS]
        super().__init__(resource, primary_key, modified_field, may_lack=may_lack)
