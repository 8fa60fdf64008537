"""What a call that writes can say: the fields of :class:`Write` and their closed sets.

Types only; the calls are in the ``writes_*`` modules next to this one. It may not know any call by name.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal

#: What a call does to the rows of its resource. ``replace``: sets something whole (an image); ``increment``: adds to a number;
#: ``action``: writes no row of a list; ``read``: a POST that changes nothing.
Role = Literal["create", "update", "upsert", "delete", "delete_many", "increment", "replace", "action", "read"]

#: What the body is. ``object``: the row; ``array``: a list of rows; ``wrapper``: an object with the rows in ``list_field``; ``keys``: a
#: list of the rows' keys; ``array_or_object``: either; ``multipart``: a file.
BodyShape = Literal["none", "object", "array", "wrapper", "keys", "array_or_object", "multipart"]

#: What becomes of a field that the body leaves out. ``partial``: it stays, by BigCommerce's word; ``partial_implied``: it stays, as only
#: the key is required; ``replace``: it is cleared; ``mixed``: it stays, but some parts are replaced whole; ``additive``: rows are added,
#: none is removed; ``upsert_overwrites``: the row that is there is replaced; ``unknown``: nobody says.
PutKind = Literal["partial", "partial_implied", "replace", "mixed", "additive", "upsert_overwrites", "unknown"]

#: What a second sending does after a failure that does not tell whether the first was carried out.
#: ``safe``: as one sending; ``safe_404``: a DELETE of one row, whose second may be a 404, which then means "deleted"; ``read``: nothing is
#: changed at all; ``depends``: as one sending where every row and every nested row has its id; ``refused``: the store refuses the second,
#: for a key is unique; ``silent_noop``: the second changes nothing and is answered as if nothing had been sent; ``safe_unless_sold``: as
#: one sending, unless the stock was sold from meanwhile; ``duplicates``: a second row; ``doubles``: the change happens twice, and for money
#: and stock there is no way back; ``unknown``: nobody says, taken for ``duplicates``.
RepeatKind = Literal[
    "safe", "safe_404", "read", "depends", "refused", "silent_noop", "safe_unless_sold", "duplicates", "doubles", "unknown"
]

#: How an answer tells which row of a request failed. ``index``: by its place; ``index_seen``: likewise, seen but not documented; ``id``: by
#: its id; ``identity``: by its key; ``title``: in a sentence; ``match``: it is absent from ``data``; ``row``: the request has but one;
#: ``split``: not at all, so that only halves tell; ``none``: not at all, though the good rows are saved; ``count``: as a number;
#: ``unknown``: nobody says.
RowsBy = Literal["index", "index_seen", "id", "identity", "title", "match", "row", "split", "none", "count", "unknown"]

#: What a DELETE of many does without its keys. ``wipes``: all rows go; ``refused``: the store refuses it; ``nothing``: nothing happens;
#: ``must_have``: the text demands a filter; ``required_param``: the file does; ``ids_in_body``: the keys are in the body; ``unknown``:
#: nobody says; ``one_object``: the path names the one thing that goes, there is no list.
EmptyFilter = Literal["wipes", "refused", "nothing", "must_have", "required_param", "ids_in_body", "unknown", "one_object"]

#: What else a call does, that no undo takes back. ``mails``: a mail goes to the shopper; ``may_mail``: a setting or a field decides on it;
#: ``moves_money``; ``makes_codes``: each call makes new ones; ``archives``: rows are hidden, and no documented call brings them back;
#: ``takes_children``: what belongs to the row goes along; ``recalculates``: totals change, discounts of changed lines are cleared.
SideEffect = Literal["mails", "may_mail", "moves_money", "makes_codes", "archives", "takes_children", "recalculates"]

#: Rows a request carries where BigCommerce publishes no number.
UNPUBLISHED_BATCH = 10


@dataclass(frozen=True, slots=True)
class Lookup:
    """How a row is found by a key that people know, so that a change can be matched, and an unclear one settled.

    :param path: the list that is asked, as in :class:`Resource`.
    :param fields: the row's fields that are the key together, dots for nested ones.
    :param filter: query parameter that takes the first field's value, or None where the list must be read.
    :param many: whether the parameter takes a comma-separated list.
    :param unique: whether one row at most has the key; None where nobody says.
    :param id_field: field of the list's rows with the id of ours, where the list is another resource's; None where it is ours.
    """

    path: str
    fields: tuple[str, ...]
    filter: str | None = None
    many: bool = False
    unique: bool | None = None
    id_field: str | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """One call that writes, as BigCommerce has it: all of them are in the ``writes_*`` modules.

    :param method: HTTP method.
    :param path: as in :class:`Resource`. A placeholder that ends the path is the row's key; any other is the row's column of that name.
    :param resource: catalog name of the resource that it changes, or None where no list or singleton can be read.
    :param role: what it does to the resource's rows.
    :param batch_size: rows a request may carry by BigCommerce's word, 1 where the body is one row, None where a list's limit is
        unpublished: :attr:`rows_at_once` is what is sent.
    :param body: what the body is.
    :param list_field: field of the body that holds the rows, or None where the body is the row or the list itself.
    :param required_filters: query parameters without which the call must not be sent (a bulk DELETE that would empty the store, or take
        more than was meant). All of them are needed: two mean pairs of keys. One that ends in ``:in`` takes a list of keys.
    :param filters: other query parameters of a DELETE of many, of which one with a value means only some rows. Documented parameters that
        choose a container or what stays are not among them: ``site_id`` of redirects, ``tree_id:in`` of categories, ``id:not_in``.
    :param replaces_list: whether the body is the whole list: what it leaves out goes.
    :param concurrency: documented requests at once, or None.
    :param put: what becomes of fields that are left out; None for other methods.
    :param repeat: what a second sending does.
    :param upsert_by: the keys by which an upsert finds the row, each a tuple of fields, any one of them enough; empty where the path names
        the row, and for other roles.
    :param failed_by: how an answer tells which row failed, or None where no row can fail alone.
    :param failed_status: statuses with which some rows may be saved and others not, or only a part of a row missing.
    :param empty_filter: what a DELETE of many does without its keys; None for other roles.
    :param lookup: how rows are found by a natural key, the best way first.
    :param is_asynchronous: whether the answer comes before the change shows.
    :param effects: what else it does, that no undo takes back.
    :param secret_fields: fields of the body that must be written down nowhere, dots for nested ones.
    :param held_as: (field of the body, where the list's rows have it), for fields that are read under another name. ``a[b].c`` is ``c`` of
        that element of the list ``a`` whose ``b`` is the one of the row that is written.
    :param deprecated: whether BigCommerce has deprecated it.
    :param source: BigCommerce's OpenAPI file and line.
    """

    method: Literal["POST", "PUT", "DELETE"]
    path: str
    _: KW_ONLY
    resource: str | None = None
    role: Role = "action"
    batch_size: int | None = 1
    body: BodyShape = "object"
    list_field: str | None = None
    required_filters: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    replaces_list: bool = False
    concurrency: int | None = None
    put: PutKind | None = None
    repeat: RepeatKind = "unknown"
    upsert_by: tuple[tuple[str, ...], ...] = ()
    failed_by: RowsBy | None = None
    failed_status: tuple[int, ...] = ()
    empty_filter: EmptyFilter | None = None
    lookup: tuple[Lookup, ...] = ()
    is_asynchronous: bool = False
    effects: tuple[SideEffect, ...] = ()
    secret_fields: tuple[str, ...] = ()
    held_as: tuple[tuple[str, str], ...] = ()
    deprecated: bool = False
    source: str = ""

    @property
    def is_batch(self) -> bool:
        """Whether a request takes many rows."""
        return self.batch_size != 1

    @property
    def rows_at_once(self) -> int:
        """Rows to send in one request: as documented, and few where nothing is."""
        return UNPUBLISHED_BATCH if self.batch_size is None else self.batch_size

    @property
    def name(self) -> str:
        """``PUT /v3/catalog/products``."""
        return f"{self.method} {self.path}"


def metafield_keys(path: str) -> tuple[Lookup, ...]:
    """How metafields are found: by key and namespace, which the store keeps unique for one object and one API client."""
    return (Lookup(path, ("key", "namespace", "resource_id"), filter="key:in", many=True, unique=True),)
