"""Clients of the other applications. They find the replicas through Serve and ask each on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from actors.failures import remote_errors
from actors.remote_monitor import RemoteMonitor
from convonet.agents.remote_agent import AgentReplicas
from convonet.core.errors import AgentUnavailable, ConvonetError, SpeechUnavailable, StorageError, ToolsUnavailable
from convonet.mcp.remote_tools import ToolReplicas
from convonet.rpc.pool import PoolDelays, ReplicaPool
from convonet.rpc.wire import Address
from convonet.settings import Settings
from convonet.speech.remote_speech import SpeechReplicas
from convonet.speech.requests import MAX_MESSAGE_BYTES
from convonet.telephony.hand_overs import HandOversUnavailable
from convonet.telephony.remote_host import CALL_TIMEOUT_S, HostReplicas
from deployments.handles import handle_to
from deployments.ray_compat import broadcast

FIND_TIMEOUT_S = 1.0
"""Normally a replica says within three milliseconds where it listens."""

REPLACED_WITHIN_S = 12.0
"""Time for which a request waits when all replicas have died at once, or the only one's machine has vanished."""

HOST_REFRESH_S = 30.0
"""Serve may have started another host while the previous one, cut off from the rest, still answers us. Each check takes
3 ms of CPU."""


def remote_agent() -> AgentReplicas:
    """Return the `Agent` on the AgentRouter deployment; `close` it at the end."""
    find = _finder("AgentRouter", "agent", AgentUnavailable)
    return AgentReplicas(ReplicaPool("AgentRouter", find, delays=PoolDelays(replacement_timeout_s=REPLACED_WITHIN_S)))


def remote_speech() -> SpeechReplicas:
    """Return `SpeechToText` and `TextToSpeech` on the Speech deployment; `close` it at the end."""
    find = _finder("Speech", "speech", SpeechUnavailable)
    delays = PoolDelays(replacement_timeout_s=REPLACED_WITHIN_S)
    return SpeechReplicas(ReplicaPool("Speech", find, expected=1, delays=delays, max_message_bytes=MAX_MESSAGE_BYTES))


def remote_hand_overs() -> HostReplicas:
    """Return the `HandOverHost` on the CallCenter deployment; `close` it at the end."""
    find = _finder("CallCenter", "call-center", HandOversUnavailable)
    delays = PoolDelays(replacement_timeout_s=CALL_TIMEOUT_S, refresh_s=HOST_REFRESH_S)
    return HostReplicas(ReplicaPool("CallCenter", find, expected=1, is_single=True, delays=delays))


def tool_pool() -> ReplicaPool:
    """Return the replicas of the Tools deployment; `close` it at the end."""
    return ReplicaPool("Tools", _finder("Tools", "tools", ToolsUnavailable))


def remote_tools(settings: Settings) -> ToolReplicas:
    """Return the `ToolServers` on the Tools deployment; `close` it at the end."""
    return ToolReplicas(tool_pool(), secret=settings.signing_secret)


def remote_monitor() -> RemoteMonitor:
    """Return the `MonitorPort` on the Monitor deployment."""
    where = handle_to("Monitor", "agent-monitor").takes_reports_at

    async def find() -> Address:
        with remote_errors(StorageError, "monitor"):
            return cast("Address", await where.remote())

    return RemoteMonitor(find)


def _finder(
    deployment: str, application: str, unavailable: type[ConvonetError]
) -> Callable[[], Awaitable[Sequence[Address]]]:
    handle = handle_to(deployment, application)

    async def find() -> Sequence[Address]:
        with remote_errors(unavailable, application):
            try:
                async with asyncio.timeout(FIND_TIMEOUT_S):
                    replicas = await broadcast(handle, "listens_at")
            except TimeoutError:
                raise unavailable(f"Serve does not say which replicas {deployment} has") from None
        answers = await asyncio.gather(*(_answer(ask) for ask in replicas))
        return [address for address in answers if isinstance(address, Address)]

    return find


async def _answer(ask: Callable[[], Awaitable[Any]]) -> object:
    """Return a replica's answer to a broadcast; None when it has just died, or hangs."""
    with contextlib.suppress(ConvonetError), remote_errors(ConvonetError, "replica"):
        async with asyncio.timeout(FIND_TIMEOUT_S):
            return await ask()
    return None
