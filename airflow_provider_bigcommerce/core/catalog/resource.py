"""What a catalog row can say: the fields, their closed sets and the scope pairs.

Types only; the rows are in the ``rows_*`` modules next to this one. It may not know any resource by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider_bigcommerce.core.catalog.write import Write
from airflow_provider_bigcommerce.core.hosts import Host, host_of

Kind = Literal["collection", "singleton", "by_id", "lookup"]

#: How a list is walked: ``v3_page`` (page and limit, meta.pagination), ``v3_cursor`` (after = meta.cursor_pagination
#: .end_cursor), ``v2_page`` (bare arrays until a short page or 204), ``keyset`` (after = last key), ``offset`` (offset and limit, with the
#: total in meta), ``single`` (one answer).
Paging = Literal["v3_page", "v3_cursor", "v2_page", "keyset", "offset", "single"]

#: ``data``: ``{"data": ..., "meta": ...}``; ``bare``: the list or object itself (V2); ``data_list``: ``{"data": {"list": [...],
#: "pagination": ...}}``.
Envelope = Literal["data", "bare", "data_list"]

#: How dates are written in filters: V3 wants ISO-8601 with a full time, V2 takes RFC-2822, B2B Edition seconds since 1970.
DateFormat = Literal["iso8601", "rfc2822", "unix"]

#: Why a row does not follow a published file word for word.
#: ``archived``: only BigCommerce's archive describes it, no OpenAPI file does.
#: ``paging_undeclared``: the file leaves out ``page`` or ``limit`` for a list that has pages.
#: ``list_typed_as_object``: the file types the answer of a list as one object.
#: ``parameter_wrongly_required``: the file requires a filter that would make the list useless.
#: ``scope_name_conflict``: the file's scope differs from BigCommerce's own list of scopes, which the row follows.
#: ``scope_unpublished``: the file names no scope.
SpecException = Literal[
    "archived",
    "paging_undeclared",
    "list_typed_as_object",
    "parameter_wrongly_required",
    "scope_name_conflict",
    "scope_unpublished",
]

#: What a full read promises while the store changes under it. ``exact``: every row that existed throughout, once (keyset by id,
#: cursor, or one answer). ``checked``: the list has page numbers or offsets, which shift; the read has every row that existed throughout,
#: once, or fails (``core/page_numbers.py``).
Guarantee = Literal["exact", "checked"]


#: A name in braces in a path.
PLACEHOLDER = re.compile(r"\{([^}]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DateFilter:
    """The pair of parameters that bounds a list by a date.

    :param since: parameter for "at or after", e.g. ``date_modified:min``.
    :param until: parameter for "at or before", or None where only a lower bound exists.
    :param field: the row's field that the filter compares.
    :param format: how the value is written.
    :param is_open: whether the store leaves out the two seconds that are given ("later than", "earlier than").
    """

    since: str
    until: str | None
    field: str
    format: DateFormat
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Embedded:
    """Where the parent's own rows can carry a child's rows, so that no request a parent is needed.

    :param include: value of the parent's ``include=``, or None where the parent's row always carries them.
    :param fields: fields of the parent's row that hold the child's rows, dots for nested ones; lists on the way are walked.
    :param limit: most child rows that one field holds; a parent that reaches it must be asked by itself. None where no limit is known.
    """

    include: str | None
    fields: tuple[str, ...]
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """The amount of money by which people add a list's rows up.

    :param field: the row's field.
    :param at_least: parameter that keeps rows with at least that amount, or None.
    :param at_most: parameter that keeps rows with at most that amount, or None.
    """

    field: str
    at_least: str | None = None
    at_most: str | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that the store tells about all rows of a list, and how the rows give it.

    :param how: what is done with the field's values.
    :param field: the row's field.
    """

    how: Literal["sum", "lowest", "highest", "average"]
    field: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A singleton that tells about all rows of a list.

    :param resource: its catalog name.
    :param count: its field that holds the number of rows.
    :param figures: its other fields that the rows give too.
    """

    resource: str
    count: str
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scopes:
    """The OAuth scopes of one BigCommerce permission.

    :param read: scopes of which one is enough to read; the read-only one first.
    :param modify: scopes of which one is enough to change.
    """

    read: tuple[str, ...] = ()
    modify: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource:
    """One readable resource of the Management API.

    :param name: the name a user types; plural for collections.
    :param area: heading in the reference (``catalog``, ``orders`` ...).
    :param path: API path, ``/v3/catalog/products`` or ``/v2/orders/{order_id}/products``.
    :param item_path: path that reads one row of a list, or None where the list itself must be asked (``id_in``). A placeholder that
        ``parent_keys`` does not fill is the row's key.
    :param kind: ``collection``, ``singleton``, ``by_id`` (no list exists), ``lookup`` (needs ``required_params``).
    :param parent: catalog name of the resource whose rows fill the path's placeholders, or None.
    :param parent_keys: placeholder -> field of the parent's row; every placeholder is in it. The placeholder, in snake case,
        is also the column that each row gets, unless it has a field of that name. A name that is no placeholder is a query
        parameter that takes the parents' keys in batches (``product_id:in``), or one parent's key (``single_params``). A field with
        dots is looked for in lists on the way, so that a parent's row may hold several keys. Parents that repeat a combination of keys
        are asked once.
    :param single_params: names of ``parent_keys`` that are query parameters and take one parent's key a request. Rows get its column only
        where it is part of their key.
    :param parent_dates: query parameter -> the parent's field with a date (seconds since 1970) that it wants as month/day/year, in UTC.
    :param no_rows_status: statuses by which the list of one parent says that this parent has no such rows.
    :param no_rows_title: words of the refusal by which a list says that the store has no such rows; empty for none.
    :param goes_with_parent: whether the store drops all rows of one parent by itself, some time after that was put away.
    :param whole_params: query that makes the list hold all its rows, where it leaves some out without being asked.
    :param stable_sort: query that sorts so that a row stays in its place when it changes, for lists whose pages are places.
    :param paging: how the list is walked.
    :param page_size: largest ``limit`` (250 where no page says otherwise), 0 where the list takes none.
    :param include_page_size: include value -> the smaller page it forces (``options`` and ``modifiers``: 10).
    :param primary_key: fields that identify a row, dots for nested ones; empty for singletons without one.
    :param modified: filter by change date, the one that incremental reading uses, or None.
    :param created: filter by creation date, or None.
    :param sort_by_id: query that makes the list come in ascending key order, empty where it always does, None where no such
        order is documented.
    :param sort_by_modified: query that sorts by change date ascending, or None.
    :param id_min: parameter "key at or above" (``id:min``, ``min_id``), or None.
    :param id_max: parameter "key at or below", or None.
    :param id_in: parameter that takes a comma-separated list of keys (of that part of the key which it names), or None.
    :param includes: values of ``include=``.
    :param include_companions: query parameters that ``include`` needs in addition.
    :param can_select_fields: whether ``include_fields`` works.
    :param can_exclude_fields: whether ``exclude_fields`` works.
    :param filters: other query parameters that the list accepts.
    :param required_params: parameters without which the store refuses the list.
    :param required_any: parameters of which the store wants at least one.
    :param channel_filter: parameter that narrows to a channel, or None.
    :param count_path: endpoint that counts the rows of the same filters, or None (V3 counts by meta.pagination.total).
    :param is_count_filtered: whether that endpoint takes the list's filters; another one is documented without any.
    :param item_params: query parameters that one row's path takes and the list does not.
    :param count_by: of the filters, those that name a field of few different values, by which rows can be counted in parts.
    :param total: the amount by which rows are added up, or None.
    :param summary: the singleton that tells about all of this list's rows, or None.
    :param store_wide: catalog name of the list that has the same rows without a fan-out over parents, or None.
    :param store_wide_keys: placeholder -> field of that list's rows that holds the parent's key; every placeholder is in it, or it is
        empty and the list cannot replace a read of all parents.
    :param may_have_pages: no page is documented for the list, and its endpoint may have them all the same.
    :param empty_is_204: whether V3 answers 204 where there are no rows; in V2 it always may.
    :param embedded: how the parent's rows carry this resource's, or None.
    :param scopes: OAuth scopes that open it; empty where any token will do.
    :param envelope: shape of the answer.
    :param concurrency: documented GETs at once, or None.
    :param webhook_scopes: events that announce a change.
    :param create: how to add rows, or None.
    :param update: how to change rows, or None.
    :param delete: how to remove rows, or None.
    :param archive_field: field that is true on a row that DELETE only hid from the list: its own path still gives it. None where DELETE
        deletes.
    :param upsert: whether ``update`` also adds rows that do not exist.
    :param deprecated: whether BigCommerce has deprecated it.
    :param is_clock: whether each answer differs although nobody changed anything; a sync of a whole store leaves it out.
    :param replaced_by: catalog name of the successor, or None.
    :param spec_file: BigCommerce's OpenAPI file that documents it, or None.
    :param spec_exception: why the row does not follow a published file; one of a closed list, or None.
    :param note: what is odd about it, in our words.
    """

    name: str
    area: str
    path: str
    item_path: str | None = None
    kind: Kind = "collection"
    parent: str | None = None
    parent_keys: Mapping[str, str] = field(default_factory=dict)
    single_params: tuple[str, ...] = ()
    parent_dates: Mapping[str, str] = field(default_factory=dict)
    no_rows_status: tuple[int, ...] = ()
    no_rows_title: str = ""
    goes_with_parent: bool = False
    whole_params: Mapping[str, str] = field(default_factory=dict)
    stable_sort: Mapping[str, str] = field(default_factory=dict)
    paging: Paging = "v3_page"
    page_size: int = 250
    include_page_size: Mapping[str, int] = field(default_factory=dict)
    primary_key: tuple[str, ...] = ("id",)
    modified: DateFilter | None = None
    created: DateFilter | None = None
    sort_by_id: Mapping[str, str] | None = None
    sort_by_modified: Mapping[str, str] | None = None
    id_min: str | None = None
    id_max: str | None = None
    id_in: str | None = None
    includes: tuple[str, ...] = ()
    include_companions: Mapping[str, str] = field(default_factory=dict)
    can_select_fields: bool = False
    can_exclude_fields: bool = False
    filters: tuple[str, ...] = ()
    required_params: tuple[str, ...] = ()
    required_any: tuple[str, ...] = ()
    channel_filter: str | None = None
    count_path: str | None = None
    is_count_filtered: bool = False
    item_params: tuple[str, ...] = ()
    count_by: tuple[str, ...] = ()
    total: Total | None = None
    summary: Summary | None = None
    store_wide: str | None = None
    store_wide_keys: Mapping[str, str] = field(default_factory=dict)
    may_have_pages: bool = False
    empty_is_204: bool = False
    embedded: Embedded | None = None
    scopes: Scopes = Scopes()
    envelope: Envelope = "data"
    concurrency: int | None = None
    webhook_scopes: tuple[str, ...] = ()
    create: Write | None = None
    update: Write | None = None
    delete: Write | None = None
    archive_field: str | None = None
    upsert: bool = False
    deprecated: bool = False
    is_clock: bool = False
    replaced_by: str | None = None
    spec_file: str | None = None
    spec_exception: SpecException | None = None
    note: str = ""

    @property
    def api_version(self) -> Literal["v2", "v3"]:
        """``v2`` or ``v3``, from the path."""
        return "v2" if self.path.startswith("/v2/") else "v3"

    @property
    def host(self) -> Host:
        """The host that it is read from, by the beginning of its path."""
        return host_of(self.path)

    @property
    def per_parent(self) -> tuple[str, ...]:
        """Names that each parent's list is asked by, one request at least a parent; empty where one list has all rows."""
        return (*self.placeholders, *self.single_params)

    @property
    def parent_columns(self) -> tuple[str, ...]:
        """Of ``per_parent``, those that are columns of each row, as ``parent_keys`` names them."""
        return (*self.placeholders, *(name for name in self.single_params if name in self.primary_key))

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Names in braces in the path, in order."""
        return tuple(PLACEHOLDER.findall(self.path))

    @property
    def id_placeholder(self) -> str | None:
        """The placeholder that no parent fills, so that the caller must: a cart's id, say. None where there is none."""
        return next((name for name in self.placeholders if name not in self.parent_keys), None)

    @property
    def parameters(self) -> frozenset[str]:
        """Every query parameter that the resource accepts, but those of paging (``page``, ``limit``, ``offset``, ``before``, ``after``)."""
        names = {*self.filters, *self.required_params, *self.required_any, *self.include_companions}
        names |= {*self.single_params, *self.parent_dates, *self.whole_params, *self.stable_sort}
        names |= {*(self.sort_by_id or ()), *(self.sort_by_modified or ())}
        names |= {name for name in (self.id_min, self.id_max, self.id_in, self.channel_filter) if name}
        for dates in (self.modified, self.created):
            if dates is not None:
                names |= {dates.since, *([dates.until] if dates.until else [])}
        if self.includes:
            names.add("include")
        if self.can_select_fields:
            names.add("include_fields")
        if self.can_exclude_fields:
            names.add("exclude_fields")
        return frozenset(names)

    @property
    def read_scopes(self) -> tuple[str, ...]:
        """OAuth scopes of which one is enough to read, the read-only one first."""
        return self.scopes.read

    @property
    def modify_scopes(self) -> tuple[str, ...]:
        """OAuth scopes of which one is enough to change."""
        return self.scopes.modify

    @property
    def is_by_modified(self) -> bool:
        """Whether the list is walked by change date: it can be sorted and bounded by it, and not by its key."""
        return self.sort_by_modified is not None and self.modified is not None and self.id_min is None and self.paging == "v3_page"

    @property
    def guarantee(self) -> Guarantee:
        """What a full read promises while the store changes: ``exact`` or ``checked``."""
        by_key = (self.id_min is not None and self.sort_by_id is not None) or self.is_by_modified
        by_answer = self.paging == "single" and not self.may_have_pages
        return "exact" if by_key or by_answer or self.paging in ("v3_cursor", "keyset") else "checked"


#: V3's usual pairs, and V2's.
MODIFIED = DateFilter(since="date_modified:min", until="date_modified:max", field="date_modified", format="iso8601")
CREATED = DateFilter(since="date_created:min", until="date_created:max", field="date_created", format="iso8601")
V2_MODIFIED = DateFilter(since="min_date_modified", until="max_date_modified", field="date_modified", format="rfc2822")
V2_CREATED = DateFilter(since="min_date_created", until="max_date_created", field="date_created", format="rfc2822")
# B2B Edition's, where "after" and "later than" leave the given second out, and where it is "the earliest that can be returned".
B2B_MODIFIED = DateFilter(since="minModified", until="maxModified", field="updatedAt", format="unix", is_open=True)
B2B_CREATED = DateFilter(since="minCreated", until="maxCreated", field="createdAt", format="unix", is_open=True)
B2B_MODIFIED_INCLUSIVE = DateFilter(since="minModified", until="maxModified", field="updatedAt", format="unix")
B2B_CREATED_INCLUSIVE = DateFilter(since="minCreated", until="maxCreated", field="createdAt", format="unix")


def _pair(modify: str, read: str | None = None) -> Scopes:
    """A scope to modify and the one to read, ``_read_only`` unless named; the first allows what the second does."""
    return Scopes(read=(read or f"{modify}_read_only", modify), modify=(modify,))


def _either(*scopes: Scopes) -> Scopes:
    """Any scope of these is enough."""
    return Scopes(read=tuple(name for each in scopes for name in each.read), modify=tuple(name for each in scopes for name in each.modify))


# Names as in BigCommerce's list of scopes. Source: docs/start/authentication/api-accounts, "OAuth scopes". That a scope to modify also
# reads is said by the operations of orders.v3.yml ("at least one of").
PRODUCTS = _pair("store_v2_products")
CUSTOMERS = _pair("store_v2_customers")
CUSTOMERS_MODIFY = Scopes(read=CUSTOMERS.modify, modify=CUSTOMERS.modify)
STORED_INSTRUMENTS = _pair("store_stored_payment_instruments")
ORDERS = _pair("store_v2_orders")
TRANSACTIONS = _pair("store_v2_transactions")
ORDERS_OR_TRANSACTIONS = _either(ORDERS, TRANSACTIONS)
ORDER_FULFILLMENT = _pair("store_order_fulfillment_manage", "store_order_fulfillment_read_only")
FULFILLMENT_METHODS = _pair("store_fulfillment_methods_manage", "store_fulfillment_methods_read_only")
PAYMENT_METHODS = Scopes(read=("store_payments_methods_read",))
CARTS = _pair("store_cart")
CHECKOUTS = _pair("store_checkout")
MARKETING = _pair("store_v2_marketing")
INVENTORY = _pair("store_inventory")
LOCATIONS = _pair("store_locations")
INFORMATION = _pair("store_v2_information")
CHANNEL_SETTINGS = _pair("store_channel_settings")
CHANNEL_LISTINGS = _pair("store_channel_listings")
SITES = _pair("store_sites")
CHANNELS_LISTINGS_OR_SITES = _either(CHANNEL_SETTINGS, CHANNEL_LISTINGS, SITES)
CONTENT = _pair("store_v2_content")
CONTENT_OR_CHECKOUT_CONTENT = _either(CONTENT, _pair("store_content_checkout"))
THEMES = _pair("store_themes_manage", "store_themes_read_only")
# The control panel's name: BigCommerce publishes no parameter for it.
B2B_EDITION = Scopes(read=("B2B Edition",), modify=("B2B Edition",))
# Named in one OpenAPI file each (store_logs.v3.yml, infrastructure_hosting.v3.yml, tax_classes.v3.yaml), not in the list.
LOGS = Scopes(read=("store_logs_read_only",))
INFRASTRUCTURE_PROJECTS = _pair("store_infrastructure_projects_manage", "store_infrastructure_projects_read_only")
TAX_CLASSES = Scopes(read=INFORMATION.read, modify=("MANAGE_TAX",))
