"""A TCP proxy that does something at an exact byte of what it passes on. Knows no HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Line:
    """One port of the proxy.

    :param at: the byte, counted over all connections from the server to the client, after which ``act`` is called once; None for never.
    :param act: called in the proxy's thread; what was to follow is not passed on.
    """

    def __init__(self, at: int | None = None, act: Callable[[], None] = lambda: None) -> None:
        self.at, self.act = at, act
        self.port = 0
        self.passed = 0


class CuttingProxy:
    """Passes on what comes to its ports, to one server; a context manager with a thread and a loop of its own.

    :param port: of the server, on the loopback.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cutting-proxy", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def listen(self, line: Line) -> Line:
        """Open a port for a line."""

        async def open_port() -> None:
            server = await asyncio.start_server(lambda reader, writer: self._pass(line, reader, writer), "127.0.0.1", 0)
            line.port = server.sockets[0].getsockname()[1]
            self._servers.append(server)

        asyncio.run_coroutine_threadsafe(open_port(), self._loop).result(30)
        return line

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        open_ones = set(self._connections)
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)

    async def _pass(self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Both ways, until either side ends."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)  # the loop itself keeps weak references only
        ways: list[asyncio.Task[None]] = []
        ends = [writer]
        try:
            answers, upstream = await asyncio.open_connection("127.0.0.1", self._target)
            ends.append(upstream)
            ways = [asyncio.create_task(self._up(reader, upstream)), asyncio.create_task(self._down(line, answers, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)  # a side that is gone is what this proxy is for
            for end in ends:
                end.close()
            self._connections.discard(task)

    @staticmethod
    async def _up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    @staticmethod
    async def _down(line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if line.at is not None and line.passed + len(data) >= line.at:
                data, line.at = data[: line.at - line.passed], None
                line.passed += len(data)
                writer.write(data)
                await writer.drain()
                line.act()
                return
            line.passed += len(data)
            writer.write(data)
            await writer.drain()
