"""Conversations over HTTP, stored between requests beside the sessions' checkpoints. `AgentApi` uses them."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass

from convonet.core.caller import Caller
from convonet.core.errors import Fenced
from convonet.core.ids import SessionId
from convonet.sessions.conversation import Conversation
from convonet.storage.checkpoints import CheckpointStore

TIME_TO_LIVE_S = 3600.0
"""A conversation that nobody continues for an hour is over."""


@dataclass(frozen=True, slots=True)
class Thread:
    """One conversation, claimed by one request."""

    conversation: Conversation
    epoch: int


class Threads:
    """All conversations. Methods raise `StorageError` when the store is unavailable."""

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store

    async def open_thread(self, caller: Caller, name: str, *, reset: bool, repeats: str | None = None) -> Thread:
        """Return the caller's conversation, or a new one: also with `reset`, unless it has just answered `repeats`."""
        session_id = _id(caller, name)
        checkpoint = await self._store.claim(session_id)
        epoch = checkpoint.epoch if checkpoint else 1
        conversation = Conversation.from_checkpoint(checkpoint.body) if checkpoint else None
        if conversation is None or (reset and not (repeats and conversation.answered_last(repeats))):
            return Thread(Conversation(session_id=session_id, caller=caller), epoch)
        return Thread(conversation.model_copy(update={"caller": caller}), epoch)

    async def save_thread(self, thread: Thread) -> None:
        """Store the conversation for the next request, unless a later request has claimed it."""
        with contextlib.suppress(Fenced):
            await self._store.save(
                thread.conversation.session_id, thread.epoch, thread.conversation.to_checkpoint(), TIME_TO_LIVE_S
            )


def _id(caller: Caller, name: str) -> SessionId:
    # neither a browser session's id nor another user's
    digest = hashlib.sha256(f"{caller.user_id}/{name}".encode()).hexdigest()
    return SessionId(f"api-{digest[:32]}")
