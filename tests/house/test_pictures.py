"""The drawn pictures are those of the code: the log is written by the summary's own function, the graph is that of the example DAGs."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from tests.tools.generate_pictures import IMAGES, data_flow, graph, summary_log

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_the_way_of_data_is_drawn_by_its_generator() -> None:
    assert (IMAGES / "data-flow.svg").read_text() == data_flow(), "stale: run python -m tests.tools.generate_pictures"


def test_the_log_has_a_line_for_each_resource() -> None:
    lines = texts(summary_log())
    assert lines[0].split()[:4] == ["resource", "state", "rows", "requests"]
    assert [line.split()[0] for line in lines[1:-1]] == ["orders", "customers", "products", "brands"]
    assert texts((IMAGES / "summary-log.svg").read_text())[-1] == lines[-1]


def test_the_graph_has_every_asset_that_an_example_waits_for_and_every_dag_that_waits() -> None:
    shown = set(texts((IMAGES / "asset-graph.svg").read_text()))
    for name, _, awaited in graph():
        if awaited:
            assert {name, *(uri.partition("//")[2] for uri in awaited)} <= shown, "stale: run python -m tests.tools.generate_pictures"
    assert {"bigcommerce_sync", "bigcommerce_dbt", "bigcommerce_on_new_orders"} <= shown


@pytest.mark.parametrize("name", ["data-flow.svg", "summary-log.svg", "asset-graph.svg"])
def test_no_text_leaves_its_picture_and_each_says_what_it_shows(name: str) -> None:
    root = ElementTree.fromstring((IMAGES / name).read_text())
    width = float(root.attrib["width"])
    for element in root.iter(f"{SVG}text"):
        size = 8.0 if "monospace" in element.attrib.get("font-family", "") else 0.6 * float(element.attrib.get("font-size", 14))
        length = size * len(element.text or "")
        begin = float(element.attrib["x"]) - (length / 2 if element.attrib.get("text-anchor") == "middle" else 0)
        assert begin >= -5, element.text
        assert begin + length <= width + 20, element.text
    assert root.findtext(f"{SVG}title")
