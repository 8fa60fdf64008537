"""What keeps a table small: old files go, at most once a day. Small parts are folded by the commit that meets them (``rewrite``), and the
log sums itself up (``table``)."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.targets.lake.log_records import Names, Snapshot
from airflow_provider_bigcommerce.targets.lake.table import LakeTable

log = logging.getLogger(__name__)

#: How often files that are no longer data are looked for.
TIDY_EVERY: Final = timedelta(days=1)


def is_due(snapshot: Snapshot | None, names: Names, now: datetime) -> bool:
    """Whether this run is to tidy: a day has passed since a run did, by the store's time.

    :param snapshot: the table; None where this run makes it, and nothing is old.
    """
    last = None if snapshot is None else snapshot.transaction(names.tidied)
    return last is None or last + TIDY_EVERY.total_seconds() <= now.timestamp()


def tidy(table: LakeTable) -> None:
    """Remove files that have not been data for longer than they are kept. A failure is logged and fails no run: the rows are committed."""
    try:
        removed = table.vacuum()
    except DestinationError as error:
        log.warning("%s The rows of this run are committed; the files that are no longer data stay, and take space.", error)
        return
    if removed:
        log.info("Removed %d files of the table that are no longer data.", removed)
