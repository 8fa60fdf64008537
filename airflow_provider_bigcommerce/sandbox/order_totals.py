"""An order's sums after its lines were edited: recomputed from the lines, with the order's own shipping; discounts are gone."""

from __future__ import annotations

from airflow_provider_bigcommerce.sandbox.order_data import cents_of, money
from airflow_provider_bigcommerce.sandbox.table import Row

# what a caller may set in place of what follows from the lines
OVERRIDES = ("subtotal_ex_tax", "subtotal_inc_tax", "total_ex_tax", "total_inc_tax", "items_total", "items_shipped")


def totals(order: Row, lines: list[Row], fees: list[Row]) -> Row:
    """Give the fields of an order that follow from its lines and fees."""
    net = sum(cents_of(line["total_ex_tax"]) for line in lines)
    tax = sum(cents_of(line["total_tax"]) for line in lines)
    fee_ex = sum(cents_of(str(fee.get("cost_ex_tax", "0"))) for fee in fees)
    fee_inc = sum(cents_of(str(fee.get("cost_inc_tax", fee.get("cost_ex_tax", "0")))) for fee in fees)
    shipping_ex, shipping_inc = cents_of(order["shipping_cost_ex_tax"]), cents_of(order["shipping_cost_inc_tax"])
    off = cents_of(order["coupon_discount"]) + cents_of(order["discount_amount"])
    total_ex = net + shipping_ex + fee_ex - off
    total_inc = net + tax + shipping_inc + fee_inc - off
    return {
        "subtotal_ex_tax": money(net),
        "subtotal_inc_tax": money(net + tax),
        "subtotal_tax": money(tax),
        "total_ex_tax": money(total_ex),
        "total_inc_tax": money(total_inc),
        "total_tax": money(total_inc - total_ex),
        "items_total": sum(line["quantity"] for line in lines),
        "items_shipped": sum(line["quantity_shipped"] for line in lines),
    }


def cents(value: object) -> int:
    """Read money as V3 and V2 write it, a number or text, to the nearest cent."""
    return round(float(str(value)) * 100)


def repriced(line: Row, quantity: int, ex_tax: int | None, inc_tax: int | None) -> Row:
    """Give a line with another quantity or price; its discounts are gone.

    :param ex_tax: price of one without tax, in cents; None keeps it, and so with `inc_tax`.
    """
    one_ex = cents_of(line["price_ex_tax"]) if ex_tax is None else ex_tax
    if inc_tax is not None:
        one_inc = inc_tax
    elif ex_tax is not None:
        one_inc = ex_tax  # both are asked for: without the other one, no tax is reckoned
    else:
        one_inc = cents_of(line["price_inc_tax"])
    return {
        **line,
        "quantity": quantity,
        "base_price": money(one_ex),
        "price_ex_tax": money(one_ex),
        "price_inc_tax": money(one_inc),
        "price_tax": money(one_inc - one_ex),
        "base_total": money(one_ex * quantity),
        "total_ex_tax": money(one_ex * quantity),
        "total_inc_tax": money(one_inc * quantity),
        "total_tax": money((one_inc - one_ex) * quantity),
        "discounted_total_inc_tax": money(one_inc * quantity),
        "applied_discounts": [],
    }
