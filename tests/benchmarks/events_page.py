"""The page's section on events, and its goals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from tests.benchmarks.event_day import HOURS, PATTERNS, TO_END, TO_READ

_PARTS = {
    "arrival": "how long a change takes to its row",
    "burst": "a burst of 10,000 changes",
    "day": "the requests of a day",
    "receiver": "what the receiver takes",
}

#: What is judged: name -> words, limit, whether less is better, unit.
Judged = tuple[str, float, bool, float, str, str]


def judged(found: Mapping[str, Any]) -> Iterator[Judged]:
    """Each goal: words, limit, whether less is better, what was measured, its unit, and what a miss is due to."""
    if one := found.get("arrival"):
        busy = _busy(one)
        yield "Events, a change until its row is in the table: median", 3.0, True, one["median"], "s", busy
        yield "Events, a change until its row is in the table: 95%", 6.0, True, one["p95"], "s", busy
    if burst := found.get("burst"):
        what = f"Events, {burst['changes']:,} changed products in {burst['changed_in']:.0f} s"
        yield f"{what}: requests", 50, True, burst["requests"], "", ""
        yield f"{what}: runs", 20, True, burst["runs"], "", ""
        yield f"{what}: of them not read exactly once", 0, True, burst["changes"] - burst["read_once"], "", ""
        yield f"{what}: from the last one until all are applied", 15, True, burst["applied_after"], "s", _busy(burst)
    if day := found.get("day"):
        for pattern, what in PATTERNS.items():
            share = 100 * live_day(day, pattern, 0) / day["hourly"]
            name = f"Events, a day's {day['changes']:,} changes, {what}: requests, of those of a scheduled run every hour"
            yield name, 10, True, share, "%", _day_miss(day, pattern)
    if receiver := found.get("receiver"):
        taken = receiver["taken"]
        yield "Events, webhooks that one worker takes", 100, False, taken["a_second"], "/s", _busy(receiver)
        own = f"{receiver['refused']['cpu_ms']:.2f} ms of it is the API server's way to the receiver and back"
        yield "Events, CPU of the API server for a webhook", 2.5, True, taken["cpu_ms"], "ms", own
        bad = taken["webhooks"] - taken["statuses"].get("200", 0)
        yield "Events, webhooks that were not answered 200", 0, True, bad, "", ""


def live_day(day: Mapping[str, Any], pattern: str, settle: int) -> int:
    """Requests of a live copy in a day: of the runs by events, and of the night's."""
    return int(day["days"][f"{pattern} {settle}"]["requests"] + day["nightly"])


def _day_miss(day: Mapping[str, Any], pattern: str) -> str:
    events, night = (100 * number / day["hourly"] for number in (day["days"][f"{pattern} 0"]["requests"], day["nightly"]))
    gathered = 100 * live_day(day, pattern, 60) / day["hourly"]
    return f"{events:.1f} % for the changes, {night:.1f} % for the night's run; with settle=timedelta(seconds=60) {gathered:.1f} % in all"


def _busy(found: Mapping[str, Any]) -> str:
    before, after = found["load"]
    return f"the machine's load was {before:g} before and {after:g} after, by other work"


def section(found: Mapping[str, Any], goals: Sequence[str] = ()) -> list[str]:
    """Events: conditions, goals, and a part each.

    :param goals: lines of their table.
    """
    lines = ["## Events", "", *_conditions(found), "", *goals]
    if missing := [what for part, what in _PARTS.items() if part not in found]:
        lines += ["", f"**Not measured:** {'; '.join(missing)}."]
    if one := found.get("arrival"):
        about = (
            "A product is edited in the store; a webhook reports it, and a run of a DAG with `live=True` reads it into a table. "
            f"{one['tries']} edits, one after the other, each when the run of the one before had ended."
        )
        columns = "| median s | 95% s | best s | worst s | the first, which starts a worker, s | load before, after |"
        row = f"| {one['median']:.2f} | {one['p95']:.2f} | {one['best']:.2f} | {one['worst']:.2f} | {one['first']:.2f} | {_load(one)} |"
        lines += _part("A change until its row is in the table", about, columns, [row])
    if burst := found.get("burst"):
        about = (
            f"{burst['changes']:,} products are edited, evenly within {burst['changed_in']:.0f} s; each edit is a webhook. The store "
            "allows 150 requests in 30 s."
        )
        columns = (
            "| webhooks | refused | runs | requests | 429 | rows read once | more than once | last row after the last edit, s | "
            "load before, after |"
        )
        row = (
            f"| {burst['webhooks']:,} | {burst['refused']:,} | {burst['runs']} | {burst['requests']} | {burst['throttled']} | "
            f"{burst['read_once']:,} | {burst['read_more']:,} | {burst['applied_after']:.1f} | {_load(burst)} |"
        )
        lines += _part("A burst", about, columns, [row])
    if day := found.get("day"):
        lines += _day(day)
    if receiver := found.get("receiver"):
        lines += _receiver(receiver)
    return lines


def _part(title: str, about: str, columns: str, rows: list[str], *, text_columns: int = 0) -> list[str]:
    """A part with one table, whose first columns are text."""
    count = columns.count("|") - 1
    line = "|" + "---|" * text_columns + "---:|" * (count - text_columns)
    return ["", f"### {title}", "", *_folded(about), "", columns, line, *rows]


def _folded(text: str) -> list[str]:
    return wrap(text, 130, break_long_words=False, break_on_hyphens=False)


def _conditions(found: Mapping[str, Any]) -> list[str]:
    text = (
        "A whole Airflow (`airflow standalone`: scheduler, DAG processor, triggerer, API server with one worker; LocalExecutor), its "
        "metadata and the copy in one PostgreSQL with its default settings but `fsync`; the store is the sandbox, which signs and delivers "
        "its webhooks itself. All of it on one machine."
    )
    if about := found.get("measured"):
        text += f" {about['date']}, commit {about['commit']}, {about['machine']}."
    if any("load" in one for one in found.values()):
        text += (
            " Seconds depend on what else runs there: load is the mean number of processes that ran or wanted to in the minute before and "
            "in the last minute of the measure. Numbers of requests and rows do not depend on it; CPU seconds grow with it, as the cores "
            "are shared: compare them with the refused."
        )
    return _folded(text)


def _day(day: Mapping[str, Any]) -> list[str]:
    rows = " and ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in day["rows"].items())
    about = (
        f"A store with {rows}; {day['changes']:,} changes in a day, every second one of a product, the others of a variant. "
        f"Scheduled every hour: {day['hourly']:,} requests. Of these, the products' {HOURS} runs are {day['hourly_products']:,}; each run "
        f"of the variants, whose list has no change date, is {day['whole']:,}. Live: the runs by events, and one scheduled run a night, "
        f"{day['nightly']:,} requests. A run reads {TO_READ:g} s after its first event and lasts {TO_END:g} s more: a quick one, which "
        "gathers few changes. The night's run also looks for deleted rows, which the hourly ones do not. Counted on paper, by the "
        f"product's own functions; for {day['sample']['changes']} of the changes, the operator sent as many, "
        f"{day['sample']['requests']}. Scheduled runs are counted in a store with {day['small']:,} products and the same changes, and "
        "are a request more here for each page that its lists have more."
    )
    columns = "| changes | `settle` | runs by events | their requests | with the night's | of those every hour |"
    lines = []
    for pattern, what in PATTERNS.items():
        for settle in (0, 60):
            one, whole = day["days"][f"{pattern} {settle}"], live_day(day, pattern, settle)
            share = f"{100 * whole / day['hourly']:.1f} %"
            lines.append(f"| {what} | {settle} s | {one['runs']:,} | {one['requests']:,} | {whole:,} | {share} |")
    return _part("A day, counted", about, columns, lines, text_columns=1)


def _receiver(receiver: Mapping[str, Any]) -> list[str]:
    about = (
        f"An API server with one worker, sent signed webhooks by {receiver['at_once']} senders at once, a new connection each, as fast as "
        "it answers. Taken: stored by a group commit, answered 200. Refused: for a connection that is not listed, answered 401, which is "
        f"what Airflow's own layers cost. CPU is of the API server's processes. Load before and after: {_load(receiver)}."
    )
    lines = []
    for name in ("taken", "refused"):
        one = receiver[name]
        answers = ", ".join(f"{number:,} x {status}" for status, number in one["statuses"].items())
        numbers = f"{one['a_second']:.0f} | {one['cpu_ms']:.2f} | {one['median_ms']:.0f} | {one['p99_ms']:.0f}"
        lines.append(f"| {name} | {answers} | {numbers} |")
    return _part("What the receiver takes", about, "| | answers | a second | CPU ms each | median ms | 99% ms |", lines, text_columns=2)


def _load(found: Mapping[str, Any]) -> str:
    before, after = found["load"]
    return f"{before:g}, {after:g}"
