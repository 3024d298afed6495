"""How often an idle HTTP server of a replica looks after itself."""

from __future__ import annotations

import asyncio

import uvicorn

TICK_S = 1.0
"""uvicorn's own ten ticks a second cost each replica 1 ms of CPU a second. All that a tick does is to set the clock of
the `Date` header, and to see whether the server shall stop."""


def tick_once_a_second() -> None:
    """Slow down the HTTP servers that this process starts from now on."""
    uvicorn.Server.main_loop = _main_loop  # type: ignore[assignment, method-assign]


async def _main_loop(server: uvicorn.Server) -> None:
    # at a tick of number 0 it sets its clock
    while not await server.on_tick(0):  # noqa: ASYNC110 -- uvicorn sets an attribute
        await asyncio.sleep(TICK_S)
