"""How far a read has come, in lines a person can read: about twenty for a read of twenty minutes, not one per page.

Writes sentences; measures only time and holds no state of the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.settings import ReadStats

#: Seconds between two lines at first; a read that continues tells its progress after each further quarter of its time ...
EVERY = 10.0
#: ... but does not keep silent for longer than this.
RARELY = 300.0


class Progress:
    """Says when a line is due, and what it says.

    :param resource: catalog name.
    :param parents: what the parents are called whose rows are read one parent after the other; None where there are none.
    :param clock: monotonic seconds.
    :param every: seconds between two lines at first.
    """

    def __init__(
        self, resource: str, *, parents: str | None = None, clock: Callable[[], float] = time.monotonic, every: float = EVERY
    ) -> None:
        self._resource = resource
        self._parents = parents
        self._clock = clock
        self._every = every
        self._started = clock()
        self._last = self._started

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._clock() - self._started

    @property
    def is_due(self) -> bool:
        """Whether it is time for a line."""
        return self._clock() - self._last >= max(self._every, min((self._last - self._started) / 4, RARELY))

    def line(self, rows: int, total: int | None, pages: int, stats: ReadStats) -> str | None:
        """The line, where one is due.

        :param rows: read so far.
        :param total: rows in all, where the store tells.
        :param pages: read so far.
        :param stats: for the quota.
        """
        if not self.is_due:
            return None
        self._last = now = self._clock()
        rate = rows / max(now - self._started, 1e-9)
        parts = [f"{rows:,} rows" if not total else f"{rows:,} of {total:,} rows ({min(100, 100 * rows // total)}%)", f"{pages:,} pages"]
        done, of = stats.parents_done, stats.parents_total
        if self._parents is not None and done:
            parts.insert(0, f"{done:,} of {max(done, of):,} {self._parents}" if of is not None else f"{done:,} {self._parents}")
        parts.append(f"{rate:,.0f} rows/s")
        if stats.quota is not None:
            parts.append(f"quota {stats.quota_left if stats.quota_left is not None else '?'} of {stats.quota} left")
        if self._parents is not None and of and 0 < done < of:
            parts.append(f"about {duration((of - done) * (now - self._started) / done)} to go")
        elif total and rate and rows < total:
            parts.append(f"about {duration((total - rows) / rate)} to go")
        return f"{self._resource}: {', '.join(parts)}"


def duration(seconds: float) -> str:
    """``45 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
