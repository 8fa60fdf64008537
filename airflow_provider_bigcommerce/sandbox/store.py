"""The state of the sandbox: a whole store, seeded, changeable, and open to tests that arrange and assert.

It knows rows and tokens, no HTTP. With a database file, changes survive a restart; seeded rows are made anew.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any
from zlib import crc32

import msgspec

from airflow_provider_bigcommerce.sandbox import dates, following
from airflow_provider_bigcommerce.sandbox.answers import Answer
from airflow_provider_bigcommerce.sandbox.b2b_data import B2BData, add_b2b_tables
from airflow_provider_bigcommerce.sandbox.bookkeeping import Bookkeeping
from airflow_provider_bigcommerce.sandbox.catalog_data import CatalogData
from airflow_provider_bigcommerce.sandbox.customer_data import CustomerData
from airflow_provider_bigcommerce.sandbox.deliveries import Deliveries
from airflow_provider_bigcommerce.sandbox.faults import Faults, Kind, Planned, PlannedOdd
from airflow_provider_bigcommerce.sandbox.kind_tables import add_tables
from airflow_provider_bigcommerce.sandbox.odd_answers import Asker, Odd
from airflow_provider_bigcommerce.sandbox.order_data import STATUSES, OrderData
from airflow_provider_bigcommerce.sandbox.outbox import Mail
from airflow_provider_bigcommerce.sandbox.quota import Concurrency, Quota, SilentQuota
from airflow_provider_bigcommerce.sandbox.recorded_values import apply as apply_recorded_values
from airflow_provider_bigcommerce.sandbox.stock import Stock
from airflow_provider_bigcommerce.sandbox.table import Key, Nested, Row, Table
from airflow_provider_bigcommerce.sandbox.unknown_filters import UNKNOWN, Unknown
from airflow_provider_bigcommerce.sandbox.vocabulary import PLACES
from airflow_provider_bigcommerce.sandbox.ways import Ways


@dataclass(frozen=True)
class LoggedRequest:
    """One line of the access log. `status` is 0 where no answer was sent; `rows` is None where the answer was no list."""

    time: float
    method: str
    path: str  # within the store: /v3/catalog/products
    query: str
    status: int
    correlation_id: str
    request_id: str
    fault: str | None = None
    rows: int | None = None


class Store(Bookkeeping):
    """One BigCommerce store.

    :param seed: the same seed gives the same store.
    :param store_hash: its hash, part of every path.
    :param products: seeded products; their variants, brands and categories follow.
    :param orders: seeded orders.
    :param customers: seeded customers.
    :param tokens: token to its OAuth scopes; None for the scopes means all of them.
    :param quota: the request quota; the default is BigCommerce's Standard plan.
    :param faults: what goes wrong on purpose.
    :param clock: epoch seconds; stands behind the Date header and date_modified of changes. May be replaced while it runs.
    :param db: a SQLite file that keeps the changes.
    :param unknown_filters: `ignore` or `refuse`: what becomes of a query parameter that an endpoint does not document, where no source
        tells; a few endpoints always refuse it. May be replaced while it runs.
    :param recorded_values: whether some rows have values that real stores were seen to send and the files do not document.
    :param b2b: whether it has B2B Edition. May be replaced while it runs.
    :raises ValueError: the file holds a store with another seed or size, or there is no such way with unknown filters.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        store_hash: str = "sandbox1",
        products: int = 100,
        orders: int = 50,
        customers: int = 50,
        tokens: Mapping[str, Iterable[str] | None] | None = None,
        quota: Quota | None = None,
        faults: Faults | None = None,
        clock: Callable[[], float] = time.time,
        db: str | Path | None = None,
        unknown_filters: Unknown = "ignore",
        recorded_values: bool = True,
        b2b: bool = True,
    ) -> None:
        super().__init__()
        if unknown_filters not in UNKNOWN:
            raise ValueError(f"unknown_filters is one of {', '.join(UNKNOWN)}, got {unknown_filters!r}")
        self.unknown_filters: Unknown = unknown_filters
        self.seed, self.store_hash, self.clock = seed, store_hash, clock
        self.lock = RLock()
        self.tokens: dict[str, frozenset[str] | None] = {}
        for token, scopes in (tokens or {}).items():
            self.add_token(token, scopes)
        self.quota = quota if quota is not None else Quota()
        self.has_b2b = b2b
        self.has_company_credit = True
        #: What it does otherwise than the files and recorded answers suggest; None for nothing. May be replaced while it runs.
        self.ways: Ways | None = None
        #: Codes of archived promotions, and when they go.
        self.going: list[tuple[float, frozenset[int]]] = []
        #: B2B Edition's own, 150 requests a minute; as unlimited as the store's.
        self.b2b_quota: Quota = SilentQuota(None if self.quota.limit is None else 150, 60.0)
        self._b2b: B2BData | None = None
        self.concurrency = Concurrency()
        self._faults = faults if faults is not None else Faults(seed)
        self.latency_ms = 0.0
        self.requests: list[LoggedRequest] = []
        self.base_url = f"http://127.0.0.1/stores/{store_hash}"
        self.selections: dict[Any, Any] = {}  # chosen rows of recent queries, dropped when a table changes

        self.catalog = CatalogData(seed, products)
        self.buyers = CustomerData(seed, customers)
        self.sales = OrderData(seed, orders, self.catalog, self.buyers, lambda: self.base_url)
        self.tables: dict[str, Table] = {}
        self.nested: dict[str, Nested] = {}
        self.singletons: dict[str, Row] = {}  # changed singletons by path
        self._make_tables()
        self.webhooks = Deliveries(self)
        self.webhooks.watch_hooks()
        if recorded_values:
            self.sales.recorded_values = True
            apply_recorded_values(self)
        self.sizes = {"seed": seed, "products": products, "orders": orders, "customers": customers}
        self._db: sqlite3.Connection | None = None
        if db is not None:
            _ = self.b2b  # its tables take what the file holds
            self._open(Path(db))

    def _make_tables(self) -> None:
        catalog, buyers, sales = self.catalog, self.buyers, self.sales

        def at(row: Row) -> int:
            return dates.parse(row["date_modified"])

        products = Table("products", catalog.products, catalog.product, calendar=catalog.calendar, modified=at, on_change=self.keep)
        products.make_json = catalog.product_json
        self.add_table(products)
        self.add_table(Table("product_variants", catalog.variants, catalog.variant, on_change=self.keep))
        self.add_table(Table("brands", catalog.brands, catalog.brand, on_change=self.keep))
        self.add_table(Table("categories", catalog.categories, catalog.category, key="category_id", on_change=self.keep))
        self.add_table(Table("category_trees", catalog.trees, catalog.tree, on_change=self.keep))
        self.add_table(Table("customers", buyers.customers, buyers.customer, calendar=buyers.calendar, modified=at, on_change=self.keep))
        self.add_table(
            Table(
                "orders",
                sales.orders,
                sales.order,
                calendar=sales.calendar,
                modified=at,
                hides=lambda row: bool(row.get("is_deleted")),
                on_change=self.keep,
            )
        )
        for name, make in (
            ("product_images", catalog.images),
            ("product_videos", catalog.videos),
            ("product_custom_fields", catalog.custom_fields),
            ("product_bulk_pricing_rules", catalog.bulk_pricing_rules),
            ("product_options", catalog.options),
            ("product_modifiers", catalog.modifiers),
            ("product_reviews", catalog.reviews),
            ("customer_addresses", buyers.addresses),
            ("customer_attribute_values", buyers.attributes),
            ("customer_form_field_values", buyers.form_fields),
            ("order_products", self._seeded_lines),
            ("order_shipments", lambda order_id: following.shipments(self, order_id)),
            ("order_refunds", lambda order_id: following.refunds(self, order_id)),
            ("order_shipping_addresses", lambda order_id: following.shipping_addresses(self, order_id)),
            ("order_pickups", lambda order_id: following.pickups(self, order_id)),
            ("order_fees", lambda _order_id: []),
            ("product_channels", lambda product_id: [{"channel_id": channel} for channel in catalog.channels_of(product_id)]),
            ("product_complex_rules", lambda product_id: following.complex_rules(self, product_id)),
        ):
            self.nested[name] = Nested(name, make, on_change=self.keep)
        add_tables(self)
        self.stock = Stock(self)

    def add_table(self, table: Table) -> Table:
        """Register a table."""
        self.tables[table.name] = table
        return table

    def _seeded_lines(self, order_id: int) -> list[Row]:
        return self.sales.lines(order_id) if self.sales.orders.position(order_id) is not None else []

    @property
    def b2b(self) -> B2BData:
        """B2B Edition's rows, whose tables are made when they are asked for first."""
        if self._b2b is None:
            self._b2b = add_b2b_tables(self)
            self.webhooks.watch_tables()
        return self._b2b

    # -- keeping ----------------------------------------------------------------------------------------------------------------

    def _open(self, path: Path) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False)
        with self._db:
            self._db.execute("CREATE TABLE IF NOT EXISTS store (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
            self._db.execute("CREATE TABLE IF NOT EXISTS changes (kind TEXT, key TEXT, row BLOB, PRIMARY KEY (kind, key))")
            kept = dict(self._db.execute("SELECT name, value FROM store"))
            if not kept:
                self._db.executemany("INSERT INTO store VALUES (?, ?)", [(name, str(value)) for name, value in self.sizes.items()])
        for name, value in self.sizes.items():
            if kept and kept.get(name) != str(value):
                self.close()
                raise ValueError(
                    f"{path} holds a store with {name} {kept[name]}, not {value}; start with {kept[name]}, or name another file"
                )
        mails: dict[int, Mail] = {}
        for kind, key_text, blob in self._db.execute("SELECT kind, key, row FROM changes").fetchall():
            key: Key = msgspec.json.decode(key_text)
            row: Any = None if blob is None else msgspec.json.decode(blob)
            if kind in self.tables:
                if row is None:
                    self.tables[kind].remove(key, record=False)
                else:
                    self.tables[kind].put(key, row, record=False)
            elif kind in self.nested:
                self.nested[kind].put((key,), row["rows"], record=False)
            elif kind == "outbox":
                mails[int(key)] = Mail(**row)
            else:
                self.singletons[str(key)] = row
        self.outbox += [mails[number] for number in sorted(mails)]

    def keep(self, kind: str, key: Key, row: Row | None) -> None:
        """Keep a change in the database file, where there is one."""
        if self._db is not None:
            with self._db:
                self._db.execute(
                    "INSERT OR REPLACE INTO changes VALUES (?, ?, ?)",
                    (kind, msgspec.json.encode(key).decode(), None if row is None else msgspec.json.encode(row)),
                )

    def close(self) -> None:
        """Close the database file, where there is one; stock that does not show yet is brought into force."""
        if self._db is not None:
            self.stock.settle(all_of_it=True)
            self._db.close()
            self._db = None

    # -- access -----------------------------------------------------------------------------------------------------------------

    def add_token(self, token: str, scopes: Iterable[str] | None = None) -> None:
        """Let a token in, with these OAuth scopes, or with all."""
        self.tokens[token] = None if scopes is None else frozenset(scopes)

    @property
    def faults(self) -> Counter[str]:
        """How often each kind of fault happened."""
        return self._faults.counts

    @property
    def planned_faults(self) -> Faults:
        """What goes wrong on purpose."""
        return self._faults

    def fail_next(
        self,
        n: int,
        kind: Kind,
        *,
        match: str = "",
        method: str | None = None,
        skip: int = 0,
        status: int = 200,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Let the next n requests whose path matches fail.

        :param kind: a kind of `faults.KINDS`, or `answer` to send `status`, `body`, `headers` as they are.
        :param match: regular expression searched in the path within the store and its query, `/v3/catalog/products?page=2`.
        :param method: only this HTTP method.
        :param skip: matching requests to let through first.
        """
        self._faults.plan(Planned(kind, n, skip, re.compile(match), method, status, body, headers or {}))

    def draw_fault(self, method: str, path: str) -> Planned | None:
        """Decide whether a request fails (asked by the server, once a request)."""
        with self.lock:
            return self._faults.draw(method, path)

    def odd(self, path: str, *, answer: str | Odd, nth: int = 1, times: int | None = 1, method: str | None = "GET") -> PlannedOdd:
        """Answer some coming requests oddly: `odd("^/v3/customers", nth=2, answer="empty")`; see `Faults.odd`."""
        with self.lock:
            return self._faults.odd(path, answer=answer, nth=nth, times=times, method=method)

    def clear_odd(self) -> None:
        """Answer every request as it should be again."""
        with self.lock:
            self._faults.clear_odd()

    def answer(self, method: str, path: str, query_text: str, ask: Asker) -> tuple[Answer, str | None]:
        """Answer a request, oddly where a test asked for it (asked by the server, once a request)."""
        with self.lock:
            return self._faults.answer(method, path, query_text, ask)

    # -- arrange and assert -----------------------------------------------------------------------------------------------------

    def now(self) -> int:
        """The store's time, in whole epoch seconds."""
        return int(self.clock())

    def settle(self) -> None:
        """Bring into force what is due by the store's time: stock that was adjusted, codes that go with an archived promotion."""
        self.stock.settle()
        while self.going and self.going[0][0] <= self.clock():
            for code_id in self.going.pop(0)[1]:
                self.delete("promotion_codes", code_id)

    def rows(self, resource: str, *parents: Any) -> list[Row]:
        """List the rows of a resource, in key order; stock as it shows now.

        :param resource: a table (`products`), or a nested kind (`order_products`).
        :param parents: for a nested kind: one parent's keys; without them, the rows of all parents.
        """
        with self.lock:
            self.settle()
            if resource in self.tables or resource.startswith("b2b_"):
                return list(self._table(resource).rows())
            nested = self._nested(resource)
            if parents:
                return list(nested.get(*parents))
            parent = "orders" if resource.startswith("order_") else "customers" if resource.startswith("customer_") else "products"
            return [row for key in list(self.tables[parent].ids()) for row in nested.get(key)]

    def count(self, resource: str) -> int:
        """Count the rows of a resource."""
        with self.lock:
            return len(self._table(resource)) if resource in self.tables else len(self.rows(resource))

    def row(self, resource: str, row_id: Key) -> Row | None:
        """Give a copy of one row of a table, or None."""
        with self.lock:
            self.settle()
            row = self._table(resource).get(row_id)
            return None if row is None else dict(row)

    def _table(self, resource: str) -> Table:
        if resource.startswith("b2b_"):
            _ = self.b2b
        if resource not in self.tables:
            raise KeyError(f"no table {resource!r}; there are {', '.join(sorted(self.tables))}")
        return self.tables[resource]

    def _nested(self, resource: str) -> Nested:
        if resource not in self.nested:
            raise KeyError(f"no resource {resource!r}; there are {', '.join(sorted({*self.tables, *self.nested}))}")
        return self.nested[resource]

    def add(self, resource: str, **fields: Any) -> Row:
        """Add a row; fields that are not given are made up."""
        with self.lock:
            table = self._table(resource)
            row_id = fields.get(table.key) or self._new_key(table)
            row = {**self._template(table, row_id), **fields, table.key: row_id}
            self._touch(row, created=True)
            table.put(row_id, row)
            return row

    def _new_key(self, table: Table) -> Key:
        number = table.next_id()
        return self.catalog.dice.uuid(number, 1 + crc32(table.name.encode()) % 1000) if table.has_text_keys else number

    def _template(self, table: Table, row_id: Key) -> Row:
        if table.name == "product_variants":
            return {**self.catalog.variant(1), "id": row_id, "option_values": []}
        return table.make(row_id)

    def edit(self, resource: str, row_id: Key, **fields: Any) -> Row:
        """Change fields of a row, and move its date_modified where it has one.

        :raises KeyError: there is no such row.
        """
        with self.lock:
            table = self._table(resource)
            row = table.get(row_id)
            if row is None:
                raise KeyError(f"{resource} has no row {row_id!r}")
            row = {**row, **fields}
            if "date_modified" not in fields:
                self._touch(row)
            table.put(row_id, row)
            return row

    def _touch(self, row: Row, *, created: bool = False) -> None:
        for name in ("date_modified", "date_created", "updated_at", "created_at") if created else ("date_modified", "updated_at"):
            old = row.get(name)
            if isinstance(old, str):
                write = dates.rfc2822 if ", " in old else dates.iso_z if old.endswith("Z") else dates.iso
                row[name] = write(self.now())
        if "addressId" in row:  # of B2B Edition, whose addresses show no dates
            row["_changed_at"] = self.now()
        for name in ("updatedAt", "createdAt") if created else ("updatedAt",):
            if name in row:
                row[name] = str(self.now()) if isinstance(row[name], str) else self.now()

    def delete(self, resource: str, row_id: Key) -> bool:
        """Delete a row, with what hangs on it; tells whether it was there. An order is archived instead, as BigCommerce does."""
        with self.lock:
            if resource == "orders":
                known = row_id in self.tables["orders"] and row_id not in self.tables["orders"].hidden
                if known:
                    self.edit("orders", row_id, is_deleted=True)
                return known
            if resource == "products" and isinstance(row_id, int):
                for variant_id in [v["id"] for v in self.variants_of(row_id)]:
                    self.tables["product_variants"].remove(variant_id)
            return self._table(resource).remove(row_id)

    def variants_of(self, product_id: int) -> list[Row]:
        """List the variants of a product, seeded and added."""
        table = self.tables["product_variants"]
        seeded = self.catalog.variants_of(product_id)
        rows = [row for variant_id in seeded if (row := table.get(variant_id)) is not None]
        added = [row for row_id in table.added if (row := table.changed[row_id])["product_id"] == product_id]
        return rows + sorted(added, key=lambda row: int(row["id"]))

    def channels_of(self, product_id: int) -> list[int]:
        """Tell the channels a product is assigned to."""
        return [row["channel_id"] for row in self.nested["product_channels"].get(product_id)]

    def add_product(self, **fields: Any) -> Row:
        """Add a product with its base variant."""
        with self.lock:
            product_id = self.tables["products"].next_id()
            variant_id = self.tables["product_variants"].next_id()
            plain = {
                "name": f"New product {product_id}",
                "base_variant_id": variant_id,
                "option_set_id": None,
                "inventory_tracking": "none",
                "total_sold": 0,
            }
            product = self.add("products", id=product_id, **{**plain, **fields})
            if "price" in fields:
                product["calculated_price"] = fields["price"]
            self.add(
                "product_variants",
                id=variant_id,
                product_id=product_id,
                sku=product["sku"],
                sku_id=None,
                price=None,
                calculated_price=product["calculated_price"],
            )
            return product

    def edit_product(self, product_id: int, **fields: Any) -> Row:
        """Change fields of a product."""
        return self.edit("products", product_id, **fields)

    def add_customer(self, **fields: Any) -> Row:
        """Add a customer without addresses."""
        with self.lock:
            customer = self.add("customers", **{"address_count": 0, **fields})
            self.nested["customer_addresses"].put((customer["id"],), [])
            return customer

    def move_customer(self, customer_id: int, **address: Any) -> Row:
        """Give a customer a new first address, and move the customer's date_modified.

        :param address: fields of the address; what is not given is made up.
        """
        with self.lock:
            addresses = self.nested["customer_addresses"].get(customer_id)
            first = addresses[0] if addresses else self.buyers.address(customer_id, 0)
            place = next(place for place in PLACES if place[1] != first["city"])
            street, city, state, code, country, iso2, phone = place
            moved = {
                **first,
                "address1": street,
                "city": city,
                "state_or_province": state,
                "postal_code": code,
                "country": country,
                "country_code": iso2,
                "phone": phone,
                **address,
            }
            self.nested["customer_addresses"].put((customer_id,), [moved, *addresses[1:]])
            return self.edit("customers", customer_id, address_count=max(1, len(addresses)))

    def add_order(
        self, *, customer_id: int = 0, lines: int = 2, status_id: int = 11, line_items: list[Row] | None = None, **fields: Any
    ) -> Row:
        """Add an order; its sums follow from its lines.

        :param lines: how many lines to make up.
        :param line_items: or the lines themselves, each with `product_id` or `name`, and `quantity`, `price` in money units.
        """
        with self.lock:
            order_id = fields.pop("id", None) or self.tables["orders"].next_id()
            made = (
                self.sales.make_lines(order_id, lines, status_id)
                if line_items is None
                else [self.order_line(order_id, n, item, status_id) for n, item in enumerate(line_items)]
            )
            now = self.now()
            order = {**self.sales.make_order(order_id, customer_id, status_id, made, created=now, modified=now), **fields}
            self.nested["order_products"].put((order_id,), made)
            self.tables["orders"].put(order_id, order)
            return order

    def order_line(self, order_id: int, n: int, item: Row, status: int) -> Row:
        """Make the line of an order for an item with `product_id` or `name`, and `quantity`, `price` in money units."""
        product = self.tables["products"].get(item.get("product_id", 0)) or {}
        variants = self.variants_of(product["id"]) if product else []
        price: Any = item.get("price_ex_tax", item.get("price", product.get("calculated_price", 10)))
        return self.sales.line(
            order_id,
            n,
            product.get("id", 0),
            item.get("variant_id") or (variants[0]["id"] if variants else 0),
            item.get("name") or product.get("name", "Custom item"),
            product.get("sku", ""),
            round(float(price) * 100),
            int(item.get("quantity", 1)),
            status,
        )

    def set_status(self, order_id: int, status_id: int) -> Row:
        """Move an order to another status."""
        return self.edit("orders", order_id, status_id=status_id, status=dict(STATUSES)[status_id])

    def keep_singleton(self, path: str, row: Row) -> None:
        """Keep a changed singleton."""
        self.singletons[path] = row
        self.keep("singleton", path, row)
        self.webhooks.settings_changed(path)
