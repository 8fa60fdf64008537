"""The catalog's own promises, without any file of BigCommerce's: names, parents, keys, writes that could empty a store."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import get_args

import pytest

from airflow_provider_bigcommerce.core.catalog import ALIASES, CATALOG, Resource, SpecException, find, rows_catalog
from airflow_provider_bigcommerce.core.catalog.resource import DateFilter
from airflow_provider_bigcommerce.core.hosts import B2B, STORE
from airflow_provider_bigcommerce.exceptions import UnknownResourceError

ROWS = tuple(CATALOG.values())


def every_row(check: Callable[[Resource], None]) -> Callable[[], None]:
    """One test for all rows, which names the row that fails (217 cases a claim would only be noise)."""

    def test() -> None:
        for row in ROWS:
            try:
                check(row)
            except AssertionError as error:
                raise AssertionError(f"{row.name}: {error}") from None

    test.__name__, test.__doc__ = check.__name__, check.__doc__
    return test


def snake_case(placeholder: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", placeholder).lower()


def columns(row: Resource) -> set[str]:
    """Columns that every row of that resource is known to have: its key and its parents' keys."""
    return {snake_case(name) for name in row.placeholders} | set(row.primary_key)


def test_the_catalog_has_the_163_collections_48_singletons_5_by_id_and_1_lookup() -> None:
    assert Counter(row.kind for row in ROWS) == {"collection": 163, "singleton": 48, "by_id": 5, "lookup": 1}


def test_no_two_rows_share_a_name_or_a_path() -> None:
    assert len({row.path for row in ROWS}) == len(ROWS) == 217


def test_the_aliases_lead_to_rows_and_hide_none() -> None:
    assert {ALIASES[name] for name in ALIASES} <= CATALOG.keys()
    assert not ALIASES.keys() & CATALOG.keys()


def test_a_name_and_its_alias_find_the_same_row() -> None:
    assert find("variants") is find("product_variants")


@pytest.mark.parametrize(
    ("misspelt", "nearest"),
    [("product", "products"), ("orderproducts", "order_products"), ("custmers", "customers"), ("varients", "variants")],
)
def test_a_misspelt_name_is_answered_with_the_nearest_ones(misspelt: str, nearest: str) -> None:
    with pytest.raises(UnknownResourceError) as caught:
        find(misspelt)

    assert nearest in caught.value.nearest
    assert repr(nearest) in str(caught.value)


@every_row
def test_names_are_snake_case_and_paths_start_with_the_api_version(row: Resource) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", row.name)
    assert re.fullmatch(r"/(v[23]|api/v3/io)(/[\w{}.-]+)+", row.path)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", row.area)


@every_row
def test_a_parent_fills_every_placeholder_from_its_own_columns(row: Resource) -> None:
    if row.parent is None:
        assert row.parent_keys == {}
        return

    parent = CATALOG[row.parent]
    assert set(row.placeholders) <= row.parent_keys.keys()
    assert set(row.parent_keys) - set(row.placeholders) <= set(row.required_params)
    fields_of_its_own = {("product_options_v2", "option_id"), ("product_variants", "product_id"), ("order_consignments", "shipping.id")}
    for column in row.parent_keys.values():
        assert column in columns(parent) or (parent.name, column) in fields_of_its_own
    assert set(row.single_params) <= row.parent_keys.keys()


def test_a_placeholder_without_a_parent_is_an_id_that_the_caller_brings() -> None:
    brought = {row.name: row.id_placeholder for row in ROWS if row.id_placeholder}

    assert brought == {
        "carts": "cartId",
        "checkouts": "checkoutId",
        "abandoned_carts": "token",
        "theme_jobs": "job_id",
        "theme_custom_templates": "version_uuid",
        "tax_provider_connection": "provider_id",
    }


def test_parents_never_go_in_a_circle() -> None:
    for row in ROWS:
        seen = [row.name]
        while (parent := CATALOG[seen[-1]].parent) is not None:
            assert parent not in seen
            seen.append(parent)


@every_row
def test_collections_have_a_key_and_what_is_no_list_has_no_pages(row: Resource) -> None:
    if row.kind == "collection":
        assert row.primary_key
    else:
        assert row.paging == "single"
    assert (row.page_size == 0) == (row.paging == "single")


@every_row
def test_v2_answers_are_bare(row: Resource) -> None:
    if row.api_version == "v2":
        assert row.envelope == "bare"
        assert row.paging in ("v2_page", "single")
    else:
        assert row.paging != "v2_page"


@every_row
def test_b2b_edition_pages_by_offset_and_the_store_never_does(row: Resource) -> None:
    if row.host is B2B:
        assert row.name.startswith("b2b_")
        assert row.paging in ("offset", "single")
        assert row.envelope == ("data_list" if row.name == "b2b_quotes" else "data")
        assert row.read_scopes == ("B2B Edition",)
    else:
        assert row.paging != "offset"
        assert row.host is STORE


def test_the_v3_answers_without_an_envelope_are_these() -> None:
    bare = {row.name for row in ROWS if row.api_version == "v3" and row.envelope == "bare"}

    assert bare == {
        "customer_consent", "customer_stored_instruments", "order_settings", "order_channel_settings", "promotion_settings",
        "abandoned_cart_email_default", "abandoned_cart_email_settings",
    }  # fmt: skip


@every_row
def test_a_deprecated_row_names_its_successor_or_says_why_there_is_none(row: Resource) -> None:
    if not row.deprecated:
        assert row.replaced_by is None
    elif row.replaced_by is None:
        assert row.note
    else:
        assert not CATALOG[row.replaced_by].deprecated


@every_row
def test_what_a_row_refers_to_exists(row: Resource) -> None:
    if row.store_wide is not None:
        assert CATALOG[row.store_wide].scopes == row.scopes
    if row.embedded is not None:
        assert row.parent is not None
        include = row.embedded.include
        assert include is None or include in CATALOG[row.parent].includes
    assert row.include_page_size.keys() <= set(row.includes)


@every_row
def test_the_parts_of_a_row_do_not_repeat_each_other(row: Resource) -> None:
    dates = [name for each in (row.modified, row.created) if each for name in (each.since, each.until) if name]
    one_each = [name for name in (row.id_min, row.id_max, row.id_in, row.channel_filter) if name]
    names = [*row.filters, *dates, *one_each]
    assert not {*row.required_any, *row.required_params} & {*row.filters}

    assert len(names) == len(set(names))
    assert not {"page", "limit", "before", "after", "include", "include_fields", "exclude_fields"} & set(names)
    assert set(names) <= row.parameters
    for values in (row.includes, row.webhook_scopes, row.read_scopes, row.modify_scopes):
        assert len(values) == len(set(values))


@every_row
def test_v2_dates_are_rfc2822_v3_dates_iso8601_and_those_of_b2b_edition_seconds(row: Resource) -> None:
    def expected(dates: DateFilter) -> str:
        if row.host is B2B:
            return "unix"
        return "rfc2822" if dates.since.startswith("min_") else "iso8601"

    for dates in (row.modified, row.created):
        if dates is not None:
            assert dates.format == expected(dates)
            assert dates.until is not None


def test_which_resources_can_be_read_by_change_date() -> None:
    assert {row.name for row in ROWS if row.modified} == {
        "brand_metafields", "cart_metafields", "category_metafields", "category_metafields_by_category", "channel_listings",
        "channel_metafields", "channel_metafields_by_channel", "channels", "customer_attribute_values", "customer_attributes",
        "customer_groups", "customer_metafields", "customer_metafields_by_customer", "customers", "customers_v2",
        "infrastructure_projects", "inventory_location_metafields", "inventory_location_metafields_by_location", "order_metafields",
        "order_metafields_by_order", "orders", "pickup_methods", "price_list_records", "price_lists", "product_metafields",
        "product_metafields_by_product", "product_variant_metafields", "product_variant_metafields_by_variant", "products",
        "products_v2", "store_metafields", "subscribers",
        "b2b_addresses", "b2b_companies", "b2b_orders", "b2b_quotes", "b2b_super_admins", "b2b_users",
    }  # fmt: skip


def test_the_guarantee_is_exact_by_key_by_cursor_or_in_one_answer() -> None:
    page_numbers = {row.name for row in ROWS if row.guarantee == "checked"}

    assert {"products", "orders", "customers", "coupons", "channel_listings", "order_statuses"}.isdisjoint(page_numbers)
    assert {"brands", "product_variants", "categories", "order_products", "promotions"} <= page_numbers
    assert {row.name for row in ROWS if row.paging == "offset"} <= page_numbers
    assert all(CATALOG[name].paging in ("v3_page", "v2_page", "offset") or CATALOG[name].may_have_pages for name in page_numbers)


def _deletes_many(row: Resource) -> bool:
    return row.delete is not None and row.kind != "singleton" and not row.delete.path.endswith("}")


def test_a_delete_of_many_is_never_sent_without_ids() -> None:
    """BigCommerce reads a DELETE without filters as "all of them" for coupons, subscribers, price lists and more."""
    without_filter = {row.name for row in ROWS if _deletes_many(row) and row.delete and not row.delete.required_filters}

    ids_in_the_body = {row.name for row in ROWS if row.name.endswith("_metafields") and row.delete}
    assert without_filter == ids_in_the_body | {"channel_currency_assignments"}  # the latter's path names the channel


@pytest.mark.parametrize("name", ["subscribers", "banners", "gift_certificates", "coupons", "orders", "brands", "blog_posts", "currencies"])
def test_lists_that_a_bare_delete_would_empty_are_deleted_row_by_row(name: str) -> None:
    delete = CATALOG[name].delete

    assert delete is not None
    assert delete.path.startswith(CATALOG[name].path + "/{")


@every_row
def test_writes_name_columns_that_the_row_has(row: Resource) -> None:
    """A placeholder that ends a path is the row's key; any other must be a column of that name."""
    fields_of_its_own = {("product_variants", "product_id"), ("order_refunds", "order_id"), ("price_list_assignments", "price_list_id")}
    for write in (row.create, row.update, row.delete):
        if write is None:
            continue
        assert write.path.startswith(("/v2/", "/v3/"))
        assert write.batch_size is None or write.batch_size > 0
        *inner, last = re.findall(r"\{([^}]+)\}", write.path) or [""]
        if not write.path.endswith("}"):
            inner.append(last)
        for name in filter(None, inner):
            known = snake_case(name) in columns(row) or (row.name, name) in fields_of_its_own or name == "site_id"
            assert known, f"{row.name}: {write.path} needs {name}"


def test_which_rows_do_not_follow_a_published_file_and_why() -> None:
    exceptions: dict[SpecException, set[str]] = {reason: set() for reason in get_args(SpecException)}
    for row in ROWS:
        if row.spec_exception is not None:
            exceptions[row.spec_exception].add(row.name)

    assert exceptions == {
        "archived": {row.name for row in ROWS if row.area == "catalog_v2"},
        "paging_undeclared": {"category_product_sort_order", "customers_v2"},
        "list_typed_as_object": {
            "cart_metafields_by_cart", "channel_metafields_by_channel", "order_fees", "product_bulk_pricing_rules",
        },
        "parameter_wrongly_required": {"subscribers"},
        "scope_name_conflict": {
            "cart_channel_settings", "cart_settings", "checkout_channel_settings", "checkout_settings", "checkouts",
            "theme_configurations", "theme_custom_templates", "theme_jobs", "themes",
        },
        "scope_unpublished": {"page_widgets"},
    }  # fmt: skip
    assert len(exceptions["archived"]) == 14
    assert all(row.spec_file for row in ROWS if row.spec_exception != "archived")


def test_rows_are_data_that_nobody_can_change_by_accident() -> None:
    with pytest.raises(TypeError):
        CATALOG["products"] = rows_catalog.ROWS[1]  # type: ignore[index]  # that it is refused is the point
    with pytest.raises(AttributeError):
        rows_catalog.ROWS[0].path = "/v3/elsewhere"  # type: ignore[misc]  # likewise


def test_importing_the_catalog_loads_no_heavy_module() -> None:
    heavy = ("airflow", "aiohttp", "requests", "pyarrow", "msgspec", "difflib", "asyncio")
    probe = (
        "import sys, airflow_provider_bigcommerce.core.catalog as c; "
        f"print(len(c.CATALOG), [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True, timeout=60)

    assert done.stdout.strip() == "217 []"
