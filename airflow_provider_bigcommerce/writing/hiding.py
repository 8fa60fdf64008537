"""A planned row without its secret fields, as it may be written down. Pure."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import msgspec

from airflow_provider_bigcommerce.writing.formats import PlanRow


def without_secrets(row: PlanRow, names: Sequence[str]) -> PlanRow:
    """A planned row as it may be written down."""
    if not names:
        return row
    body, new, old = copy.deepcopy(row.body), dict(row.new), None if row.old is None else dict(row.old)
    for name in names:
        _remove(body, name.split("."))
        for values in (new, old or {}):
            for known in list(values):
                if known == name or name.startswith(f"{known}.") or known.startswith(f"{name}."):
                    values.pop(known)
    return msgspec.structs.replace(row, body=body, new=new, old=old, fields=[name for name in row.fields if name in new])


def _remove(place: Any, parts: Sequence[str]) -> None:
    if not isinstance(place, dict) or parts[0] not in place:
        return
    if len(parts) == 1:
        del place[parts[0]]
        return
    _remove(place[parts[0]], parts[1:])
    if not place[parts[0]]:
        del place[parts[0]]
