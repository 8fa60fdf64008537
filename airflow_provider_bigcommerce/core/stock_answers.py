"""Which items a refusal of an adjustment names: it does so in a sentence, by their ids, and never with their location. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from airflow_provider_bigcommerce.core.stocking import Target

#: ``[product_id 113]``, ``[Item with variant_id 106 is tracked by product, ...]``, ``[variant_id 1, variant_id 2]``.
_NAMED = re.compile(r"\b(product_id|variant_id)[\s:=]*(\d+)")


def named_in(title: str, targets: Sequence[Target]) -> set[int]:
    """Places of the rows whose item the title names; at each location where the request has it, because the title does not tell where."""
    named = {(name, int(number)) for name, number in _NAMED.findall(title)}
    return {place for place, target in enumerate(targets) if (target.name, target.item) in named}
