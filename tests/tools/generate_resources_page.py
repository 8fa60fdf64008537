"""Write docs/reference/resources.md from the catalog, so that the page cannot say anything else.

It formats and adds nothing of its own; a test compares the page. Run it as ``python -m tests.tools.generate_resources_page``.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from airflow_provider_bigcommerce.core.catalog import ALIASES, CATALOG, Resource
from airflow_provider_bigcommerce.core.hosts import B2B

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "resources.md"

#: Headings in the order of the page; an area that is missing here stops the generator.
AREAS = {
    "catalog": "Catalog",
    "inventory": "Inventory",
    "price_lists": "Price lists",
    "customers": "Customers",
    "orders": "Orders",
    "payments": "Payments",
    "carts": "Carts and checkouts",
    "marketing": "Marketing",
    "channels": "Channels and sites",
    "content": "Content",
    "themes": "Themes and e-mail templates",
    "store": "Store",
    "webhooks": "Webhooks",
    "settings": "Settings",
    "search": "Search filters",
    "tax": "Tax",
    "shipping": "Shipping",
    "catalog_v2": "Catalog, V2",
    "b2b": "B2B Edition",
}

_INTRODUCTION = """\
# Resources

<!-- Written by `python -m tests.tools.generate_resources_page` from `core/catalog`; change the catalog, not this page. -->

{total} resources of BigCommerce's APIs can be read, {b2b} of them of [B2B Edition](#b2b-edition), whose host, quota and scope are its own
([how to copy them](../how-to/copy-b2b.md)): {collections} collections, {singletons} singletons (settings and other
single objects), {by_id} that BigCommerce gives by id only, and {lookups} lookup. Name one wherever a resource is asked for:
`store.rows("order_products")`, `resource="order_products"` of an operator.

How to read the tables:

- **Incremental**: what `mode="incremental"` uses. A field: its change date; only the pages of rows that changed are read.
  *compared*: there is no such date; the whole list is read, and unchanged rows are not written again. `created: ...` next to
  it is a filter by creation, which `since` and `until` use and which does not see later edits of old rows.
- **Requests**: what a read of the whole list costs, and with it each incremental run that compares. `N` are the rows of the list, `P`
  those of the parent (without its own requests).
- **Scope**: the OAuth scope that is enough to read. The scope to modify the same things is enough too.
- **Guarantee**: what a full read promises while the store changes under it. *exact*: every row that existed throughout is read once, by
  ranges of ids, by cursor, or in one answer. *checked*: the list has page numbers or offsets only, and these shift; every row that existed
  throughout is read once, or the read fails. [How, and what it costs](../how-it-reads.md#completeness-and-duplicates).
- **Page**: rows per request; "one" where everything comes in one answer.
- **Parent**: the resource whose rows are asked one by one; its key is a column of each row. "also in" names where the same rows come
  without that.

Other names that work: {aliases}.
"""


def page() -> str:
    """The whole page as Markdown, with a line end."""
    kinds = Counter(row.kind for row in CATALOG.values())
    parts = [
        _INTRODUCTION.format(
            total=len(CATALOG),
            b2b=sum(row.host is B2B for row in CATALOG.values()),
            collections=kinds["collection"],
            singletons=kinds["singleton"],
            by_id=kinds["by_id"],
            lookups=kinds["lookup"],
            aliases=", ".join(f"`{alias}` for `{name}`" for alias, name in sorted(ALIASES.items())),
        ),
        "## Index\n",
        _index(),
    ]
    for area, heading in AREAS.items():
        parts.append(f"## {heading}\n")
        parts.append(_table(_rows_of(area)))
    missing = {row.area for row in CATALOG.values()} - AREAS.keys()
    if missing:
        raise SystemExit(f"areas without a heading: {sorted(missing)}")
    return "\n".join(parts)


def _rows_of(area: str) -> list[Resource]:
    return [row for row in CATALOG.values() if row.area == area]


def _index() -> str:
    lines = ["| Area | Resources |", "|---|---|"]
    for area, heading in AREAS.items():
        anchor = heading.lower().replace(",", "").replace(" ", "-")
        lines.append(f"| [{heading}](#{anchor}) (`{area}`) | {', '.join(f'`{row.name}`' for row in _rows_of(area))} |")
    return "\n".join(lines) + "\n"


def _table(rows: list[Resource]) -> str:
    lines = ["| Resource | Path | Kind | Incremental | Requests | Scope | Guarantee | Page | Parent | Notes |", f"|{'---|' * 10}"]
    for row in rows:
        cells = [
            f"`{row.name}`",
            f"`{row.path}`",
            row.kind.replace("_", " "),
            _incremental(row),
            _requests(row),
            _scope(row),
            row.guarantee,
            _page(row),
            _parent(row),
            _notes(row),
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _incremental(row: Resource) -> str:
    if row.modified is not None:
        return f"`{row.modified.field}`"
    return f"compared; created: `{row.created.field}`" if row.created is not None else "compared"


def _requests(row: Resource) -> str:
    """Of the cheapest way that the client takes by itself."""
    if row.store_wide is not None and row.store_wide_keys:
        return f"as `{row.store_wide}`"
    if row.embedded is not None:
        size = min(
            CATALOG[row.parent or ""].include_page_size.get(row.embedded.include or "", 250), CATALOG[row.parent or ""].page_size or 250
        )
        return f"P / {size}" if row.embedded.include else "P's own"
    batched = [name for name in row.parent_keys if name not in row.per_parent]
    if batched:
        return "P, in batches"
    if row.per_parent:
        return "1 a P, at least" if row.parent else "1 an id"
    return "1" if row.kind == "singleton" or row.paging == "single" else f"N / {row.page_size}"


def _scope(row: Resource) -> str:
    read_only = [scope for scope in row.read_scopes if scope not in row.modify_scopes]
    return " or ".join(f"`{scope}`" for scope in read_only or row.read_scopes) or "any token"


def _page(row: Resource) -> str:
    if row.paging == "single":
        return "one"
    smaller = "".join(f", {size} with `{name}`" for name, size in row.include_page_size.items())
    return f"{row.page_size}{smaller}"


def _parent(row: Resource) -> str:
    elsewhere = []
    if row.store_wide is not None:
        elsewhere.append(f"`{row.store_wide}`")
    if row.embedded is not None and row.embedded.include is not None:
        elsewhere.append(f"`include={row.embedded.include}`")
    also = f"; also in {', '.join(elsewhere)}" if elsewhere else ""
    return f"`{row.parent}`{also}" if row.parent is not None else also.removeprefix("; ")


def _notes(row: Resource) -> str:
    parts = []
    if row.deprecated:
        parts.append("**Deprecated**" + (f", use `{row.replaced_by}`." if row.replaced_by else "."))
    if needed := [name for name in row.required_params if name not in row.single_params]:
        parts.append("Needs " + ", ".join(f"`{name}`" for name in needed) + ".")
    if row.required_any:
        parts.append("Needs one of " + ", ".join(f"`{name}`" for name in row.required_any) + ".")
    if row.channel_filter:
        parts.append("By channel.")
    return " ".join([*parts, row.note]).strip()


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
