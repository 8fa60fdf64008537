"""The tables that a project describes: which resources, under which names, how they are related. Decides; opens nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.planning import copied_resource
from airflow_provider_bigcommerce.dbt.words import meaning
from airflow_provider_bigcommerce.engine.copying import columns_of
from airflow_provider_bigcommerce.engine.selection import folder_of
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, EXTRA, NULLABLE_KEYS, STORE_HASH, SYNCED_AT
from airflow_provider_bigcommerce.targets.sql.layout import PARENT_PATH, PATH, POSITION, ROW_HASH, ColumnKind, Layout, Table, layout_of

#: The resources that get a staging model -> what one row of it is called; its ``id`` becomes ``<that>_id``.
STAGED: Final[Mapping[str, str]] = {
    "orders": "order",
    "order_products": "order_product",
    "order_shipments": "order_shipment",
    "order_transactions": "order_transaction",
    "order_refunds": "order_refund",
    "order_coupons": "order_coupon",
    "order_statuses": "order_status",
    "customers": "customer",
    "customer_addresses": "customer_address",
    "customer_groups": "customer_group",
    "products": "product",
    "product_variants": "variant",
    "brands": "brand",
    "categories": "category",
    "coupons": "coupon",
    "promotions": "promotion",
    "gift_certificates": "gift_certificate",
    "price_list_records": "price_list_record",
    "inventory_items": "inventory_item",
    "channels": "channel",
}

#: Columns that get another name in staging, where theirs is a reserved word or says too little.
RENAMED: Final[Mapping[tuple[str, str], str]] = {
    ("order_statuses", "order"): "sort_order",
    ("products", "condition"): "product_condition",
    ("promotions", "stop"): "stops_other_promotions",
    ("inventory_items", "identity__product_id"): "product_id",
    ("inventory_items", "identity__variant_id"): "variant_id",
    ("inventory_items", "identity__sku"): "sku",
    ("inventory_items", "identity__sku_id"): "sku_id",
}

#: Names that some database reserves, so that they are quoted.
RESERVED: Final = frozenset({"order", "condition", "key", "group", "default", "values", "from", "to"})

#: (resource, its staging column) -> (resource, its staging key) that it points to. 0 and null point to nothing.
POINTERS: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("orders", "customer_id"): ("customers", "customer_id"),
    ("orders", "channel_id"): ("channels", "channel_id"),
    ("orders", "status_id"): ("order_statuses", "order_status_id"),
    ("order_products", "order_id"): ("orders", "order_id"),
    ("order_products", "product_id"): ("products", "product_id"),
    ("order_products", "variant_id"): ("product_variants", "variant_id"),
    ("order_shipments", "order_id"): ("orders", "order_id"),
    ("order_transactions", "order_id"): ("orders", "order_id"),
    ("order_refunds", "order_id"): ("orders", "order_id"),
    ("order_coupons", "order_id"): ("orders", "order_id"),
    ("order_coupons", "coupon_id"): ("coupons", "coupon_id"),
    ("customers", "customer_group_id"): ("customer_groups", "customer_group_id"),
    ("customer_addresses", "customer_id"): ("customers", "customer_id"),
    ("products", "brand_id"): ("brands", "brand_id"),
    ("product_variants", "product_id"): ("products", "product_id"),
    ("price_list_records", "variant_id"): ("product_variants", "variant_id"),
    ("inventory_items", "product_id"): ("products", "product_id"),
    ("inventory_items", "variant_id"): ("product_variants", "variant_id"),
    ("gift_certificates", "order_id"): ("orders", "order_id"),
    ("categories", "parent_id"): ("categories", "category_id"),
}

#: Kind of a column -> what it is, for descriptions.
_KINDS: Final[Mapping[ColumnKind, str]] = {
    "int": "Whole number.",
    "float": "Number.",
    "bool": "True or false.",
    "text": "Text.",
    "money": "Amount of money, 4 decimals.",
    "rate": "Rate, 10 decimals.",
    "time": "Moment, UTC.",
    "json": "JSON.",
    "extra": "JSON.",
}
_OURS: Final[Mapping[str, str]] = {
    EXTRA: "What the store sent and no column is for, as JSON; also values that contradict their column's type.",
    SYNCED_AT: "When the row was read, UTC.",
    STORE_HASH: "The store that it came from.",
    DELETED_AT: "When a copy noticed that the store no longer has the row, UTC; null while it has it.",
    ROW_HASH: "Digest of the row as it came, by which a copy tells unchanged rows.",
    PATH: "Place of the list item in its row.",
    PARENT_PATH: "Place of what holds the list.",
    POSITION: "Number of the item in its list, from 0.",
}


@dataclass(frozen=True, slots=True)
class Described:
    """A table of a copied resource.

    :param resource: what it is a copy of.
    :param layout: its columns and keys, and those of its child tables.
    """

    resource: Resource
    layout: Layout

    @property
    def is_staged(self) -> bool:
        """Whether it gets a staging model."""
        return self.resource.name in STAGED

    @property
    def model(self) -> str:
        """Name of its staging model."""
        return f"stg_bigcommerce__{self.resource.name}"

    @property
    def staged_columns(self) -> dict[str, str]:
        """Column -> its name in the staging model."""
        name = self.resource.name
        own = {"id": f"{STAGED[name]}_id"} if name in STAGED else {}
        names = [column.name for column in self.layout.main.columns if column.name not in _OURS]
        return {column: RENAMED.get((name, column)) or own.get(column, column) for column in names}

    @property
    def staged_key(self) -> tuple[str, ...]:
        """Columns of the staging model that identify a row."""
        names = self.staged_columns
        return tuple(names[column] for column in self.layout.main.key)

    def may_be_null(self, column: str) -> bool:
        """Whether a column of the key may be null."""
        return (self.resource.name, column) in NULLABLE_KEYS


def described(resource: str, *, table: str | None = None, nested: str = "json") -> Described:
    """The table of a resource.

    :param resource: catalog name, or a path as copies take it.
    :param table: name of the table; the one that a copy makes if not given.
    :param nested: ``json`` or ``tables``.
    :raises InvalidQueryError: a resource without a key, which no table holds.
    :raises UnknownResourceError: no such resource.
    """
    row = copied_resource(resource)
    layout = layout_of(columns_of(row), table or folder_of(row), nested, row.primary_key, is_hashed=row.modified is None)
    return Described(row, layout)


def one_each(tables: Iterable[Described]) -> list[Described]:
    """The tables, checked: a staging model stands for one table.

    :raises InvalidQueryError: two tables of one resource, or of one name.
    """
    found: dict[str, Described] = {}
    for each in tables:
        twin = found.setdefault(each.resource.name, each)
        if twin is not each:
            raise InvalidQueryError(
                f"{each.resource.name!r} is in two tables, {twin.layout.main.name!r} and {each.layout.main.name!r}. A project describes "
                f"one table of each resource: name the resources that you want, and leave {each.resource.name!r} out."
            )
    return list(found.values())


def told(resource: Resource, table: Table, column: str) -> str:
    """The description of a column, in one or two sentences."""
    if column in _OURS:
        return _OURS[column]
    kind = _KINDS[table.kinds[column]]
    if column.startswith("_root_"):
        return f"Key of the row that holds the list: its {column.removeprefix('_root_')}. {kind}"
    words = meaning(resource.name, column)
    if words is None:
        words = f"{column.replace('__', ', ').replace('_', ' ').capitalize()}."
    return words if table.kinds[column] in ("text", "bool") else f"{words} {kind}"
