"""Seeded V2 orders, whose lines, taxes, shipping and coupons add up to the cent; money is text with four places.

The newest seeded order of a store of five or more has 300 lines: longer than any page of line items.
"""

from __future__ import annotations

import functools
from typing import Any

from airflow_provider_bigcommerce.sandbox import recorded_values
from airflow_provider_bigcommerce.sandbox.catalog_data import CatalogData
from airflow_provider_bigcommerce.sandbox.customer_data import CustomerData
from airflow_provider_bigcommerce.sandbox.dates import SEED_SECONDS, SEED_START, rfc2822
from airflow_provider_bigcommerce.sandbox.dice import Dice
from airflow_provider_bigcommerce.sandbox.table import Calendar, Row, SeededIds
from airflow_provider_bigcommerce.sandbox.vocabulary import FIRST_NAMES, LAST_NAMES, PLACES

STATUSES = (
    (0, "Incomplete"),
    (1, "Pending"),
    (2, "Shipped"),
    (3, "Partially Shipped"),
    (4, "Refunded"),
    (5, "Cancelled"),
    (6, "Declined"),
    (7, "Awaiting Payment"),
    (8, "Awaiting Pickup"),
    (9, "Awaiting Shipment"),
    (10, "Completed"),
    (11, "Awaiting Fulfillment"),
    (12, "Manual Verification Required"),
    (13, "Disputed"),
    (14, "Partially Refunded"),
)
_USUAL = (10, 10, 10, 2, 11, 11, 9, 1, 7, 4, 14, 5, 0, 3, 8)  # what seeded orders mostly are
LONGEST_ORDER = 300
LINES_RESERVED = 1000  # line ids of an order: order_id * 1000 + n
TAX_PERCENT = 8
EUR_RATE = "0.9200000000"
SHIPPED = (2, 10, 4, 14)
_REMEMBERED = 512  # orders that are not made anew each time: a page of them is some megabytes


def money(cents: int) -> str:
    """Write cents as V2 writes money: `12.3400`."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}00"


class OrderData:
    """Makes orders.

    :param seed: the store's seed.
    :param orders: number of seeded orders.
    :param catalog: the catalog whose products are bought.
    :param customers: who buys.
    :param base_url: where links to sub-resources point, `https://host/stores/hash`; asked late, since the port is not known at first.
    """

    def __init__(self, seed: int, orders: int, catalog: CatalogData, customers: CustomerData, base_url: Any) -> None:
        self.dice = Dice(seed, "orders")
        self.orders = SeededIds(100, orders)
        self.calendar = Calendar(SEED_START, SEED_SECONDS, orders)
        self.catalog, self.customers, self._base_url = catalog, customers, base_url
        self.recorded_values = False
        self._longest = self.orders[orders - 1] if orders >= 5 else None
        # A count or a filter looks at each order anew, and the longest one has hundreds of lines.
        self._remembered_lines = functools.lru_cache(maxsize=_REMEMBERED)(self._lines)
        self._remembered_order = functools.lru_cache(maxsize=_REMEMBERED)(self._order)

    def modified(self, order_id: int) -> int:
        """Tell when an order was modified, in epoch seconds."""
        position = self.orders.position(order_id)
        return SEED_START if position is None else self.calendar.at(position)

    def status_of(self, order_id: int) -> int:
        """Tell a seeded order's status id."""
        return self.dice.pick(_USUAL, order_id, 1)

    def line_count(self, order_id: int) -> int:
        """Tell how many lines a seeded order has."""
        return LONGEST_ORDER if order_id == self._longest else 1 + self.dice.below(5, order_id, 2)

    # -- lines ------------------------------------------------------------------------------------------------------------------

    def lines(self, order_id: int) -> list[Row]:
        """A seeded order's line items; the caller must not change them."""
        return self._remembered_lines(order_id)

    def _lines(self, order_id: int) -> list[Row]:
        return self.make_lines(order_id, self.line_count(order_id), self.status_of(order_id))

    def make_lines(self, order_id: int, count: int, status: int) -> list[Row]:
        """Make line items for an order of this many lines."""
        result = []
        for n in range(count):
            roll = self.dice.roll(order_id * LINES_RESERVED + n, 3)
            products = self.catalog.products
            if len(products) == 0:
                product_id, variant_id, name, sku, price = 0, 0, f"Custom item {n + 1}", "", 1000 + n
            else:
                product_id = products[roll % len(products)]
                variants = self.catalog.variants_of(product_id)
                variant_id = variants[(roll >> 20) % len(variants)]
                name, sku, price = self.catalog.name(product_id), self.catalog.sku(product_id), self.catalog.price(product_id)
            result.append(self.line(order_id, n, product_id, variant_id, name, sku, price, 1 + (roll >> 40 & 3), status))
        return result

    def line(
        self, order_id: int, n: int, product_id: int, variant_id: int, name: str, sku: str, cents: int, quantity: int, status: int
    ) -> Row:
        """Make one line item.

        :param n: its place in the order, from 0.
        :param cents: price of one, without tax.
        :param status: the order's status id, which tells whether the line was shipped or refunded.
        """
        tax = (cents * TAX_PERCENT + 50) // 100
        refunded = status == 4
        return {
            "id": order_id * LINES_RESERVED + n + 1,
            "order_id": order_id,
            "product_id": product_id,
            "variant_id": variant_id,
            "order_pickup_method_id": 0,
            "order_address_id": order_id * 10 + 1,
            "name": name,
            "name_customer": name,
            "name_merchant": name,
            "sku": sku,
            "upc": "",
            "type": "physical",
            "base_price": money(cents),
            "price_ex_tax": money(cents),
            "price_inc_tax": money(cents + tax),
            "price_tax": money(tax),
            "base_total": money(cents * quantity),
            "total_ex_tax": money(cents * quantity),
            "total_inc_tax": money((cents + tax) * quantity),
            "total_tax": money(tax * quantity),
            "discounted_total_inc_tax": money((cents + tax) * quantity),
            "weight": "1.2500",
            "width": "1.0000",
            "height": "1.0000",
            "depth": "1.0000",
            "quantity": quantity,
            "base_cost_price": money(cents // 2),
            "cost_price_inc_tax": money(cents // 2),
            "cost_price_ex_tax": money(cents // 2),
            "cost_price_tax": "0.0000",
            "is_refunded": refunded,
            "quantity_refunded": quantity if refunded else 0,
            "refund_amount": money(cents * quantity) if refunded else "0.0000",
            "return_id": 0,
            "wrapping_id": 0,
            "wrapping_name": None,
            "base_wrapping_cost": "0.0000",
            "wrapping_cost_ex_tax": "0.0000",
            "wrapping_cost_inc_tax": "0.0000",
            "wrapping_cost_tax": "0.0000",
            "wrapping_message": "",
            "quantity_shipped": quantity if status in SHIPPED else 0,
            "event_name": None,
            "event_date": None,
            "fixed_shipping_cost": "0.0000",
            "ebay_item_id": "",
            "ebay_transaction_id": "",
            "option_set_id": None,
            "parent_order_product_id": None,
            "is_bundled_product": False,
            "bin_picking_number": "",
            "external_id": None,
            "brand": "",
            "gift_certificate_id": None,
            "applied_discounts": [],
            "product_options": [],
            "configurable_fields": [],
        }

    # -- the order --------------------------------------------------------------------------------------------------------------

    def order(self, order_id: int) -> Row:
        """One seeded order; the caller must not change it."""
        return self._remembered_order(order_id, self._base_url(), self.recorded_values)

    def _order(self, order_id: int, base_url: str, recorded_values: bool) -> Row:  # noqa: ARG002  # what an order depends on
        roll = self.dice.roll(order_id)
        customers = self.customers.customers
        guest = roll % 5 == 0 or len(customers) == 0
        customer_id = 0 if guest else customers[(roll >> 8) % len(customers)]
        modified = self.modified(order_id)
        status = self.status_of(order_id)
        return self.make_order(
            order_id, customer_id, status, self.lines(order_id), created=modified - (roll >> 16) % 700_000, modified=modified
        )

    def make_order(self, order_id: int, customer_id: int, status: int, lines: list[Row], *, created: int, modified: int) -> Row:
        """Make an order around its line items; sums follow from them."""
        roll = self.dice.roll(order_id)
        shipping = 500 + roll % 1500
        shipping_tax = (shipping * TAX_PERCENT + 50) // 100
        net = sum(cents_of(line["total_ex_tax"]) for line in lines)
        tax = sum(cents_of(line["total_tax"]) for line in lines)
        coupon = 500 if roll >> 24 & 7 == 0 and net > 1000 else 0
        quantity = sum(line["quantity"] for line in lines)
        euro = roll >> 28 & 7 == 0
        channel = 2 if roll >> 32 & 3 == 0 else 1
        shipped = status in SHIPPED
        total_ex = net + shipping - coupon
        total_inc = total_ex + tax + shipping_tax
        currency = ("EUR", 2, EUR_RATE) if euro else ("USD", 1, "1.0000000000")

        return {
            "id": order_id,
            "customer_id": customer_id,
            "date_created": rfc2822(created),
            "date_modified": rfc2822(modified),
            "date_shipped": rfc2822(modified) if shipped else "",
            "status_id": status,
            "status": dict(STATUSES)[status],
            "subtotal_ex_tax": money(net),
            "subtotal_inc_tax": money(net + tax),
            "subtotal_tax": money(tax),
            "base_shipping_cost": money(shipping),
            "shipping_cost_ex_tax": money(shipping),
            "shipping_cost_inc_tax": money(shipping + shipping_tax),
            "shipping_cost_tax": money(shipping_tax),
            "shipping_cost_tax_class_id": 2,
            "base_handling_cost": "0.0000",
            "handling_cost_ex_tax": "0.0000",
            "handling_cost_inc_tax": "0.0000",
            "handling_cost_tax": "0.0000",
            "handling_cost_tax_class_id": 2,
            "base_wrapping_cost": "0.0000",
            "wrapping_cost_ex_tax": "0.0000",
            "wrapping_cost_inc_tax": "0.0000",
            "wrapping_cost_tax": "0.0000",
            "wrapping_cost_tax_class_id": 3,
            "total_ex_tax": money(total_ex),
            "total_inc_tax": money(total_inc),
            "total_tax": money(tax + shipping_tax),
            "items_total": quantity,
            "items_shipped": quantity if shipped else 0,
            "payment_method": self.dice.pick(("Credit Card", "PayPal", "Cash on Delivery", "Überweisung"), order_id, 5),
            "payment_provider_id": None if roll & 1 else "ch_3Nx0",
            "payment_status": "refunded" if status == 4 else ("captured" if shipped else "authorized"),
            "refunded_amount": money(net) if status == 4 else "0.0000",
            "order_is_digital": False,
            "store_credit_amount": "0.0000",
            "gift_certificate_amount": "0.0000",
            "ip_address": f"198.51.100.{roll % 256}",
            "ip_address_v6": "",
            "geoip_country": "United States",
            "geoip_country_iso2": "US",
            "currency_id": currency[1],
            "currency_code": currency[0],
            "currency_exchange_rate": currency[2],
            "default_currency_id": 1,
            "default_currency_code": "USD",
            "store_default_currency_code": "USD",
            "store_default_to_transactional_exchange_rate": currency[2],
            "staff_notes": "" if roll & 6 else "Fragile ❄",
            "customer_message": "" if roll & 24 else "Merci d'emballer comme cadeau, s'il vous plaît",
            "discount_amount": "0.0000",
            "coupon_discount": money(coupon),
            "shipping_address_count": 1,
            "is_deleted": False,
            "ebay_order_id": "0",
            "cart_id": self.dice.uuid(order_id, 6),
            "billing_address": {**self.address(order_id, customer_id), "form_fields": self._form_fields(order_id)},
            "is_email_opt_in": bool(roll & 32),
            "credit_card_type": None,
            "order_source": "www",
            "channel_id": channel,
            "external_source": None,
            "external_id": None,
            "external_merchant_id": None,
            "external_order_id": "",
            "tax_provider_id": "BasicTaxProvider",
            "customer_locale": "en",
            "is_tax_inclusive_pricing": False,
            "products": self.link(f"/orders/{order_id}/products"),
            "shipping_addresses": self.link(f"/orders/{order_id}/shipping_addresses"),
            "coupons": self.link(f"/orders/{order_id}/coupons"),
            "consignments": self.link(f"/orders/{order_id}/consignments"),
            "fees": self.link(f"/orders/{order_id}/fees"),
        }

    def _form_fields(self, order_id: int) -> list[Row]:
        return recorded_values.form_fields() if self.recorded_values and order_id % 4 == 0 else []

    def link(self, path: str) -> Row:
        """Make a link to what hangs on an order."""
        return {"url": f"{self._base_url()}/v2{path}", "resource": path}

    def address(self, order_id: int, customer_id: int) -> Row:
        """Make the address of an order's buyer, as orders write it."""
        street, city, state, code, country, iso2, phone = self.dice.pick(PLACES, order_id, 7)
        known = customer_id and self.customers.customers.position(customer_id) is not None
        first = self.customers.first_name(customer_id) if known else self.dice.pick(FIRST_NAMES, order_id, 8)
        last = self.customers.last_name(customer_id) if known else self.dice.pick(LAST_NAMES, order_id, 9)
        email = f"customer{customer_id}@example.com" if customer_id else f"guest{order_id}@example.com"
        return {
            "first_name": first,
            "last_name": last,
            "company": "",
            "street_1": street,
            "street_2": "",
            "city": city,
            "state": state,
            "zip": code,
            "country": country,
            "country_iso2": iso2,
            "phone": phone,
            "email": email,
        }

    # -- what hangs on an order -------------------------------------------------------------------------------------------------

    def shipping_addresses(self, order: Row) -> list[Row]:
        """Make an order's shipping addresses, as `/orders/{id}/shipping_addresses` shows them."""
        order_id = order["id"]
        return [
            {
                "id": order_id * 10 + 1,
                "order_id": order_id,
                **{name: value for name, value in order["billing_address"].items() if name != "form_fields"},
                "items_total": order["items_total"],
                "items_shipped": order["items_shipped"],
                "shipping_method": "Free Shipping" if order["shipping_cost_ex_tax"] == "0.0000" else "Flat rate",
                "base_cost": order["base_shipping_cost"],
                "cost_ex_tax": order["shipping_cost_ex_tax"],
                "cost_inc_tax": order["shipping_cost_inc_tax"],
                "cost_tax": order["shipping_cost_tax"],
                "cost_tax_class_id": 2,
                "base_handling_cost": "0.0000",
                "handling_cost_ex_tax": "0.0000",
                "handling_cost_inc_tax": "0.0000",
                "handling_cost_tax": "0.0000",
                "handling_cost_tax_class_id": 2,
                "shipping_zone_id": 1,
                "shipping_zone_name": "United States",
                "form_fields": order["billing_address"].get("form_fields", []),
                "shipping_quotes": self.link(f"/orders/{order_id}/shipping_addresses/{order_id * 10 + 1}/shipping_quotes"),
            }
        ]

    EMBEDDED_LINES = 50  # an embedded consignment holds no more; github.com/bigcommerce/docs/issues/960

    def consignments(self, order: Row, lines: list[Row] | None) -> Row:
        """Make an order's consignments; with `lines`, line items are embedded as far as BigCommerce embeds them."""
        order_id = order["id"]
        shipping: list[Row] = []
        for address in self.shipping_addresses(order):
            consignment: Row = {name: value for name, value in address.items() if name not in ("order_id", "shipping_quotes")}
            for name in (
                "base_cost",
                "cost_ex_tax",
                "cost_inc_tax",
                "cost_tax",
                "base_handling_cost",
                "handling_cost_ex_tax",
                "handling_cost_inc_tax",
                "handling_cost_tax",
            ):
                consignment[name] = cents_of(consignment[name]) / 100  # numbers here, text in shipping_addresses: so the spec has it
            consignment["shipping_quotes"] = self.link(f"/orders/{order_id}/consignments/shipping/{address['id']}/shipping_quotes")
            if lines is None:
                consignment["line_items"] = [order["products"]]
            else:
                consignment["line_items"] = lines[: self.EMBEDDED_LINES]
                if len(lines) > self.EMBEDDED_LINES:
                    consignment["__warning__"] = {
                        "message": f"There are more line items than the {self.EMBEDDED_LINES} shown; read /v2/orders/{order_id}/products."
                    }
            shipping.append(consignment)
        return {"pickups": [], "shipping": shipping, "downloads": [], "email": {"gift_certificates": []}}


def cents_of(text: str) -> int:
    """Read V2 money into cents."""
    whole, _, rest = text.partition(".")
    cents = abs(int(whole)) * 100 + int((rest + "00")[:2])
    return -cents if text.startswith("-") else cents
