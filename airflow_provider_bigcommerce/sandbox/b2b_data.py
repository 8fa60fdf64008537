"""Seeded rows of B2B Edition, which fit the store's customers and orders: four in five customers buy for a company, the others do not.

Rows are made from the documented schema; what refers to other rows, and every date, is put over it. Ids are in ranges of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from airflow_provider_bigcommerce.sandbox import dates
from airflow_provider_bigcommerce.sandbox.b2b_contract import ROOT, record_schema
from airflow_provider_bigcommerce.sandbox.dice import Dice
from airflow_provider_bigcommerce.sandbox.made_up import MadeUp
from airflow_provider_bigcommerce.sandbox.seeding import SeededStore
from airflow_provider_bigcommerce.sandbox.table import Row, Table
from airflow_provider_bigcommerce.sandbox.vocabulary import COMPANIES, FIRST_NAMES, LAST_NAMES

_CUSTOMERS_A_COMPANY = 4
#: Seeded customers and orders that companies are made of, so that a store of a million has as few.
_MOST_CUSTOMERS, _MOST_ORDERS = 200, 200
#: Names of date fields: seconds since 1970, as text where the file says so (companies, channels).
_DATES = ("createdAt", "updatedAt", "expiredAt", "dueDate")
#: Company, user and so on get numbers from here on.
COMPANY, USER, ADDRESS, QUOTE, INVOICE, PAYMENT, RECEIPT, LIST, ADMIN, STAFF = range(1001, 20000, 2000)[:10]


class B2BData:
    """Makes rows of B2B Edition.

    :param store: whose customers and orders they fit.
    """

    def __init__(self, store: SeededStore) -> None:
        self.store = store
        self.dice = Dice(store.seed, "b2b")
        self.customers = [*store.tables["customers"].ids()[:_MOST_CUSTOMERS]]
        self.buyers = [customer for place, customer in enumerate(self.customers) if place % 5 < _CUSTOMERS_A_COMPANY]
        self.count = max(3, -(-len(self.buyers) // _CUSTOMERS_A_COMPANY))
        self._makers: dict[str, MadeUp] = {}
        self._company_of = {customer: COMPANY + place % self.count for place, customer in enumerate(self.buyers)}

    # -- what belongs to what ------------------------------------------------------------------------------------------------------

    def company_of(self, customer_id: Any) -> int:
        """Tell which company a customer buys for; 0 for none."""
        return self._company_of.get(customer_id, 0)

    def parent_of(self, company_id: int) -> int | None:
        """Tell which company another one is part of: companies come in trees of three."""
        place = (company_id - COMPANY) % 3
        return company_id - place if place else None

    @cached_property
    def orders(self) -> list[tuple[int, int]]:
        """The seeded orders that were placed for a company, with it."""
        table = self.store.tables["orders"]
        ids = table.ids()[:_MOST_ORDERS]
        pairs = ((order_id, self.company_of((table.get(order_id) or {}).get("customer_id"))) for order_id in ids)
        return [(order_id, company_id) for order_id, company_id in pairs if company_id]

    # -- rows ----------------------------------------------------------------------------------------------------------------------

    def made(self, path: str, number: int, **over: Any) -> Row:
        """Make one record of a path from its schema.

        :param path: below the root, as the contract has it.
        :param over: fields that fit other rows.
        """
        maker = self._makers.setdefault(path, MadeUp(self.store.seed, path, "v3"))
        at = self.at(path, number)
        schema = record_schema(ROOT + path).get("properties", {})
        row: Row = maker.value(record_schema(ROOT + path), number, at=at)
        for name in _DATES:
            if name in row and name in schema:
                seconds = {"createdAt": at - 86_400, "updatedAt": at}.get(name, at + 30 * 86_400)
                row[name] = str(seconds) if schema[name].get("type") == "string" else seconds
        return {**row, **over}

    def at(self, path: str, number: int) -> int:
        """Tell when a seeded row was last changed."""
        return dates.SEED_START + self.dice.below(dates.SEED_SECONDS, number, len(path))

    def company(self, company_id: int) -> Row:
        """Make a company."""
        return self.made(
            "/companies",
            company_id,
            companyId=company_id,
            companyName=f"{COMPANIES[company_id % len(COMPANIES)]} {company_id}",
            companyEmail=f"company{company_id}@example.com",
            bcGroupId=company_id % 4,
        )

    def user(self, user_id: int) -> Row:
        """Make a buyer: the customer of the same place."""
        customer = self.buyers[(user_id - USER) % len(self.buyers)] if self.buyers else 0
        return self.made(
            "/users",
            user_id,
            id=user_id,
            firstName=FIRST_NAMES[user_id % len(FIRST_NAMES)],
            lastName=LAST_NAMES[user_id % len(LAST_NAMES)],
            email=f"customer{customer}@example.com",
            role=(user_id - USER) % 3,
            companyId=self.company_of(customer) or COMPANY,
            customerId=customer,
        )

    def address(self, address_id: int) -> Row:
        """Make one of a company's two addresses."""
        place = address_id - ADDRESS
        first = place % 2 == 0
        return self.made(
            "/addresses", address_id, addressId=address_id, companyId=COMPANY + place // 2, isDefaultBilling=first, isBilling=first
        )

    def order(self, order: Row) -> Row:
        """Show an order of the store as B2B Edition does."""
        created, modified = (dates.parse(order[name]) for name in ("date_created", "date_modified"))
        company_id = self.company_of(order["customer_id"])
        return self.made(
            "/orders",
            order["id"],
            id=700_000 + order["id"],
            bcOrderId=order["id"],
            totalIncTax=float(order["total_inc_tax"]),
            usdIncTax=float(order["total_inc_tax"]),
            items=order["items_total"],
            companyId=company_id,
            statusCode=order["status_id"],
            status=order["status"],
            channelId=order["channel_id"],
            createdAt=created,
            updatedAt=modified,
        )

    def quote(self, quote_id: int) -> Row:
        """Make a quote; every other one became an order."""
        place = quote_id - QUOTE
        company_id = COMPANY + place % self.count
        orders = [order_id for order_id, of in self.orders if of == company_id]
        order_id = orders[place % len(orders)] if orders and place % 2 == 0 else 0
        return self.made(
            "/rfq",
            quote_id,
            quoteId=quote_id,
            quoteNumber=f"QN{quote_id}",
            company=self.company(company_id)["companyName"],
            bcOrderId=str(order_id or ""),
            orderId=str(order_id or ""),
            subtotal=100.5 + place,
        )

    def quote_details(self, quote: Row) -> Row:
        """Show a quote with its lines."""
        schema = record_schema(f"{ROOT}/rfq/{{quote_id}}").get("properties", {})
        shown = {name: value for name, value in quote.items() if name in schema}
        return self.made("/rfq/{quote_id}", quote["quoteId"], **shown)

    def invoice(self, invoice_id: int) -> Row:
        """Make the invoice of a company's order."""
        order_id, company_id = self.orders[invoice_id - INVOICE]
        order = self.store.tables["orders"].get(order_id) or {}
        balance = {"code": "USD", "value": f"{float(order['total_inc_tax']):.4f}"}
        return self.made(
            "/ip/invoices",
            invoice_id,
            id=invoice_id,
            customerId=str(company_id),
            invoiceNumber=f"{invoice_id:08d}",
            orderNumber=str(order_id),
            originalBalance=balance,
            openBalance=balance if invoice_id % 2 else {**balance, "value": "0.0000"},
            customerName=self.company(company_id)["companyName"],
        )

    def payment(self, payment_id: int) -> Row:
        """Make the payment of every other invoice."""
        invoice = self.invoice(INVOICE + 2 * (payment_id - PAYMENT))
        paid = {"paymentId": payment_id, "invoiceId": invoice["id"], "invoiceNumber": invoice["invoiceNumber"]}
        lines = [{**paid, "amount": invoice["originalBalance"]}]
        return self.made(
            "/ip/payments",
            payment_id,
            id=payment_id,
            storeHash=self.store.store_hash,
            customerId=invoice["customerId"],
            total=invoice["originalBalance"],
            lineItems=lines,
            customerName=invoice["customerName"],
        )

    def receipt(self, receipt_id: int) -> Row:
        """Make the receipt of a payment."""
        payment = self.payment(PAYMENT + receipt_id - RECEIPT)
        same = {name: payment[name] for name in ("storeHash", "customerId", "total")}
        return self.made("/ip/receipts", receipt_id, id=receipt_id, paymentId=payment["id"], **same)

    def receipt_line(self, receipt: Row) -> Row:
        """Show a receipt's one line."""
        invoice = self.invoice(INVOICE + 2 * (receipt["paymentId"] - PAYMENT))
        return self.made(
            "/ip/receipt-lines",
            receipt["id"],
            id=receipt["id"] + 100_000,
            receiptId=receipt["id"],
            paymentId=receipt["paymentId"],
            storeHash=receipt["storeHash"],
            customerId=receipt["customerId"],
            amount=receipt["total"],
            invoiceId=invoice["id"],
            invoiceNumber=invoice["invoiceNumber"],
        )

    def shopping_list(self, list_id: int) -> Row:
        """Make a buyer's shopping list."""
        user = self.user(USER + (list_id - LIST) % max(1, len(self.buyers)))
        return self.made("/shopping-list", list_id, id=list_id, userId=user["id"], companyId=user["companyId"])

    def super_admin(self, admin_id: int) -> Row:
        """Make a sales rep of the storefront."""
        return self.made("/companies/super-admins", admin_id, id=admin_id, email=f"rep{admin_id}@example.com")

    def sales_staff(self, staff_id: int) -> Row:
        """Make a sales rep of the control panel."""
        return self.made("/sales-staffs", staff_id, id=staff_id, email=f"staff{staff_id}@example.com", companyCount=self.count)


def add_b2b_tables(store: SeededStore) -> B2BData:
    """Give a store the tables of B2B Edition; the others of its lists are made of these when they are asked for."""
    data = B2BData(store)
    buyers, invoices = len(data.buyers), len(data.orders)
    tables: Mapping[str, tuple[int, int, str, Callable[[Any], Row]]] = {
        "b2b_companies": (COMPANY, data.count, "companyId", data.company),
        "b2b_users": (USER, buyers, "id", data.user),
        "b2b_addresses": (ADDRESS, 2 * data.count, "addressId", data.address),
        "b2b_quotes": (QUOTE, 4 * data.count, "quoteId", data.quote),
        "b2b_invoices": (INVOICE, invoices, "id", data.invoice),
        "b2b_invoice_payments": (PAYMENT, -(-invoices // 2), "id", data.payment),
        "b2b_receipts": (RECEIPT, -(-invoices // 2), "id", data.receipt),
        "b2b_shopping_lists": (LIST, buyers, "id", data.shopping_list),
        "b2b_super_admins": (ADMIN, 3, "id", data.super_admin),
        "b2b_sales_staff": (STAFF, 2, "id", data.sales_staff),
    }
    for name, (first, count, key, make) in tables.items():
        store.add_table(Table(name, list(range(first, first + count)), _remembered(make), key=key, on_change=store.keep))
    return data


def _remembered(make: Callable[[Any], Row]) -> Callable[[Any], Row]:
    """Each row is made once: some are made of others."""
    made: dict[Any, Row] = {}

    def row(row_id: Any) -> Row:
        if row_id not in made:
            made[row_id] = make(row_id)
        return made[row_id]

    return row
