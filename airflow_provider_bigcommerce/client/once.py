"""Keeps aiohttp from sending a write a second time by itself.

aiohttp sends a PUT or DELETE again where its connection is cut before the answer, by the method alone and without a word. Whether that
may be is the call's to say (``core/repeating.py``); and where it may, the second answer is not understood without knowing of the first
(a 404 then means "deleted").
"""

from __future__ import annotations

from types import SimpleNamespace

import aiohttp


class Once:
    """Given to a request as ``trace_request_ctx``: it may take one connection, and no second one."""

    __slots__ = ("is_connected",)

    def __init__(self) -> None:
        self.is_connected = False


def once_only() -> aiohttp.TraceConfig:
    """For the session: refuses a second connection to requests that have a :class:`Once`, before anything is sent on it."""
    config = aiohttp.TraceConfig()
    config.on_connection_create_start.append(_connecting)
    config.on_connection_reuseconn.append(_connecting)
    return config


async def _connecting(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    once = context.trace_request_ctx
    if isinstance(once, Once):
        if once.is_connected:
            raise aiohttp.ServerDisconnectedError
        once.is_connected = True
