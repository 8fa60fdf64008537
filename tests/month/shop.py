"""A store's life: what happens to orders, products, customers and categories in an hour, drawn from a seed."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from airflow_provider_bigcommerce.sandbox.store import Store

STATUSES = (2, 10, 11, 9, 4, 5)


class Shop:
    """What happens in the store, hour by hour; the same seed gives the same month.

    :param store: the sandbox's.
    :param seed: of everything that is drawn.
    """

    def __init__(self, store: Store, seed: int) -> None:
        self.happened: Counter[str] = Counter()
        self.gone: dict[str, set[int]] = {"orders": set(), "products": set(), "customers": set()}
        self.has_new_fields = False
        self._store, self._dice = store, Random(seed)
        self._orders = [order["id"] for order in store.rows("orders")]
        self._products = [product["id"] for product in store.rows("products")]
        self._customers = [customer["id"] for customer in store.rows("customers")]

    def live_an_hour(self, hour: int) -> None:
        """Everything that happens within an hour.

        :param hour: since the beginning.
        """
        dice = self._dice
        for _ in range(dice.randint(0, 10)):
            self._order()
        for _ in range(dice.randint(0, 6)):
            self._edit_an_order()
        for _ in range(dice.randint(0, 2)):
            self._edit_a_product()
        if dice.random() < 0.5:
            self._customer()
        if hour % 6 == 1:
            self._products.append(self._store.add_product(price=dice.randint(100, 9999) / 100)["id"])
            self.happened["products added"] += 1
            self._edit_a_category()
        if hour % 12 == 5:
            self._gone("products", self._products)
            self._gone("orders", self._orders)  # BigCommerce archives it
        if hour % 36 == 20:
            self._gone("customers", self._customers)

    def _order(self) -> None:
        dice = self._dice
        fields: dict[str, Any] = {"staff_notes": dice.choice(("", "call first", "zerbrechlich ❄"))}
        if self.has_new_fields:
            # A field that no schema knows, one that holds more than it did, and one that is of another type than it was.
            fields |= {"loyalty": {"points": dice.randint(0, 99), "tiers": ["gold"]}, "ip_address": dice.randint(0, 2**32)}
            self.happened["orders of the new shape"] += 1
        customer = dice.choice([0, *self._customers])
        order = self._store.add_order(customer_id=customer, lines=dice.randint(1, 4), status_id=dice.choice(STATUSES), **fields)
        self._orders.append(order["id"])
        self.happened["orders"] += 1

    def _edit_an_order(self) -> None:
        """Mostly one of the last; sometimes the same one twice within a second."""
        dice = self._dice
        key = dice.choice(self._orders[-200:] if dice.random() < 0.8 else self._orders)
        self._store.set_status(key, dice.choice(STATUSES))
        if dice.random() < 0.2:
            self._store.edit("orders", key, staff_notes=f"note {dice.randint(0, 10**6)}")
        self.happened["order edits"] += 1

    def _edit_a_product(self) -> None:
        dice = self._dice
        key = dice.choice(self._products)
        self._store.edit_product(key, price=dice.randint(100, 9999) / 100, description=f"<p>Text {dice.randint(0, 10**6)}</p>")
        self.happened["product edits"] += 1

    def _customer(self) -> None:
        dice = self._dice
        if dice.random() < 0.6:
            self._customers.append(self._store.add_customer(notes=f"since {dice.randint(0, 99)}")["id"])
            self.happened["customers added"] += 1
        else:
            self._store.edit("customers", dice.choice(self._customers), company=f"Company {dice.randint(0, 10**6)}")
            self.happened["customer edits"] += 1

    def _edit_a_category(self) -> None:
        dice = self._dice
        rows = self._store.rows("categories")
        self._store.edit("categories", dice.choice(rows)["category_id"], description=f"Text {dice.randint(0, 10**6)}")
        self.happened["category edits"] += 1

    def _gone(self, resource: str, keys: list[int]) -> None:
        key = keys.pop(self._dice.randrange(len(keys)))
        assert self._store.delete(resource, key)
        self.gone[resource].add(key)
        self.happened[f"{resource} {'archived' if resource == 'orders' else 'deleted'}"] += 1
