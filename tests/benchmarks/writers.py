"""CPU and memory of the writers against a raw loop, without a network: ``python -m tests.benchmarks.writers``.

The raw loop splits pages by ``msgspec.Raw`` and writes JSON lines to a plain file: what a careful person writes by hand.
Medians of interleaved rounds; the machine's own speed cancels in the ratios.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

from airflow_provider_bigcommerce.rows.row_keys import KeyReader, SeenKeys
from airflow_provider_bigcommerce.rows.schemas import schema
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.part_writer import PartWriter
from airflow_provider_bigcommerce.targets.files.writers import FileFormat, Stamp
from tests.benchmarks.drivers.measured import status_mb

PAGE = 250
STAMP = Stamp(datetime(2026, 1, 1, tzinfo=UTC), "abc123")
_WORDS = [
    "canvas",
    "tote",
    "steel",
    "bottle",
    "kettle",
    "linen",
    "organic",
    "blue",
    "crème",
    "brûlée",
    "sturdy",
    "light",
    "travel",
    "kitchen",
]


def product(number: int, random: random.Random) -> dict[str, object]:
    """A product of about 3.3 KB, as a list without ``include`` has it."""
    name = " ".join(random.choices(_WORDS, k=4)).title()
    price = random.randrange(100, 90_000) / 100
    stamp = f"2025-{random.randrange(1, 13):02}-{random.randrange(1, 29):02}T{random.randrange(24):02}:15:46+00:00"
    return {
        "id": number, "name": name, "type": "physical", "sku": f"SKU-{number:07}",
        "description": "<p>" + " ".join(random.choices(_WORDS, k=270)) + "</p>",
        "weight": random.randrange(1, 400) / 10, "width": 1.5, "depth": 2, "height": 0.25, "price": price, "cost_price": 0.5,
        "retail_price": price, "sale_price": 0, "map_price": 0, "tax_class_id": 0, "product_tax_code": "", "calculated_price": price,
        "categories": random.sample(range(20, 90), 3), "brand_id": random.randrange(30, 60), "option_set_id": None,
        "option_set_display": "right", "inventory_level": random.randrange(500), "inventory_warning_level": 0, "inventory_tracking": "none",
        "reviews_rating_sum": 0, "reviews_count": 0, "total_sold": random.randrange(90), "fixed_cost_shipping_price": 0,
        "is_free_shipping": False, "is_visible": True, "is_featured": False, "related_products": [-1], "warranty": "",
        "bin_picking_number": "", "layout_file": "product.html", "upc": "", "mpn": "", "gtin": f"{number:013}",
        "search_keywords": name.lower(),
        "availability": "available", "availability_description": "", "gift_wrapping_options_type": "any", "gift_wrapping_options_list": [],
        "sort_order": 0, "condition": "New", "is_condition_shown": False, "order_quantity_minimum": 0, "order_quantity_maximum": 0,
        "page_title": "", "meta_keywords": ["a", "b"], "meta_description": " ".join(random.choices(_WORDS, k=12)), "date_created": stamp,
        "date_modified": stamp, "view_count": random.randrange(9999), "preorder_release_date": None, "preorder_message": "",
        "is_preorder_only": False, "is_price_hidden": False, "price_hidden_label": "",
        "custom_url": {"url": f"/{name.lower().replace(' ', '-')}-{number}/", "is_customized": False}, "base_variant_id": number + 10,
        "open_graph_type": "product", "open_graph_title": "", "open_graph_description": "", "open_graph_use_meta_description": True,
        "open_graph_use_product_name": True, "open_graph_use_image": True,
    }  # fmt: skip


def bodies(count: int) -> list[bytes]:
    """Pages of products as the store answers them."""
    dice = random.Random(7)
    pages = []
    for first in range(1, count + 1, PAGE):
        rows = [product(number, dice) for number in range(first, min(first + PAGE, count + 1))]
        pages.append(json.dumps({"data": rows, "meta": {}}, separators=(",", ":")).encode())
    return pages


class _Envelope(msgspec.Struct):
    data: list[msgspec.Raw]


_DECODE = msgspec.json.Decoder(_Envelope).decode


def raw_loop(pages: Iterator[bytes], folder: Path) -> None:
    with (folder / "raw.jsonl").open("wb") as file:
        for body in pages:
            file.write(b"\n".join(_DECODE(body).data) + b"\n")


def _ours(file_format: FileFormat, *, stamped: bool, keys: bool) -> Callable[[Iterator[bytes], Path], None]:
    def run(pages: Iterator[bytes], folder: Path) -> None:
        writer = PartWriter(
            Destination(LocalFileSystem(), str(folder), str(folder)),
            "products/run=x",
            file_format,
            schema("products"),
            stamp=STAMP if stamped else None,
            max_rows=50_000,
        )
        reader, seen = KeyReader("products", ("id",)), SeenKeys()
        for body in pages:
            records = _DECODE(body).data
            writer.write(seen.unseen(records, reader.keys(records)) if keys else records)
        writer.close()

    return run


DRIVERS: dict[str, Callable[[Iterator[bytes], Path], None]] = {
    "raw loop": raw_loop,
    "jsonl": _ours("jsonl", stamped=False, keys=False),
    "jsonl, repeats dropped": _ours("jsonl", stamped=False, keys=True),
    "jsonl, stamped, repeats dropped": _ours("jsonl", stamped=True, keys=True),
    "jsonl.zst, repeats dropped": _ours("jsonl.zst", stamped=False, keys=True),
    "parquet": _ours("parquet", stamped=True, keys=False),
    "parquet, repeats dropped": _ours("parquet", stamped=True, keys=True),
}


def cpu_seconds(driver: Callable[[Iterator[bytes], Path], None], pages: list[bytes]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        begin = time.process_time()
        driver(iter(pages), Path(folder))
        return time.process_time() - begin


def peak_growth_mb(driver: str, rows: int) -> float:
    """Peak resident memory over that of the imports and one page, in a process of its own that reads ``rows`` rows."""
    command = [sys.executable, "-m", "tests.benchmarks.writers", "--measure-memory", driver, "--rows", str(rows)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _measure_memory(driver: str, rows: int) -> None:
    pages = bodies(PAGE * 4)
    with tempfile.TemporaryDirectory() as folder:
        DRIVERS[driver](iter(pages[:1]), Path(folder))
        before = status_mb("VmHWM")
        DRIVERS[driver]((_renumbered(pages[at % 4], at) for at in range(rows // PAGE)), Path(folder))
        sys.stdout.write(str(status_mb("VmHWM") - before))


def _renumbered(page: bytes, number: int) -> bytes:
    """The page with other ids, so that no row repeats an earlier one."""
    return page.replace(b'{"id":', b'{"id":%d' % (number + 1))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measure-memory", metavar="DRIVER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure_memory:
        _measure_memory(arguments.measure_memory, arguments.rows)
        return 0
    pages = bodies(arguments.rows)
    rounds = [{name: cpu_seconds(driver, pages) for name, driver in DRIVERS.items()} for _ in range(arguments.rounds)]
    medians = {name: statistics.median(one[name] for one in rounds) * 100_000 / arguments.rows for name in DRIVERS}
    print(f"{arguments.rows} products of {sum(map(len, pages)) / arguments.rows:.0f} bytes, {arguments.rounds} rounds")
    print(f"{'':34}{'CPU s / 100k':>14}{'x raw loop':>12}")
    for name, seconds in medians.items():
        print(f"{name:34}{seconds:14.2f}{seconds / medians['raw loop']:12.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
