"""Requests and streams that move on to another replica when theirs dies or hangs.

All clients of replicas use them: agents for tools, sessions for turns, local speech and hand-overs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from convonet.rpc.pool import ReplicaPool
from convonet.rpc.replica import PendingRequest, Replica, ReplicaUnavailable
from convonet.rpc.wire import Message


async def call_any_replica(pool: ReplicaPool, method: str, params: Message) -> Message:
    """Send an idempotent request; whenever the replica dies or is silent, send it to another one as well.

    There is no timeout: a silent replica may be the only one, and may recover.

    Returns:
        The first result of any replica.

    Raises:
        RpcError: A replica answered with an error.
        NoReplica: There has been no replica for too long.
        ValueError: The request can't be sent.
    """
    requests: list[PendingRequest] = []
    try:
        while True:
            if (replica := pool.choose({request.replica for request in requests})) is not None:
                requests.append(replica.send_request(method, params))
            elif all(request.is_lost for request in requests):
                await pool.wait_for_any()
                continue
            if (answer := await _first_answer(pool, requests, replica)) is not None:
                return answer
            pool.refresh_soon()
    finally:
        for request in requests:
            request.replica.abandon(request)


async def _first_answer(
    pool: ReplicaPool, requests: Sequence[PendingRequest], newest: Replica | None
) -> Message | None:
    """Wait for the first answer; None when the newest replica is silent and another one should be asked too."""
    answers: list[asyncio.Future[Message]] = [request.answer for request in requests if not request.is_lost]
    if not answers:
        return None
    doubt: asyncio.Future[None] = (
        newest.silence if newest is not None else asyncio.ensure_future(pool.wait_for_arrival())
    )
    try:
        waited: set[asyncio.Future[Any]] = {*answers, doubt}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if newest is None:
            doubt.cancel()
    for answer in answers:
        if answer.done() and not isinstance(answer.exception(), ReplicaUnavailable):
            return answer.result()
    return None


async def stream_from(
    pool: ReplicaPool,
    replica: Replica,
    method: str,
    params: Message,
    *,
    may_switch: Callable[[], bool],
    max_silence_s: float | None = None,
) -> AsyncGenerator[Message, None]:
    """Yield the events of one replica and finally its result.

    Args:
        pool: The pool of the replica.
        replica: The replica to ask.
        method: The method to call.
        params: The same for every replica.
        may_switch: Says whether another replica could answer instead, once this one is silent.
        max_silence_s: Longest silence while there is no other replica; unlimited when None.

    Raises:
        ReplicaUnavailable: The replica died, or was silent for too long or while another one could answer.
        RpcError: The replica answered with an error.
        ValueError: The request can't be sent.
    """
    inbox: asyncio.Queue[Message | asyncio.Future[Any]] = asyncio.Queue()
    request = replica.send_request(method, params, inbox.put_nowait)
    request.answer.add_done_callback(inbox.put_nowait)
    silence, silent_until, waiting = replica.silence, None, None
    silence.add_done_callback(inbox.put_nowait)
    try:
        while True:
            said = await inbox.get()
            if isinstance(said, dict):
                yield said
            elif said is request.answer:
                yield request.answer.result()
                return
            elif replica.is_silent:
                if may_switch() or (said is waiting and not waiting.result()):
                    raise ReplicaUnavailable("no sign of life")
                if max_silence_s is not None and silent_until is None:
                    silent_until = asyncio.get_running_loop().time() + max_silence_s
                pool.refresh_soon()
                waiting = asyncio.create_task(_arrives(pool, silent_until))
                waiting.add_done_callback(inbox.put_nowait)
            if silence is not replica.silence:
                # it has recovered
                silence, silent_until = replica.silence, None
                silence.add_done_callback(inbox.put_nowait)
    finally:
        if waiting is not None:
            waiting.cancel()
        silence.remove_done_callback(inbox.put_nowait)
        request.answer.remove_done_callback(inbox.put_nowait)
        replica.abandon(request)


async def _arrives(pool: ReplicaPool, until: float | None) -> bool:
    """Whether another replica arrives, or the same one recovers, before `until` on the loop's clock."""
    try:
        async with asyncio.timeout_at(until):
            await pool.wait_for_arrival()
    except TimeoutError:
        return False
    return True
