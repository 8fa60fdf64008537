"""Column types of every resource: which fields a record has, and how each is kept in a Parquet file.

Plain data, generated from BigCommerce's specs by ``tests/tools/generate_schemas.py``; pyarrow is imported only when an
Arrow schema is asked for. It reads no store and no catalog.

A type is a code, a struct (name -> type), a list ``[type]``, or ``[type, "link"]`` for a list in whose place V2 puts a
``{url, resource}`` link when it was not included. The codes say what the store sends and what the column is:

==================  ==========================================  =======================
code                what the store sends                        column
==================  ==========================================  =======================
``int``             a whole number                              int64
``int_text``        a whole number, or the same as text         int64
``float``           a number                                    double
``float_text``      a number, or the same as text               double
``bool``            true or false                               bool
``text``            text                                        string
``scalar``          text or a number                            string
``json``            anything                                    string, the value's JSON
``money``           a number                                    decimal128(20, 4)
``money_text``      a number as text (V2), or a number          decimal128(20, 4)
``rate_text``       an exchange rate as text, or a number       decimal128(20, 10)
``time``            ISO-8601 text (V3)                          timestamp[us, UTC]
``time_rfc``        RFC-2822 text (V2), or ISO-8601             timestamp[us, UTC]
``time_unix``       seconds since 1970                          timestamp[us, UTC]
``time_unix_text``  seconds since 1970 or a date, as text       timestamp[us, UTC]
==================  ==========================================  =======================
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_bigcommerce.exceptions import MissingPackageError

if TYPE_CHECKING:
    import pyarrow

#: A column's type as data; see the module's docstring.
Type = str | dict[str, Any] | list[Any]

#: Holds, as JSON, what the schema has no column for and values that contradict their column's type.
EXTRA = "_extra"
#: When the row was read, UTC.
SYNCED_AT = "_synced_at"
#: The store it came from.
STORE_HASH = "_store_hash"
#: When it was noticed that the store no longer has the row, UTC; null while it has.
DELETED_AT = "_deleted_at"
#: What we add to rows, which no store has.
OURS = frozenset({SYNCED_AT, STORE_HASH, DELETED_AT})

MONEY = (20, 4)
EXCHANGE_RATE = (20, 10)

#: Key fields that may be null: a form field's value belongs to a customer or to one of its addresses.
NULLABLE_KEYS = frozenset({("customer_form_field_values", "address_id")})


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of one resource.

    :param resource: catalog name, or the path of a resource that the catalog does not have.
    :param key: fields that identify a row, dots for nested ones; empty for singletons without one.
    :param fields: column -> type, in the order of the file; those with an underscore come after them.
    """

    resource: str
    key: tuple[str, ...]
    fields: Mapping[str, Type]

    @property
    def required(self) -> frozenset[str]:
        """Top-level key columns, which are never null."""
        return frozenset(name for name in self.key if name in self.fields and (self.resource, name) not in NULLABLE_KEYS)

    def with_columns(self, columns: Mapping[str, Type]) -> Schema:
        """A copy with more columns in front, for a parent's key; a column that exists keeps its type.

        :param columns: column -> type code.
        """
        return Schema(self.resource, self.key, MappingProxyType({**columns, **self.fields}))


def load_pyarrow() -> Any:
    """The pyarrow module.

    :raises MissingPackageError: it is not installed; the message says what to install.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise MissingPackageError(
            "Parquet needs pyarrow, which is not installed: pip install 'airflow-provider-bigcommerce[parquet]'; "
            "or use file_format='jsonl'."
        ) from error
    return pyarrow


@functools.cache
def _data() -> Mapping[str, Mapping[str, Any]]:
    text = resources.files(__package__).joinpath("schemas.json").read_bytes()
    return MappingProxyType(msgspec.json.decode(text, type=dict[str, dict[str, Any]]))


def resource_names() -> tuple[str, ...]:
    """The resources that have a schema, in alphabetical order."""
    return tuple(_data())


@functools.cache
def schema(resource: str, primary_key: tuple[str, ...] = ("id",)) -> Schema:
    """The schema of a resource; of one that is not in the catalog, its key and ``_extra`` alone.

    :param resource: catalog name, or a path such as ``/v3/catalog/products``.
    :param primary_key: the key's fields, used where the resource has no schema.
    """
    known = _data().get(resource)
    if known is None:
        # "scalar": nothing is known of an uncatalogued key, and text holds a number as well as a uuid.
        return Schema(resource, primary_key, MappingProxyType({name: "scalar" for name in primary_key if "." not in name}))
    return Schema(resource, tuple(known["key"]), MappingProxyType(known["fields"]))


def arrow_type(kind: Type) -> pyarrow.DataType:
    """The Arrow type of a column or of a nested field."""
    pa = load_pyarrow()
    if isinstance(kind, dict):
        return pa.struct([pa.field(name, arrow_type(part)) for name, part in kind.items()])
    if isinstance(kind, list):
        return pa.list_(arrow_type(kind[0]))
    if kind.startswith("time"):
        return pa.timestamp("us", tz="UTC")
    return {
        "int": pa.int64(),
        "int_text": pa.int64(),
        "float": pa.float64(),
        "float_text": pa.float64(),
        "bool": pa.bool_(),
        "text": pa.string(),
        "scalar": pa.string(),
        "json": pa.string(),
        "money": pa.decimal128(*MONEY),
        "money_text": pa.decimal128(*MONEY),
        "rate_text": pa.decimal128(*EXCHANGE_RATE),
    }[kind]


def arrow_schema(resource: str | Schema) -> pyarrow.Schema:
    """The Arrow schema that every file of the resource has, whatever its rows hold.

    :param resource: catalog name, path, or a :class:`Schema` with the columns of a parent.
    :raises MissingPackageError: pyarrow is not installed.
    """
    pa = load_pyarrow()
    found = schema(resource) if isinstance(resource, str) else resource
    required = found.required
    columns = [pa.field(name, arrow_type(kind), nullable=name not in required) for name, kind in found.fields.items()]
    moment = pa.timestamp("us", tz="UTC")
    ours = [pa.field(EXTRA, pa.string()), pa.field(SYNCED_AT, moment), pa.field(STORE_HASH, pa.string()), pa.field(DELETED_AT, moment)]
    return pa.schema([*columns, *ours])


def column_name(placeholder: str) -> str:
    """The column of a path's placeholder: ``customerId`` -> ``customer_id``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", placeholder).lower()
