"""The agent's replicas as a session uses them.

When a replica dies or falls silent before its first word, another one gets the turn. Tool effects have keys made from
the turn's id, so nothing is done twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

import structlog

from convonet.agents.base import AgentEvent, TextDelta, TurnRequest
from convonet.agents.requests import TURN, to_error, to_event, to_params
from convonet.core.errors import AgentError, AgentUnavailable
from convonet.rpc.calls import stream_from
from convonet.rpc.pool import NoReplica, ReplicaPool
from convonet.rpc.replica import Replica, ReplicaUnavailable
from convonet.rpc.wire import Message, RpcError

log = structlog.get_logger(__name__)

MAX_TRIES = 3


class AgentReplicas:
    """Implements `Agent` over the replicas of the AgentRouter deployment. `close` it at the end."""

    def __init__(self, pool: ReplicaPool) -> None:
        self.pool = pool

    async def turn(self, request: TurnRequest) -> AsyncGenerator[AgentEvent, None]:
        """See `Agent.turn`. Raises `AgentUnavailable` when no replica can answer."""
        params, has_spoken = to_params(request), False
        asked: list[Replica] = []
        while True:
            replica = await self._next_replica(asked)
            asked.append(replica)
            try:
                async with contextlib.aclosing(self._ask(replica, params, asked)) as events:
                    async for event in events:
                        has_spoken = has_spoken or isinstance(event, TextDelta)
                        yield event
                return
            except ReplicaUnavailable as error:
                self.pool.refresh_soon()
                if has_spoken or len(asked) == MAX_TRIES:
                    raise AgentUnavailable(f"agent: {error}") from None
                log.warning("agent_asked_again", reason=str(error))

    def start(self) -> None:
        """Open connections before the first turn."""
        self.pool.start_discovery()

    async def close(self) -> None:
        """Close all connections."""
        await self.pool.close()

    async def _next_replica(self, asked: list[Replica]) -> Replica:
        while (replica := self.pool.choose(asked)) is None:
            try:
                await self.pool.wait_for_any()
            except NoReplica as error:
                raise AgentUnavailable(f"agent: {error}") from None
        return replica

    async def _ask(self, replica: Replica, params: Message, asked: list[Replica]) -> AsyncGenerator[AgentEvent, None]:
        """Stream one replica's events. Raises `ReplicaUnavailable` if it dies, or is silent and another may answer."""

        def may_switch() -> bool:
            return self.pool.choose_ready(asked) is not None

        try:
            stream = stream_from(self.pool, replica, TURN, params, may_switch=may_switch)
            async with contextlib.aclosing(stream) as messages:
                async for message in messages:
                    yield to_event(message)
        except ValueError as error:
            raise AgentError(f"the turn can't be sent: {type(error).__name__}") from None
        except RpcError as error:
            raise to_error(error) from None
