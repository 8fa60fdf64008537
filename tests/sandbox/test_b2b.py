"""B2B Edition in the sandbox: true to BigCommerce's files, with their traps, and fitting the store's own customers and orders."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from airflow_provider_bigcommerce.sandbox.all_routes import build_router
from airflow_provider_bigcommerce.sandbox.b2b_contract import ROOT
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sandbox.quota import SilentQuota
from tests.openapi import b2b_files
from tests.sandbox.published import _as_json_schema

#: Where an answer is right and its file is not: template -> start of the complaint.
CONTRADICTIONS = {
    # One is shown where a list is meant: "returns files", "retrieves a list", "returns a list".
    ("/api/v3/io/companies/{companyId}/attachments", "data: type 'object'"),
    ("/api/v3/io/addresses", "data: type 'object'"),
    ("/api/v3/io/companies/roles", "data: type 'object'"),
    ("/api/v3/io/companies/{companyId}", "data.bcGroupId: type 'string'"),  # an integer in the list
}

YEAR = 365 * 86_400


def get(sandbox: Sandbox, path: str, *, headers: dict[str, str] | None = None, **query: Any) -> tuple[int, Any]:
    url = f"{sandbox.url}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
    headers = {"X-Auth-Token": sandbox.token, "X-Store-Hash": sandbox.store_hash} if headers is None else headers
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def total(answer: Any) -> int:
    return int(answer["meta"].get("pagination", answer["meta"])["totalCount"])


def filled(sandbox: Sandbox, template: str) -> tuple[str, dict[str, Any]]:
    """A path of that template, and what it must be asked with."""
    store = sandbox.store
    quote = store.rows("b2b_quotes")[0]
    keys = {
        "companyId": 1001, "userId": store.rows("b2b_users")[0]["id"], "addressId": store.rows("b2b_addresses")[0]["addressId"],
        "bcOrderId": store.rows("orders")[0]["id"], "quote_id": quote["quoteId"], "invoiceId": store.rows("b2b_invoices")[0]["id"],
        "paymentId": store.rows("b2b_invoice_payments")[0]["id"], "receiptId": store.rows("b2b_receipts")[0]["id"], "roleId": 1,
        "salesStaffId": store.rows("b2b_sales_staff")[0]["id"], "superAdminId": store.rows("b2b_super_admins")[0]["id"],
        "shoppingListId": store.rows("b2b_shopping_lists")[0]["id"],
    }  # fmt: skip
    query: dict[str, Any] = {}
    if template.endswith("/rfq/{quote_id}"):
        query["date"] = __import__("time").strftime("%m/%d/%Y", __import__("time").gmtime(quote["createdAt"]))
    if template.endswith("/shopping-list"):
        query["userId"] = keys["userId"]
    if template.endswith("/orders"):
        query["minCreated"] = 1
    return template.format(**keys), query


@pytest.mark.bigcommerce_sandbox(products=10, orders=20, customers=20)
def test_every_answer_has_the_shape_that_its_file_documents(bigcommerce_sandbox: Sandbox, openapi_dir: Path) -> None:
    published = b2b_files.operations(openapi_dir / "b2b")
    complaints, used, served = [], set(), [path for path in build_router().templates if path.startswith(ROOT)]
    for template in served:
        path, query = filled(bigcommerce_sandbox, template)
        status, payload = get(bigcommerce_sandbox, path, **query)
        assert status == 200, (path, payload)
        assert payload["data"], path
        responses = published[template][1]["responses"]
        content = (responses.get("200") or responses[200])["content"]
        schema = _as_json_schema(next(iter(content.values()))["schema"])
        for error in jsonschema.Draft4Validator(schema).iter_errors(payload):
            where = ".".join("[]" if isinstance(part, int) else str(part) for part in error.absolute_path)
            complaint = f"{where}: {error.validator} {str(error.validator_value)[:60]!r}"
            known = {key for key in CONTRADICTIONS if key[0] == template and complaint.startswith(key[1])}
            used |= known
            if not known:
                complaints.append(f"{template}: {complaint}, got {str(error.instance)[:60]!r}")

    assert not complaints, "\n".join(sorted(set(complaints)))
    assert used == CONTRADICTIONS, "listed, but no answer contradicts its file there any more"
    assert len(served) > 30


def test_without_the_stores_hash_the_server_fails(bigcommerce_sandbox: Sandbox) -> None:
    status, payload = get(bigcommerce_sandbox, f"{ROOT}/companies", headers={"X-Auth-Token": bigcommerce_sandbox.token})

    assert (status, payload["code"]) == (500, 500)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Store-Hash": "sandbox1"}, 401),
        ({"X-Store-Hash": "sandbox1", "X-Auth-Token": "wrong"}, 401),
        ({"X-Store-Hash": "another", "X-Auth-Token": "sandbox-access-token"}, 401),
        ({"X-Store-Hash": "sandbox1", "X-Auth-Token": "without-the-scope"}, 403),
        ({"X-Store-Hash": "sandbox1", "X-Auth-Token": "with-the-scope"}, 200),
    ],
)
def test_who_may_ask(bigcommerce_sandbox: Sandbox, headers: dict[str, str], status: int) -> None:
    bigcommerce_sandbox.store.add_token("without-the-scope", ["store_v2_orders"])
    bigcommerce_sandbox.store.add_token("with-the-scope", ["B2B Edition"])

    assert get(bigcommerce_sandbox, f"{ROOT}/companies", headers=headers)[0] == status


@pytest.mark.bigcommerce_sandbox(b2b=False)
def test_a_store_without_b2b_edition_refuses_all(bigcommerce_sandbox: Sandbox) -> None:
    assert get(bigcommerce_sandbox, f"{ROOT}/companies")[0] == 403
    assert get(bigcommerce_sandbox, f"{ROOT}/no/such/path")[0] == 403


@pytest.mark.bigcommerce_sandbox(customers=100)
def test_ten_rows_come_unless_more_are_asked_for(bigcommerce_sandbox: Sandbox) -> None:
    ten = get(bigcommerce_sandbox, f"{ROOT}/users")[1]
    more = get(bigcommerce_sandbox, f"{ROOT}/users", limit=25, offset=10)[1]

    assert len(ten["data"]) == 10
    assert more["meta"]["pagination"] == {"totalCount": 80, "limit": 25, "offset": 10}
    assert [row["id"] for row in (*ten["data"], *more["data"])] == [row["id"] for row in bigcommerce_sandbox.store.rows("b2b_users")[:35]]


@pytest.mark.parametrize(
    ("path", "limit", "status"), [("users", 250, 200), ("users", 251, 422), ("orders", 201, 422), ("addresses", 250, 422)]
)
def test_a_limit_above_the_documented_one_is_refused(bigcommerce_sandbox: Sandbox, path: str, limit: int, status: int) -> None:
    assert get(bigcommerce_sandbox, f"{ROOT}/{path}", limit=limit)[0] == status


@pytest.mark.bigcommerce_sandbox(orders=200, customers=5)
def test_a_list_without_a_documented_limit_gives_fewer_rows_without_a_word(bigcommerce_sandbox: Sandbox) -> None:
    answer = get(bigcommerce_sandbox, f"{ROOT}/ip/invoices", limit=200)[1]

    assert total(answer) > 100
    assert len(answer["data"]) == answer["meta"]["pagination"]["limit"] == 100


def test_orders_hold_the_last_year_unless_a_date_is_given(bigcommerce_sandbox: Sandbox) -> None:
    store = bigcommerce_sandbox.store
    store.clock = lambda: 1_900_000_000.0
    old, whole = (get(bigcommerce_sandbox, f"{ROOT}/orders", **query)[1] for query in ({}, {"minCreated": 1}))
    store.add_order()

    assert (total(old), total(whole)) == (0, 5)
    assert total(get(bigcommerce_sandbox, f"{ROOT}/orders")[1]) == 1


def test_a_quotes_details_want_the_day_on_which_it_was_created(bigcommerce_sandbox: Sandbox) -> None:
    path, query = filled(bigcommerce_sandbox, f"{ROOT}/rfq/{{quote_id}}")

    assert get(bigcommerce_sandbox, path, **query)[0] == 200
    assert get(bigcommerce_sandbox, path)[0] == 400
    assert get(bigcommerce_sandbox, path, date="01/01/1999")[0] == 400


@pytest.mark.parametrize(("path", "has_the_second"), [("companies", True), ("users", False)])
def test_whether_a_filter_leaves_its_second_out(bigcommerce_sandbox: Sandbox, path: str, has_the_second: bool) -> None:
    store = bigcommerce_sandbox.store
    store.clock = lambda: 1_900_000_000.0
    [first, *_] = store.rows(f"b2b_{path}")
    store.edit(f"b2b_{path}", first.get("companyId") if path == "companies" else first["id"])

    for name in ("minModified", "maxModified"):
        found = get(bigcommerce_sandbox, f"{ROOT}/{path}", **{name: 1_900_000_000, "limit": 100})[1]["data"]
        assert (first.get("uuid") in [row.get("uuid") for row in found if int(row["updatedAt"]) == 1_900_000_000]) == has_the_second


@pytest.mark.bigcommerce_sandbox(quota="10/30")
def test_its_quota_is_its_own_and_no_header_tells_it(bigcommerce_sandbox: Sandbox) -> None:
    store = bigcommerce_sandbox.store
    assert (store.b2b_quota.limit, store.b2b_quota.window) == (150, 60.0)
    store.b2b_quota = SilentQuota(2, 60.0)
    headers = {"X-Auth-Token": bigcommerce_sandbox.token, "X-Store-Hash": bigcommerce_sandbox.store_hash}
    request = urllib.request.Request(f"{bigcommerce_sandbox.url}{ROOT}/companies", headers=headers)

    with urllib.request.urlopen(request) as answer:
        assert not [name for name in answer.headers if "rate" in name.lower()]
    assert [get(bigcommerce_sandbox, f"{ROOT}/companies")[0] for _ in range(2)] == [200, 429]
    assert store.quota.used == 0


@pytest.mark.bigcommerce_sandbox(orders=40, customers=20)
def test_rows_refer_to_rows_that_exist(bigcommerce_sandbox: Sandbox) -> None:
    store = bigcommerce_sandbox.store
    companies = {row["companyId"] for row in store.rows("b2b_companies")}
    orders = bigcommerce_sandbox.listed(f"{ROOT}/orders", {"minCreated": "1"})

    assert {row["companyId"] for row in store.rows("b2b_users")} <= companies
    assert {row["customerId"] for row in store.rows("b2b_users")} <= {row["id"] for row in store.rows("customers")}
    assert [row["bcOrderId"] for row in sorted(orders, key=lambda row: row["bcOrderId"])] == [row["id"] for row in store.rows("orders")]
    assert {row["companyId"] for row in orders} <= {*companies, 0}
    assert {int(row["customerId"]) for row in store.rows("b2b_invoices")} <= companies
    placed = {str(row["bcOrderId"]): str(row["companyId"]) for row in orders}
    assert all(placed[row["orderNumber"]] == row["customerId"] for row in store.rows("b2b_invoices"))
    assert {row["invoiceId"] for row in bigcommerce_sandbox.listed(f"{ROOT}/ip/receipt-lines")} <= {
        row["id"] for row in store.rows("b2b_invoices")
    }
    assert {row["userId"] for row in store.rows("b2b_shopping_lists")} <= {row["id"] for row in store.rows("b2b_users")}
    assert len(store.rows("b2b_invoices")) > 5
