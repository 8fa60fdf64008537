"""Nothing but bytes: four sockets in threads that read product pages and drop them. Shows how fast the page server is."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.benchmarks.drivers.measured import Job, drive

_CONNECTIONS = 4
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def read(job: Job) -> None:
    parts = urlsplit(job.url)
    pages = iter(range(1, int(job.variant) // 250 + 1))
    lock = threading.Lock()
    threads = [
        threading.Thread(target=_worker, args=(str(parts.hostname), int(parts.port or 80), pages, lock)) for _ in range(_CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _worker(host: str, port: int, pages: Iterator[int], lock: threading.Lock) -> None:
    buffer = bytearray(2**20)
    with socket.create_connection((host, port)) as connection:
        while True:
            with lock:
                page = next(pages, None)
            if page is None:
                return
            connection.sendall(b"GET /stores/abc123/v3/catalog/products?limit=250&page=%d HTTP/1.1\r\nHost: x\r\n\r\n" % page)
            got = connection.recv_into(buffer)
            while (head := buffer.find(b"\r\n\r\n", 0, got)) < 0:
                got += connection.recv_into(memoryview(buffer)[got:])
            found = _LENGTH.search(buffer, 0, head)
            left = int(found[1]) + head + 4 - got if found else 0
            while left > 0:
                left -= connection.recv_into(buffer, min(left, len(buffer)))


if __name__ == "__main__":
    drive(read)
