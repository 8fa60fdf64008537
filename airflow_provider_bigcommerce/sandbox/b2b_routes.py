"""B2B Edition's lists and records: offset and limit, ten rows unless asked for more, seconds since 1970 in filters, a code in each body."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from airflow_provider_bigcommerce.sandbox import dates
from airflow_provider_bigcommerce.sandbox.answers import Answer, error, ok
from airflow_provider_bigcommerce.sandbox.b2b_contract import ROOT, b2b_contract
from airflow_provider_bigcommerce.sandbox.b2b_data import COMPANY, B2BData
from airflow_provider_bigcommerce.sandbox.routes import Call, Handler, Route, Router
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row

#: Rows of a page unless asked for more, and the most that a list gives whose file names no maximum: it answers fewer without a word.
_DEFAULT, _SILENT_MOST = 10, 100
_YEAR = 365 * 86_400
Bounds = Literal["open", "closed", "none"]


def refusal(store: Store, headers: Mapping[str, str]) -> Answer | None:
    """Refuse a request before anything is looked at: without the store's hash the server fails."""
    if not headers.get("X-Store-Hash"):
        return error("b2b", 500)
    if headers["X-Store-Hash"] != store.store_hash or headers.get("X-Auth-Token", "") not in store.tokens:
        return error("b2b", 401, "Unauthorized")
    return None if store.has_b2b else error("b2b", 403, "B2B Edition is not enabled for this store")


@dataclass(frozen=True)
class B2BList:
    """How one list is read.

    :param rows: all rows, for the keys in the path and the query; None where the parent is not there.
    :param bounds: what the date filters do with the given second.
    :param same: parameter -> field of the row that must be equal to it, as text.
    :param search: fields that `q` is looked for in.
    :param order: field by which the list comes, from its highest value, where nothing else is asked for; empty as the rows come.
    :param last_year: whether only the last year comes where no date is asked for.
    :param is_paged: whether it takes offset and limit.
    :param is_nested: whether rows and what tells of pages stand in `data`.
    :param is_flat: whether what tells of pages stands in `meta` itself.
    :param dates: rows' dates where their fields do not show them.
    """

    rows: Callable[[Store, Mapping[str, Any], Mapping[str, str]], Sequence[Row] | None]
    bounds: Bounds = "none"
    same: Mapping[str, str] = field(default_factory=dict)
    search: tuple[str, ...] = ()
    order: str = ""
    last_year: bool = False
    is_paged: bool = True
    is_flat: bool = False
    is_nested: bool = False
    dates: Callable[[Store, Row], tuple[int, int]] | None = None


class _BadError(Exception):
    """A parameter that is refused."""


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name) or str(default)
    if not text.isdigit():
        raise _BadError(name)
    return int(text)


def _answer(template: str, how: B2BList) -> Handler:
    documented = b2b_contract()[template]["get"]["query"].get("limit", {})
    most = documented.get("maximum")
    if most is not None and template in _BELOW:
        most -= 1

    def get(store: Store, call: Call) -> Answer:
        try:
            found = how.rows(store, call.keys, call.query)
            if found is None:
                return error("b2b", 404, "Not Found Error")
            rows = _chosen(store, how, [*found], call.query)
            if not how.is_paged:
                return Answer(200, ok({"code": 200, "data": rows, "meta": {"message": "SUCCESS"}}).body, rows=len(rows))
            limit, offset = _number(call.query, "limit", _DEFAULT), _number(call.query, "offset", 0)
        except _BadError as bad:
            return error("b2b", 422, "Parameter Error", {str(bad): "is not valid"})
        if limit < 1 or (most is not None and limit > most):
            return error("b2b", 422, "Parameter Error", {"limit": f"must be between 1 and {most}"})
        limit = min(limit, _SILENT_MOST) if most is None else limit
        page = [{name: value for name, value in row.items() if name[0] != "_"} for row in rows[offset : offset + limit]]
        about = {"totalCount": len(rows), "limit": limit, "offset": offset}
        if how.is_nested:
            return Answer(200, ok({"code": 200, "data": {"list": page, "pagination": about}, "message": "SUCCESS"}).body, rows=len(page))
        meta = {"message": "SUCCESS", **(about if how.is_flat else {"pagination": about})}
        return Answer(200, ok({"code": 200, "data": page, "meta": meta}).body, rows=len(page))

    return get


#: Lists whose file says that the limit is below its maximum.
_BELOW = (f"{ROOT}/addresses", f"{ROOT}/shopping-list")


def _chosen(store: Store, how: B2BList, rows: list[Row], query: Mapping[str, str]) -> list[Row]:
    dated = how.dates or (lambda _store, row: (int(row.get("createdAt") or 0), int(row.get("updatedAt") or 0)))
    if how.bounds != "none":
        for place, name in enumerate(("Created", "Modified")):
            low, high = (_number(query, side + name, -1) if query.get(side + name) else None for side in ("min", "max"))
            more = int(how.bounds == "open")
            rows = [row for row in rows if low is None or dated(store, row)[place] >= low + more]
            rows = [row for row in rows if high is None or dated(store, row)[place] <= high - more]
    if how.last_year and not any(query.get(name) for name in ("minCreated", "maxCreated", "minModified", "maxModified")):
        rows = [row for row in rows if max(dated(store, row)) >= store.now() - _YEAR]
    for parameter, name in how.same.items():
        if query.get(parameter):
            rows = [row for row in rows if str(row.get(name)) in query[parameter].split(",")]
    if query.get("q"):
        rows = [row for row in rows if any(query["q"].lower() in str(row.get(name, "")).lower() for name in how.search)]
    order = query.get("sortBy") or how.order
    if order:
        rows.sort(key=lambda row: (str(type(row.get(order))), row.get(order)), reverse=query.get("orderBy", "desc").lower() != "asc")
    return rows


def listed(store: Store, route: Route, path: str, keys: Mapping[str, Any], query: Mapping[str, str]) -> list[Row]:
    """Give every row that a list shows, over all its pages.

    :raises LookupError: it refuses the query.
    :raises TypeError: it shows one object.
    """
    import msgspec

    rows: list[Row] = []
    while True:
        with store.lock:
            call = Call("GET", "b2b", path, keys, {"limit": "100", **query, "offset": str(len(rows))}, None)
            answer = route.handlers["get"](store, call)
        if answer.status != 200:
            raise LookupError(f"{path} answers {answer.status}")
        payload: Any = msgspec.json.decode(answer.body or b"{}")
        data, about = payload["data"], payload.get("meta", {})
        if isinstance(data, dict) and "list" in data:
            data, about = data["list"], data
        if not isinstance(data, list):
            raise TypeError(f"{path} shows one object, not a list")
        rows += data
        about = about.get("pagination", about)
        if not data or len(rows) >= about.get("totalCount", 0):
            return rows


# -- what the lists show -------------------------------------------------------------------------------------------------------------


def _table(name: str) -> Callable[[Store, Mapping[str, Any], Mapping[str, str]], list[Row]]:
    return lambda store, _keys, _query: store.rows(name)


def _orders(store: Store, _keys: Mapping[str, Any], query: Mapping[str, str]) -> list[Row]:
    table, data = store.tables["orders"], store.b2b
    wanted = [int(query["bcOrderId"])] if query.get("bcOrderId", "").isdigit() else table.ids()
    return [data.order(row) for order_id in wanted if (row := table.get(order_id)) is not None]


def _order_products(store: Store, keys: Mapping[str, Any], _query: Mapping[str, str]) -> list[Row] | None:
    order_id = keys["bcOrderId"]
    if order_id not in store.tables["orders"]:
        return None
    return [
        store.b2b.made(
            "/orders/{bcOrderId}/products",
            line["id"],
            id=line["id"],
            productId=line["product_id"],
            productName=line["name"],
            variantSku=line["sku"],
            variantId=line["variant_id"],
            quantity=line["quantity"],
            options=[],
        )
        for line in store.nested["order_products"].get(order_id)
    ]


def _of_company(path: str, make: Callable[[B2BData, int], list[Row]]) -> B2BList:
    def rows(store: Store, keys: Mapping[str, Any], _query: Mapping[str, str]) -> list[Row] | None:
        data, company_id = store.b2b, keys["companyId"]
        return make(data, company_id) if company_id in store.tables["b2b_companies"] else None

    return B2BList(rows, is_paged="limit" in b2b_contract()[path]["get"]["query"])


def _tree(data: B2BData, company_id: int) -> list[Row]:
    root = data.parent_of(company_id) or company_id

    def node(of: int) -> Row:
        below = [node(other) for other in range(COMPANY, COMPANY + data.count) if data.parent_of(other) == of]
        company = data.company(of)
        return {
            "companyId": of,
            "companyName": company["companyName"],
            "companyStatus": int(company["companyStatus"]),
            **({"subsidiaries": below} if below else {}),
        }

    return [node(root)]


def _attachments(data: B2BData, company_id: int) -> list[Row]:
    return [
        {"id": data.dice.uuid(company_id, face), "attachmentFile": f"https://store.example.com/attachment/{company_id}-{face}.csv"}
        for face in range(company_id % 3)
    ]


def _shopping_lists(store: Store, _keys: Mapping[str, Any], query: Mapping[str, str]) -> list[Row] | None:
    """The lists of a buyer; who is no junior sees those of the whole company."""
    user = store.row("b2b_users", _number(query, "userId", 0)) if query.get("userId") else None
    if user is None:
        raise _BadError("userId")
    field_, value = ("userId", user["id"]) if user["role"] == 2 else ("companyId", user["companyId"])
    return [row for row in store.rows("b2b_shopping_lists") if row[field_] == value]


def _many(path: str, count: int, **over: Callable[[int], Any]) -> Callable[[Store, Mapping[str, Any], Mapping[str, str]], list[Row]]:
    """A few rows that hang on nothing, numbered from 1."""

    def rows(store: Store, _keys: Mapping[str, Any], _query: Mapping[str, str]) -> list[Row]:
        return [
            store.b2b.made(path, number, id=number, **{name: value(number) for name, value in over.items()})
            for number in range(1, count + 1)
        ]

    return rows


def _company_methods(store: Store, _keys: Mapping[str, Any], _query: Mapping[str, str]) -> list[Row]:
    return [
        store.b2b.made("/company-payment-methods", company_id * 10 + method, companyId=company_id, paymentId=method)
        for company_id in [row["companyId"] for row in store.rows("b2b_companies")]
        for method in (1, 2)
    ]


def _admin_companies(store: Store, keys: Mapping[str, Any], _query: Mapping[str, str]) -> list[Row] | None:
    if store.row("b2b_super_admins", keys["superAdminId"]) is None:
        return None
    shown = ("companyId", "companyName", "companyEmail")
    return [{name: row[name] for name in shown} for row in store.rows("b2b_companies") if (row["companyId"] + keys["superAdminId"]) % 2]


def _channels(store: Store, _keys: Mapping[str, Any], _query: Mapping[str, str]) -> list[Row]:
    return [
        store.b2b.made("/channels", place, id=place, channelId=channel["id"], name=channel["name"])
        for place, channel in enumerate(store.rows("channels"), 1)
    ]


def _receipt_lines(store: Store, _keys: Mapping[str, Any], _query: Mapping[str, str]) -> list[Row]:
    return [store.b2b.receipt_line(row) for row in store.rows("b2b_receipts")]


def _transactions(store: Store, keys: Mapping[str, Any], _query: Mapping[str, str]) -> list[Row] | None:
    payment_id = keys["paymentId"]
    if store.row("b2b_invoice_payments", payment_id) is None:
        return None
    path = "/ip/payments/{paymentId}/transactions"
    return [store.b2b.made(path, payment_id, transactionId=str(520_000 + payment_id))]


# -- records -------------------------------------------------------------------------------------------------------------------------


def _one(make: Callable[[Store, Call], Row | list[Row] | Answer | None]) -> Handler:
    def get(store: Store, call: Call) -> Answer:
        found = make(store, call)
        if isinstance(found, Answer):
            return found
        return error("b2b", 404, "Not Found Error") if found is None else ok({"code": 200, "data": found, "meta": {"message": "SUCCESS"}})

    return get


def _row_of(table: str) -> Callable[[Store, Call], Row | None]:
    return lambda store, call: store.row(table, call.last_key)


def _quote_details(store: Store, call: Call) -> Row | Answer | None:
    quote = store.row("b2b_quotes", call.last_key)
    if quote is None:
        return None
    year, month, day = dates.iso(quote["createdAt"])[:10].split("-")
    if call.query.get("date") != f"{month}/{day}/{year}":
        return error("b2b", 400, "Parameter Error", {"date": "is required, and must be the day on which the quote was created"})
    return store.b2b.quote_details(quote)


def _credit(store: Store, call: Call) -> Row | Answer | None:
    if not store.has_company_credit:
        return error("b2b", 400, "Company credit is not enabled")
    return _company_record("/companies/{companyId}/credit")(store, call)


def _company_record(path: str) -> Callable[[Store, Call], Row | None]:
    def make(store: Store, call: Call) -> Row | None:
        company_id = call.keys["companyId"]
        return store.b2b.made(path, company_id) if store.row("b2b_companies", company_id) is not None else None

    return make


def add(router: Router) -> None:
    """Add the routes."""
    company = {"companyId": "companyId"}
    roles = _many("/companies/roles", 12)
    lists: Mapping[str, B2BList] = {
        "/companies": B2BList(
            _table("b2b_companies"), "closed", {"companyStatus": "companyStatus", "bcGroupId": "bcGroupId"}, ("companyName",), "companyId"
        ),
        "/users": B2BList(_table("b2b_users"), "open", {**company, "email": "email"}, ("email", "firstName", "lastName")),
        "/addresses": B2BList(_table("b2b_addresses"), "open", {**company, "city": "city"}, dates=_dates_of_address),
        "/orders": B2BList(_orders, "open", company, (), "updatedAt", last_year=True, is_flat=True),
        "/orders/{bcOrderId}/products": B2BList(_order_products, is_paged=False),
        "/rfq": B2BList(
            _table("b2b_quotes"),
            "open",
            {"status": "status", "quoteNumber": "quoteNumber", "company": "company"},
            ("quoteNumber",),
            "updatedAt",
            is_nested=True,
        ),
        "/ip/invoices": B2BList(
            _table("b2b_invoices"), "none", {"customerId": "customerId", "status": "status"}, ("invoiceNumber",), "updatedAt"
        ),
        "/ip/payments": B2BList(
            _table("b2b_invoice_payments"), "none", {"processingStatus": "processingStatus"}, ("customerId",), "updatedAt"
        ),
        "/ip/payments/{paymentId}/transactions": B2BList(_transactions, is_paged=False),
        "/ip/receipts": B2BList(_table("b2b_receipts"), "none", {}, ("referenceNumber",), "createdAt"),
        "/ip/receipt-lines": B2BList(_receipt_lines, "none", {}, ("referenceNumber",), "createdAt"),
        "/payments": B2BList(_many("/payments", 3), is_paged=False),
        "/company-payment-methods": B2BList(_company_methods, "none", company, (), "updatedAt"),
        "/companies/roles": B2BList(roles, search=("name",)),
        "/companies/permissions": B2BList(_many("/companies/permissions", 8), search=("name",), is_paged=False),
        "/companies/extra-fields": B2BList(_many("/companies/extra-fields", 3)),
        "/sales-staffs": B2BList(_table("b2b_sales_staff"), "none", {}),
        "/companies/super-admins": B2BList(_table("b2b_super_admins"), "open", {"uuid": "uuid"}, ("email", "firstName", "lastName")),
        "/super-admins/{superAdminId}/companies": B2BList(_admin_companies),
        "/channels": B2BList(_channels, is_paged=False),
        "/shopping-list": B2BList(_shopping_lists, "none", {"channelId": "channelId"}),
        "/companies/{companyId}/attachments": _of_company(f"{ROOT}/companies/{{companyId}}/attachments", _attachments),
        "/companies/{companyId}/hierarchy": _of_company(f"{ROOT}/companies/{{companyId}}/hierarchy", _tree),
    }
    for path, how in lists.items():
        router.add(ROOT + path, get=_answer(ROOT + path, how))
    records: Mapping[str, Callable[[Store, Call], Row | list[Row] | Answer | None]] = {
        "/companies/{companyId}": _row_of("b2b_companies"),
        "/users/{userId}": _row_of("b2b_users"),
        "/addresses/{addressId}": _row_of("b2b_addresses"),
        "/rfq/{quote_id}": _quote_details,
        "/ip/invoices/{invoiceId}": _row_of("b2b_invoices"),
        "/ip/payments/{paymentId}": _row_of("b2b_invoice_payments"),
        "/ip/receipts/{receiptId}": _row_of("b2b_receipts"),
        "/sales-staffs/{salesStaffId}": _row_of("b2b_sales_staff"),
        "/super-admins/info/{superAdminId}": _row_of("b2b_super_admins"),
        "/shopping-list/{shoppingListId}": _row_of("b2b_shopping_lists"),
        "/orders/{bcOrderId}": lambda store, call: _orders(store, {}, {"bcOrderId": str(call.last_key)}) or None,  # a list of one
        "/companies/roles/{roleId}": lambda store, call: next((r for r in roles(store, {}, {}) if r["id"] == call.last_key), None),
        "/companies/{companyId}/credit": _credit,
        "/companies/{companyId}/payment-terms": _company_record("/companies/{companyId}/payment-terms"),
    }
    for path, make in records.items():
        router.add(ROOT + path, get=_one(make))


def _dates_of_address(store: Store, row: Row) -> tuple[int, int]:
    """An address's rows show no dates; changed ones count as changed when they were."""
    at = row.get("_changed_at") or store.b2b.at("/addresses", row["addressId"])
    return at - 86_400, at
