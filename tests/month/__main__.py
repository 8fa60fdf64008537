"""The month's short form as a program: ``python -m tests.month FILE`` keeps a copy in a SQLite file and tells each day as a line of JSON.

A line a day, ``{"date": ..., "store": ..., "events": ..., "sync": ..., "copy": ...}``, then a line a table with what comparing found. The
demo reads them. Log lines go to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Live through five days and compare."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # Airflow logs to stdout
    from airflow_provider_bigcommerce.sandbox.quota import Quota
    from airflow_provider_bigcommerce.sandbox.running import TOKEN, Sandbox
    from airflow_provider_bigcommerce.sandbox.server import Server, ThreadedServer, connection
    from airflow_provider_bigcommerce.sandbox.store import Store
    from tests.month.living import Month
    from tests.month.places import InTables
    from tests.month.plan import FIVE_DAYS, SIZE
    from tests.sql.warehouse import sqlite_warehouse

    store = Store(**SIZE, tokens={TOKEN: None}, quota=Quota.parse("none"))
    with ThreadedServer(Server(store)) as server:
        sandbox = Sandbox(server.url, connection(server, TOKEN), store, None)
        with sqlite_warehouse(Path(sys.argv[1]), sandbox) as warehouse:
            month = Month(FIVE_DAYS, InTables.of(warehouse))
            os.environ.update(month.environment())
            for day in month.days():
                told = {"date": f"{day.date:%A, %-d %B}", "store": day.store, "events": day.events, "sync": day.sync, "copy": day.copy}
                print(json.dumps(told), file=out)
            for found in month.compared():
                verdict = {"is_exact": found.is_exact, "is_confirmed": found.is_confirmed, "differences": found.differences[:3]}
                verdict |= {
                    "resource": found.resource,
                    "shown": found.shown,
                    "rows": found.rows,
                    "marked": len(found.marked),
                }
                print(json.dumps({**verdict, "compared": found.report["compared"]}), file=out)


if __name__ == "__main__":
    main()
