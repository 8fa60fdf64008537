"""Writes ``docs/benchmarks.md`` from measured numbers: tables, and each goal judged by arithmetic, never by hand."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks import events_page
from tests.benchmarks.lake_page import BOUNDS, LOG_BOUND, MERGE_THERE, section, titled
from tests.benchmarks.measures import LOOP, OURS, PEERS, QUOTAS, SOCKETS, TASKS, UNDIGESTED, WHOLE_TASKS
from tests.benchmarks.processes import DLT_CONSTRAINTS
from tests.benchmarks.writes_page import write_goals, write_section

_PACKAGES = (
    "apache-airflow",
    "apache-airflow-providers-http",
    "aiohttp",
    "msgspec",
    "pyarrow",
    "deltalake",
    "pyiceberg",
    "requests",
    "bigcommerce",
    "uvloop",
)
_JSON_LINES, _PARQUET = OURS
#: How many times as fast as a peer JSON lines must be at 50 ms.
_PEER_GOALS = dict(zip(PEERS, (3.5, 9.0, 10.0, 25.0), strict=True))


_PREFACE = (
    "This page shows how fast the operator copies a store. It is compared with a careful hand-written loop (asyncio, aiohttp, 16",
    "connections, `msgspec.Raw`; no quota, no retry, no check for repeats) and with the tools that people use today.",
    "",
    "Each driver runs in its own process. The drivers take turns on one page server on the loopback, without TLS or gzip. The time begins",
    "after the imports and ends when all rows are on the disk. The page server sends a store's quota headers. Where the quota is not what",
    "is measured, it is one that the read does not use up. Both times of a ratio are from the same run, so ratios depend little on the",
    "machine; seconds depend on it.",
    "",
    "The operator is measured alone (`execute(context={})`) and as a task with checkpoints in Airflow's state (the seconds inside",
    "`dag.test()`). The operator computes the SHA-256 of its files while it writes them, and the loop does not. The speed of SHA-256 on",
    "this machine is below; a processor without instructions for SHA is several times slower than one with them. So JSON lines are also",
    "measured with the digest left out, which is no setting of the operator.",
)


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure to reach.

    :param what: the figure in words.
    :param bound: the limit.
    :param is_at_most: whether less is better.
    :param found: what was measured.
    :param unit: behind the numbers.
    :param is_decisive: whether it is one of the project's main goals.
    :param why: what the measures tell of a miss.
    """

    what: str
    bound: float
    is_at_most: bool
    found: float
    unit: str = "x"
    is_decisive: bool = True
    why: str = ""

    @property
    def is_met(self) -> bool:
        """Judged on the unrounded number."""
        return self.found <= self.bound if self.is_at_most else self.found >= self.bound

    def row(self) -> str:
        """A line of the table."""
        sign = "≤" if self.is_at_most else "≥"
        verdict = "met" if self.is_met else f"**missed**{self.why and ': '}{self.why}"
        shown = f"{self.found:.3g}" if self.found < 1000 else f"{self.found:,.0f}"
        goal = f"{sign} {self.bound:,g} {self.unit}".strip()
        return f"| {self.what} | {f'**{goal}**' if self.is_decisive else goal} | {shown} {self.unit} | {verdict} |"


def goals(found: Mapping[str, Any]) -> Iterator[Goal]:
    """Every goal whose measure is there."""
    yield from _speed_goals(found)
    yield from _start_goals(found)
    yield from _quota_goals(found)
    if sql := found.get("sql"):
        ours = sql["orders without line items"]["ours, nested=json"]
        yield Goal("Orders into PostgreSQL", 20_000, False, ours["rows_a_second"], "rows/s", is_decisive=False)
    yield from _lake_goals(found)
    yield from _events_goals(found.get("events", {}))
    if writes := found.get("writes"):
        for what, bound, value, unit, why in write_goals(writes):
            yield Goal(what, bound, True, value, unit, is_decisive=False, why=why)
    if faults := found.get("faults"):
        yield Goal("2% faults: time against none", 1.3, True, faults["with"]["seconds"] / faults["without"]["seconds"])


def _events_goals(found: Mapping[str, Any]) -> Iterator[Goal]:
    for what, bound, is_at_most, number, unit, why in events_page.judged(found):
        yield Goal(what, bound, is_at_most, number, unit, is_decisive=False, why=why)


def _lake_goals(found: Mapping[str, Any]) -> Iterator[Goal]:
    if lake := found.get("lake"):
        for name, (seconds, megabytes) in BOUNDS.items():
            step, ours = lake[name], lake[name]["tools"]["ours"]
            yield Goal(f"Lake, {titled(step)}: CPU", seconds, True, ours["cpu"], "s", is_decisive=False)
            merge = step["tools"].get("merge", {}).get("cpu")
            if name in MERGE_THERE and merge:
                bound = round(seconds / MERGE_THERE[name], 2)
                yield Goal(f"Lake, {titled(step)}: CPU against the merge", bound, True, ours["cpu"] / merge, is_decisive=False)
            if megabytes is not None:
                yield Goal(f"Lake, {titled(step)}: memory over the imports", megabytes, True, ours["mb"], "MB", is_decisive=False)
        log = lake["log"]
        what = f"Lake, one more run after {log['commits']:,} commits: CPU of the log against none"
        yield Goal(what, LOG_BOUND, True, log["many"] / log["none"], is_decisive=False)


def _speed_goals(found: Mapping[str, Any]) -> Iterator[Goal]:
    if speed := found.get("speed"):
        for latency, name, bound in (("50", _JSON_LINES, 1.2), ("150", _JSON_LINES, 1.2), ("50", _PARQUET, 2.2), ("150", _PARQUET, 1.5)):
            for shown in (name, TASKS[OURS.index(name)]):
                table = speed[latency]
                why = _why_slow(table, name, shown)
                yield Goal(f"10,000 products at {latency} ms, {shown}: time against the loop", bound, True, _ratio(table, shown), why=why)
        for peer, bound in _PEER_GOALS.items():
            at_50 = speed["50"]
            times = at_50[peer]["seconds"] / at_50[_JSON_LINES]["seconds"]
            why = f"the hand-written loop is {at_50[peer]['seconds'] / at_50[LOOP]['seconds']:.3g} x as fast as it, on this machine"
            yield Goal(f"10,000 products at 50 ms: as fast as {peer}", bound, False, times, why=why)
    if cpu := found.get("cpu"):
        for name, bound in ((_JSON_LINES, 1.2), (_PARQUET, 4.0)):
            times = _ratio(cpu, name, "cpu_seconds")
            why = _largest_parts(found.get("profile", {}).get(name, {}), times)
            what = f"CPU for {cpu['rows']:,} products, {name}: against the loop"
            yield Goal(what, bound, True, times, is_decisive=False, why=why)
        fastest = min(cpu[name]["seconds"] for name in (LOOP, *OURS))
        yield Goal("Page server: as fast as the fastest client", 3.0, False, fastest / cpu[SOCKETS]["seconds"], is_decisive=False)
    for rows, by_name in found.get("memory", {}).items():
        for name, bound in ((_JSON_LINES, 40.0), (_PARQUET, 150.0)):
            what, growth = f"Memory over the imports, {int(rows):,} products, {name}", by_name[name]["growth_mb"]
            yield Goal(what, bound, True, growth, "MB", is_decisive=name == _JSON_LINES)
    if orders := found.get("orders"):
        for name in OURS:
            yield Goal(f"300 orders with line items at 50 ms, {name}", 0.3, True, orders["include"][name]["seconds"], "s")
        for name in OURS:
            what = f"300 orders, line items one by one, {name}: against the loop"
            yield Goal(what, 1.3, True, _ratio(orders["children"], name), is_decisive=False)


def _start_goals(found: Mapping[str, Any]) -> Iterator[Goal]:
    """What a real store and a real worker add: quota headers, and imports."""
    for quota in QUOTAS if "headers" in found else ():
        table = found["headers"][quota]
        for name, bound in ((_JSON_LINES, 1.2), (_PARQUET, 2.2)):
            why = _why_slow(table, name, name)
            yield Goal(f"10,000 products at 50 ms, quota {quota}, {name}: time against the loop", bound, True, _ratio(table, name), why=why)
    for name in OURS if "task" in found else ():
        what = f"A task's first run, {name}: imports inside execute that the read waits for, CPU"
        yield Goal(what, 0.1, True, found["task"][name]["import_seconds"], "s")


def _why_slow(table: Mapping[str, Any], name: str, shown: str) -> str:
    cpu = f"{table[shown]['cpu_seconds']:.2f} s of CPU, with the page server's on the same machine"
    without = f"; {_ratio(table, UNDIGESTED):.2f} x without SHA-256" if name == _JSON_LINES and UNDIGESTED in table else ""
    return cpu + without


def _quota_goals(found: Mapping[str, Any]) -> Iterator[Goal]:
    for window, one in found.get("quota", {}).items():
        yield Goal(f"Quota {window} s, one process: time against the theoretical minimum", 1.02, True, one["ratio"])
        yield Goal(f"Quota {window} s, one process: answers 429", 0, True, one["throttled"], "")
    if several := found.get("several"):
        name = f"Quota, {several['processes']} processes"
        yield Goal(f"{name}: use of the complete windows", 95, False, 100 * several["use"], "%")
        yield Goal(f"{name}: requests answered 429", 1, True, 100 * several["throttled"] / several["requests"], "%")


def _ratio(table: Mapping[str, Any], name: str, number: str = "seconds") -> float:
    return float(table[name][number] / table[LOOP][number])


def _largest_parts(shares: Mapping[str, float], times: float) -> str:
    """The three largest parts of a profile, in the loop's CPU."""
    largest = sorted(shares.items(), key=lambda part: -part[1])[:3]
    return "of it " + ", ".join(f"{share * times:.2f} x {part}" for part, share in largest) if largest else ""


def rendered(kept: Mapping[str, Mapping[str, Any]], missing: Sequence[str] = ()) -> str:
    """The page.

    :param kept: measure -> when, commit, quick, found.
    :param missing: measures that were not made.
    """
    found = {name: one["found"] for name, one in kept.items()}
    judged = list(goals({name: one for name, one in found.items() if name != "events"}))  # whose section has its own
    decisive = [goal for goal in judged if goal.is_decisive]
    lines = [
        "# Benchmarks",
        "",
        "<!-- Written by `python -m tests.benchmarks --write`. Change that, not this. -->",
        "",
        *_PREFACE,
        "",
        *_machine(kept),
        "",
        *([f"**Not measured for this page:** {', '.join(missing)}.", ""] if missing else []),
        f"## Goals: {_met(judged)} of {len(judged)} met",
        "",
        f"The goals in bold are the decisive ones: {_met(decisive)} of {len(decisive)} met.",
        "",
        "| what | goal | measured | |",
        "|---|---:|---:|---|",
        *(goal.row() for goal in judged),
    ]
    for name, render in _SECTIONS.items():
        if name in found:
            lines += ["", *render(found[name])]
    return "\n".join(lines) + "\n"


def with_events(page: str, found: Mapping[str, Any]) -> str:
    """The page with its section on events written anew, all else as it stands: it takes a whole Airflow, and is measured by itself.

    :param found: what was measured of events.
    """
    before, _, rest = page.partition("\n## Events\n")
    after = rest.partition("\n## ")
    return "\n".join([before.rstrip("\n"), "", *_events(found)]) + "\n" + (f"\n## {after[2]}" if after[1] else "")


def _events(found: Mapping[str, Any]) -> list[str]:
    judged = list(_events_goals(found))
    head = [f"Goals: {_met(judged)} of {len(judged)} met.", "", "| what | goal | measured | |", "|---|---:|---:|---|"]
    return events_page.section(found, [*head, *(goal.row() for goal in judged)])


def _met(judged: Sequence[Goal]) -> int:
    return sum(goal.is_met for goal in judged)


def _machine(kept: Mapping[str, Mapping[str, Any]]) -> list[str]:
    versions = []
    for name in _PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    pinned = dict(line.split("==") for line in DLT_CONSTRAINTS.read_text().splitlines() if "==" in line)
    dates = sorted({one["date"] for one in kept.values()})
    commits = sorted({one["commit"] for one in kept.values()})
    quick = [name for name, one in kept.items() if one["quick"]]
    provisional = []
    if len(commits) > 1 or any(commit.endswith("+") for commit in commits):  # "+": the tree differed from the commit
        at = [f"at {commit} {', '.join(name for name, one in kept.items() if one['commit'] == commit)}" for commit in commits]
        clean = "" if not any(commit.endswith("+") for commit in commits) else " A plus means changes that were not committed."
        provisional = [f"**Not one run of one commit**, but put together: {'; '.join(at)}.{clean}", ""]
    short = [f"Measured with `--quick`, so less exact: {', '.join(quick)}.", ""] if quick else []
    cores = os.cpu_count()
    when = f"{dates[0]} to {dates[-1]}" if len(dates) > 1 else dates[0]
    machine = f"{_processor()}, {cores} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    machine += f"; SHA-256 of {_sha256_mb_a_second():,.0f} MB/s"
    return [*provisional, *short, f"{when}, commit {', '.join(commits)}; {machine}; {', '.join(versions)}, dlt {pinned['dlt']}."]


def _sha256_mb_a_second() -> float:
    """What hashing the files as they are written costs here: a processor without SHA instructions takes five to eight times as long."""
    data, started = bytes(2**25), time.perf_counter()
    hashlib.sha256(data)
    return len(data) / (time.perf_counter() - started) / 1e6


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _speed(found: Mapping[str, Any]) -> list[str]:
    about = f"10,000 products of 3.3 KB, 250 per page, which are 40 requests of 150 / 30 s; medians of {found['50'][LOOP]['runs']}."
    lines = ["## Products", "", about, ""]
    lines.append("| | latency | seconds | x loop | CPU s | start-up s | peak MB | requests | lost / doubled |")
    lines.append("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for latency, table in found.items():
        for name, one in table.items():
            lines.append(
                f"| {name} | {latency} ms | {one['seconds']:.2f} | {_ratio(table, name):.2f} | {one['cpu_seconds']:.2f} | "
                f"{one['start_seconds']:.1f} | {one['rss_mb']:.0f} | {one['requests']:.0f} | {one['lost']} / {one['doubled']} |"
            )
    return lines


def _cpu(found: Mapping[str, Any]) -> list[str]:
    about = f"{found['rows']:,} products without latency; medians of {found[LOOP]['runs']}. The bare sockets read the pages and drop them."
    lines = ["## CPU", "", about, ""]
    lines += ["| | CPU s | x loop | seconds |", "|---|---:|---:|---:|"]
    for name in (name for name in (LOOP, *OURS, UNDIGESTED, SOCKETS) if name in found):
        one = found[name]
        lines.append(f"| {name} | {one['cpu_seconds']:.2f} | {_ratio(found, name, 'cpu_seconds'):.2f} | {one['seconds']:.2f} |")
    return lines


def _memory(found: Mapping[str, Any]) -> list[str]:
    lines = ["## Memory", "", "Peak resident memory above that of the imports, and in total; one run each.", ""]
    lines += ["| products | | over the imports MB | in all MB | seconds |", "|---:|---|---:|---:|---:|"]
    for rows, table in found.items():
        for name, one in table.items():
            lines.append(f"| {int(rows):,} | {name} | {one['growth_mb']:.0f} | {one['rss_mb']:.0f} | {one['seconds']:.1f} |")
    return lines


def _headers(found: Mapping[str, Any]) -> list[str]:
    lines = [
        "## With a store's quota headers",
        "",
        f"10,000 products at 50 ms, 40 requests; medians of {found['no headers'][LOOP]['runs']}. The loop sends 16 requests at the",
        "same time, whatever the headers say. Ours learns from the first answers how many it may send at the same time. None of these",
        "quotas is used up.",
        "",
        "| quota | | seconds | x loop | CPU s | 429 | lost / doubled |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for quota, table in found.items():
        for name, one in table.items():
            numbers = f"{one['seconds']:.2f} | {_ratio(table, name):.2f} | {one['cpu_seconds']:.2f} | {one['throttled']}"
            lines.append(f"| {quota} | {name} | {numbers} | {one['lost']} / {one['doubled']} |")
    return lines


def _task(found: Mapping[str, Any]) -> list[str]:
    empty = found[next(iter(WHOLE_TASKS))]
    lines = [
        "## A whole task process",
        "",
        "From the first import to the end of `dag.test()` in a fresh process, the DAG file's imports included: an operator that does",
        f"nothing, and ours with 10,000 products at 50 ms; medians of {empty['runs']}.",
        "The loop that they are compared with is warm: its imports are not counted.",
        "Of the imports inside `execute`, those that make columns of rows are done while the first page is on its way.",
        "",
        "| | seconds | more than empty | CPU s | more than empty | seconds in `execute` | x warm loop | imports, CPU s | on the way |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name in WHOLE_TASKS:
        one = found[name]
        cpu, inside = one["cpu_seconds"], one["execute_seconds"]
        lines.append(
            f"| {name} | {one['seconds']:.2f} | {one['seconds'] - empty['seconds']:.2f} | {cpu:.2f} | {cpu - empty['cpu_seconds']:.2f} | "
            f"{inside:.2f} | {inside / found[LOOP]['seconds']:.2f} | {one['import_seconds']:.2f} | "
            f"{one['imports_beside_seconds']:.2f} |"
        )
    return lines


def _orders(found: Mapping[str, Any]) -> list[str]:
    about = "300 orders at 50 ms, 450 requests / 30 s: in the list (`include`), and one request per order where it is rejected."
    lines = ["## Orders with line items", "", about, ""]
    lines += ["| | way | seconds | x loop | requests |", "|---|---|---:|---:|---:|"]
    for way, table in found.items():
        lines += [
            f"| {name} | {way} | {one['seconds']:.2f} | {_ratio(table, name):.2f} | {one['requests']:.0f} |" for name, one in table.items()
        ]
    return lines


def _quota(found: Mapping[str, Any]) -> list[str]:
    about = "Five windows' worth of pages at 30 ms; first to last request against (windows - 1) x window."
    lines = ["## Quota, one process", "", about, ""]
    lines += ["| quota | floor s | seconds | ratio | requests | 429 | runs |", "|---|---:|---:|---:|---:|---:|---:|"]
    for name, one in found.items():
        counts = f"{one['requests']:.0f} | {one['throttled']} | {one['runs']}"
        lines.append(f"| {name} s | {one['floor']:.0f} | {one['seconds']:.2f} | {one['ratio']:.3f} | {counts} |")
    return lines


def _several(found: Mapping[str, Any]) -> list[str]:
    windows = ", ".join(map(str, found["windows"]))
    return [
        "## Quota, several processes",
        "",
        f"{found['processes']} processes, nothing between them but the answers' headers; {found['limit']} requests /",
        f"{found['window']:.0f} s, 50 ms. Requests served in each window, the last one incomplete: {windows}.",
        f"{found['throttled']} of {found['requests']} requests were answered 429.",
    ]


def _faults(found: Mapping[str, Any]) -> list[str]:
    return [
        "## Faults",
        "",
        "50,000 products at 50 ms, 450 requests / 30 s; 2% of answers a 500, a 502, a reset connection or a body cut in half; a seed a",
        "round.",
        "",
        f"{found['with']['seconds']:.2f} s with faults ({', '.join(map(str, found['faults']))} of them),",
        f"{found['without']['seconds']:.2f} s without; {found['with']['lost']} rows lost, {found['with']['doubled']} doubled.",
    ]


def _sql(found: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Orders into PostgreSQL",
        "",
        "Rows from memory into an empty table, until the commit; medians. The server is on the same machine, with its default settings",
        "but `fsync`. dlt merges by key, and `insert_rows` replaces by it, as ours does.",
    ]
    for title, table in found.items():
        rows = int(table["ours, nested=json"]["rows"])
        lines += ["", f"### {rows:,} {title}", "", "| | rows/s | as fast as ours | CPU s | server's CPU s | peak MB |"]
        lines.append("|---|---:|---:|---:|---:|---:|")
        fastest = table["ours, nested=json"]["rows_a_second"]
        for name, one in table.items():
            speed = f"{one['rows_a_second']:,.0f} | {one['rows_a_second'] / fastest:.2f}"
            lines.append(f"| {name} | {speed} | {one['cpu']:.2f} | {one['server']:.2f} | {one['mb']:.0f} |")
    return lines


def _profile(found: Mapping[str, Any]) -> list[str]:
    about = "Samples of py-spy while the operator was busy, imports and waiting left out; threads count each for itself."
    lines = ["## Where the time goes", "", about, ""]
    lines += [f"| part | {' | '.join(found)} |", f"|---|{'---:|' * len(found)}"]
    names = dict.fromkeys(part for shares in found.values() for part in shares)
    lines += [f"| {part} | {' | '.join(f'{100 * shares.get(part, 0):.0f}%' for shares in found.values())} |" for part in names]
    return lines


_SECTIONS = {
    "speed": _speed,
    "headers": _headers,
    "task": _task,
    "cpu": _cpu,
    "memory": _memory,
    "orders": _orders,
    "quota": _quota,
    "several": _several,
    "faults": _faults,
    "sql": _sql,
    "lake": section,
    "events": _events,
    "writes": write_section,
    "profile": _profile,
}
