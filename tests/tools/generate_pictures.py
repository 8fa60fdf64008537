"""Draws the pictures of the pages that are no screenshots: ``python -m tests.tools.generate_pictures``.

The way of data from the store to the watermark, the log of a sync's summary (by the code that writes it), and which example DAGs make
and wait for which assets (by the DAGs themselves).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

PROJECT = Path(__file__).resolve().parent.parent.parent
IMAGES = PROJECT / "docs" / "images"

INK, PALE, LINE, ASSET = "#1d2733", "#e8edfb", "#5b6b86", "#e6f4ea"


@dataclass(frozen=True)
class Box:
    """A box with lines of text; the first one is bold."""

    x: int
    y: int
    lines: tuple[str, ...]
    width: int = 200
    fill: str = PALE

    @property
    def height(self) -> int:
        return 22 + 19 * len(self.lines)

    def svg(self) -> str:
        texts = [
            f'<text x="{self.x + self.width / 2:g}" y="{self.y + 26 + 19 * number}" text-anchor="middle"'
            f"{' font-weight=' + chr(34) + '600' + chr(34) if not number else ''}>{escape(line)}</text>"
            for number, line in enumerate(self.lines)
        ]
        frame = f'<rect x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}" rx="8" fill="{self.fill}" stroke="{LINE}"/>'
        return "\n".join([frame, *texts])


def arrow(start: tuple[float, float], end: tuple[float, float], label: str = "") -> str:
    """A line with a head, and words beside its middle."""
    line = f'<line x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}" stroke="{LINE}" marker-end="url(#head)"/>'
    if not label:
        return line
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    anchor = "middle" if start[1] == end[1] else "start"
    words = f'<text x="{x + (0 if anchor == "middle" else 8):g}" y="{y - 6:g}" text-anchor="{anchor}" font-size="12" fill="{LINE}">'
    return f"{line}\n{words}{escape(label)}</text>"


def picture(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    """The whole file."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="14" fill="{INK}">'
    )
    marker = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{LINE}"/></marker></defs>'
    )
    ground = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", marker, ground, *parts, "</svg>", ""])


def data_flow() -> str:
    """From the store to the watermark, in the order in which a run does it."""
    store = Box(20, 30, ("BigCommerce store", "answers pages of a list"))
    client = Box(310, 30, ("Client", "quota, retries, order,", "end of the list"))
    columns = Box(600, 30, ("Rows", "columns by the schema;", "the rest into _extra"))
    place = Box(600, 190, ("Target", "part files, staging table", "or Delta parts"), fill=ASSET)
    commit = Box(310, 190, ("Commit", "manifest, transaction", "or Delta log"), fill=ASSET)
    mark = Box(20, 190, ("Watermark", "where the next run begins"), fill=ASSET)
    middle = store.y + 34
    below = place.y + 40
    parts = [box.svg() for box in (store, client, columns, place, commit, mark)]
    parts += [
        arrow((220, middle), (308, middle), "1 pages"),
        arrow((510, middle), (598, middle), "2 raw rows"),
        arrow((700, columns.y + columns.height), (700, place.y - 2), "3 written, not yet data"),
        arrow((600, below), (512, below), "4 all came"),
        arrow((310, below), (222, below), "5 last"),
        arrow((120, mark.y), (120, store.y + store.height + 2), "6 the next run asks for changes since"),
    ]
    note = '<text x="20" y="300" font-size="13">A try that fails or is killed before step 4 leaves nothing that is data.</text>'
    return picture(880, 320, "The way of data from the store to the watermark", [*parts, note])


def summary_log() -> str:
    """What the task ``summary`` writes into its log, of a made-up night."""
    from airflow_provider_bigcommerce.operators.sync import table

    begun = {"started_at": "2026-03-29T02:00:00+00:00", "finished_at": "2026-03-29T02:00:04+00:00"}

    def line(resource: str, rows: int, requests: int, seconds: float, since: str | None) -> dict[str, Any]:
        window = {"since": since, "until": "2026-03-29T02:00:00Z" if since else None}
        told = {"resource": resource, "state": "success", "mode": "incremental", "rows": rows, "requests": requests, "throttled": 0}
        more = {"seconds": seconds, "window": window, "watermark": None, "complete": True, "waited": 0.0, "follows": "yesterday"}
        return {**told, **more, **begun}

    since = "2026-03-28T01:55:00Z"
    lines = [line("orders", 214, 3, 1.9, since), line("customers", 57, 2, 0.8, since), line("products", 12, 2, 0.7, since),
             line("brands", 1, 2, 0.6, None)]  # fmt: skip
    texts = [*table(lines), "4 of 4 resources arrived: 284 rows in 9 requests and 4 s"]
    font = 'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13" fill="#e6edf3" xml:space="preserve"'
    width = 40 + 8 * max(map(len, texts))
    height = 40 + 20 * len(texts)
    ground = f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>'
    rows = [f'<text x="20" y="{36 + 20 * number}" {font}>{escape(text)}</text>' for number, text in enumerate(texts)]
    return picture(width, height, "The log of the task summary: one line for each resource", [ground, *rows])


def graph() -> list[tuple[str, list[str], list[str]]]:
    """Each example DAG that makes or awaits assets: its id, those that it makes, those that start it."""
    from airflow_provider_bigcommerce.assets import uri_of
    from tests.airflow_dag import example_dags

    found = []
    for name, dag in sorted(example_dags().items()):
        made = {uri_of("bigcommerce_default", task.resource) for task in dag.tasks if getattr(task, "mode", "") == "incremental"}
        condition = getattr(dag.timetable, "asset_condition", None)
        awaited = _uris(condition)
        if made or awaited:
            found.append((name, sorted(made), sorted(awaited)))
    return found


def _uris(condition: Any) -> set[str]:
    """The assets of a condition, however it is nested."""
    if hasattr(condition, "uri"):
        return {condition.uri}
    return {uri for part in getattr(condition, "objects", ()) for uri in _uris(part)}


def asset_graph(found: Sequence[tuple[str, Sequence[str], Sequence[str]]]) -> str:
    """Which DAG makes which assets, and which DAGs those start: of the example DAGs that wait for one."""
    awaited = sorted({uri for _, _, uris in found for uri in uris})
    makers = [(name, made) for name, made, _ in found if name == "bigcommerce_sync"]
    waiters = [(name, uris) for name, _, uris in found if uris]
    others = sorted({uri for _, made in makers for uri in made} - set(awaited))
    assets = [*awaited, *others]
    boxes = {uri: Box(270, 20 + 56 * number, (uri.partition("//")[2],), 330, ASSET) for number, uri in enumerate(assets)}
    middle = 20 + 28 * len(assets)
    left = {name: Box(20, middle - 20 + 70 * number, (name,), 190) for number, (name, _) in enumerate(makers)}
    right = {name: Box(670, 20 + 70 * number, (name,), 270) for number, (name, _) in enumerate(waiters)}
    arrows = [arrow((210, left[name].y + 20), (268, boxes[uri].y + 20)) for name, made in makers for uri in made if uri in boxes] + [
        arrow((600, boxes[uri].y + 20), (668, right[name].y + 20)) for name, uris in waiters for uri in uris
    ]
    parts = [box.svg() for box in (*boxes.values(), *left.values(), *right.values())]
    return picture(960, 40 + 56 * max(len(assets), 3), "Assets between the example DAGs", [*parts, *arrows])


def pictures() -> dict[str, str]:
    """File name -> content."""
    return {"data-flow.svg": data_flow(), "summary-log.svg": summary_log(), "asset-graph.svg": asset_graph(graph())}


if __name__ == "__main__":
    for name, content in pictures().items():
        (IMAGES / name).write_text(content, encoding="utf-8")
        print(IMAGES / name)
