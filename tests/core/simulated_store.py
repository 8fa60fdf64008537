"""A store in memory that takes writes as BigCommerce documents them, for tests of `core/writing`: no network, no clock.

It knows each call's way to name a bad row from the catalog, and how rows collide from the table below; a row is bad where a text in it
says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, get_args

from airflow_provider_bigcommerce.core.catalog import CATALOG, Write
from airflow_provider_bigcommerce.core.catalog.operations import operation_of
from airflow_provider_bigcommerce.core.catalog.write_fields import fields_of
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.writing.look_ups import Question
from airflow_provider_bigcommerce.core.writing.machine import WriteMachine
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome
from airflow_provider_bigcommerce.core.writing.route import route_of
from airflow_provider_bigcommerce.core.writing.source import RowSource
from airflow_provider_bigcommerce.core.writing.steps import Found, Result, Send, Unclear
from airflow_provider_bigcommerce.exceptions import TransportError

BAD = "bad"
Row = dict[str, Any]
#: What happens to one sending: it comes through; it is lost before, or its answer after the store acted; the answer does not come, and the
#: store acts later, just before the next request that writes.
Fate = Literal["through", "cut_before", "cut_after", "acts_late"]
FATES: tuple[Fate, ...] = get_args(Fate)

#: Fields by which a resource's rows collide, those of the path included; empty: they never do.
UNIQUE: Mapping[str, tuple[str, ...]] = {
    "products": ("sku",),
    "customers": ("email",),
    "brands": ("name",),
    "product_metafields": ("resource_id", "namespace", "key"),
    "customer_addresses": ("customer_id", "address1"),
    "price_list_records": ("price_list_id", "sku", "currency"),
    "redirects": ("from_path", "site_id"),
    "product_category_assignments": ("product_id", "category_id"),
    "product_variants": ("sku",),
    "order_shipments": (),
    "orders": (),
}


@dataclass
class SimulatedStore:
    """One resource's rows.

    :param saves_good: whether a refused request leaves its good rows in the store, where BigCommerce does not say.
    :param most: rows of a request above which it is answered with 413.
    """

    resource: str
    rows: list[Row] = field(default_factory=list)
    saves_good: bool = False
    most: int = 10**6
    random: Random = field(default_factory=lambda: Random(1))
    next_id: int = 1000
    late: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.catalog = CATALOG[self.resource]
        self._by_key = {key: row for row in self.rows if (key := self._key(row)) is not None}
        self._by_id = {str(row["id"]): row for row in self.rows}

    # -- reading ------------------------------------------------------------------------------------------------------------

    def find(self, question: Question) -> list[Row]:
        """The rows of the list that is asked for."""
        names = re.findall(r"\{(\w+)\}", question.lookup.path)
        found = [row for row in self.rows if all(str(row.get(name)) in question.request.path.split("/") for name in names)]
        if question.is_one:
            return [row for row in found if str(row["id"]) == question.request.path.rsplit("/", 1)[-1]]
        for name, text in question.request.params:
            if name == "limit":
                continue
            column = name.removesuffix(":in")
            wanted = [value.casefold() for value in (text.split(",") if name.endswith(":in") else [text])]
            found = [row for row in found if str(row.get(column)).casefold() in wanted]
        self.random.shuffle(found)
        if question.lookup.id_field:  # another resource's list
            found = [{"identity": {"sku": row["sku"], "variant_id": row["id"], "product_id": 1}} for row in found if row.get("tracked")]
        return found

    def catch_up(self) -> None:
        """Do what was to be done later."""
        late, self.late = self.late, []
        for request in late:
            self.answer(request)

    # -- writing ------------------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Response:
        write = operation_of(request.method, request.path)
        assert write is not None, request.path
        names = re.findall(r"\{(\w+)\}", write.path)
        pattern = re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(write.path))
        values = dict(zip(names, re.fullmatch(pattern, request.path).groups(), strict=True))  # type: ignore[union-attr]
        if request.method == "DELETE":
            return self._delete(write, request, values)
        body = json.loads(request.body or b"null")
        sent: list[Row] = body if isinstance(body, list) else [body]
        if len(sent) > self.most:
            return Response(413, {"content-type": "text/html"}, b"<h1>Request Entity Too Large</h1>")
        own = {name: int(value) for name, value in values.items() if name != names[-1] or not write.path.endswith("}")}
        key = values[names[-1]] if write.path.endswith("}") else None
        rows = [{**own, **row, **({"id": int(key)} if key else {})} for row in sent]
        return self._write(write, rows)

    def _write(self, write: Write, rows: list[Row]) -> Response:
        errors = {place: error for place, row in enumerate(rows) if (error := self._error(write, row, rows[:place]))}
        held: dict[int, Row] = {}
        by_word = write.failed_by in ("index", "index_seen", "match")
        if not errors or by_word or (self.saves_good and write.is_batch):
            held = {place: self._save(write, row) for place, row in enumerate(rows) if place not in errors}
        if errors and write.failed_by == "match":
            held = {place: row for place, row in held.items() if place not in errors}
            errors = {place: error for place, error in errors.items() if error != "exists"}
        data = [dict(row) for row in held.values()]
        self.random.shuffle(data)
        if errors:
            return _refusal(write, rows, errors, data)
        if write.put == "additive":
            return Response(204, {}, b"")
        if self.resource == "price_list_records":
            return _json(200, {"data": {}, "meta": {}})
        if write.path.startswith("/v2/"):
            return _json(201 if write.method == "POST" else 200, data[0])
        return _json(200, {"data": data if write.is_batch else data[0], "meta": {}})

    def _error(self, write: Write, row: Row, before: Sequence[Row]) -> str | None:
        if BAD in json.dumps(row):
            return "refused"
        twin = self._twin(row)
        if write.method == "POST" or (write.role == "upsert" and row.get("id") is None and write.repeat == "depends"):
            key = self._key(row)
            return "exists" if twin is not None or (key and any(key == self._key(one) for one in before)) else None
        if write.role == "update" or row.get("id") is not None:
            return None if str(row["id"]) in self._by_id else "gone"
        return None

    def _save(self, write: Write, row: Row) -> Row:
        mine = self._by_id.get(str(row.get("id")))
        if mine is None and write.role == "upsert":
            mine = self._twin(row)
        if mine is not None:
            mine.update(row)
            return mine
        self.next_id += 1
        made = {**row, "id": self.next_id}
        self.rows.append(made)
        self._by_id[str(made["id"])] = made
        if (key := self._key(made)) is not None:
            self._by_key[key] = made
        return made

    def _key(self, row: Row) -> tuple[str, ...] | None:
        fields = UNIQUE[self.resource]
        return tuple(str(row.get(name)).casefold() for name in fields) if fields else None

    def _twin(self, row: Row) -> Row | None:
        key = self._key(row)
        return None if key is None else self._by_key.get(key)

    def _delete(self, write: Write, request: Request, values: Mapping[str, str]) -> Response:
        params = {name.removesuffix(":in"): text.split(",") for name, text in request.params}
        if write.body == "keys":
            params = {"id": list(map(str, json.loads(request.body or b"[]")))}
        elif write.path.endswith("}"):
            params = {"id": [list(values.values())[-1]]}
        assert params, "a DELETE without filters"
        gone = [row for row in self.rows if all(str(row.get(name)) in wanted for name, wanted in params.items())]
        if not gone and write.path.endswith("}"):
            return _json(404, {"title": "Not found"})
        self.rows = [row for row in self.rows if row not in gone]
        self.__post_init__()
        return Response(204, {}, b"")


def _refusal(write: Write, rows: Sequence[Row], errors: Mapping[int, str], data: Sequence[Row]) -> Response:
    """An answer that refuses these places, in the way the call names them."""
    title = "Some rows are invalid"
    how = write.failed_by
    if how in ("index", "index_seen"):
        meta = {"total": len(rows), "success": len(data), "failed": len(errors)}
        return _json(422, {"data": data, "errors": [{"errors": {str(place): text}} for place, text in errors.items()], "meta": meta})
    if how == "identity":
        named = ("price_list_id", "variant_id", "sku", "currency")
        told = [({name: rows[place].get(name) for name in named}, text) for place, text in errors.items()]
        batch = [{"data": data, "field_errors": {"price": text}} for data, text in told]
        return _json(422, {"batch_errors": batch})
    if how == "id":
        return _json(422, {"errors": {str(rows[place]["product_id"]): text for place, text in errors.items()}})
    status = 409 if set(errors.values()) == {"exists"} else 404 if set(errors.values()) == {"gone"} and not write.is_batch else 422
    if write.path.startswith("/v2/"):
        return _json(400 if status == 422 else status, [{"status": status, "message": title}])
    return _json(status, {"title": title, "status": status, "errors": {"name": next(iter(errors.values()))}})


def _json(status: int, body: object) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps(body).encode())


@dataclass
class Run:
    """What a write came to.

    :param sends: requests that wrote, repetitions included.
    :param asks: requests that looked rows up.
    """

    outcomes: list[Outcome]
    sends: int = 0
    asks: int = 0
    sent_rows: list[int] = field(default_factory=list)
    error: Exception | None = None


def run(
    store: SimulatedStore,
    rows: Any,
    operation: str,
    *,
    match_on: str | Sequence[str] | None = None,
    fates: Iterator[Fate] | None = None,
    most_rows: int = 50,
    order: Callable[[int], int] = lambda count: 0,
    no_scope: bool = False,
) -> Run:
    """Drive a write to its end against the store, as the client does: a safe request is repeated three times, any other is sent once.

    :param fates: what happens to each sending, in order; all come through behind its end.
    :param order: which of so many requests under way is answered next.
    :param no_scope: whether every call is answered with 403.
    """
    route = route_of(store.catalog, operation, match_on)
    writes = [write for write in (route.create, route.update, route.delete) if write is not None]
    machine = WriteMachine(route, {write.name: known for write in writes if (known := fields_of(write)) is not None})
    source = RowSource(route, rows)
    done = Run([])
    fates = fates if fates is not None else iter(())
    under_way: list[Send | Question] = []
    is_last = False
    while True:
        while len(under_way) < 4 and (step := machine.next(is_end=is_last, may_send=len(under_way) < 3)) is not None:
            under_way.append(step)
        done.outcomes += machine.outcomes()
        if not under_way:
            if is_last:
                assert machine.is_idle
                store.catch_up()
                done.error = machine.stopped
                return done
            part = source.part(most_rows)
            machine.feed(part.rows, doubled=part.doubled, late=part.late)
            is_last = part.is_last
            continue
        step = under_way.pop(order(len(under_way)))
        machine.take(step, _result(store, step, fates, done, no_scope=no_scope))


def _result(store: SimulatedStore, step: Send | Question, fates: Iterator[Fate], done: Run, *, no_scope: bool) -> Result:
    if isinstance(step, Question):
        done.asks += 1
        return Found(store.find(step))
    if no_scope:
        done.sends += 1
        return Response(403, {}, b'{"title": "You do not have the scope"}')
    was_unclear = False
    for _ in range(3 if step.is_repeatable else 1):
        done.sends += 1
        done.sent_rows.append(len(step.items))
        fate = next(fates, "through")
        store.catch_up()
        if fate == "acts_late":
            store.late.append(step.request)
        response = store.answer(step.request) if fate in ("through", "cut_after") else None
        if fate == "through" and response is not None:
            return Response(204, {}, b"") if response.status == 404 and was_unclear and step.write.repeat == "safe_404" else response
        was_unclear = True
    error = TransportError("cut", cause="cut")
    return Unclear(error)
