"""The page's section on writing, and its goals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Most times what quota, batch size and round trips allow.
TIMES = 1.05
#: Most CPU seconds of a plan of 100,000 rows.
PLAN_CPU = 60.0
#: Most times the memory over the imports, for ten times the rows.
MEMORY = 1.5


def write_goals(found: Mapping[str, Any]) -> Iterator[tuple[str, float, float, str, str]]:
    """(what, bound, found, unit, why a miss); at most, each of them."""
    products, records = found["products"], found["records"]
    yield f"Writing, {products['rows']:,} product updates under 450 / 30 s: time against the quota's", TIMES, _quota(products), "x", ""
    yield f"Writing, {products['rows']:,} product updates: answers 429", 0, products["throttled"], "", ""
    what = f"Writing, {records['rows']:,} price records applied: time against five round trips, two in flight"
    yield what, TIMES, records["apply"]["seconds"] / records["floor"], "x", ""
    plan = found["plan"]
    yield f"Writing, plan of {plan['rows']:,} rows: CPU", PLAN_CPU * plan["rows"] / 100_000, plan["plan"]["cpu"], "s", ""
    *_, few, many = found["many"].values()
    for step, said in (("plan", "planned"), ("apply", "planned and applied")):
        what = f"Writing, {many['rows']:,} price records {said}: memory over the imports, against {few['rows']:,}"
        before, after = few[step]["growth_mb"], many[step]["growth_mb"]
        yield what, MEMORY, after / before, "x", f"{after:.0f} MB instead of {before:.0f}; the keys that have come take eight bytes a row"
    few, *more = found["stock"].values()
    for many in more:
        what = f"Writing, {many['rows']:,} rows of stock: memory over the imports, against {few['rows']:,}"
        yield what, MEMORY, many["growth_mb"] / few["growth_mb"], "x", ""


def _quota(step: Mapping[str, Any]) -> float:
    return float(step["seconds"] / step["floor"]) if step["floor"] else 1.0


def write_section(found: Mapping[str, Any]) -> list[str]:
    """Writing: products, price records, a plan, stock."""
    products, loop, records, plan = (found[name] for name in ("products", "loop", "records", "plan"))
    gets, puts = (sum(count for call, count in products["calls"].items() if call.startswith(verb)) for verb in ("GET", "PUT"))
    ours = f"{products['seconds']:,.0f} | {products['floor']:,.0f} | {_quota(products):.3f} | {gets + puts:,} | {products['throttled']}"
    cpu = f"{products['plan']['cpu'] + products['apply']['cpu']:.1f}"
    times = f"{(loop['seconds'] / loop['rows']) / (products['seconds'] / products['rows']):.0f} x ours a row"
    applied = f"{records['apply']['seconds']:.2f} s; five round trips of {records['writing']:g} s are {records['floor']:.0f} s"
    memory = f"{plan['growth_mb']:.0f} | {plan['mb']:.0f}" if "mb" in plan else " | "
    lines = [
        "## Writing",
        "",
        "Each step in a process of its own, with a store in the same process that answers a read after 0.1 s and a write after 0.25 s",
        "(price records, 1,000 in a request: 3 s) of *virtual* time: the clock jumps when all wait, so these seconds do not depend on the",
        "machine, and hold no CPU time. BigCommerce publishes no latency; these are assumed. CPU seconds are the process's, without its",
        "store's. The client is the whole one, but for aiohttp's session; journal and reports go to the disk.",
        "",
        f"### {products['rows']:,} product updates by SKU, 450 requests / 30 s",
        "",
        f"Look-ups, plan and the comparison before each sending are {gets:,} requests, the updates {puts:,} for 10 rows each, which is",
        "the documented batch. The quota's time is that of the full windows before the last of so many requests. The loop is",
        "hand-written, of the shape of BigCommerce's own SDK (a GET by SKU and a PUT a product, one after the other): the SDK itself",
        "sends by `requests`, and cannot be given virtual time.",
        "",
        "| | seconds | the quota's | ratio | requests | 429 | CPU s |",
        "|---|---:|---:|---:|---:|---:|---:|",
        f"| ours, planned and applied | {ours} | {cpu} |",
        f"| one by one, {loop['rows']:,} of them | {loop['seconds']:,.0f} | | {times} | {loop['requests']:,} | {loop['throttled']} | |",
        "",
        f"### {records['rows']:,} price records",
        "",
        f"Applied, two requests in flight: {applied}, so {records['apply']['seconds'] / records['floor']:.3f} x. The rest are",
        f"{records['apply']['requests'] - 10} reads, by which rows are compared with the store before they are sent. Planned before, in",
        f"{records['plan']['seconds']:.1f} s and {records['plan']['requests']} requests.",
        "",
        "### CPU and memory",
        "",
        "Memory is the peak over what the imports and the store take.",
        "",
        "| | rows | CPU s | MB | MB in all |",
        "|---|---:|---:|---:|---:|",
        f"| plan of products by SKU | {plan['rows']:,} | {plan['plan']['cpu']:.1f} | {memory} |",
    ]
    for one in found["many"].values():
        for step, said in (("plan", "planned"), ("apply", "then applied")):
            numbers = f"{one[step]['cpu']:.1f} | {one[step]['growth_mb']:.0f} | {one[step]['mb']:.0f}"
            lines += [f"| price records, {said} | {one['rows']:,} | {numbers} |"]
    for one in found["stock"].values():
        numbers = f"{one['write']['cpu']:.1f} | {one['growth_mb']:.0f} | {one['mb']:.0f}"
        lines += [f"| stock, written and read back | {one['rows']:,} | {numbers} |"]
    return lines
