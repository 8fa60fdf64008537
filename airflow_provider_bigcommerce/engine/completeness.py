"""Whether a list came whole: what was read, checked against the numbers that the store gave, and what follows for the watermark.

Decides by counts alone; reads nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from airflow_provider_bigcommerce.engine.copying import Copied
from airflow_provider_bigcommerce.engine.manifest import Check
from airflow_provider_bigcommerce.exceptions import IncompleteReadError

log = logging.getLogger(__name__)


def _told(copied: Copied) -> str:
    return f"The store says that the list has {copied.totals[-1]:,} rows, and {copied.found:,} different rows came."


def require_whole(copied: Copied) -> None:
    """Refuse a list that gave fewer rows than the store says it has.

    :raises IncompleteReadError: it did.
    """
    if copied.counted is not None and copied.found < copied.counted:
        raise IncompleteReadError(
            f"The store's summary counts {copied.counted:,} rows, and {copied.found:,} came. Missing rows cannot be distinguished from "
            "deleted rows. Nothing was committed; let the task try again, at a time when the store changes less."
        )
    if copied.totals and copied.found < copied.totals[-1]:
        raise IncompleteReadError(
            f"{_told(copied)} Missing rows cannot be distinguished from deleted rows. Nothing was committed; let the task try again, at a "
            "time when the store changes less."
        )


def settled(watermark: datetime | None, checks: Sequence[Check], *, accept_incomplete: bool) -> datetime | None:
    """Where the next run continues: not behind a window whose copy is not complete, unless the caller accepts that.

    :param watermark: where it would continue, or None for a run that moves no watermark.
    """
    if watermark is None or accept_incomplete or all(check.agrees for check in checks):
        return watermark
    log.warning(
        "The copy is not complete (complete: false in the manifest), so the watermark stays where it was, and the next run reads this "
        "window again. If the store's count is wrong and stays so, accept_incomplete=True moves the watermark all the same."
    )
    return None


def checked(copied: Copied) -> tuple[Check, ...]:
    """Hold what was read against the numbers that the store gave.

    A list that changes while it is read has several totals; the one that the walk concluded must come (``core/whole_list.py``). More than
    the store has told lacks nothing. Whether rows were lost on the way is for the walk to say, which fails then.
    """
    checks: list[Check] = []
    if copied.orders_in_doubt is not None:
        if copied.orders_in_doubt:
            log.warning("%d orders have line items whose quantities do not add up to items_total.", copied.orders_in_doubt)
        checks.append(Check(what="items_total", expected=(0, 0), found=copied.orders_in_doubt, agrees=copied.orders_in_doubt == 0))
    if copied.counted is not None:
        agrees = copied.counted <= copied.found
        if not agrees:
            log.warning("The store's summary counts %s rows, and %s came.", f"{copied.counted:,}", f"{copied.found:,}")
        checks.append(Check(what="summary", expected=(copied.counted, copied.counted), found=copied.found, agrees=agrees))
    if not copied.totals:
        return tuple(checks)
    due, highest = copied.totals[-1], max(copied.totals)
    agrees = due <= copied.found
    if not agrees:
        log.warning("%s The manifest says complete=false.", _told(copied))
    return (Check(what="rows", expected=(due, highest), found=copied.found, agrees=agrees), *checks)
