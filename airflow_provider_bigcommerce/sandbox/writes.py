"""Answers to POST, PUT and DELETE on the rows of a table, as their `Rules` and BigCommerce's files have it.

A request is looked at as a whole first: its shape, its size, each of its rows. Only then the store is changed, row by row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox import fields
from airflow_provider_bigcommerce.sandbox.answers import NOTHING, TYPE, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.contract import contract
from airflow_provider_bigcommerce.sandbox.parents import parents_exist
from airflow_provider_bigcommerce.sandbox.refusals import FIELDS, INDEXED, Bad, Refused, Style
from airflow_provider_bigcommerce.sandbox.routes import Call, Handler, Router
from airflow_provider_bigcommerce.sandbox.rules import UNPUBLISHED, Rules
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row

_PLACE = re.compile(r"\.\d+(?=\.)")  # in a field's name: variants.0.id


def visible(row: Row) -> Row:
    """Drop what only the sandbox knows of a row."""
    return {name: value for name, value in row.items() if not name.startswith("_") or name == "_authentication"}


def too_many(version: str, most: int) -> Answer:
    """Refuse a request with more rows than its endpoint takes."""
    return error(version, 413, f"The request payload is too large. The maximum items allowed in the array is {most}.")


def add_writes(router: Router, rules: Rules, *templates: str) -> None:
    """Add every documented write of these paths; what was there for the same method is replaced.

    :param templates: paths of lists, and of one row; the contract tells which methods they have.
    """
    for template in templates:
        handlers = Writer(rules, template).handlers()
        if handlers:
            router.add(template, **handlers)


class Writer:
    """Writes by one path.

    :param rules: how its rows are written.
    :param template: the path: of a list, or of one row.
    """

    def __init__(self, rules: Rules, template: str) -> None:
        self.rules, self.template = rules, template
        self._one = template.endswith("}")
        self._operations: Mapping[str, Any] = contract()[template]

    def handlers(self) -> dict[str, Handler]:
        """Give the handlers by lower-case method."""
        possible: dict[str, Handler] = {
            "post": self.post,
            "put": self.put_one if self._one else self.put_list,
            "delete": self.delete_one if self._one else self.delete_list,
        }
        return {method: handler for method, handler in possible.items() if method in self._operations}

    # -- the whole request ------------------------------------------------------------------------------------------------------

    def post(self, store: Store, call: Call) -> Answer:
        """Create."""
        return self._save_all(store, call, creating=True)

    def put_list(self, store: Store, call: Call) -> Answer:
        """Update a batch, or create what is not there where the endpoint does."""
        return self._save_all(store, call, creating=False)

    def _save_all(self, store: Store, call: Call, *, creating: bool) -> Answer:
        rules = self.rules
        if not parents_exist(store, call.keys):
            return error(call.version, 404)
        many = self._many(call)
        rows = call.body if isinstance(call.body, list) else [call.body]
        if isinstance(call.body, list) is not many or not all(isinstance(row, dict) for row in rows):
            return self._malformed(call, f"the body must be {'a list of objects' if many else 'an object'}")
        if not rows:
            return self._malformed(call, "the list is empty")
        most = rules.most.get(call.method, UNPUBLISHED)
        if many and len(rows) > most:
            return too_many(call.version, most)
        if rules.parent is not None:
            rows = [{**row, rules.parent: call.last_key} for row in rows]
        bad, good = self._sorted(store, call, rows, creating=creating)
        style = self._style(call)
        if bad and not style.saves:
            return style.answer(Refused(call, bad, (), len(rows)))
        saved: list[Any] = []
        unsaved: dict[str, str] = {}
        for row, old in good:
            unsaved.update(rules.split(store, call, row, old) if rules.split else {})
            saved.append(self._shown(store, self._save(store, call, row, old)))
        if bad:
            return style.answer(Refused(call, bad, saved, len(rows)))
        return self._answer(call, saved if many else saved[0], unsaved, len(rows))

    def _style(self, call: Call) -> Style:
        if self._one:
            return self.rules.styles.get(f"{call.method} one", FIELDS)
        return self.rules.styles.get(call.method, INDEXED if self._many(call) else FIELDS)

    def _malformed(self, call: Call, reason: str) -> Answer:
        style = self._style(call)
        return (FIELDS if style is INDEXED else style).answer(Refused(call, [Bad(0, {}, {"": reason})], (), 1))

    def _many(self, call: Call) -> bool:
        kind = self._operations[call.method.lower()].get("body", {}).get("type")
        return isinstance(call.body, list) if kind is None or call.method in self.rules.either else kind == "array"

    def _sorted(self, store: Store, call: Call, rows: list[Row], *, creating: bool) -> tuple[list[Bad], list[tuple[Row, Row | None]]]:
        """Part the rows that can be saved, each with the row that is there already, from those that cannot."""
        rules = self.rules
        bad: list[Bad] = []
        good: list[tuple[Row, Row | None]] = []
        claimed: dict[tuple[str, Any], int] = {}
        for index, row in enumerate(rows):
            old = None if creating else self._old(store, row)
            if not creating and old is None and not self._may_create(row):
                if rules.missing or not isinstance(row.get(rules.key), int | str):
                    reason = "not found" if rules.key in row else "is required"
                    bad.append(Bad(index, row, {rules.key: reason}, rules.missing or 422))
                continue
            found = self._against(store, call, row, old, claimed, index)
            if found is None:
                good.append((row, old))
            else:
                bad.append(Bad(index, row, *found))
        return bad, good

    def _may_create(self, row: Row) -> bool:
        return self.rules.upsert is not None or (self.rules.creates_without_key and row.get(self.rules.key) in (None, 0))

    def _old(self, store: Store, row: Row) -> Row | None:
        """Find the row that a row of a PUT means."""
        table = store.tables[self.rules.table]
        if self.rules.upsert is not None:
            index = store.unique(self.rules.table, self.rules.upsert)
            key = index.find(index.of(row))
            return None if key is None else table.get(key)
        key = row.get(self.rules.key)
        return table.get(key) if isinstance(key, int | str) else None

    # -- one row ----------------------------------------------------------------------------------------------------------------

    def _schema(self, call: Call) -> Mapping[str, Any]:
        return fields.body_of(call.method, self.template)

    def _against(
        self, store: Store, call: Call, row: Row, old: Row | None, claimed: dict[tuple[str, Any], int], index: int
    ) -> tuple[dict[str, str], int] | None:
        """Say what is against a row: messages by field, and the status; None where nothing is."""
        rules = self.rules
        refused = {name: "cannot be written to" for name in rules.refused if name in row}
        if refused:
            return refused, 422
        found = fields.problems(self._schema(call), row, required=rules.required if old is None else (), version=call.version)
        unneeded = (*rules.optional, rules.parent)
        found = {name: why for name, why in found.items() if why != "is required" or _PLACE.sub("", name) not in unneeded}
        if old is not None:  # what a file requires of a PUT is what a whole row has; the stores that were seen take a part
            found = {name: reason for name, reason in found.items() if (reason != "is required" or name in row) and name != rules.key}
        for name, table in rules.references.items():
            if not _refers(store, table, row.get(name)):
                found.setdefault(name, "not found")
        if rules.check is not None:
            found.update(rules.check(store, call, row, old))
        if found:
            return found, 422
        whole = {**(old or {}), **row}
        own = None if old is None else old[rules.key]
        for name, read in rules.unique.items():
            value = read(whole)
            holder = store.unique(rules.table, read).find(value)
            if (holder is not None and holder != own) or (value is not None and (name, value) in claimed):
                return {name: f"{row.get(name, value)!r} is already in use"}, rules.conflict
        if rules.conflicts is not None and (other := rules.conflicts(store, call, row, old)):
            return dict(other), rules.conflict
        claimed.update({(name, read(whole)): index for name, read in rules.unique.items()})
        return None

    def _save(self, store: Store, call: Call, row: Row, old: Row | None) -> Row:
        rules = self.rules
        ignored = (*rules.ignored, rules.key) if old is not None or call.method == "POST" else rules.ignored
        body = fields.taken(self._schema(call), row, ignored, rules.extra)
        if rules.parent is not None:
            body[rules.parent] = row[rules.parent]
        if old is None:
            return rules.make(store, call, body) if rules.make else store.add(rules.table, **body)
        body = {**{name: empty for name, empty in rules.cleared.items() if name not in row}, **body}
        if rules.change is not None:
            return rules.change(store, call, old, body)
        return store.edit(rules.table, old[rules.key], **body)

    def _shown(self, store: Store, row: Row) -> Any:
        return self.rules.show(store, row) if self.rules.show else visible(row)

    def _answer(self, call: Call, shown: Any, unsaved: Mapping[str, str], total: int) -> Answer:
        operation = self._operations[call.method.lower()]
        status = self.rules.status.get(call.method, operation["status"])
        if status == 204:
            return NOTHING
        meta = {"total": total, "success": total, "failed": 0} if self.rules.counts else {}
        if call.method in self.rules.bare:
            return ok({"data": {}, "meta": meta}, status)
        bare = call.version == "v2" or ("data" not in operation.get("schema", {}).get("properties", {"data": {}}))
        if unsaved:
            return self._partly(call, shown, unsaved)
        return ok(shown, status) if bare else ok({"data": shown, "meta": meta}, status)

    @staticmethod
    def _partly(call: Call, shown: Any, unsaved: Mapping[str, str]) -> Answer:
        """Answer 207: the row was saved, some of its parts were not."""
        reasons = "; ".join(f"{name}: {reason}" for name, reason in unsaved.items())
        if call.version == "v2":
            return ok({"status": 207, "message": f"Saved in part. {reasons}"}, 207)
        told = {"status": 207, "title": "The row was saved, some of its parts were not.", "type": TYPE, "errors": dict(unsaved)}
        return ok({"data": shown, "errors": told, "meta": {}}, 207)

    # -- one row by its path ----------------------------------------------------------------------------------------------------

    def put_one(self, store: Store, call: Call) -> Answer:
        """Update the row of the path."""
        rules = self.rules
        old = store.tables[rules.table].get(call.last_key)
        if old is None or not parents_exist(store, call.keys):
            return error(call.version, 404)
        if not isinstance(call.body, dict):
            return self._malformed(call, "the body must be an object")
        if "id" in call.body and call.version == "v2":
            return error("v2", 400, "The field 'id' cannot be written to. Please remove it from your request before trying again.")
        row = {**call.body, rules.key: call.last_key}
        found = self._against(store, call, row, old, {}, 0)
        if found is not None:
            return self._style(call).answer(Refused(call, [Bad(0, row, *found)], (), 1))
        unsaved = rules.split(store, call, row, old) if rules.split else {}
        return self._answer(call, self._shown(store, self._save(store, call, row, old)), unsaved, 1)

    def delete_one(self, store: Store, call: Call) -> Answer:
        """Delete the row of the path."""
        if not parents_exist(store, call.keys) or not self._drop(store, call.last_key):
            return error(call.version, 404)
        return self._gone(call)

    def _gone(self, call: Call) -> Answer:
        status = self._operations["delete"]["status"]
        if status == 204:
            return NOTHING
        return ok({"data": {self.rules.key: call.last_key} if self._one else [], "meta": {}}, status)

    def _drop(self, store: Store, key: Any) -> bool:
        return self.rules.drop(store, key) if self.rules.drop else store.delete(self.rules.table, key)

    # -- several rows by a filter -----------------------------------------------------------------------------------------------

    def delete_list(self, store: Store, call: Call) -> Answer:
        """Delete the rows that the filters name; without one, what the endpoint is documented to do."""
        rules = self.rules
        if not parents_exist(store, call.keys):
            return error(call.version, 404)
        documented = self._operations["delete"]["query"]
        given = {
            name: text for name, text in call.query.items() if name in documented and name not in ("page", "limit") and text.strip(" ,")
        }
        if not given and rules.empty_delete == "refused":
            needed = next((name for name in documented if name not in ("page", "limit")), f"{rules.key}:in")
            return rules.styles.get("DELETE", FIELDS).answer(Refused(call, [Bad(0, {}, {needed: "is required"})], (), 0))
        if not given and rules.empty_delete == "nothing":
            return NOTHING
        for row in self._chosen(store, call, given)[: rules.most.get("DELETE")]:
            self._drop(store, row[rules.key])
        return self._gone(call)

    def _chosen(self, store: Store, call: Call, given: Mapping[str, str]) -> list[Row]:
        rules = self.rules
        table = store.tables[rules.table]
        texts = {rules.filters.get(name) or name.removesuffix(":in"): text for name, text in given.items()}
        keys = texts.pop(rules.key, None)
        rows: Iterable[Row] = table.rows() if keys is None else [row for key in _keys(keys) if (row := table.get(key)) is not None]
        if rules.parent is not None:
            rows = (row for row in rows if row[rules.parent] == call.last_key)
        wanted = {name: {part.strip().casefold() for part in text.split(",")} for name, text in texts.items()}
        return [row for row in rows if all(_holds(row.get(name), values) for name, values in wanted.items())]


def _keys(text: str) -> list[int | str]:
    return [int(part) if part.lstrip("-").isdigit() else part for part in map(str.strip, text.split(",")) if part]


def _holds(value: Any, wanted: set[str]) -> bool:
    if isinstance(value, list):
        return any(_holds(item, wanted) for item in value)
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return text.casefold() in wanted or (isinstance(value, bool) and str(int(value)) in wanted)


def _refers(store: Store, table: str, value: Any) -> bool:
    """Tell whether a value, or each of a list of values, names a row; nothing and 0 name none, and are right."""
    if isinstance(value, list):
        return all(_refers(store, table, item) for item in value)
    return value is None or value in (0, "") or store.has(table, value)


def styled(**styles: Style) -> Mapping[str, Style]:
    """Name styles by method: `styled(post=BULK, put=BULK)`."""
    return {method.upper(): style for method, style in styles.items()}
