"""Orders into PostgreSQL: our load against Airflow's ``insert_rows`` on the same rows: ``python -m tests.benchmarks.sql``.

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
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.files.schemas import EXTRA, STORE_HASH, SYNCED_AT
from tests.sql.conftest import PostgresServer, running_postgres

PAGE = 250
CONN_ID = "benchmark"


def seed_records(include: str) -> list[bytes]:
    """A thousand orders as the sandbox answers them."""
    from airflow_provider_bigcommerce.client import BigCommerceStore
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

        from airflow_provider_bigcommerce.files.discrepancies import Discrepancies
        from airflow_provider_bigcommerce.files.keys import KeyReader, SeenKeys
        from airflow_provider_bigcommerce.sql.database import open_database
        from airflow_provider_bigcommerce.sql.layout import layout_of
        from airflow_provider_bigcommerce.sql.loading import OneThread, StagingWriter
        from airflow_provider_bigcommerce.sql.rows import BlockReader
        from airflow_provider_bigcommerce.sql.target import Target
        from airflow_provider_bigcommerce.transfers.copying import columns_of

        layout = layout_of(columns_of(CATALOG["orders"]), "orders", nested, ("id",))
        thread = OneThread()
        database = thread.run(open_database, BaseHook.get_connection(CONN_ID).get_hook(), None)
        target = Target(database, layout)
        reader = BlockReader(
            layout, Discrepancies(), synced_at=datetime.now(UTC), store_hash="abc123", holds_any_text=database.holds_any_text
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

    from airflow_provider_bigcommerce.sql.layout import layout_of
    from airflow_provider_bigcommerce.sql.postgres import Postgres
    from airflow_provider_bigcommerce.transfers.copying import columns_of

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


def measure(driver: str, seeds: Path, count: int) -> None:
    """One driver, in this process; prints seconds, CPU seconds and megabytes."""
    read = pages([bytes(record) for record in msgspec.json.decode(seeds.read_bytes(), type=list[msgspec.Raw])], count)
    # Start-up is not the subject.
    for name in ("airflow.sdk", "airflow.providers.postgres.hooks.postgres", "pyarrow.compute", "pyarrow.csv", "pyarrow.json"):
        importlib.import_module(name)

    started, cpu = time.perf_counter(), time.process_time()
    DRIVERS[driver](read)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def server_seconds(server: PostgresServer) -> float:
    """CPU seconds of all server processes that have ended: a driver's is one of them once it has disconnected (Linux)."""
    with server.connect() as admin:
        [(data,)] = admin.execute("SHOW data_directory").fetchall()
    time.sleep(0.5)  # the server reaps its children on its own time
    pid = Path(data, "postmaster.pid").read_text().split()[0]
    fields = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--driver", choices=DRIVERS, action="append", help="may be repeated; all of them if not given")
    parser.add_argument("--measure", nargs=2, metavar=("DRIVER", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], Path(options.measure[1]), options.rows)
        return
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    with tempfile.TemporaryDirectory() as folder, running_postgres(programs) as server:
        connection = {"conn_type": "postgres", "host": server.host, "port": server.port, "login": server.user, "schema": "postgres"}
        environment = {**os.environ, f"AIRFLOW_CONN_{CONN_ID.upper()}": json.dumps(connection), "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
        for title, include in (("orders without line items", ""), ("orders with line items", "consignments.line_items")):
            records = seed_records(include)
            seeds = Path(folder) / "seeds.json"
            seeds.write_bytes(b"[" + b",".join(records) + b"]")
            print(f"{title}: {options.rows:,} rows of {sum(map(len, records)) / len(records):,.0f} bytes, {options.rounds} rounds")
            found: dict[str, list[dict[str, float]]] = {}
            for _ in range(options.rounds):
                for driver in options.driver or DRIVERS:
                    with server.connect() as admin:
                        admin.execute("DROP SCHEMA public CASCADE")
                        admin.execute("CREATE SCHEMA public")
                    before = server_seconds(server)
                    done = subprocess.run(
                        [sys.executable, "-m", "tests.benchmarks.sql", "--rows", str(options.rows), "--measure", driver, str(seeds)],
                        env=environment, capture_output=True, text=True, check=False,
                    )  # fmt: skip
                    if done.returncode:
                        sys.exit(done.stderr)
                    spent = {"server": server_seconds(server) - before}
                    found.setdefault(driver, []).append(json.loads(done.stdout.splitlines()[-1]) | spent)
                    with server.connect() as admin:
                        [(count,)] = admin.execute("SELECT count(*) FROM orders").fetchall()
                        assert count == options.rows, f"{driver} wrote {count} rows"
            for driver, rounds in found.items():
                seconds = statistics.median(each["seconds"] for each in rounds)
                cpu, mb = statistics.median(each["cpu"] for each in rounds), max(each["mb"] for each in rounds)
                server_cpu = statistics.median(each["server"] for each in rounds)
                # With a core for the driver and one for the server, the busier of the two is what takes the time.
                unhindered = options.rows / max(cpu, server_cpu)
                print(
                    f"  {driver:20} {options.rows / seconds:8,.0f} rows/s, CPU {cpu:6.2f} s + server's {server_cpu:6.2f} s "
                    f"(at most {unhindered:7,.0f} rows/s on two free cores), {mb:4.0f} MB"
                )


if __name__ == "__main__":
    main()
