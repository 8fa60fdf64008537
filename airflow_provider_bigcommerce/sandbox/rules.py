"""What is special about writing one collection; the rest (fields, limits, statuses, shapes) stands in BigCommerce's files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_bigcommerce.sandbox.refusals import Style
from airflow_provider_bigcommerce.sandbox.routes import Call
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.unique import Read

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.store import Store

Make = Callable[["Store", Call, Row], Row]
Change = Callable[["Store", Call, Row, Row], Row]
Check = Callable[["Store", Call, Row, Row | None], Mapping[str, str]]
Show = Callable[["Store", Row], Any]
Empty = Literal["wipes", "refused", "nothing"]
UNPUBLISHED = 250  # rows in a request where no file tells; more is 413, as everywhere


@dataclass(frozen=True)
class Rules:
    """How rows of one table are written.

    :param table: the table.
    :param key: the field that names a row, in bodies and filters.
    :param parent: the field that the last key of a list's path fills (`price_list_id`), where a list belongs to one parent.
    :param most: rows in one request, by method; a list that is not named here takes `UNPUBLISHED`.
    :param required: fields a new row must have beside those its schema requires.
    :param optional: fields its schema requires and the store does not, as its text or its examples show; `variants.id` within a list.
    :param unique: what no two rows may share: the field that is told in the error, and how it is read.
    :param conflict: status of a value that another row has.
    :param references: field to the table in which its value must be found; 0, null and lists are understood.
    :param extra: fields a row takes beside those of its schema, by its text.
    :param conflicts: further values that something else in the store has, by field.
    :param ignored: read-only fields, silently ignored, that the schema does not mark.
    :param refused: read-only fields that are refused.
    :param upsert: how a row of a PUT is told from the others, where it needs no key: a row that is not there is made.
    :param creates_without_key: a row of a PUT without its key is made.
    :param cleared: fields that a PUT clears where it leaves them out, with what they become.
    :param styles: how bad rows are told, by method (`PUT one` by the path of one row); else by field names alone where a request has one
        row, with the index where it has several.
    :param missing: status of a row of a PUT that is not there; 0 where such a row is ignored and left out of `data`.
    :param empty_delete: what a DELETE of the list does without a filter.
    :param filters: the field behind a filter of that DELETE, where the filter is not named as its field.
    :param status: status of the answer, by method, where the file's first one is not meant.
    :param check: further reasons against a row, by field.
    :param make: makes and stores a new row, instead of taking the body over a made-up one.
    :param change: stores a changed row, given the old one and what is new.
    :param drop: removes a row; tells whether it was there.
    :param split: parts of a row that were not saved, by field: the answer is then 207.
    :param show: how a row is shown in an answer.
    :param counts: whether `meta` counts rows.
    :param either: methods that take one object as well as a list.
    :param bare: methods that answer without rows: `{"data": {}, "meta": {}}`, or no body where the status is 204.
    """

    table: str
    key: str = "id"
    parent: str | None = None
    most: Mapping[str, int] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    unique: Mapping[str, Read] = field(default_factory=dict)
    conflict: int = 409
    references: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    conflicts: Check | None = None
    ignored: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    upsert: Read | None = None
    creates_without_key: bool = False
    cleared: Mapping[str, Any] = field(default_factory=dict)
    styles: Mapping[str, Style] = field(default_factory=dict)
    missing: int = 422
    empty_delete: Empty = "refused"
    filters: Mapping[str, str] = field(default_factory=dict)
    status: Mapping[str, int] = field(default_factory=dict)
    check: Check | None = None
    make: Make | None = None
    change: Change | None = None
    drop: Callable[[Store, Any], bool] | None = None
    split: Callable[[Store, Call, Row, Row | None], Mapping[str, str]] | None = None
    show: Show | None = None
    counts: bool = False
    either: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
