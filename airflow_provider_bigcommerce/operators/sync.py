"""The two ends of a sync: which resources the token can read, asked when the run begins, and what came, told when it ends.

Both are tasks of ``bigcommerce_sync`` (``airflow_provider_bigcommerce.sync``) and of little use by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce.access import permissions
from airflow_provider_bigcommerce.core.arguments import (
    Check,
    Checks,
    check_arguments,
    check_rendered,
    flag,
    mapping,
    names,
    optional,
    text,
    when,
)
from airflow_provider_bigcommerce.core.whole_store import asks_each_parent, has_all_it_needs, in_order, is_second_copy
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.failing import tells_why_it_fails
from airflow_provider_bigcommerce.engine.mapped import named_by_connection
from airflow_provider_bigcommerce.engine.telling import ERROR_KEY
from airflow_provider_bigcommerce.exceptions import PermissionDeniedError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog import Resource

_FAILED = ("failed", "upstream_failed")


class BigCommerceReadableResourcesOperator(BaseOperator):
    """Ask which resources the connection's token can read, and return what a transfer is to be mapped over.

    :param bigcommerce_conn_id: connection id of the store. (templated)
    :param exclude: names of resources to leave out.
    :param with_each_parent: whether lists that cost a request for each parent are among them.
    :param needs_key: whether resources without a key are left out, which a table cannot hold.
    :param initial_since: where the first runs of lists with a change date begin. (templated)
    """

    argument_checks: ClassVar[Checks] = {
        "bigcommerce_conn_id": text("bigcommerce_default"),
        "exclude": names("['orders']"),
        "with_each_parent": flag(),
        "needs_key": flag(),
        "initial_since": optional(when(), may_vanish=True),
    }
    custom_operator_name = "BigCommerce: what the token reads"
    template_fields: Sequence[str] = ("bigcommerce_conn_id", "initial_since")
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(
        self,
        *,
        bigcommerce_conn_id: str = "bigcommerce_default",
        exclude: Sequence[str] = (),
        with_each_parent: bool = True,
        needs_key: bool = False,
        initial_since: str | datetime | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bigcommerce_conn_id = bigcommerce_conn_id
        self.exclude = exclude
        self.with_each_parent = with_each_parent
        self.needs_key = needs_key
        self.initial_since = initial_since
        check_arguments(self, self.argument_checks)

    @tells_why_it_fails
    def execute(self, context: Mapping[str, Any]) -> list[dict[str, Any]]:  # noqa: ARG002  # Airflow's signature
        """One dict of a transfer's arguments for each resource, in the order in which they are to be read.

        :raises PermissionDeniedError: there is none.
        """
        check_rendered(self, self.argument_checks)
        with BigCommerceHook(self.bigcommerce_conn_id).store() as store:
            given = list(permissions(store))
        found = in_order(row for each in given if each.is_worth_a_try for row in each.resources if self._is_wanted(row))
        if not found:
            raise PermissionDeniedError(
                f"The token of {self.bigcommerce_conn_id!r} can read none of the resources that a sync copies. Give its API account "
                "the read-only scopes of what is wanted; airflow-bigcommerce check lists them.",
                status=403,
                method="GET",
                path="",
            )
        refused = [scope for each in given if each.is_given is False for scope in each.scopes[:1]]
        by_parent = [row.name for row in found if asks_each_parent(row)]
        self.log.info("The token can read %d resources: %s", len(found), ", ".join(row.name for row in found))
        for each in given:
            if each.note:
                self.log.info("%d resources are left out (%s): %s", len(each.resources), each.scopes[0], each.note)
        if refused:
            self.log.info("It lacks these scopes, or wider ones, for others: %s", ", ".join(refused))
        if by_parent:
            told = "%d of them cost a request for each parent, and come last (with_each_parent=False leaves them out)."
            self.log.info(told, len(by_parent))
        return [self._arguments(row) for row in found]

    def _is_wanted(self, row: Resource) -> bool:
        if row.name in self.exclude or not has_all_it_needs(row) or is_second_copy(row) or row.is_clock:
            return False
        return (self.with_each_parent or not asks_each_parent(row)) and (bool(row.primary_key) or not self.needs_key)

    def _arguments(self, row: Resource) -> dict[str, Any]:
        bounds = {"initial_since": self.initial_since} if self.initial_since and row.modified is not None else {}
        return {"resource": row.name, **bounds}


def task_ids() -> Check:
    """A dict, resource -> task id, or the id of one mapped task."""
    of_each = mapping("{'orders': 'orders'}")
    return Check(lambda name, value: value if isinstance(value, str) and value else of_each(name, value))


class BigCommerceSyncSummaryOperator(BaseOperator):
    """Tell what a sync brought and what failed; fails if anything did, so that the DAG run shows it.

    The log has a table, XCom the same as JSON, of a summary that fails too.

    :param bigcommerce_conn_id: connection id of the store. (templated)
    :param copies: resource -> id of the task that copies it; or, with ``readable``, the id of the mapped task for all.
    :param readable: id of the task that returned what the mapped task is mapped over.
    """

    argument_checks: ClassVar[Checks] = {
        "bigcommerce_conn_id": text("bigcommerce_default"),
        "copies": task_ids(),
        "readable": optional(text("readable")),
    }
    custom_operator_name = "BigCommerce sync summary"
    template_fields: Sequence[str] = ("bigcommerce_conn_id",)
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(self, *, bigcommerce_conn_id: str, copies: Mapping[str, str] | str, readable: str | None = None, **kwargs: Any) -> None:
        super().__init__(**named_by_connection(kwargs, bigcommerce_conn_id))
        self.bigcommerce_conn_id = bigcommerce_conn_id
        self.copies = copies
        self.readable = readable
        check_arguments(self, self.argument_checks)

    @tells_why_it_fails
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """The summary.

        :raises AirflowFailException: a resource did not arrive.
        """
        check_rendered(self, self.argument_checks)
        ti = context["ti"]
        lines = self._lines(ti)
        copied = [line for line in lines if "rows" in line]
        failed = [line["resource"] for line in lines if line["state"] in _FAILED]
        summary = {
            "bigcommerce_conn_id": self.bigcommerce_conn_id,
            "resources": lines,
            "failed": failed,
            **{name: sum(line[name] for line in copied) for name in ("rows", "requests", "throttled")},
            "seconds": _seconds(copied),
        }
        for line in failures(self.bigcommerce_conn_id, lines):
            self.log.error("%s", line)
        self.log.info("Connection %r:", self.bigcommerce_conn_id)
        for line in table(lines):
            self.log.info("%s", line)
        self.log.info(
            "%d of %d resources arrived: %s rows in %d requests and %.0f s",
            len(copied), len(lines), f"{summary['rows']:,}", summary["requests"], summary["seconds"],
        )  # fmt: skip
        if failed:
            ti.xcom_push(key="return_value", value=summary)  # a task that fails returns nothing
            raise AirflowFailException(
                f"{len(failed)} of {len(lines)} resources did not arrive: {', '.join(failed)}. The lines above say why; clear their tasks "
                "to read them again."
            )
        return summary

    def _lines(self, ti: Any) -> list[dict[str, Any]]:
        """One for each resource: its state, and what its task left."""
        if isinstance(self.copies, str):
            mapped_over = ti.xcom_pull(task_ids=self.readable, map_indexes=-1) or []
            tasks = {arguments["resource"]: (self.copies, number) for number, arguments in enumerate(mapped_over)}
            tasks = tasks or {"all": (self.copies, -1)}
        else:
            tasks = {resource: (task_id, ti.map_index) for resource, task_id in self.copies.items()}
        asked = sorted({task_id for task_id, _ in tasks.values()})
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=asked, run_ids=[ti.run_id]).get(ti.run_id, {})
        lines = []
        for resource, (task_id, number) in tasks.items():
            state = states.get(f"{task_id}_{number}" if number >= 0 else task_id)
            pull = partial(ti.xcom_pull, task_ids=task_id, map_indexes=number)
            lines.append(_line(resource, str(getattr(state, "value", state)), pull))
        return lines


def _line(resource: str, state: str, pull: Callable[..., Any]) -> dict[str, Any]:
    """What the summary says about a resource.

    :param pull: gets what its task left under an XCom ``key``.
    """
    line: dict[str, Any] = {"resource": resource, "state": state}
    if state == "success" and (manifest := pull(key="return_value")) is not None:  # a person can mark a task as successful
        kept = ("mode", "rows", "requests", "throttled", "seconds", "window", "watermark", "complete", "started_at", "finished_at")
        line |= {name: manifest[name] for name in kept}
        line |= {"waited": manifest.get("waited", 0.0), "follows": manifest.get("follows")}  # a run of an earlier version has none
    elif state == "upstream_failed":
        line["error"] = "a task before it failed"
    elif state == "failed":
        error = pull(key=ERROR_KEY)
        line["error"] = error["error"] if error is not None else "it was killed, or marked as failed: see its log"
    return line


def _seconds(copied: Sequence[Mapping[str, Any]]) -> float:
    """From the first beginning to the last end."""
    if not copied:
        return 0.0
    begin = min(datetime.fromisoformat(line["started_at"]) for line in copied)
    return round((max(datetime.fromisoformat(line["finished_at"]) for line in copied) - begin).total_seconds(), 3)


def failures(conn_id: str, lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why each resource that failed did not arrive: the reason first, for a list of errors shows the beginning of a line."""
    failed = (line for line in lines if line["state"] in _FAILED)
    return [f"{line.get('error', 'no reason is known')} [{line['resource']} of the connection {conn_id!r}]" for line in failed]


def table(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines as text, one per resource under a heading; of those that failed the state alone."""
    cells = [("resource", "state", "rows", "requests", "429s", "seconds", "waited", "")]
    for line in lines:
        if "rows" in line:
            numbers = (f"{line['rows']:,}", f"{line['requests']:,}", str(line["throttled"]), f"{line['seconds']:.1f}")
            cells.append((line["resource"], line["state"], *numbers, f"{line.get('waited', 0.0):.1f}", _what(line)))
        else:
            cells.append((line["resource"], line["state"], "", "", "", "", "", "see the error above" if "error" in line else ""))
    widths = [max(len(row[column]) for row in cells) for column in range(7)]
    return [
        "  ".join([*(row[n].ljust(widths[n]) for n in (0, 1)), *(row[n].rjust(widths[n]) for n in range(2, 7)), row[7]]).rstrip()
        for row in cells
    ]


def _what(line: Mapping[str, Any]) -> str:
    """Which rows a run brought."""
    since, until = line["window"]["since"], line["window"]["until"]
    is_compared = line["mode"] == "incremental" and not until
    if since:
        what = f"changed since {since}"
    else:
        whole = "the rows that events named" if line["mode"] == "ids" else "everything"
        what = "new or changed since the last run" if is_compared and line.get("follows") else whole
    return what + ("" if line["complete"] else "; a count disagrees")
