"""Which scope opens what: the catalog and the sandbox, each held against what BigCommerce publishes, and against each other.

They share no code, so that one mistake is not made twice unseen.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource, Write
from airflow_provider_bigcommerce.core.hosts import B2B
from airflow_provider_bigcommerce.sandbox import scopes
from airflow_provider_bigcommerce.sandbox.all_routes import build_router
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.openapi.published import Operation, Published
from tests.sandbox.walk import Walker
from tests.sandbox.wire import ask

# Names in docs/start/authentication/api-accounts, "OAuth scopes", that a read or a write of the Management API can need.
BOTH = ("products", "orders", "transactions", "customers", "information", "content", "marketing")
LISTED = {f"store_v2_{name}{end}" for name in BOTH for end in ("", "_read_only")}
LISTED |= {f"store_{name}{end}" for name in (
    "content_checkout", "channel_settings", "channel_listings", "sites", "cart", "checkout", "inventory", "locations",
    "stored_payment_instruments") for end in ("", "_read_only")}  # fmt: skip
LISTED |= {f"store_{name}_{end}" for name in ("order_fulfillment", "fulfillment_methods", "themes") for end in ("manage", "read_only")}
LISTED |= {"store_payments_methods_read"}
# Names that stand in one OpenAPI file each, and not in the list.
ONLY_IN_A_FILE = {"store_logs_read_only", "MANAGE_TAX", "store_infrastructure_projects_manage", "store_infrastructure_projects_read_only"}

# The name in the control panel: BigCommerce publishes no parameter for it.
IN_THE_PANEL = {"B2B Edition"}

# Where a file is not to be followed word for word: start of the path, scopes to read, scopes to change, why.
INSTEAD: tuple[tuple[str, set[str], set[str], str], ...] = (
    ("/v3/checkouts", {"store_checkout", "store_checkout_read_only"}, {"store_checkout"}, "the file writes store_checkouts, the list not"),
    ("/v3/carts/settings", {"store_v2_information", "store_v2_information_read_only"}, {"store_v2_information"},
     "the file prints the scope to modify in the row for reading"),
    ("/v3/themes", {"store_themes_manage", "store_themes_read_only"}, {"store_themes_manage"}, "the file leaves out the one to read"),
    ("/v3/content/page-widgets", {"store_v2_content", "store_v2_content_read_only"}, {"store_v2_content"}, "the file has a placeholder"),
    ("/v3/settings/analytics", {"store_v2_content", "store_v2_content_read_only"}, {"store_v2_content"}, "a note below the file's table"),
    ("/v3/segments/{segmentId}/shopper-profiles", {"store_v2_customers"}, {"store_v2_customers"}, "its text: modify, to read too"),
)  # fmt: skip
_NAME = re.compile(r"(?:store_[a-z0-9_]+|MANAGE_TAX)")


def named(text: str, method: str) -> dict[str, set[str]]:
    """Scopes that a text names in a table or a list of bullets and that suffice for a method, by the permission they belong to."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        cells = [cell.strip(" `*") for cell in line.strip().strip("|* ").split("|")]
        name = _NAME.fullmatch(cells[-1])
        if name is None or (method != "GET" and "read" in (cells[-1].rsplit("_", 2)[1:] or [""])):
            continue
        found.setdefault(cells[0] if len(cells) > 1 else "", set()).add(name[0])
    return found


def expected(operation: Operation) -> tuple[set[str], bool]:
    """Scopes that BigCommerce publishes for an operation, and whether all of them are meant, or some permission of several."""
    for start, read, change, _ in INSTEAD:
        if operation.path.startswith(start):
            return (read if operation.method == "GET" else change), True
    own = named(operation.text, operation.method)
    schemes = (operation.document.get("components") or {}).get("securitySchemes") or {}
    groups = own or named("\n".join(scheme.get("description") or "" for scheme in schemes.values()), operation.method)
    return {scope for group in groups.values() for scope in group}, bool(own) or len(groups) <= 1


def complaint(operation: Operation, given: set[str]) -> str | None:
    """What is wrong with the scopes that one of ours has for an operation."""
    wanted, whole = expected(operation)
    if given == wanted or (not whole and given and given < wanted):
        return None
    part = "" if whole else " in part"
    return f"{operation.method} {operation.path} ({operation.file}): {sorted(given)}, published {sorted(wanted)}{part}"


@pytest.fixture(scope="module")
def published(openapi_dir: Path) -> Published:
    return Published(openapi_dir)


def test_the_sandbox_asks_for_the_scopes_that_are_published(published: Published) -> None:
    templates, complaints, asked = build_router().templates, [], 0
    for operation in published.operations.values():
        route = templates.get(operation.path.rstrip("/"))
        if route is not None and operation.method.lower() in route.handlers:
            asked += 1
            complaints.append(complaint(operation, set(scopes.needed(route.template, operation.method))))
    assert not any(complaints), "\n".join(filter(None, complaints))
    assert asked > 400


def paths(row: Resource) -> list[tuple[str, str, tuple[str, ...]]]:
    """Everything a row can send: method, path, the scopes that the catalog has for it."""
    reads = [("GET", path, row.read_scopes) for path in (row.path, row.item_path, row.count_path) if path]
    writes: list[Write] = [write for write in (row.create, row.update, row.delete) if write]
    return reads + [(write.method, write.path, row.modify_scopes) for write in writes]


def test_the_catalog_names_the_scopes_that_are_published(published: Published) -> None:
    complaints, asked = [], 0
    for row in CATALOG.values():
        for method, path, given in paths(row):
            operation = published.operations.get((method, path))
            if operation is not None:
                asked += 1
                found = complaint(operation, set(given))
                complaints.append(found and f"{row.name}: {found}")
    assert not any(complaints), "\n".join(filter(None, complaints))
    assert asked > 400


def test_exceptions_are_still_needed(published: Published) -> None:
    """An entry of the table above goes when the file has been put right."""
    for start, read, change, why in INSTEAD:
        operations = [each for each in published.operations.values() if each.path.startswith(start)]
        plain = []
        for operation in operations:
            schemes = operation.document["components"]["securitySchemes"].values()
            text = operation.text if named(operation.text, operation.method) else "\n".join(each["description"] for each in schemes)
            groups = named(text, operation.method)
            plain.append({name for group in groups.values() for name in group} == (read if operation.method == "GET" else change))
        assert operations, start
        assert not all(plain), f"{start}: {why}: {plain}"


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in CATALOG.items()])
def test_catalog_and_sandbox_agree(row: Resource) -> None:
    templates = build_router().templates
    for method, path, given in paths(row):
        if path in templates:
            assert set(scopes.needed(path, method)) == set(given), f"{method} {path}"
    assert row.path in templates


def test_every_scope_is_one_that_exists() -> None:
    used = {scope for row in CATALOG.values() for scope in (*row.read_scopes, *row.modify_scopes)}
    used |= {scope for template in build_router().templates for method in ("GET", "PUT") for scope in scopes.needed(template, method)}

    assert used == LISTED | ONLY_IN_A_FILE | IN_THE_PANEL


@pytest.mark.bigcommerce_sandbox(products=30, orders=12, customers=12)
def test_each_resource_opens_to_each_of_its_scopes_alone_and_to_none_without(bigcommerce_sandbox: Sandbox) -> None:
    store, walker = bigcommerce_sandbox.store, Walker(bigcommerce_sandbox)
    every = sorted(LISTED | ONLY_IN_A_FILE)
    for scope in every:
        store.add_token(scope, [scope])
    wrong, asked = [], 0
    for name, row in CATALOG.items():
        if row.host is B2B:  # tests/sandbox/test_b2b.py
            continue
        path = next(iter(walker.fill(row.path)))
        store.add_token("others", set(every) - set(row.read_scopes))
        if row.read_scopes:
            wrong += [(name, "all others") for _ in [0] if ask(bigcommerce_sandbox, path, token="others").status != 403]
        for scope in row.read_scopes or every[:3]:
            asked += 1
            if ask(bigcommerce_sandbox, path, token=scope).status not in (200, 204):
                wrong.append((name, scope))
    assert wrong == []
    assert asked > 370


# Where the table of facts repeats what is printed in a file, and the rows follow `INSTEAD`.
FACTS_DIFFER = {"segment_shopper_profiles", "cart_settings", "cart_channel_settings", "checkouts", "checkout_settings",
                "checkout_channel_settings", "web_analytics_providers", "tax_classes", "page_widgets"}  # fmt: skip


def facts(openapi_dir: Path, name: str) -> Any:
    """A table that was made by hand from BigCommerce's documentation and lies beside the OpenAPI files, or is not there."""
    file = openapi_dir.parent / "facts" / name
    if not file.exists():
        pytest.skip(f"{file.name} lies beside the OpenAPI files where the project is developed; it is not part of it")
    return json.loads(file.read_text(encoding="utf-8"))


def test_the_catalog_has_the_scopes_of_the_table_of_facts(openapi_dir: Path) -> None:
    files = ("bigcommerce-resources.json", "b2b-resources.json")
    table = {row["name"]: row["scope"] for file in files for row in facts(openapi_dir, file)}
    assert set(table) == set(CATALOG)

    differ = {}
    for name, row in CATALOG.items():
        scope = table[name] or {}
        read, modify = ({each.partition(" (")[0] for each in scope.get(kind) or ()} for kind in ("read", "modify"))
        if (read | modify, modify) != (set(row.read_scopes), set(row.modify_scopes)):
            differ[name] = scope
    assert set(differ) == FACTS_DIFFER, differ


#: Events that are newer than BigCommerce's list. Source: see core/catalog/rows_inventory.py.
NEWER_EVENTS = {"store/channel/*/inventory/product/backorder_limit_reached"}


def test_the_events_of_the_catalog_are_published(openapi_dir: Path) -> None:
    published = set(facts(openapi_dir, "webhook-scopes.json"))
    used = {event for row in CATALOG.values() for event in row.webhook_scopes}

    assert used - published == NEWER_EVENTS, "published by now, or made up"
    assert len(used) > 100
