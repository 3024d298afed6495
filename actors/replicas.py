"""The replicas that are asked on their own ports, seen from the processes that ask: Serve says where they listen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from actors.failures import remote_errors
from actors.handles import handle_to
from convonet.agents.replicas import AgentReplicas
from convonet.core.errors import AgentUnavailable, ConvonetError, SpeechUnavailable, ToolsUnavailable
from convonet.mcp.replicas import ToolReplicas
from convonet.rpc.pool import Delays, ReplicaPool
from convonet.rpc.wire import Address
from convonet.settings import Settings
from convonet.speech.replicas import SpeechReplicas
from convonet.speech.requests import MAX_MESSAGE_BYTES
from convonet.telephony.hand_overs import HandOversUnavailable
from convonet.telephony.replicas import CALL_TIMEOUT_S, HostReplicas

FIND_TIMEOUT_S = 1.0
"""A replica says in three milliseconds where it listens."""

REPLACED_WITHIN_S = 12.0
"""Whoever asks waits so long when all replicas have died at once, or there is one and its machine has vanished."""

HOST_REFRESH_S = 30.0
"""Serve may have started another host while the one before, cut off from the rest, still answers us. Each look takes
3 ms of CPU."""


def remote_agent() -> AgentReplicas:
    """The `Agent` on the AgentRouter deployment. `close` it at the end."""
    find = _finder("AgentRouter", "agent", AgentUnavailable)
    return AgentReplicas(ReplicaPool("AgentRouter", find, delays=Delays(replaced_within=REPLACED_WITHIN_S)))


def remote_speech() -> SpeechReplicas:
    """`SpeechToText` and `TextToSpeech` on the Speech deployment. `close` it at the end."""
    find = _finder("Speech", "speech", SpeechUnavailable)
    delays = Delays(replaced_within=REPLACED_WITHIN_S)
    return SpeechReplicas(ReplicaPool("Speech", find, expected=1, delays=delays, max_message_bytes=MAX_MESSAGE_BYTES))


def remote_hand_overs() -> HostReplicas:
    """`HandOverHost` on the CallCenter deployment. `close` it at the end."""
    find = _finder("CallCenter", "call-center", HandOversUnavailable)
    delays = Delays(replaced_within=CALL_TIMEOUT_S, refresh=HOST_REFRESH_S)
    return HostReplicas(ReplicaPool("CallCenter", find, expected=1, is_single=True, delays=delays))


def tool_pool() -> ReplicaPool:
    """The replicas of the Tools deployment. `close` it at the end."""
    return ReplicaPool("Tools", _finder("Tools", "tools", ToolsUnavailable))


def remote_tools(settings: Settings) -> ToolReplicas:
    """`ToolServers` on the Tools deployment. `close` it at the end."""
    return ToolReplicas(tool_pool(), secret=settings.signing_secret)


def _finder(deployment: str, application: str, away: type[ConvonetError]) -> Callable[[], Awaitable[Sequence[Address]]]:
    where = handle_to(deployment, application)

    async def find() -> Sequence[Address]:
        with remote_errors(away, application):
            try:
                async with asyncio.timeout(FIND_TIMEOUT_S):
                    # what `results_async` does, but one that hangs shall not keep the others' words from us
                    asked = await where.broadcast("listens_at")._fetch_replica_results_async()
            except TimeoutError:
                raise away(f"Serve does not say which replicas {deployment} has") from None
        said = await asyncio.gather(*(_answer(replica) for replica in asked))
        return [address for address in said if isinstance(address, Address)]

    return find


async def _answer(replica: Any) -> object:
    """What a replica answers to a broadcast; None when it has just died, or hangs."""
    with contextlib.suppress(ConvonetError), remote_errors(ConvonetError, "replica"):
        async with asyncio.timeout(FIND_TIMEOUT_S):
            return await replica.get_async()
    return None
