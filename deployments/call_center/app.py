"""The call centre as a Serve application: the desks at /call-center, and the host of all hand-overs.

There is one replica, whoever comes later takes all over from it: the sessions, lines and desks find the new one. Of two
clusters each has one, and the one of the cluster that serves has the office.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Application, Deployment

from convonet.settings import get_settings
from deployments.logs import log_to_own_stderr

if TYPE_CHECKING:
    from fastapi import FastAPI

    from convonet.telephony.messages import LineRequest, LineView, Spoken, TransferOrder, TransferView
    from convonet.telephony.transfer import LineEvent

MAX_ONGOING = 4_000
"""A hand-over has two ongoing streams, a desk one socket for a whole shift."""


def build_http() -> FastAPI:
    """The desks' side.

    What only a replica needs is imported here: to build the Serve application is a process's work of its own.
    """
    from deployments.call_center.parts import desks_http

    log_to_own_stderr(get_settings())
    return desks_http()


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class CallCenter:
    """The one replica. Its methods are those of `TransferHost`, for sessions and lines."""

    async def __init__(self) -> None:  # type: ignore[misc]
        from deployments.call_center.parts import cluster, transfer_host
        from deployments.reporting import reporting

        self._cluster, self._host = cluster(), transfer_host()
        await self._cluster.start()
        # Serve awaits a constructor that is a coroutine: nobody reaches this host before it knows all
        await self._host.start()
        self._reporter = reporting("call_center", self._host.figures)

    async def __del__(self) -> None:  # Serve awaits it
        await self._cluster.stop()
        await self._reporter.close()

    async def ready(self) -> bool:
        """Whether hand-overs are taken: a replica is there only when it knows those of the one before."""
        return True

    async def begin(self, order: TransferOrder) -> None:
        """See `TransferHost.begin`."""
        await self._host.begin(order)

    async def follow(self, transfer_id: str) -> AsyncGenerator[TransferView, None]:
        """See `TransferHost.follow`."""
        async with contextlib.aclosing(self._host.follow(transfer_id)) as views:
            async for view in views:
                yield view

    async def leave(self, transfer_id: str, *, hung_up: bool) -> None:
        """See `TransferHost.leave`."""
        await self._host.leave(transfer_id, hung_up=hung_up)

    async def ask_call_back(self, order: TransferOrder) -> None:
        """See `TransferHost.ask_call_back`."""
        await self._host.ask_call_back(order)

    async def open_line(self, request: LineRequest) -> AsyncGenerator[LineView, None]:
        """See `TransferHost.open_line`."""
        async with contextlib.aclosing(self._host.open_line(request)) as views:
            async for view in views:
                yield view

    async def line_event(self, transfer_id: str, event: LineEvent) -> None:
        """See `TransferHost.line_event`."""
        await self._host.line_event(transfer_id, event)

    async def said(self, transfer_id: str, spoken: Spoken) -> None:
        """See `TransferHost.said`."""
        await self._host.said(transfer_id, spoken)

    async def new_key(self, transfer_id: str, attempt: int, after: str) -> str | None:
        """See `TransferHost.new_key`."""
        return await self._host.new_key(transfer_id, attempt, after)


def build(args: dict[str, str]) -> Application:
    """The Serve application."""
    center: Deployment = CallCenter  # type: ignore[assignment]
    app: Application = center.options(num_replicas=1).bind()
    return app
