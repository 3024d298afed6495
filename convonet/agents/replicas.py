"""The agent's replicas, as a session asks them.

When one dies or is silent before it has said a word, another one is asked: the turn's id names what its tools do, so
that nothing is done twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

import structlog

from convonet.agents.base import AgentEvent, TextDelta, TurnRequest
from convonet.agents.requests import TURN, to_error, to_event, to_params
from convonet.core.errors import AgentError, AgentUnavailable
from convonet.rpc.calls import stream_of
from convonet.rpc.pool import NoReplica, ReplicaPool
from convonet.rpc.replica import Lost, Replica
from convonet.rpc.wire import Message, RpcError

log = structlog.get_logger(__name__)

MAX_TRIES = 3


class AgentReplicas:
    """`Agent` on the replicas of the AgentRouter deployment. `close` it at the end."""

    def __init__(self, pool: ReplicaPool) -> None:
        self.pool = pool

    async def turn(self, request: TurnRequest) -> AsyncGenerator[AgentEvent, None]:
        """See `Agent.turn`. Raises `AgentUnavailable` when no replica can answer."""
        params, spoke = to_params(request), False
        asked: list[Replica] = []
        while True:
            replica = await self._next(asked)
            asked.append(replica)
            try:
                async with contextlib.aclosing(self._ask(replica, params, asked)) as events:
                    async for event in events:
                        spoke = spoke or isinstance(event, TextDelta)
                        yield event
                return
            except Lost as error:
                self.pool.miss()
                if spoke or len(asked) == MAX_TRIES:
                    raise AgentUnavailable(f"agent: {error}") from None
                log.warning("agent_asked_again", reason=str(error))

    def start(self) -> None:
        """Open the connections that the first turn would wait for."""
        self.pool.keep_found()

    async def close(self) -> None:
        """Close all connections."""
        await self.pool.close()

    async def _next(self, asked: list[Replica]) -> Replica:
        while (replica := self.pool.choose(asked)) is None:
            try:
                await self.pool.wait_for_any()
            except NoReplica as error:
                raise AgentUnavailable(f"agent: {error}") from None
        return replica

    async def _ask(self, replica: Replica, params: Message, asked: list[Replica]) -> AsyncGenerator[AgentEvent, None]:
        """The events of one replica. Raises `Lost` when it dies, or is silent while another one may answer."""

        def may_leave() -> bool:
            return self.pool.choose_ready(asked) is not None

        try:
            stream = stream_of(self.pool, replica, TURN, params, may_leave=may_leave)
            async with contextlib.aclosing(stream) as messages:
                async for message in messages:
                    yield to_event(message)
        except ValueError as error:
            raise AgentError(f"the turn can't be sent: {type(error).__name__}") from None
        except RpcError as error:
            raise to_error(error) from None
