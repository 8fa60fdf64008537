"""Raw records as lines: one record a line, as JSON lines and Arrow's reader want them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

Record = bytes | msgspec.Raw


def one_line_each(records: Sequence[Record]) -> bytes:
    """Records joined by line ends, each on one line; a record that came with line ends or indentation is written compactly.

    :param records: JSON of one record each.
    :returns: the lines, with a line end after the last.
    """
    if not records:
        return b""
    lines = b"\n".join((*records, b""))
    return lines if has_lines(lines, len(records)) else b"\n".join((*map(compact, records), b""))


def has_lines(lines: bytes, count: int) -> bool:
    """Whether the last of ``count`` line ends is the last byte: JSON has others only between its tokens, as formatting."""
    at = 0
    for _ in range(count):  # bytes.count() looks at each byte in turn; find() jumps
        at = lines.find(b"\n", at) + 1
    return at == len(lines)


def compact(record: Record) -> bytes:
    """A record without line ends between its tokens; as it came where it has none."""
    raw = bytes(record)
    if b"\n" not in raw:
        return raw
    try:
        return msgspec.json.format(raw, indent=-1)
    except (msgspec.DecodeError, RecursionError):
        return raw.replace(b"\n", b" ").replace(b"\r", b" ")
