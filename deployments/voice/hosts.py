"""The session hosts, reached through their Serve handle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any, cast

from ray.serve.handle import DeploymentHandle, DeploymentResponseGenerator

from actors.failures import remote_errors
from convonet.gateway.ports import HostLost
from convonet.health import PartHealth, moment
from convonet.ids import SessionId
from convonet.sessions.messages import Attach, Command, Delivery, HostEvent

DELIVERY_TIMEOUT_S = 5.0
"""A delivery only puts a command into a mailbox; a host that can't do that within this time is stuck."""


class ServeSessionHosts:
    """See `SessionHosts`; the handle's session id names the wanted replica (see `actors.placement`)."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._handle = handle
        self._lost_since = ""

    async def attach(self, request: Attach, *, host: str) -> AsyncGenerator[HostEvent, None]:
        """Open the stream of one socket."""
        with remote_errors(HostLost, "session host"):
            attach = self._handle.options(method_name="attach", stream=True, session_id=host)
            stream = cast("DeploymentResponseGenerator[Any]", attach.remote(request))
            try:
                async for event in stream:
                    yield event
            finally:
                stream.cancel()  # type: ignore[no-untyped-call]

    async def parts(self) -> dict[str, PartHealth]:
        """What any one of the hosts says of all that a turn needs; only that there is none when none answers."""
        try:
            with remote_errors(HostLost, "session host"):
                async with asyncio.timeout(DELIVERY_TIMEOUT_S):
                    parts = cast("dict[str, PartHealth]", await self._handle.parts.remote())
        except (HostLost, TimeoutError):
            self._lost_since = self._lost_since or moment(time.time())
            return {"sessions": PartHealth(ok=False, needed=True, state="no host answers", since=self._lost_since)}
        self._lost_since = ""
        return parts

    async def deliver(self, session_id: SessionId, command: Command, *, host: str) -> Delivery:
        """Give a session a command."""
        with remote_errors(HostLost, "session host"):
            try:
                async with asyncio.timeout(DELIVERY_TIMEOUT_S):
                    deliver = self._handle.options(method_name="deliver", session_id=host)
                    return cast("Delivery", await deliver.remote(session_id, command))
            except TimeoutError:
                raise HostLost("delivery took too long") from None
