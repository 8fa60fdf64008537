"""How an answer tells which rows of a request were refused: BigCommerce has at least nine ways, one for each family of endpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_bigcommerce.sandbox.answers import TYPE, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.routes import Call
from airflow_provider_bigcommerce.sandbox.table import Row

LONG_TYPE = f"https://developer.bigcommerce.com{TYPE}"


@dataclass(frozen=True)
class Bad:
    """A row that is refused.

    :param index: its place in the request, from 0.
    :param row: as it was sent.
    :param errors: message by field.
    :param status: 422, 409 for a value that another row has, 404 for a row that is not there.
    """

    index: int
    row: Any
    errors: Mapping[str, str]
    status: int = 422


@dataclass(frozen=True)
class Refused:
    """What became of a request that holds bad rows.

    :param call: the request.
    :param bad: its bad rows.
    :param saved: the rows that were saved beside them, as they are shown.
    :param total: how many rows it had.
    """

    call: Call
    bad: Sequence[Bad]
    saved: Sequence[Any]
    total: int

    @property
    def status(self) -> int:
        """The status of the whole: a conflict only where there is nothing but conflicts."""
        found = {bad.status for bad in self.bad}
        return found.pop() if len(found) == 1 else 422

    @property
    def meta(self) -> Row:
        """Counts of rows."""
        return {"total": self.total, "success": max(0, self.total - len(self.bad)), "failed": len(self.bad)}

    def by_index(self) -> dict[str, str]:
        """Messages by the row's place: `0.name`."""
        return {f"{bad.index}.{name}": reason for bad in self.bad for name, reason in bad.errors.items()}


@dataclass(frozen=True)
class Style:
    """One way.

    :param answer: makes the answer.
    :param saves: whether the good rows of the request are saved.
    """

    answer: Callable[[Refused], Answer]
    saves: bool = False


def _joined(errors: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {reason}" if name else reason for name, reason in errors.items())


def _problem(status: int, title: str, errors: Mapping[str, Any]) -> Row:
    return {"status": status, "title": title, "type": LONG_TYPE, "errors": dict(errors)}


def _fields(refused: Refused) -> Answer:
    merged = {name: reason for bad in refused.bad for name, reason in bad.errors.items()}
    status = refused.status
    if refused.call.version == "v2":
        return error("v2", 400 if status == 422 else status, None if status != 422 else "The request has an invalid field.", merged)
    return error("v3", status, errors=merged)


def _invalid(refused: Refused) -> Answer:
    """Tell a value that another row has as any other invalid one."""
    return error("v3", 422, errors={name: reason for bad in refused.bad for name, reason in bad.errors.items()})


def _create_customers(refused: Refused) -> Answer:
    """Tell no row and no field, as was seen of a store (the file's own example has the same)."""
    if all(not bad.errors.keys() & {"email"} or bad.status != 409 for bad in refused.bad):
        return error("v3", 422, "Create customers failed.", {".customer_create": "Error creating customers"})
    emails = ", ".join(str(bad.row.get("email")) for bad in refused.bad if bad.status == 409)
    return error("v3", 422, f"Error creating customers: email {emails} already in use", {".customer_create": "Error creating customers"})


def _bulk(status: int | None) -> Callable[[Refused], Answer]:
    def answer(refused: Refused) -> Answer:
        errors = {str(bad.index): _joined(bad.errors) for bad in refused.bad}
        code = status or refused.status
        body = {"data": list(refused.saved), "errors": [_problem(code, "Bulk operation has failed", errors)], "meta": refused.meta}
        return ok(body, code)

    return answer


def _trees(refused: Refused) -> Answer:
    """Answer 207 while some rows were saved, 422 where none was."""
    errors = _problem(422, "Some categories could not be saved.", refused.by_index())
    if not refused.meta["success"]:
        return ok({"errors": errors, "meta": refused.meta}, 422)
    shown = {"data": list(refused.saved)} if refused.call.method == "POST" else {}
    return ok({**shown, "errors": errors, "meta": refused.meta}, 207)


def _is_name(value: Any) -> bool:
    return isinstance(value, int | str)


def _identity(refused: Refused) -> Answer:
    names = ("price_list_id", "variant_id", "sku", "currency")
    found = [
        {"data": {name: bad.row[name] for name in names if _is_name(bad.row.get(name))}, "field_errors": dict(bad.errors)}
        for bad in refused.bad
    ]
    return ok({"batch_errors": found}, 422)


def _one_identity(refused: Refused) -> Answer:
    """Tell the first bad row only, where the file's schema holds one."""
    bad = refused.bad[0]
    names = ("price_list_id", "variant_id", "sku", "currency")
    kept = {name: bad.row[name] for name in names if _is_name(bad.row.get(name))}
    return ok({"data": kept, "field_errors": dict(bad.errors)}, 422)


def _batch(refused: Refused) -> Answer:
    return ok(
        {
            "batch_errors": [
                {"status": bad.status, "title": _joined(bad.errors), "type": TYPE, "errors": dict(bad.errors)} for bad in refused.bad
            ]
        },
        422,
    )


def _counted(refused: Refused) -> Answer:
    return ok({**_problem(422, "Unprocessable Entity", refused.by_index()), "meta": {"saved_records": 0}}, 422)


def _detail(_refused: Refused) -> Answer:
    return ok({"status": 422, "title": "Unprocessable Entity", "type": LONG_TYPE, "detail": "Some pages could not be created."}, 422)


def _problems(refused: Refused) -> Answer:
    """Tell each reason as a problem of its own."""
    found = [_problem(422, f"{name} {reason}".strip(), {}) for bad in refused.bad for name, reason in bad.errors.items()]
    meta = {} if refused.call.method == "POST" else {"meta": {"total": 0, "success": 0, "failed": 0}}
    return ok({"errors": found, **meta}, 422)


def _texts(refused: Refused) -> Answer:
    found = [f"{name}: {reason}" for bad in refused.bad for name, reason in bad.errors.items()]
    return ok({**_problem(422, "Unprocessable Entity", {}), "errors": found}, 422)


def _by_reference(refused: Refused) -> Answer:
    named = {str(bad.row.get("product_id", bad.row.get("entity_id", bad.index))): _joined(bad.errors) for bad in refused.bad}
    return error("v3", 422, errors=named)


FIELDS = Style(_fields)  # field names without a row: products, customers, every single row
INVALID = Style(_invalid)  # the same, always 422: customers
INDEXED = Style(lambda refused: error(refused.call.version, 422, errors=refused.by_index()))
CREATE_CUSTOMERS = Style(_create_customers)
BULK = Style(_bulk(422), saves=True)  # metafields
BULK_CONFLICT = Style(_bulk(None), saves=True)  # segments and their shopper profiles: 409
TREES = Style(_trees, saves=True)
IDENTITY = Style(_identity, saves=True)  # price records
ONE_IDENTITY = Style(_one_identity, saves=True)  # records of several price lists
BATCH = Style(_batch)  # variants: neither index nor id
COUNTED = Style(_counted)  # routes of a site, price list assignments: index in the key, and how many were saved
DETAIL = Style(_detail, saves=True)  # content pages: nothing names the bad row
PROBLEMS = Style(_problems)  # promotions and their codes
TEXTS = Style(_texts)  # e-mail templates of abandoned carts
BY_REFERENCE = Style(_by_reference)  # assignments
