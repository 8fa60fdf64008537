"""The tools that upsert into a table of a lake, each in a process of its own: ``python -m tests.benchmarks.drivers.lake``.

``measure TOOL FOLDER`` does what ``work.json`` in the folder says and prints seconds, CPU seconds of all threads, and megabytes over what
libraries and changes take. ``log COMMITS FOLDER`` prints the log's CPU seconds of a run. Standard library alone at its top, since dlt lives
in an environment of its own.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.benchmarks.drivers.measured import cpu_seconds, status_mb

#: Runs whose log is measured: as many as commits between two checkpoints.
RUNS = 10


@dataclass(frozen=True, slots=True)
class Work:
    """What a tool has to do.

    :param folder: of the table; its directory is ``products``.
    :param ids: of the rows that change.
    :param changes: a Parquet file of these rows.
    """

    folder: Path
    ids: list[int]
    changes: Path


# -- the tools; each gives back what is then measured


def ours(work: Work) -> Callable[[], object]:
    """A run of the lake target, without the store."""
    for name in ("targets.lake.into_lake", "engine.copying", "engine.selection"):
        importlib.import_module(f"airflow_provider_bigcommerce.{name}")
    for name in ("deltalake", "pyarrow.compute", "pyarrow.json", "pyarrow.parquet"):
        importlib.import_module(name)
    from airflow_provider_bigcommerce.targets.files.destination import Destination
    from tests.benchmarks import lake_rows

    # Start-up is not the subject: imports, and Airflow's look at its providers.
    Destination.at(str(work.folder))
    lake_rows.records()
    return lambda: one_run(lake_rows.lake_table(work.folder), work.folder, work.ids, "run")


def one_run(table: Any, folder: Path, ids: list[int], run_key: str, after: timedelta = timedelta(0)) -> None:
    """What the operator does with the rows that a store answers."""
    from datetime import UTC, datetime

    from airflow_provider_bigcommerce.core.windows import Window
    from airflow_provider_bigcommerce.engine.copying import Copied
    from airflow_provider_bigcommerce.engine.selection import select
    from airflow_provider_bigcommerce.engine.spans import Span
    from airflow_provider_bigcommerce.engine.target import Run
    from airflow_provider_bigcommerce.targets.files.destination import Destination
    from airflow_provider_bigcommerce.targets.lake.into_lake import IntoLake
    from airflow_provider_bigcommerce.targets.lake.log_records import Names
    from tests.benchmarks.lake_rows import CHANGED_AT, RESOURCE, STORE, layout, pages

    selection = select(
        resource=RESOURCE, mode="incremental", query=None, include=None, since=None, until=None, initial_since=None, overlap=timedelta(0)
    )
    run = Run(run_key, "task", selection, STORE, datetime.now(UTC), {})
    at = CHANGED_AT + after
    names = Names.of(RESOURCE, selection.filters, run_key)
    span = Span(Window(), at, may_drop=False)
    into = IntoLake(run, Destination.at(str(folder)), table, layout(), names, table.look(), None, span, at, "ignore")
    for page in pages(ids):
        into.writer.write(page)
    into.writer.close()
    into.commit(a_manifest(at), Copied(query={}), lambda: None)
    into.discard()


def a_manifest(at: Any) -> Any:
    """Of a run that ended at this time."""
    from airflow_provider_bigcommerce.core.windows import written
    from airflow_provider_bigcommerce.engine.manifest import Manifest, ManifestWindow
    from tests.benchmarks.lake_rows import RESOURCE, STORE

    return Manifest(
        resource=RESOURCE, store_hash=STORE, mode="incremental", query={}, window=ManifestWindow(), watermark=written(at), files=(), rows=0,
        duplicates_dropped=0, drift=(), requests=0, throttled=0, seconds=0.0, started_at=at.isoformat(), finished_at=at.isoformat(),
        provider_version="0", complete=True, checked=(),
    )  # fmt: skip


def merge(work: Work) -> Callable[[], object]:
    """``deltalake``'s own upsert; told where the ids lie, as its users do, so that it can leave out parts."""
    import pyarrow.parquet
    from deltalake import DeltaTable

    rows = pyarrow.parquet.read_table(work.changes)
    predicate = f"t.id = s.id AND t.id BETWEEN {min(work.ids)} AND {max(work.ids)}"

    def run() -> None:
        table = DeltaTable(str(work.folder / "products"))
        merging = table.merge(source=rows, predicate=predicate, source_alias="s", target_alias="t")
        merging.when_matched_update_all().when_not_matched_insert_all().execute()

    return run


def iceberg(work: Work) -> Callable[[], object]:
    """pyiceberg's ``upsert``, into a table that has the same parts."""
    import pyarrow.parquet
    from pyiceberg.catalog.sql import SqlCatalog  # type: ignore[import-not-found,unused-ignore]  # of the benchmark extra

    rows = pyarrow.parquet.read_table(work.changes)
    catalog = SqlCatalog("benchmark", uri=f"sqlite:///{work.folder}/catalog.db", warehouse=f"file://{work.folder}/iceberg")
    catalog.create_namespace("shop")
    table = catalog.create_table("shop.products", schema=rows.schema)
    table.add_files([str(path) for path in sorted((work.folder / "products").glob("*.parquet"))])
    return lambda: catalog.load_table("shop.products").upsert(rows, join_cols=["id"])


def dlt(work: Work) -> Callable[[], object]:
    """dlt's delta table with the strategy ``upsert``, into a table that has the same parts."""
    import dlt as library  # type: ignore[import-not-found,unused-ignore]  # lives in an environment of its own
    import pyarrow.parquet
    from dlt.destinations import filesystem  # type: ignore[import-not-found,unused-ignore]  # likewise

    rows = pyarrow.parquet.read_table(work.changes)
    (work.folder / "init").touch()  # by this dlt knows a directory for one of its own
    into = filesystem(str(work.folder.parent))
    pipeline = library.pipeline("benchmark", pipelines_dir=str(work.folder / "state"), destination=into, dataset_name=work.folder.name)
    upsert = {"disposition": "merge", "strategy": "upsert"}
    products = library.resource(rows, name="products", primary_key="id", write_disposition=upsert, table_format="delta")
    return lambda: pipeline.run(products)


TOOLS: Mapping[str, Callable[[Work], Callable[[], object]]] = {"ours": ours, "merge": merge, "iceberg": iceberg, "dlt": dlt}


def measure(tool: str, folder: str) -> None:
    """One tool, in this process; prints seconds, CPU seconds and megabytes."""
    told = json.loads(Path(folder, "work.json").read_text())
    run = TOOLS[tool](Work(Path(folder), told["ids"], Path(told["changes"])))
    gc.collect()
    before = _forget_peak()
    cpu, started = cpu_seconds(), time.perf_counter()
    run()
    found = {"seconds": time.perf_counter() - started, "cpu": cpu_seconds() - cpu}
    print(json.dumps({**found, "mb": status_mb("VmHWM") - before}), flush=True)
    # deltalake's and pyarrow's threads may end the interpreter badly at its exit (1.6.6 with pyarrow 26); all is written.
    os._exit(0)


def _forget_peak() -> float:
    """Let Linux count the peak of this process's memory anew; what it has now, in MB."""
    with Path("/proc/self/clear_refs").open("w") as file:
        file.write("5")
    return status_mb("VmRSS")


# -- the log after many commits


def measure_log(folder: str, commits: int) -> None:
    """CPU seconds of the log in some runs of one row, after so many before; prints them."""
    from airflow_provider_bigcommerce.targets.lake.table import LakeTable
    from tests.benchmarks import lake_rows

    place, spent = Path(folder), [0.0]
    create(place, lake_rows.write_parts(place, 1, 101, is_last=True))

    def timed(plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            began = time.process_time()
            try:
                return plain(*arguments, **more)
            finally:
                spent[0] += time.process_time() - began

        return call

    for name in ("look", "commit", "widen"):
        setattr(LakeTable, name, timed(getattr(LakeTable, name)))
    for number in range(commits + RUNS):
        if number == commits:
            spent[0] = 0.0
        # A table that is opened anew, as each run does.
        one_run(lake_rows.lake_table(place), place, [1 + number % 100], f"run-{number}", timedelta(hours=number))
    print(json.dumps({"cpu": spent[0] / RUNS}), flush=True)
    os._exit(0)


def create(folder: Path, parts: list[Any]) -> None:
    """Make the table of these parts."""
    from airflow_provider_bigcommerce.targets.lake.log_records import Change, Names
    from tests.benchmarks.lake_rows import READ_AT, RESOURCE, lake_table, layout

    names = Names.of(RESOURCE, {}, "first")
    change = Change(parts, [], {names.watermark: int(READ_AT.timestamp())}, [names.commit], names.run, a_manifest(READ_AT), layout().arrow)
    lake_table(folder).commit(None, change)


if __name__ == "__main__":
    if sys.argv[1] == "measure":
        measure(sys.argv[2], sys.argv[3])
    else:
        measure_log(sys.argv[3], int(sys.argv[2]))
