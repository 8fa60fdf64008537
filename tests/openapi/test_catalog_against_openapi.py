"""Every row of the catalog against BigCommerce's published OpenAPI files.

The files are the judge: a parameter too many is as wrong as one too few. Where they contradict themselves the row says so in
``spec_exception``, and only that one comparison is then made the other way round: the contradiction must still be there.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG, Paging, Resource, Write
from airflow_provider_bigcommerce.core.hosts import STORE
from tests.openapi.published import Operation, Published

PUBLISHED_ROWS = [row for row in CATALOG.values() if row.spec_exception != "archived" and row.host is STORE]
#: Parameters that are newer than the files. Source: facts/openapi-changes.md.
NEWER = {"promotions": {"is_featured"}, "promotion_codes": {"valid_from:min", "valid_until:max"}}
PAGING_PARAMETERS = frozenset({"page", "limit", "before", "after"})

each_published_row = pytest.mark.parametrize("row", PUBLISHED_ROWS, ids=[row.name for row in PUBLISHED_ROWS])

WRITES = [
    pytest.param(row, verb, write, id=f"{row.name}-{verb}")
    for row in PUBLISHED_ROWS
    for verb, write in (("create", row.create), ("update", row.update), ("delete", row.delete))
    if write is not None
]
each_write = pytest.mark.parametrize(("row", "verb", "write"), WRITES)


@pytest.fixture(scope="session")
def published(openapi_dir: Path) -> Published:
    return Published(openapi_dir)


def reading(published: Published, row: Resource) -> Operation:
    operation = published.get(row.path)
    assert operation is not None, f"no file has GET {row.path}"
    assert operation.file == row.spec_file
    return operation


def record(operation: Operation) -> tuple[str, str | None, set[str]]:
    """Envelope, JSON type of what it holds, and the fields of one record."""
    answer = operation.answer()
    data = operation.properties(answer).get("data")
    envelope, held = ("bare", answer) if data is None else ("data", data)
    kind = operation.type_of(held)
    return envelope, kind, set(operation.properties(operation.items(held) if kind == "array" else held))


@each_published_row
def test_the_file_reads_that_path_in_that_api_version(published: Published, row: Resource) -> None:
    assert reading(published, row).path.startswith(f"/{row.api_version}/")


@each_published_row
def test_the_row_names_every_query_parameter_of_the_operation_and_no_other(published: Published, row: Resource) -> None:
    declared = reading(published, row).parameters.keys() - PAGING_PARAMETERS

    assert row.parameters == declared | NEWER.get(row.name, set())
    assert not NEWER.get(row.name, set()) & declared, "no longer newer"


@each_published_row
def test_the_operation_pages_as_the_row_says(published: Published, row: Resource) -> None:
    wanted: dict[Paging, set[str]] = {
        "v3_page": {"page", "limit"},
        "v2_page": {"page", "limit"},
        "v3_cursor": {"before", "after", "limit"},
        "keyset": {"after", "limit"},
        "offset": {"offset", "limit"},
        "single": set(),
    }
    declared = PAGING_PARAMETERS & reading(published, row).parameters.keys()
    if row.paging == "v3_cursor":
        declared -= {"page"}  # most cursor lists take page as well, for old callers

    assert (declared == wanted[row.paging]) == (row.spec_exception != "paging_undeclared")


@each_published_row
def test_the_page_size_is_the_published_maximum_or_the_general_250(published: Published, row: Resource) -> None:
    operation = reading(published, row)
    limit = operation.parameters.get("limit")
    in_the_text = re.search(r"Limit of (\d+) items for payload length", operation.text)
    maximum = (limit or {}).get("schema", {}).get("maximum") or (in_the_text and int(in_the_text[1])) or 250

    assert row.page_size == (0 if row.paging == "single" else maximum)


@each_published_row
def test_what_the_file_requires_the_row_requires(published: Published, row: Resource) -> None:
    required = {name for name, parameter in reading(published, row).parameters.items() if parameter.get("required")}
    if row.spec_exception == "parameter_wrongly_required":
        assert required == {"id"}
        required = set()

    assert set(row.required_params) == required


@each_published_row
def test_the_answer_has_the_shape_and_the_fields_that_the_row_promises(published: Published, row: Resource) -> None:
    envelope, kind, fields = record(reading(published, row))
    expected_kind = "array" if row.kind in ("collection", "lookup") else "object"
    if row.spec_exception == "list_typed_as_object":
        assert kind == "object"
    else:
        assert (envelope, kind) == (row.envelope, expected_kind)
    from_the_parent = {re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower() for name in row.parent_columns}
    for dates in (row.modified, row.created):
        if dates is not None:
            assert dates.field in fields
    if row.name == "blog_tags":
        assert not fields  # the file leaves the records of this list open
    else:
        assert {key.split(".")[0] for key in row.primary_key} <= fields | from_the_parent


@each_published_row
def test_sorting_and_including_use_values_that_the_file_lists(published: Published, row: Resource) -> None:
    operation = reading(published, row)
    for order in (row.sort_by_id, row.sort_by_modified):
        for name, value in (order or {}).items():
            assert {value, value.removesuffix(":asc")} & operation.values(operation.parameters[name]["schema"])
    if row.includes:
        assert set(row.includes) == operation.values(operation.parameters["include"]["schema"])


@each_published_row
def test_an_order_by_id_that_needs_no_parameter_is_written_in_the_file(published: Published, row: Resource) -> None:
    if row.sort_by_id == {}:
        assert re.search(r"lowest to highest|oldest to newest|banner id, from|ID in ascending order", reading(published, row).text)


@each_published_row
def test_a_documented_limit_of_requests_at_once_is_in_the_row(published: Published, row: Resource) -> None:
    assert row.concurrency == reading(published, row).concurrency()


@each_published_row
def test_deprecated_is_what_the_file_marks_deprecated(published: Published, row: Resource) -> None:
    assert row.deprecated == reading(published, row).is_deprecated


@each_published_row
def test_the_scopes_are_the_ones_the_file_names(published: Published, row: Resource) -> None:
    files = {row.spec_file or ""}  # and those of the writes, which may be others
    for write in (row.create, row.update, row.delete):
        operation = None if write is None else published.operations.get((write.method, write.path))
        files |= set() if operation is None else {operation.file}
    text = "".join(published.texts[file] for file in files)
    named = all(scope in text for scope in (*row.read_scopes, *row.modify_scopes))

    assert named == (row.spec_exception not in ("scope_name_conflict", "scope_unpublished"))


@each_published_row
def test_the_paths_for_one_row_and_for_the_count_exist(published: Published, row: Resource) -> None:
    for path in (row.item_path, row.count_path):
        if path is not None:
            assert published.get(path) is not None


@each_published_row
def test_one_rows_path_takes_what_the_list_takes_and_what_the_row_names_beside(published: Published, row: Resource) -> None:
    one = published.get(row.item_path) if row.item_path is not None else None
    declared = one.parameters.keys() - PAGING_PARAMETERS if one is not None else set()

    assert declared - row.parameters == {*row.item_params}


@each_published_row
def test_the_count_takes_the_filters_only_where_the_row_says_so(published: Published, row: Resource) -> None:
    count = published.get(row.count_path) if row.count_path is not None else None
    if count is None:
        assert not row.is_count_filtered
        return
    filters = row.parameters - {"include", "consignment_structure", "sort"}

    assert row.is_count_filtered == (bool(filters) and filters <= count.parameters.keys())


def test_every_read_of_the_published_files_is_in_the_catalog_or_left_out_for_a_reason(published: Published) -> None:
    known = {path for row in CATALOG.values() for path in (row.path, row.item_path, row.count_path)}
    left_out = {operation.path for operation in published.operations.values() if operation.method == "GET"} - known

    progress_of_a_job_or_a_deployment = {
        "/v3/infrastructure/deployments/{deployment_uuid}/events",
        "/v3/infrastructure/logs/{project_uuid}/tail",
        "/v3/storefront/redirects/imex/export/{uuid}/events",
        "/v3/storefront/redirects/imex/import/{uuid}/events",
        "/v3/storefront/redirects/imex/export/{uuid}/download",
    }
    assert left_out == progress_of_a_job_or_a_deployment


def writing(published: Published, write: Write) -> Operation:
    operation = published.operations.get((write.method, write.path))
    assert operation is not None, f"no file has {write.method} {write.path}"
    return operation


@each_write
def test_the_write_exists_and_takes_the_filters_that_it_must_have(published: Published, row: Resource, verb: str, write: Write) -> None:
    operation = writing(published, write)

    assert set(write.required_filters) <= operation.parameters.keys()
    required = {name for name, parameter in operation.parameters.items() if parameter.get("required")}
    assert required <= set(write.required_filters)
    if verb != "delete":
        assert write.required_filters == ()


@each_write
def test_a_write_of_many_rows_sends_a_list_and_one_of_a_row_an_object(published: Published, row: Resource, verb: str, write: Write) -> None:
    operation = writing(published, write)
    types = set(operation.types(operation.body()))
    if write.list_field is not None:
        assert operation.type_of(operation.properties(operation.body())[write.list_field]) == "array"
    elif verb == "delete":
        takes_ids_in_the_body = write.batch_size is None and not write.required_filters
        assert ("array" in types) == takes_ids_in_the_body
    elif types:
        assert ("array" in types) == (write.batch_size != 1)


@each_write
def test_a_batch_is_as_large_as_the_file_says(published: Published, row: Resource, verb: str, write: Write) -> None:
    operation = writing(published, write)
    if write.batch_size not in (None, 1):
        numbers = {number.replace(",", "") for number in re.findall(r"\b\d[\d,]*\b", operation.text)}
        items = re.search(r"maxItems: (\d+)", published.texts[operation.file])
        assert str(write.batch_size) in numbers | ({items[1]} if items else set())


@each_write
def test_a_limit_of_writes_at_once_is_in_the_row(published: Published, row: Resource, verb: str, write: Write) -> None:
    in_prose_only = {
        # products_catalog.v3.yml: assignments must not run side by side
        ("PUT", "/v3/catalog/products/channel-assignments"): 1,
        ("DELETE", "/v3/catalog/products/channel-assignments"): 1,
        # guide to inventory adjustments: wait for the answer before the next one
        ("PUT", "/v3/inventory/adjustments/absolute"): 1,
        # orders.v3.yml: refunds of one order, one after another
        ("POST", "/v3/orders/{order_id}/payment_actions/refunds"): 1,
        # price_lists.v3.yml: written at the DELETE of one list, which this does for several
        ("DELETE", "/v3/pricelists"): 1,
    }

    assert write.concurrency == (writing(published, write).concurrency() or in_prose_only.get((write.method, write.path)))
