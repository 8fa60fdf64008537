"""Orders into PostgreSQL: our load against dlt and Airflow's ``insert_rows`` on the same rows: ``python -m tests.benchmarks.sql``.

No network to a store: pages are in memory. Measured is from raw records to committed rows, each driver in a process of its own
with an empty table, rounds interleaved; the server is one that this program starts, with its default settings but ``fsync``.
Rows are the sandbox's orders, without and with their line items.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.rows.schemas import EXTRA, STORE_HASH, SYNCED_AT
from tests.benchmarks.drivers.measured import status_mb
from tests.benchmarks.processes import peer_python
from tests.postgres import PostgresServer, running_postgres

PAGE = 250
CONN_ID = "benchmark"


def seed_records(include: str) -> list[bytes]:
    """A thousand orders as the sandbox answers them."""
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
    from airflow_provider_bigcommerce.core.credentials import StoreCredentials
    from airflow_provider_bigcommerce.sandbox.quota import Quota
    from airflow_provider_bigcommerce.sandbox.server import Server, ThreadedServer
    from airflow_provider_bigcommerce.sandbox.store import Store

    sandbox = Store(seed=1, products=200, orders=1000, customers=200, tokens={"t": None}, quota=Quota.parse("none"))
    query = {"include": include, **CATALOG["orders"].include_companions} if include else None

    async def read(url: str) -> list[bytes]:
        credentials = StoreCredentials(store_hash=sandbox.store_hash, access_token="t", client_id=None, client_secret=None, base_url=url)
        async with BigCommerceStore(credentials) as store:
            return [bytes(record) async for page in store.pages("orders", query=query) for record in page.records]

    with ThreadedServer(Server(sandbox)) as server:
        return asyncio.run(read(server.url))


def pages(seeds: list[bytes], count: int) -> Iterator[list[msgspec.Raw]]:
    """That many orders, each with an id of its own."""
    rests = [record[record.index(b",") :] for record in seeds]
    for first in range(1, count + 1, PAGE):
        numbers = range(first, min(first + PAGE, count + 1))
        yield [msgspec.Raw(b'{"id":%d%b' % (number, rests[number % len(rests)])) for number in numbers]


def ours(nested: str) -> Callable[[Iterator[list[msgspec.Raw]]], None]:
    """Staging by COPY, one transaction, as the operator does it, without the store."""

    def run(read: Iterator[list[msgspec.Raw]]) -> None:
        from airflow.sdk import BaseHook

        from airflow_provider_bigcommerce.engine.copying import columns_of
        from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
        from airflow_provider_bigcommerce.rows.row_keys import KeyReader, SeenKeys
        from airflow_provider_bigcommerce.targets.sql.block_reader import BlockReader
        from airflow_provider_bigcommerce.targets.sql.layout import layout_of
        from airflow_provider_bigcommerce.targets.sql.loading import OneThread, StagingWriter
        from airflow_provider_bigcommerce.targets.sql.opening import open_database
        from airflow_provider_bigcommerce.targets.sql.tables import Tables

        layout = layout_of(columns_of(CATALOG["orders"]), "orders", nested, ("id",))
        thread = OneThread()
        database = thread.run(open_database, BaseHook.get_connection(CONN_ID).get_hook(), None, "benchmark")
        target = Tables(database, layout)
        reader = BlockReader(
            layout,
            Discrepancies(),
            synced_at=datetime.now(UTC),
            store_hash="abc123",
            holds_any_text=database.holds_any_text,
            holds_any_json=database.holds_any_json,
        )
        writer, keys, seen = StagingWriter(target, reader, thread), KeyReader("orders", ("id",)), SeenKeys()
        thread.run(target.create_staging)
        for records in read:
            writer.write(seen.unseen(records, keys.keys(records)))
        writer.close()

        def commit() -> None:
            database.begin("orders")
            target.prepare()
            target.merge()
            database.commit()
            database.close()

        thread.run(commit)
        thread.close()

    return run


def insert_rows(read: Iterator[list[msgspec.Raw]]) -> None:
    """What a person writes with Airflow alone: decode, pick the columns, ``insert_rows`` with ``replace``, nested values as JSON."""
    from airflow.sdk import BaseHook

    from airflow_provider_bigcommerce.engine.copying import columns_of
    from airflow_provider_bigcommerce.targets.sql.layout import layout_of
    from airflow_provider_bigcommerce.targets.sql.postgres import Postgres

    layout = layout_of(columns_of(CATALOG["orders"]), "orders", "json", ("id",))
    columns = [column for column in layout.main.columns if column.name not in (EXTRA, SYNCED_AT, STORE_HASH)]
    hook = BaseHook.get_connection(CONN_ID).get_hook()
    made = ", ".join(f'"{column.name}" {Postgres.types[column.kind]}' for column in columns)
    hook.run(f"CREATE TABLE orders ({made}, PRIMARY KEY (id))")

    def rows() -> Iterator[tuple[Any, ...]]:
        for records in read:
            for record in records:
                order = msgspec.json.decode(record)
                yield tuple(
                    json.dumps(value) if isinstance(value, (dict, list)) else None if value == "" and column.kind == "time" else value
                    for column in columns
                    for value in [order.get(column.name)]
                )

    names = [column.name for column in columns]
    hook.insert_rows("orders", rows(), target_fields=names, commit_every=5000, replace=True, replace_index="id", executemany=True)


DRIVERS: dict[str, Callable[[Iterator[list[msgspec.Raw]]], None]] = {
    "ours, nested=json": ours("json"),
    "ours, nested=tables": ours("tables"),
    "insert_rows": insert_rows,
}


_LAZY = (
    "airflow.providers.postgres.hooks.postgres",
    "airflow_provider_bigcommerce.targets.sql.loading",
    "airflow_provider_bigcommerce.targets.sql.postgres",
    "airflow_provider_bigcommerce.engine.copying",
    "pyarrow.compute",
    "pyarrow.csv",
    "pyarrow.json",
)
#: dlt's driver, which lives in an environment of its own.
DLT = "dlt"
NAMES = (*DRIVERS, DLT)
#: Title -> what orders include, and the share of the rows that is loaded: rows with line items are thrice as long.
TITLES = {"orders without line items": ("", 1.0), "orders with line items": ("consignments.line_items", 0.1)}


def measure(driver: str, seeds: Path, count: int) -> None:
    """One driver, in this process; prints seconds, CPU seconds and megabytes."""
    read = pages([bytes(record) for record in msgspec.json.decode(seeds.read_bytes(), type=list[msgspec.Raw])], count)
    # Start-up is not the subject: imports, and Airflow's look at its providers.
    for name in _LAZY:
        importlib.import_module(name)
    importlib.import_module("airflow.sdk").BaseHook.get_connection(CONN_ID).get_hook()

    started, cpu = time.perf_counter(), time.process_time()
    DRIVERS[driver](read)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "mb": status_mb("VmHWM")}))


def server_seconds(server: PostgresServer) -> float:
    """CPU seconds of all server processes that have ended: a driver's is one of them once it has disconnected (Linux)."""
    with server.connect() as admin:
        [(data,)] = admin.execute("SHOW data_directory").fetchall()
    time.sleep(0.5)  # the server reaps its children on its own time
    pid = Path(data, "postmaster.pid").read_text().split()[0]
    fields = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def run(rows: int, rounds: int, drivers: Sequence[str] = NAMES) -> dict[str, dict[str, dict[str, float]]]:
    """Title -> driver -> rows a second, CPU seconds of driver and server, megabytes; medians of interleaved rounds."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    found: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, running_postgres(programs) as server:
        for title, (include, share) in TITLES.items():
            count = int(rows * share)
            records = seed_records(include)
            seeds = Path(folder) / "seeds.json"
            seeds.write_bytes(b"[" + b",".join(records) + b"]")
            print(f" {title}: {count:,} rows of {sum(map(len, records)) / len(records):,.0f} bytes", flush=True)
            taken: dict[str, list[dict[str, float]]] = {}
            for number in range(rounds):
                for driver in drivers:
                    one = _load(server, driver, seeds, count)
                    taken.setdefault(driver, []).append(one)
                    print(f"  {number + 1}/{rounds}  {driver:32}{count / one['seconds']:10,.0f} rows/s", flush=True)
            found[title] = {driver: _medians(results, count) for driver, results in taken.items()}
    return found


def _load(server: PostgresServer, driver: str, seeds: Path, rows: int) -> dict[str, float]:
    """One driver into an empty database, in a process of its own."""
    with server.connect() as admin:
        admin.execute("DROP SCHEMA public CASCADE")
        admin.execute("DROP SCHEMA IF EXISTS public_staging CASCADE")  # dlt's
        admin.execute("CREATE SCHEMA public")
    before = server_seconds(server)
    connection = {"conn_type": "postgres", "host": server.host, "port": server.port, "login": server.user, "schema": "postgres"}
    if driver == DLT:
        url = f"postgresql://{server.user}:unchecked@{server.host}:{server.port}/postgres"
        command = [str(peer_python()), "-m", "tests.benchmarks.drivers.dlt_postgres", str(seeds), str(rows), url]
    else:
        command = [sys.executable, "-m", "tests.benchmarks.sql", "--rows", str(rows), "--measure", driver, str(seeds)]
    environment = {
        **os.environ,
        f"AIRFLOW_CONN_{CONN_ID.upper()}": json.dumps(connection),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    spent: dict[str, float] = {**json.loads(done.stdout.splitlines()[-1]), "server": server_seconds(server) - before}
    with server.connect() as admin:
        [(count,)] = admin.execute("SELECT count(*) FROM orders").fetchall()
        assert count == rows, f"{driver} wrote {count} rows"
    return spent


def _medians(results: list[dict[str, float]], rows: int) -> dict[str, float]:
    middle = {name: statistics.median(result[name] for result in results) for name in ("seconds", "cpu", "server", "mb")}
    return {"rows": rows, "rows_a_second": rows / middle["seconds"], "runs": len(results), **middle}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--driver", choices=NAMES, action="append", help="may be repeated; all of them if not given")
    parser.add_argument("--measure", nargs=2, metavar=("DRIVER", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], Path(options.measure[1]), options.rows)
        return
    for title, table in run(options.rows, options.rounds, options.driver or NAMES).items():
        print(title)
        for driver, one in table.items():
            # With a core for the driver and one for the server, the busier of the two is what takes the time.
            unhindered = one["rows"] / max(one["cpu"], one["server"])
            print(
                f"  {driver:20} {one['rows_a_second']:8,.0f} rows/s, CPU {one['cpu']:6.2f} s + server's {one['server']:6.2f} s "
                f"(at most {unhindered:7,.0f} rows/s on two free cores), {one['mb']:4.0f} MB"
            )


if __name__ == "__main__":
    main()
