"""The file that ``airflow-bigcommerce report`` writes: its members, its version and its JSON schema.

It holds names that BigCommerce and this package give to things, types, statuses and numbers of rows that were looked at. It has no place
for a value of the store's.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal

import msgspec

#: Counted up when a member gets another meaning or goes; a new member does not count.
FORMAT_VERSION: Final = 1

#: ``answered``; ``refused_for_scope``: status 403; ``failed``: another status, or no usable answer; ``not_asked``: see ``why``.
Asked = Literal["answered", "refused_for_scope", "failed", "not_asked"]

#: ``needs_id``: no list of it exists; ``needs_parameter``: the store wants a value that cannot be made up; ``parent_not_read``: the list
#: whose rows it hangs on was not answered; ``no_parent_rows``: that list is empty; ``host_not_reached``: its host gave no answer, or failed
#: too often in a row; ``no_rows``: there is no row to ask it by; ``would_use_quota``: to find out would take other apps' requests.
Why = Literal["needs_id", "needs_parameter", "parent_not_read", "no_parent_rows", "host_not_reached", "no_rows", "would_use_quota"]


class NewField(msgspec.Struct, kw_only=True, frozen=True):
    """A field that a row has and our schema has not.

    :param path: its name, ``variants[].name`` for one inside a list; ``[...]`` stands for a name that might be data.
    :param seen_type: the kind of one of its values, such as ``text`` or ``whole number``.
    """

    path: str
    seen_type: str


class ChangedField(msgspec.Struct, kw_only=True, frozen=True):
    """A field whose value does not fit the type that our schema has.

    :param path: its name, as in a new field.
    :param seen_type: the kind of one such value.
    :param documented: the type by our schema, one of its codes; ``object`` or ``list``.
    """

    path: str
    seen_type: str
    documented: str


class ResourceReport(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What one resource answered when its rows were asked for, without a page size and without filters.

    :param name: catalog name.
    :param asked: what became of the request.
    :param status: of a request that failed or was refused; null where no answer came.
    :param why: why it was not asked.
    :param is_described: whether a published file describes its rows; where none does, all fields but the key are new.
    :param rows: rows that were looked at, those of the request with every ``include`` among them; at most two pages.
    :param default_page: rows of a page, where the answer tells it.
    :param paging: the parts of ``meta`` about pages.
    :param order: how the rows are ordered by their key, where at least four rows of whole-number keys came.
    :param include_status: the status by which a request with every ``include`` was refused; null where it was answered or there is none.
    :param new_fields: fields that our schema has not.
    :param changed_fields: fields whose values do not fit our schema.
    :param absent_fields: fields of our schema that no row had. Where there were few rows this may be chance.
    """

    name: str
    asked: Asked
    status: int | None = None
    why: Why | None = None
    is_described: bool = True
    rows: int = 0
    default_page: int | None = None
    paging: tuple[str, ...] = ()
    order: Literal["ascending", "descending", "neither"] | None = None
    include_status: int | None = None
    new_fields: tuple[NewField, ...] = ()
    changed_fields: tuple[ChangedField, ...] = ()
    absent_fields: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether a row had what its published description has not."""
        return self.is_described and bool(self.new_fields or self.changed_fields)


class Finding(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The answer to one question that BigCommerce's documentation leaves open.

    :param question: which one; docs/reference/report.md has them all.
    :param about: the resource that was asked, or the host (``store``, ``b2b``).
    :param asked: what became of the request.
    :param status: of a request that failed or was refused; null where no answer came.
    :param why: why it was not asked.
    :param found: the answer, in the question's own words; null where the store's rows do not tell.
    :param assumed: what this package assumes; null where it assumes neither answer.
    :param agrees: whether what was found is what is assumed; null where one of them is null.
    """

    question: str
    about: str
    asked: Asked
    status: int | None = None
    why: Why | None = None
    found: str | None = None
    assumed: str | None = None
    agrees: bool | None = None


def finding(question: str, about: str, found: str | None, assumed: str | None = None) -> Finding:
    """A question that was answered."""
    agrees = None if found is None or assumed is None else found == assumed
    return Finding(question=question, about=about, asked="answered", found=found, assumed=assumed, agrees=agrees)


class Report(msgspec.Struct, kw_only=True, frozen=True):
    """All of it.

    :param format: always ``bigcommerce-report``.
    :param format_version: version of this format.
    :param provider_version: version of this package.
    :param made_on: the day, ISO-8601, UTC, by the clock of the machine.
    :param is_whole: whether all resources were to be asked.
    :param requests: requests that were sent, repetitions included; all of them reads.
    :param throttled: of these, answers 429.
    :param resources: each resource that was to be asked, in the order of the catalog.
    :param findings: the open questions.
    """

    format: Literal["bigcommerce-report"] = "bigcommerce-report"
    format_version: int = FORMAT_VERSION
    provider_version: str
    made_on: str
    is_whole: bool
    requests: int
    throttled: int
    resources: tuple[ResourceReport, ...]
    findings: tuple[Finding, ...]

    def differences(self) -> list[str]:
        """Each difference from what this package assumes, as a line for a person."""
        differing = [each for each in self.resources if each.differs]
        lines = [f"{each.name}: new field {field.path} ({field.seen_type})" for each in differing for field in each.new_fields]
        lines += [
            f"{each.name}: {field.path} holds {field.seen_type}, documented as {field.documented}"
            for each in differing
            for field in each.changed_fields
        ]
        odd = [each for each in self.findings if each.agrees is False]
        return lines + [f"{each.about}: {each.question} is {each.found}, assumed is {each.assumed}" for each in odd]


def report_text(report: Report) -> str:
    """The file: JSON with one member a line, so that people can read it before they send it."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"


def report_json_schema() -> dict[str, Any]:
    """The JSON schema of a report, as in ``docs/reference/report.schema.json``."""
    schema = json.loads(json.dumps(msgspec.json.schema(Report)))  # lists, where defaults are tuples
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Report of airflow-bigcommerce report", **schema}
