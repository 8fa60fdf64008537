"""Dates as BigCommerce writes and reads them: ISO-8601 in V3, RFC-2822 in V2; inside the sandbox they are epoch seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from time import gmtime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

SEED_START = 1_704_100_997  # 2024-01-01T09:23:17Z: seeded rows were modified from here ...
SEED_SECONDS = 730 * 86_400  # ... for two years


def iso(at: int) -> str:
    """Write `2025-01-15T09:34:00+00:00`, as V3 does for most records."""
    day, second = divmod(at, 86_400)
    return f"{_day(day)}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}+00:00"


@lru_cache(4096)
def _day(day: int) -> str:
    t = gmtime(day * 86_400)
    return f"{t[0]:04d}-{t[1]:02d}-{t[2]:02d}"


def iso_z(at: int) -> str:
    """Write `2025-01-15T09:34:00Z`, as V3 does for customers and metafields."""
    return iso(at)[:-6] + "Z"


def rfc2822(at: int) -> str:
    """Write `Wed, 15 Jan 2025 09:34:00 +0000`, as V2 does."""
    t = gmtime(at)
    return f"{_DAYS[t[6]]}, {t[2]:02d} {_MONTHS[t[1]]} {t[0]:04d} {t[3]:02d}:{t[4]:02d}:{t[5]:02d} +0000"


def http_date(at: float) -> str:
    """Write the `Date` header."""
    return rfc2822(int(at))[:-5] + "GMT"


def parse(text: str) -> int:
    """Read any of the forms above, a bare date or a UNIX timestamp.

    :param text: the value of a filter or a field.
    :returns: epoch seconds.
    :raises ValueError: no form fits.
    """
    if text.isascii() and text.isdigit() and len(text) > 8:
        return int(text)
    if text[:4].isdigit():
        moment = datetime.fromisoformat(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (TypeError, IndexError) as error:
            raise ValueError(text) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())


def is_bare(text: str) -> bool:
    """Tell whether a value is a date without a time."""
    return len(text) == 10 and text[4:5] == "-"
