"""The sandbox as a program: `airflow-bigcommerce sandbox`. It prints one line when it is ready, and ends cleanly on SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from airflow_provider_bigcommerce.sandbox.deliveries import Courier
from airflow_provider_bigcommerce.sandbox.faults import Faults
from airflow_provider_bigcommerce.sandbox.quota import Quota
from airflow_provider_bigcommerce.sandbox.scopes import SCOPES
from airflow_provider_bigcommerce.sandbox.server import Server, connection, connection_json
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.unknown_filters import REFUSING, UNKNOWN, Unknown

_EPILOG = """\
a token that may not read everything:
  airflow-bigcommerce sandbox --scopes store_v2_orders_read_only,store_v2_products_read_only

change its data by hand, on the page that it prints, or by:
  curl -H "X-Auth-Token: TOKEN" -d '{"orders": 2}' http://127.0.0.1:PORT/sandbox/changes
  curl -H "X-Auth-Token: TOKEN" -d '{"edit_products": [{"id": 111, "name": "New"}]}' http://127.0.0.1:PORT/sandbox/changes
  curl -H "X-Auth-Token: TOKEN" -d '{"delete": {"products": [112]}}' http://127.0.0.1:PORT/sandbox/changes

Writes of BigCommerce's own API work as well: PUT /stores/sandbox1/v3/catalog/products/111.
"""


@dataclass(frozen=True)
class Options:
    """The command line.

    :param port: 0 takes a free port.
    :param client_secret: signs webhooks; None signs none.
    :param webhook_faults: shares of webhooks that are lost, doubled, reordered: `0.05/0.05/0.1`.
    :param webhook_retries: seconds between tries of a webhook, comma separated; empty takes BigCommerce's, 60 s to a day.
    :param token: the access token; None makes one up.
    :param scopes: OAuth scopes that the token has, with commas between; empty for all.
    :param token_file: file (0600) that receives the token instead of the ready line.
    :param quota: requests / seconds, `150/30`, or `none`.
    :param latency_ms: milliseconds each answer waits.
    :param fault_rate: probability of a fault for each request.
    :param faults: rates of single endpoints, `PUT /v3/catalog/products=0.05:reset_after,503_after; ...`.
    :param stock_delay: seconds until a stock adjustment shows.
    :param db: SQLite file that keeps changes over a restart.
    :param recorded_values: some rows have values that real stores were seen to send and the files do not document.
    :param b2b: it has B2B Edition.
    :param unknown_filters: `ignore` or `refuse` parameters that an endpoint does not document.
    """

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    store_hash: str = "sandbox1"
    token: str | None = None
    token_file: Path | None = None
    client_secret: str | None = None
    webhook_faults: str = ""
    webhook_retries: str = ""
    scopes: str = ""
    products: int = 100
    orders: int = 50
    customers: int = 50
    quota: str = "150/30"
    latency_ms: float = 0.0
    fault_rate: float = 0.0
    faults: str = ""
    stock_delay: float = 0.0
    tls: bool = False
    db: Path | None = None
    unknown_filters: Unknown = "ignore"
    recorded_values: bool = True
    b2b: bool = True


def serve(options: Options, out: TextIO | None = None) -> int:
    """Run a store until SIGTERM or SIGINT.

    :param options: the command line.
    :param out: where the ready line goes; the default is standard output.
    :returns: exit status.
    :raises ValueError: an option makes no sense, or the database holds another store.
    :raises OSError: the port is taken, or a file cannot be written.
    """
    if options.token and options.token_file:
        raise ValueError("give --token or --token-file, not both: with --token-file the token is made up and written there")
    for name in ("products", "orders", "customers", "latency_ms", "stock_delay"):
        if getattr(options, name) < 0:
            raise ValueError(f"--{name.replace('_', '-')} cannot be negative, got {getattr(options, name)}")
    token = options.token or secrets.token_hex(16)
    faults = Faults(options.seed, options.fault_rate)
    faults.add_endpoints(options.faults)
    store = Store(
        seed=options.seed,
        store_hash=options.store_hash,
        products=options.products,
        orders=options.orders,
        customers=options.customers,
        tokens={token: _scopes(options.scopes)},
        quota=Quota.parse(options.quota),
        faults=faults,
        db=options.db,
        unknown_filters=options.unknown_filters,
        recorded_values=options.recorded_values,
        b2b=options.b2b,
    )
    store.latency_ms = options.latency_ms
    store.stock.delay = options.stock_delay
    store.webhooks.client_secret = options.client_secret
    store.webhooks.parallel = 20
    try:
        _disturb(store, options)
        with tempfile.TemporaryDirectory(prefix="bigcommerce-sandbox-") as folder:
            return asyncio.run(_run(store, options, token, out or sys.stdout, Path(folder)))
    finally:
        store.close()


def _disturb(store: Store, options: Options) -> None:
    """Let webhooks go the way that the command line asks for."""
    if options.webhook_faults:
        shares = _numbers("--webhook-faults", options.webhook_faults, "/")
        if len(shares) != 3 or not all(0 <= share <= 1 for share in shares):
            raise ValueError(f"--webhook-faults is three shares from 0 to 1, lost/doubled/reordered, got {options.webhook_faults!r}")
        store.webhooks.loss, store.webhooks.duplication, store.webhooks.reordering = shares
    if options.webhook_retries:
        store.webhooks.retries = _numbers("--webhook-retries", options.webhook_retries, ",")


def _numbers(name: str, text: str, separator: str) -> tuple[float, ...]:
    try:
        found = tuple(float(part) for part in text.split(separator))
    except ValueError:
        found = (-1.0,)
    if not all(0 <= number < float("inf") for number in found):
        raise ValueError(f"{name} takes numbers from 0 on with {separator} between, got {text!r}")
    return found


def _scopes(text: str) -> list[str] | None:
    """The scopes that the command line names; None for all.

    :raises ValueError: one that nothing needs.
    """
    named = [scope.strip() for scope in text.split(",") if scope.strip()]
    if unknown := [scope for scope in named if scope not in SCOPES]:
        near = difflib.get_close_matches(unknown[0], SCOPES, n=3, cutoff=0.6)
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise ValueError(f"--scopes knows no {unknown[0]!r}.{hint} airflow-bigcommerce resources prints the scope of each resource")
    return named or None


def _page_address(server: Server, token: str | None) -> str:
    """Where a person changes the store; the token stands behind #, which a browser does not send."""
    scheme, _, rest = server.url.partition("://")
    port = rest.rpartition(":")[2]
    host = "127.0.0.1" if server.host in ("0.0.0.0", "") else rest.rpartition(":")[0]  # noqa: S104  # what was asked for is compared
    return f"{scheme}://{host}:{port}/sandbox{f'#{quote(token)}' if token else ''}"


async def _run(store: Store, options: Options, token: str, out: TextIO, folder: Path) -> int:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    context = ca_file = None
    if options.tls:
        from airflow_provider_bigcommerce.sandbox import tls

        certificate = tls.make(folder)
        context, ca_file = certificate.context, certificate.ca_file
    server = Server(store, host=options.host, port=options.port, tls=context, ca_file=ca_file)
    await server.start()
    try:
        shown = token
        if options.token_file is not None:
            write_secret(options.token_file, token)
            shown = f"<the access token is in {options.token_file}>"
        if ca_file is not None:
            out.write(f"REQUESTS_CA_BUNDLE={ca_file}\n")
        secret = options.client_secret and ("<as given by --client-secret>" if options.token_file is not None else options.client_secret)
        out.write(f"AIRFLOW_CONN_BIGCOMMERCE_DEFAULT='{connection_json(connection(server, shown, client_secret=secret))}'\n")
        out.flush()
        where = _page_address(server, None if options.token_file is not None else token)
        sys.stderr.write(f"Change the store by hand: {where}\n")
        sys.stderr.flush()
        with Courier(store.webhooks, store.clock):
            await done.wait()
    finally:
        await server.stop()
    return 0


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read; it is never readable by others, not even for a moment."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox from a command line of its own: `python -m airflow_provider_bigcommerce.sandbox`."""
    defaults = Options()
    parser = argparse.ArgumentParser(
        prog="airflow-bigcommerce sandbox",
        description="A BigCommerce store on localhost, to try things on. When it is ready it prints a line with an Airflow connection\n"
        "for `export`, and the address of a page where you change the store. Ctrl-C ends it; without --db, its changes are then gone.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default=defaults.host, help="address to listen at; %(default)s unless given: this machine alone")
    parser.add_argument("--port", type=int, default=defaults.port, help="0 (the default) takes a free port")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="the same seed makes the same store; %(default)s unless given")
    parser.add_argument("--store-hash", default=defaults.store_hash, help="%(default)s unless given")
    parser.add_argument("--token", default=None, help="its access token; made up unless given")
    parser.add_argument("--token-file", type=Path, default=None, help="write the made-up token into this file (0600), and do not print it")
    parser.add_argument(
        "--scopes",
        default=defaults.scopes,
        metavar="SCOPE,SCOPE",
        help="OAuth scopes that the token has: store_v2_orders_read_only,store_v2_products; all unless given",
    )
    parser.add_argument("--client-secret", default=None, help="signs webhooks with it; without one they are not signed")
    parser.add_argument("--webhook-faults", default=defaults.webhook_faults, metavar="LOST/DOUBLED/REORDERED", help="shares, 0.05/0.05/0.1")
    parser.add_argument("--webhook-retries", default=defaults.webhook_retries, metavar="SECONDS,...", help="pauses between tries")
    parser.add_argument("--products", type=int, default=defaults.products, help="how many it has; %(default)s unless given")
    parser.add_argument("--orders", type=int, default=defaults.orders, help="how many it has; %(default)s unless given")
    parser.add_argument("--customers", type=int, default=defaults.customers, help="how many it has; %(default)s unless given")
    parser.add_argument("--quota", default=defaults.quota, help="requests/seconds, or none; %(default)s unless given")
    parser.add_argument("--latency-ms", type=float, default=defaults.latency_ms, help="milliseconds that each answer waits; 0 unless given")
    parser.add_argument(
        "--fault-rate", type=float, default=defaults.fault_rate, help="share of requests, 0 to 1, that fail in some way; 0 unless given"
    )
    parser.add_argument(
        "--faults",
        default=defaults.faults,
        metavar="METHOD PATH=RATE[:KIND,KIND]",
        help="faults of single endpoints, several with ; between: 'POST /v2/orders/{order_id}/shipments=0.05:reset_after,503_after'; "
        "without kinds, half of them hit before the store acts and half after",
    )
    parser.add_argument("--stock-delay", type=float, default=defaults.stock_delay, help="seconds until a stock adjustment shows")
    parser.add_argument("--tls", action="store_true", help="https, with a certificate of its own; prints REQUESTS_CA_BUNDLE for it too")
    parser.add_argument("--db", type=Path, default=None, help="SQLite file that keeps changes over a restart")
    parser.add_argument(
        "--recorded-values",
        action=argparse.BooleanOptionalAction,
        default=defaults.recorded_values,
        help="whether some rows have values that real stores were seen to send and the published files do not document",
    )
    parser.add_argument("--b2b", action=argparse.BooleanOptionalAction, default=defaults.b2b, help="whether the store has B2B Edition")
    parser.add_argument(
        "--unknown-filters",
        choices=UNKNOWN,
        default=defaults.unknown_filters,
        help="what happens to a query parameter that an endpoint does not document (no source says what real stores do): ignore "
        "(the default), or refuse with 422 (V2: 400); these always refuse: " + ", ".join(REFUSING),
    )
    try:
        return serve(Options(**vars(parser.parse_args(arguments))))
    except (ValueError, OSError) as failure:
        sys.stderr.write(f"sandbox: {failure}\n")
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
