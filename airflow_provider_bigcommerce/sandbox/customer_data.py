"""Seeded customers with their addresses, store credit, attributes and form fields, as `/v3/customers` shows them."""

from __future__ import annotations

from airflow_provider_bigcommerce.sandbox.dates import SEED_SECONDS, SEED_START, iso_z
from airflow_provider_bigcommerce.sandbox.dice import Dice
from airflow_provider_bigcommerce.sandbox.table import Calendar, Row, SeededIds
from airflow_provider_bigcommerce.sandbox.vocabulary import COMPANIES, FIRST_NAMES, LAST_NAMES, PLACES

ADDRESSES_PER_CUSTOMER = 4  # ids are reserved in blocks of ten


class CustomerData:
    """Makes customers.

    :param seed: the store's seed.
    :param customers: number of seeded customers.
    """

    def __init__(self, seed: int, customers: int) -> None:
        self.dice = Dice(seed, "customers")
        self.customers = SeededIds(11, customers)
        self.calendar = Calendar(SEED_START, SEED_SECONDS, customers)

    def modified(self, customer_id: int) -> int:
        """Tell when a customer was modified, in epoch seconds."""
        position = self.customers.position(customer_id)
        return SEED_START if position is None else self.calendar.at(position)

    def first_name(self, customer_id: int) -> str:
        """Tell a seeded customer's first name."""
        return self.dice.pick(FIRST_NAMES, customer_id, 1)

    def last_name(self, customer_id: int) -> str:
        """Tell a seeded customer's last name."""
        return self.dice.pick(LAST_NAMES, customer_id, 2)

    def customer(self, customer_id: int) -> Row:
        """Make one customer without its sub-resources."""
        roll = self.dice.roll(customer_id)
        modified = self.modified(customer_id)
        in_both = bool(roll & 1)
        return {
            "id": customer_id,
            "email": f"customer{customer_id}@example.com",
            "first_name": self.first_name(customer_id),
            "last_name": self.last_name(customer_id),
            "company": self.dice.pick(COMPANIES, customer_id, 3),
            "phone": "" if roll & 2 else f"+1 512 555 {customer_id % 10_000:04d}",
            "registration_ip_address": f"192.0.2.{roll % 256}",
            "notes": "" if roll & 12 else "Prefers e-mail; ”quoted”, tab\tand line\nbreak.",
            "tax_exempt_category": "",
            "customer_group_id": (roll >> 4) % 4,
            "date_created": iso_z(modified - 86_400 * (1 + (roll >> 8 & 255))),
            "date_modified": iso_z(modified),
            "address_count": len(self.addresses(customer_id)),
            "attribute_count": 0,
            "authentication": {"force_password_reset": False},
            "accepts_product_review_abandoned_cart_emails": bool(roll & 16),
            "origin_channel_id": 1,
            "channel_ids": [1, 2] if in_both else [1],
        }

    def addresses(self, customer_id: int) -> list[Row]:
        """Make a customer's addresses."""
        return [self.address(customer_id, k) for k in range(self.dice.below(ADDRESSES_PER_CUSTOMER, customer_id, 5))]

    def address(self, customer_id: int, place: int) -> Row:
        """Make one address of a customer."""
        street, city, state, code, country, iso2, phone = self.dice.pick(PLACES, customer_id, 6 + place)
        return {
            "id": customer_id * 10 + place,
            "customer_id": customer_id,
            "first_name": self.first_name(customer_id),
            "last_name": self.last_name(customer_id),
            "company": "",
            "address1": street,
            "address2": "" if place else "Apt. 4",
            "city": city,
            "state_or_province": state,
            "postal_code": code,
            "country": country,
            "country_code": iso2,
            "phone": phone,
            "address_type": "residential",
            "form_fields": [],
        }

    def attributes(self, customer_id: int) -> list[Row]:
        """Make a customer's attribute values."""
        at = iso_z(self.modified(customer_id))
        return [
            {
                "id": customer_id * 10 + k,
                "attribute_id": 1 + k,
                "attribute_value": ("Gold", "12.5")[k],
                "customer_id": customer_id,
                "date_created": at,
                "date_modified": at,
            }
            for k in range(self.dice.below(3, customer_id, 12))
        ]

    def form_fields(self, customer_id: int) -> list[Row]:
        """Make a customer's form field values: text, number or several choices."""
        values: tuple[object, ...] = ("blau", 12.5, ["red", "grün"])
        return [
            {"name": name, "value": values[k], "customer_id": customer_id}
            for k, name in enumerate(("color", "size", "choices")[: self.dice.below(4, customer_id, 13)])
        ]

    def store_credit(self, customer_id: int) -> list[Row]:
        """Make a customer's store credit."""
        return [{"amount": self.dice.below(5000, customer_id, 14) / 100}]
