"""Which numbers of BigCommerce's records are money: a reviewed list, since no spec tells.

The schema generator asks it; ``tests/files/money_columns.txt`` pins every answer.
"""

from __future__ import annotations

import re

#: Words that make a name money, as whole words of a snake-case name.
_MONEY = re.compile(
    r"(^|_)(prices?|costs?|total|subtotal|tax|amount|fee|discount|balance|credit|surcharge|minimum_spend|inventory_value)(_|$)"
    r"|^price_range_(min|max)$"
)

#: Names with such a word that count, identify, name or choose something else.
_NOT_MONEY = re.compile(
    r"_(id|ids|uuid|code|category|label|name|strategy|type|items|sold|onhand|integer|inactive|rate|method|status|number|location|currency)$"
    r"|^items_total$|percent|^is_|^has_|_count$|^credit_card|^tax_(included|inclusive)"
)

#: B2B Edition's resources whose amounts are objects of a currency and a value.
_WITH_AMOUNTS = ("b2b_invoices", "b2b_invoice_payments", "b2b_receipts", "b2b_receipt_lines")

#: Money under a name that does not say so, and the reverse: (resource or "*", path without list marks).
_BY_PATH = {
    ("shipping_methods", "settings.rate"): True,
    ("*", "price_adjuster.adjuster_value"): True,
    ("*", "adjusters.price.adjuster_value"): True,
    **{(name, f"{amount}.value"): True for name in _WITH_AMOUNTS for amount in ("openBalance", "originalBalance", "total", "amount")},
}


def is_money(resource: str, path: tuple[str, ...], kind: str) -> bool:
    """Whether the field at that path of the resource is an amount of money.

    :param resource: catalog name.
    :param path: field names from the record down.
    :param kind: the spec's own type: ``string``, ``number`` or ``integer``.
    """
    whole = ".".join(path)
    for (owner, end), answer in _BY_PATH.items():
        if owner in ("*", resource) and (whole == end or whole.endswith("." + end)):
            return answer
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", path[-1]).lower() if path else ""
    return bool(_MONEY.search(name)) and not _NOT_MONEY.search(name)


def is_exchange_rate(resource: str, path: tuple[str, ...]) -> bool:
    """Whether the field is a currency's exchange rate."""
    return bool(path) and "exchange_rate" in path[-1]
