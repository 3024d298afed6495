"""The agent's replicas, as a session asks them.

When one dies or is silent before it has said a word, another one is asked: the turn's id names what its tools do, so
that nothing is done twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import structlog

from convonet.agents.base import AgentEvent, TextDelta, TurnRequest
from convonet.agents.requests import TURN, to_error, to_event, to_params
from convonet.errors import AgentAway, AgentError
from convonet.rpc.pool import NoReplica, ReplicaPool
from convonet.rpc.replica import Lost, Replica
from convonet.rpc.wire import Message, RpcError

log = structlog.get_logger(__name__)

MAX_TRIES = 3


class AgentReplicas:
    """`Agent` on the replicas of the AgentRouter deployment. `close` it at the end."""

    def __init__(self, pool: ReplicaPool) -> None:
        self._pool = pool

    async def turn(self, request: TurnRequest) -> AsyncGenerator[AgentEvent, None]:
        """See `Agent.turn`. Raises `AgentAway` when no replica can answer."""
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
                self._pool.miss()
                if spoke or len(asked) == MAX_TRIES:
                    raise AgentAway(f"agent: {error}") from None
                log.warning("agent_asked_again", reason=str(error))

    @property
    def is_reached(self) -> bool:
        """Whether a connection to a replica is open that is not silent."""
        replica = self._pool.choose()
        return replica is not None and not replica.is_silent

    def start(self) -> None:
        """Open the connections that the first turn would wait for."""
        self._pool.keep_found()

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def _next(self, asked: list[Replica]) -> Replica:
        while (replica := self._pool.choose(asked)) is None:
            try:
                await self._pool.wait_for_any()
            except NoReplica as error:
                raise AgentAway(f"agent: {error}") from None
        return replica

    async def _ask(self, replica: Replica, params: Message, asked: list[Replica]) -> AsyncGenerator[AgentEvent, None]:
        """The events of one replica. Raises `Lost` when it dies, or is silent while another one may answer."""
        inbox: asyncio.Queue[Message | asyncio.Future[Message] | asyncio.Future[None]] = asyncio.Queue()
        try:
            question = replica.ask(TURN, params, inbox.put_nowait)
        except ValueError as error:
            raise AgentError(f"the turn can't be sent: {type(error).__name__}") from None
        question.answer.add_done_callback(inbox.put_nowait)
        silence = replica.silence
        silence.add_done_callback(inbox.put_nowait)
        # while there is nobody else to ask
        arrival: asyncio.Future[None] | None = None
        try:
            while True:
                said = await inbox.get()
                if isinstance(said, dict):
                    yield to_event(said)
                elif said is question.answer:
                    yield to_event(question.answer.result())
                    return
                elif replica.is_silent and self._pool.choose(asked) is not None:
                    raise Lost("no sign of life")
                elif replica.is_silent:
                    arrival = asyncio.ensure_future(self._pool.arrival())
                    arrival.add_done_callback(inbox.put_nowait)
        except RpcError as error:
            raise to_error(error) from None
        finally:
            if arrival is not None:
                arrival.cancel()
            silence.remove_done_callback(inbox.put_nowait)
            question.answer.remove_done_callback(inbox.put_nowait)
            replica.give_up(question)
