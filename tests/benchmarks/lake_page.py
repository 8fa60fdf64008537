"""The page's section on tables of a lake, and its goals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.benchmarks.lake import TOOLS

#: Step -> most CPU seconds, and most MB over the imports, for the sizes of a full measure.
BOUNDS: Mapping[str, tuple[float, float | None]] = {"random": (25, 400), "newest": (1.5, None), "many": (110, 900)}
#: Step -> CPU seconds of ``deltalake``'s merge on the machine for which the bounds in seconds were set. Both together are a bound that does
#: not depend on the machine.
MERGE_THERE: Mapping[str, float] = {"random": 25, "many": 145}
#: Most times the CPU of the log after many commits.
LOG_BOUND = 2.0


def titled(step: Mapping[str, Any]) -> str:
    """What a step does, in words."""
    which = "the newest ones" if step["which"] == "newest" else "all over the table"
    return f"{step['changed']:,} rows, {which}, into {step['rows']:,} products"


def section(found: Mapping[str, Any]) -> list[str]:
    """Tables: a step each, and the log."""
    lines = [
        "## Upserts into a table of a lake",
        "",
        "Products of 237 columns in parts of 64 MB; a tenth of the rows that come are new. From rows in memory (ours as the raw records",
        "that a store answers, the others' as Arrow) to the commit, each in a process of its own on the same parts. At 1,000,000 rows",
        "ours and the merge take turns, and the run in the middle of three is shown; all else is run once. CPU is of all threads; MB is",
        "the peak over libraries and changes. Rewritten: files that the tool wrote and their size, of those that the table had. Ours",
        "compresses with zstd, the merge and dlt with Snappy, their default.",
        "",
        "The goals in seconds were set on another machine, on which the merge took 25 and 145 s. The goals against the merge are the same",
        "goals on any machine.",
    ]
    for step in (found[name] for name in BOUNDS):
        lines += ["", f"### {titled(step)}", "", "| | CPU s | x ours | seconds | MB | rewritten |", "|---|---:|---:|---:|---:|---:|"]
        ours = step["tools"]["ours"]["cpu"]
        for name, one in step["tools"].items():
            if "why" in one:
                lines.append(f"| {TOOLS[name]} | {one['why']} | | | | |")
                continue
            written = f"{one['parts']} of {one['of']}, {one['written_mb']:,} MB" if "parts" in one else ""
            numbers = f"{one['cpu']:.2f} | {one['cpu'] / ours:.1f} | {one['seconds']:.1f} | {one['mb']:,.0f}"
            lines.append(f"| {TOOLS[name]} | {numbers} | {written} |")
    log = found["log"]
    lines += [
        "",
        f"One more run of one row, CPU of the log alone: {1000 * log['none']:.0f} ms in a new table, {1000 * log['many']:.0f} ms after",
        f"{log['commits']:,} commits; means of ten runs, from one checkpoint to the next.",
    ]
    return lines
