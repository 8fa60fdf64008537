"""Whether a request may be sent again when nobody knows if the store carried it out.

By the call's repeat rule (``catalog/write.py``), not by its method: a second PUT of a product may add its images again, and a second POST
of an address changes nothing. What never reached the store, or what the store refused, may be sent again whatever it is; ``policy.py``
tells these apart. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from airflow_provider_bigcommerce.core.catalog.write import RepeatKind, Write
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.exceptions import BigCommerceError, UnclearWriteError

#: These leave the store as one sending does. ``silent_noop`` is answered without its row, which must then be looked up.
_AS_ONE: Final[frozenset[RepeatKind]] = frozenset({"read", "safe", "safe_404", "silent_noop"})


def may_repeat(request: Request, write: Write | None) -> bool:
    """Whether a second sending leaves the store as one does.

    :param write: the call that the request is, or None where the catalog has none: a write that nobody knows is not repeated.
    """
    if request.changes_nothing:
        return True
    if write is None:
        return False
    if write.repeat == "depends":
        return _has_all_ids(request.body, is_row_named=not write.is_batch)
    return write.repeat in _AS_ONE


def is_deleted(status: int, write: Write | None, *, was_unclear: bool) -> bool:
    """Whether a 404 says that an earlier attempt of the same request has deleted the row.

    :param was_unclear: whether an earlier attempt may have been carried out.
    """
    return status == 404 and was_unclear and write is not None and write.repeat == "safe_404"


def unclear(request: Request, write: Write | None, error: BigCommerceError) -> UnclearWriteError:
    """The error for a write that may have been carried out and is not sent again.

    :param error: what happened; it becomes the ``__cause__``.
    """
    repeat: RepeatKind = "unknown" if write is None else write.repeat
    keys = () if write is None else write.lookup
    found = UnclearWriteError(
        f"{error.args[0]} It may have been carried out all the same, so it was not sent again: {_advice(repeat, write)}",
        method=request.method,
        path=request.path,
        repeat=repeat,
        lookup=tuple(dict.fromkeys(field for key in keys for field in key.fields)),
        lookup_path=keys[0].path if keys else "",
    )
    found.__cause__ = error
    return found


def _advice(repeat: RepeatKind, write: Write | None) -> str:
    if repeat == "safe_unless_sold":
        return "read the stock before you repeat it, because what was sold in between would be put back."
    if repeat == "depends":
        return "a row or a nested row without its id could be added twice. Look before you repeat it, or give all ids."
    if write is not None and write.lookup:
        key = write.lookup[0]
        first = " + ".join(key.fields[:3]) + (" ..." if len(key.fields) > 3 else "")
        return f"look before you repeat it, by {first} in GET {key.path}."
    return "look before you repeat it."


def _has_all_ids(body: bytes | None, *, is_row_named: bool) -> bool:
    """Whether every row and every nested row of a body has its id.

    :param is_row_named: whether the path names the row, which then needs none.
    """
    try:
        found: Any = msgspec.json.decode(body or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    if isinstance(found, Mapping):
        return (is_row_named or found.get("id") is not None) and _have_ids(found)
    return isinstance(found, list) and _have_ids(found)


def _have_ids(value: Any) -> bool:
    """Whether every object that is an item of a list has an id, at any depth. (msgspec reads no JSON that is too deep for this.)"""
    if isinstance(value, Mapping):
        return all(map(_have_ids, value.values()))
    if isinstance(value, list):
        return all((not isinstance(item, Mapping) or item.get("id") is not None) and _have_ids(item) for item in value)
    return True
