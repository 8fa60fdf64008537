"""Which fields of a row are kept: asked of the store where it can select, and always enforced here, for personal data.

Pure; works on raw JSON, and what it keeps stays as it came.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from airflow_provider_bigcommerce.core import odd_bytes
from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])

#: Below a name: the names below it to drop; an empty mapping drops the name itself.
_Tree = dict[str, "_Tree"]


@dataclass(frozen=True, slots=True)
class FieldSelection:
    """The fields that a person wants, or does not want.

    :param only: top-level fields to keep, keys included; empty for all.
    :param without: fields to drop, dots for nested ones (``billing_address.email``).
    :param query: what to ask of the store so that it does not send them.
    """

    only: frozenset[str] = frozenset()
    without: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)

    def applied(self, records: Sequence[msgspec.Raw]) -> Sequence[msgspec.Raw]:
        """The records with those fields alone."""
        if not self.only and not self.without:
            return records
        tree = _tree(self.without)
        return [_pruned(record, tree, self.only) for record in records]


def select_fields(
    resource: Resource,
    fields: Sequence[str] | None,
    exclude_fields: Sequence[str] | None,
    *,
    known: Collection[str] = (),
    columns: Sequence[str] = (),
) -> FieldSelection:
    """Check the two lists and turn them into a selection.

    :param fields: top-level fields to keep; keys and the date that incremental reading uses are kept always.
    :param exclude_fields: fields to drop, dots for nested ones.
    :param known: the resource's top-level fields, where its schema is known.
    :param columns: columns of the parents' keys.
    :raises InvalidQueryError: an unknown field, or one that cannot be dropped.
    """
    keys = {name.split(".")[0] for name in resource.primary_key} | set(columns)
    if resource.modified is not None:
        keys.add(resource.modified.field)
    wanted, unwanted = tuple(fields or ()), tuple(exclude_fields or ())
    for name in (*wanted, *unwanted):
        top = name.split(".")[0]
        if known and top not in known and top not in keys:
            near = difflib.get_close_matches(top, known, n=3, cutoff=0.6)
            hint = f" Did you mean {', '.join(map(repr, near))}?" if near else ""
            raise InvalidQueryError(f"{resource.name!r} has no field {name!r}.{hint} Fields: airflow-bigcommerce schema {resource.name}.")
    if dropped := sorted(keys & set(unwanted)):
        raise InvalidQueryError(f"{', '.join(map(repr, dropped))} of {resource.name!r} cannot be left out: it identifies rows.")
    if nested := [name for name in wanted if "." in name]:
        raise InvalidQueryError(f"fields takes top-level names, and {nested[0]!r} is nested. Drop nested ones by exclude_fields.")
    only = frozenset(wanted) | keys if wanted else frozenset()
    query: dict[str, str] = {}
    if only and resource.can_select_fields:
        query["include_fields"] = ",".join(sorted(only - set(columns)))
    elif unwanted and resource.can_exclude_fields and (tops := [name for name in unwanted if "." not in name]):
        query["exclude_fields"] = ",".join(tops)
    return FieldSelection(only, unwanted, query)


def _tree(paths: Sequence[str]) -> _Tree:
    root: _Tree = {}
    for path in sorted(paths, key=len):
        below = root
        parts = path.split(".")
        for part in parts[:-1]:
            if part in below and not below[part]:
                break  # an outer field is dropped already
            below = below.setdefault(part, {})
        else:
            below[parts[-1]] = {}
    return root


def _pruned(record: msgspec.Raw, tree: _Tree, only: frozenset[str]) -> msgspec.Raw:
    kept: list[bytes] = []
    for name, value in _members(record):
        below = tree.get(name)
        if below == {} or (only and name not in only):
            continue
        kept.append(msgspec.json.encode(name) + b":" + (bytes(value) if below is None else _below(value, below)))
    return msgspec.Raw(b"{" + b",".join(kept) + b"}")


def _members(record: msgspec.Raw) -> Iterable[tuple[str, msgspec.Raw]]:
    try:
        return _OBJECT.decode(record).items()
    except odd_bytes.NOT_READ:
        return [(name, msgspec.Raw(value)) for name, value in odd_bytes.members(record)]


def _items(value: msgspec.Raw) -> Iterable[msgspec.Raw]:
    try:
        return _ITEMS.decode(value)
    except odd_bytes.NOT_READ:
        return map(msgspec.Raw, odd_bytes.items(value))


def _below(value: msgspec.Raw, tree: _Tree) -> bytes:
    kind = bytes(memoryview(value)[:1])
    if kind == b"{":
        return bytes(_pruned(value, tree, frozenset()))
    if kind == b"[":
        return b"[" + b",".join(_below(item, tree) for item in _items(value)) + b"]"
    return bytes(value)
