"""Write docs/reference/writes.md from the catalog's writes, so that the page cannot say anything else.

It formats and adds nothing of its own; a test compares the page. Run it as ``python -m tests.tools.generate_writes_page``.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.catalog.operations import OPERATIONS, operations_of
from airflow_provider_bigcommerce.core.catalog.write import (
    UNPUBLISHED_BATCH,
    EmptyFilter,
    PutKind,
    RepeatKind,
    RowsBy,
    SideEffect,
    Write,
)
from airflow_provider_bigcommerce.core.whole_collection import means_all
from tests.tools.generate_resources_page import AREAS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "writes.md"

_PUT: Mapping[PutKind, str] = {
    "partial": "kept",
    "partial_implied": "kept (implied)",
    "replace": "cleared",
    "mixed": "kept; some parts are replaced whole",
    "additive": "rows are only added",
    "upsert_overwrites": "the row is replaced",
    "unknown": "not said",
}
_FAILED: Mapping[RowsBy, str] = {
    "index": "its place",
    "index_seen": "its place (seen)",
    "id": "its id",
    "identity": "its key",
    "title": "a sentence",
    "match": "its absence",
    "row": "the only one",
    "split": "nothing: halve",
    "none": "nothing",
    "count": "a number",
    "unknown": "not said",
}
_BARE: Mapping[EmptyFilter, str] = {
    "wipes": "deletes all",
    "refused": "refused",
    "nothing": "nothing",
    "must_have": "not said",
    "required_param": "not said",
    "ids_in_body": "not said",
    "unknown": "not said",
    "one_object": "",
}
_EFFECTS: Mapping[SideEffect, str] = {
    "mails": "mails the shopper",
    "may_mail": "may mail the shopper",
    "moves_money": "moves money",
    "makes_codes": "makes codes",
    "archives": "archives",
    "takes_children": "also changes what belongs to it",
    "recalculates": "recalculates totals",
}
_SENT_AGAIN: Mapping[RepeatKind, str] = {
    "safe": "yes",
    "read": "yes",
    "safe_404": "yes",
    "silent_noop": "yes",
    "depends": "with all ids",
    "refused": "no",
    "safe_unless_sold": "no",
    "duplicates": "no",
    "doubles": "no",
    "unknown": "no",
}

_INTRODUCTION = """\
# Writes

<!-- Written by `python -m tests.tools.generate_writes_page` from `core/catalog`; change the catalog, not this page. -->

All {total} calls of BigCommerce's Management API that write, {batches} of them with many rows at once. `store.create`, `store.update` and
`store.delete` use those marked with the verb; `store.request` and `hook.run` send any of them, by the same rules.

How to read the tables:

- **Rows**: most rows of one request. "{unpublished}*": BigCommerce publishes no number for the {unsaid} lists so marked, and
  {unpublished} are sent.
- **At once**: requests under way at the same time, where BigCommerce says a number.
- **Left out**: what becomes of a field that the body leaves out. *implied*: only the key is required.
- **Again**: whether it is sent again when nobody knows if it was carried out, with
  [the rule](../how-it-reads.md#which-write-is-sent-again).
- **A bad row by**: how the answer tells which row of a request failed.
- **Found by**: the natural key by which a row can be looked up; with `:in` many in one request.
- **Taken back**: whether the change can be undone. *old values*: by writing them again, if nobody has changed them since.
- **Without keys**: what BigCommerce does to a `DELETE` of many that names no row. We send none of these, unless
  [`whole_collection=True`](../how-to/call-any-endpoint.md#a-whole-collection) says that it is meant; "keys" are the parameters that
  name rows.
"""


def page() -> str:
    """The whole page as Markdown, with a line end."""
    parts = [
        _INTRODUCTION.format(
            total=len(OPERATIONS),
            batches=sum(write.is_batch for write in OPERATIONS.values()),
            unpublished=UNPUBLISHED_BATCH,
            unsaid=sum(write.batch_size is None for write in OPERATIONS.values()),
        ),
        _rules(),
    ]
    for area, heading in AREAS.items():
        writes = [write for name, row in CATALOG.items() if row.area == area for write in operations_of(name)]
        if writes:
            parts += [f"## {heading}\n", _table(writes)]
    parts += ["## Without a resource that can be read\n", _table(write for write in OPERATIONS.values() if write.resource is None)]
    parts += ["## Deletes that need their keys\n", _deletes()]
    return "\n".join(parts)


def _rules() -> str:
    """How many calls have which rule."""
    counts = Counter(write.repeat for write in OPERATIONS.values())
    lines = ["| Rule | Calls | Sent again |", "|---|---|---|"]
    lines += [f"| `{rule}` | {count} | {_SENT_AGAIN[rule]} |" for rule, count in counts.most_common()]
    return "\n".join(lines) + "\n"


def _table(writes: Iterable[Write]) -> str:
    columns = ("Resource", "Call", "Does", "Rows", "At once", "Left out", "Again", "A bad row by", "Found by", "Taken back", "Notes")
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for write in writes:
        cells = [
            f"`{write.resource}`" if write.resource else "",
            f"`{write.name}`",
            _does(write),
            f"{write.rows_at_once:,}" + ("*" if write.batch_size is None else ""),
            "" if write.concurrency is None else str(write.concurrency),
            "" if write.put is None else _PUT[write.put],
            f"{_SENT_AGAIN[write.repeat]} (`{write.repeat}`)",
            "" if write.failed_by is None else _FAILED[write.failed_by],
            _keys(write),
            undo(write),
            _notes(write),
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _does(write: Write) -> str:
    """Its role, and the verb of ours that sends it."""
    row = CATALOG[write.resource] if write.resource else None
    verbs = [] if row is None else [verb for verb in ("create", "update", "delete") if getattr(row, verb) is write]
    role = write.role.replace("_", " ")
    return role + (f" (`store.{'`, `store.'.join(verbs)}`)" if verbs else "")


def _keys(write: Write) -> str:
    """The keys by which a row is found, each once, the best way of each."""
    best: dict[tuple[str, ...], str] = {}
    for key in write.lookup:
        best.setdefault(key.fields, f"`{' + '.join(key.fields[:3])}{' ...' if len(key.fields) > 3 else ''}`" + (" :in" if key.many else ""))
    return ", ".join(best.values())


def undo(write: Write) -> str:
    """Whether and how a change can be taken back."""
    if write.role == "read":
        return ""
    if {"mails", "moves_money", "makes_codes"} & {*write.effects} or write.role in ("delete", "delete_many", "action"):
        return "no"
    if write.repeat == "safe_unless_sold" or write.role == "increment":
        return "by the opposite amount"
    if write.put == "additive":
        return "by removing the pairs"
    row = CATALOG[write.resource] if write.resource else None
    can_delete = row is not None and row.delete is not None
    if write.role == "create":
        return "by deleting the row" if can_delete else "no"
    if write.role == "replace":
        return "no"
    return "old values" + (", or deleting the row" if write.role == "upsert" and can_delete else "")


def _notes(write: Write) -> str:
    parts = [_EFFECTS[effect] for effect in write.effects]
    if write.is_asynchronous:
        parts.append("shows later")
    if write.secret_fields:
        parts.append("secret: " + ", ".join(f"`{name}`" for name in write.secret_fields))
    if write.failed_status and write.failed_by is not None:
        parts.append(f"partly done: {', '.join(map(str, write.failed_status))}")
    if write.deprecated:
        parts.append("**deprecated**")
    return "; ".join(parts)


def _deletes() -> str:
    lines = ["| Call | Keys | Without keys |", "|---|---|---|"]
    for write in OPERATIONS.values():
        if not means_all(write) or write.empty_filter is None:
            continue
        if len(write.required_filters) > 1:
            keys = " and ".join(f"`{name}`" for name in write.required_filters)
        elif write.body == "keys":
            keys = "a list of ids in the body"
        elif write.list_field is not None:
            keys = f"a list of ids in the body's `{write.list_field}`"
        else:
            keys = " or ".join(f"`{name}`" for name in [*write.required_filters, *write.filters]) or "none: row by row only"
        lines.append(f"| `{write.name}` | {keys} | {_BARE[write.empty_filter]} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
