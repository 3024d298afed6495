"""Requests that do the same however often they are asked, and streams that may be begun anew: as any client asks them.

Whoever is asked may die or hang at any moment, and is then left for another replica.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from convonet.rpc.pool import ReplicaPool
from convonet.rpc.replica import Lost, Question, Replica
from convonet.rpc.wire import Message


async def answer_of(pool: ReplicaPool, method: str, params: Message) -> Message:
    """The first answer of any replica; another one is asked too when the one before dies or is silent.

    It takes as long as that does: a replica that is silent may be the only one, and speak again.

    Raises `RpcError`, `NoReplica`, and `ValueError` for what can't be sent.
    """
    questions: list[Question] = []
    try:
        while True:
            if (replica := pool.choose({question.replica for question in questions})) is not None:
                questions.append(replica.ask(method, params))
            elif all(question.is_lost for question in questions):
                await pool.wait_for_any()
                continue
            if (answer := await _first_answer(pool, questions, replica)) is not None:
                return answer
            pool.miss()
    finally:
        for question in questions:
            question.replica.give_up(question)


async def _first_answer(pool: ReplicaPool, questions: Sequence[Question], newest: Replica | None) -> Message | None:
    """The first answer; None when another replica is to be asked too, since the newest does not answer."""
    answers: list[asyncio.Future[Message]] = [question.answer for question in questions if not question.is_lost]
    if not answers:
        return None
    doubt: asyncio.Future[None] = newest.silence if newest is not None else asyncio.ensure_future(pool.arrival())
    try:
        waited: set[asyncio.Future[Any]] = {*answers, doubt}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if newest is None:
            doubt.cancel()
    for answer in answers:
        if answer.done() and not isinstance(answer.exception(), Lost):
            return answer.result()
    return None


async def stream_of(
    pool: ReplicaPool,
    replica: Replica,
    method: str,
    params: Message,
    *,
    may_leave: Callable[[], bool],
    max_silence_s: float | None = None,
) -> AsyncGenerator[Message, None]:
    """The events of one replica, and at last its result.

    Args:
        pool: whose replica it is.
        replica: who is asked.
        method: what is asked.
        params: the same for every replica.
        may_leave: whether another replica would answer instead, now that this one is silent.
        max_silence_s: how long it may be silent while there is no other; without end when None.

    Raises `Lost` when it dies, or is silent while it may be left or for too long; `RpcError`; and `ValueError` for what
    can't be sent.
    """
    inbox: asyncio.Queue[Message | asyncio.Future[Any]] = asyncio.Queue()
    question = replica.ask(method, params, inbox.put_nowait)
    question.answer.add_done_callback(inbox.put_nowait)
    silence, silent_until, waiting = replica.silence, None, None
    silence.add_done_callback(inbox.put_nowait)
    try:
        while True:
            said = await inbox.get()
            if isinstance(said, dict):
                yield said
            elif said is question.answer:
                yield question.answer.result()
                return
            elif replica.is_silent:
                if may_leave() or (said is waiting and not waiting.result()):
                    raise Lost("no sign of life")
                if max_silence_s is not None and silent_until is None:
                    silent_until = asyncio.get_running_loop().time() + max_silence_s
                pool.miss()
                waiting = asyncio.create_task(_arrives(pool, silent_until))
                waiting.add_done_callback(inbox.put_nowait)
            if silence is not replica.silence:
                # it was silent, and speaks again
                silence, silent_until = replica.silence, None
                silence.add_done_callback(inbox.put_nowait)
    finally:
        if waiting is not None:
            waiting.cancel()
        silence.remove_done_callback(inbox.put_nowait)
        question.answer.remove_done_callback(inbox.put_nowait)
        replica.give_up(question)


async def _arrives(pool: ReplicaPool, until: float | None) -> bool:
    """Whether there is another replica to ask, or the same one again, before that time of the loop's clock."""
    try:
        async with asyncio.timeout_at(until):
            await pool.arrival()
    except TimeoutError:
        return False
    return True
