"""Conversations over HTTP, kept between requests where sessions keep their checkpoints."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass

from convonet.core.caller import Caller
from convonet.core.errors import Fenced
from convonet.core.ids import SessionId
from convonet.sessions.conversation import Conversation
from convonet.storage.checkpoints import CheckpointStore

KEPT_S = 3600.0
"""A conversation that nobody continued for an hour is over."""


@dataclass(frozen=True, slots=True)
class Thread:
    """One conversation, held by one request."""

    conversation: Conversation
    epoch: int


class Threads:
    """All conversations. Methods raise `StorageError` when the store is away."""

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store

    async def take(self, caller: Caller, name: str, *, reset: bool, repeats: str | None = None) -> Thread:
        """The caller's conversation of this name, or a new one; with `reset` too, unless it has answered `repeats`."""
        session_id = _id(caller, name)
        kept = await self._store.claim(session_id)
        epoch = kept.epoch if kept else 1
        conversation = Conversation.from_checkpoint(kept.body) if kept else None
        if conversation is None or (reset and not (repeats and conversation.answered_last(repeats))):
            return Thread(Conversation(session_id=session_id, caller=caller), epoch)
        return Thread(conversation.model_copy(update={"caller": caller}), epoch)

    async def keep(self, thread: Thread) -> None:
        """Keep the conversation for the next request."""
        # a later request took it over in the meantime: what that one says counts
        with contextlib.suppress(Fenced):
            await self._store.save(
                thread.conversation.session_id, thread.epoch, thread.conversation.to_checkpoint(), KEPT_S
            )


def _id(caller: Caller, name: str) -> SessionId:
    # never one that a browser's session has, and never another user's
    digest = hashlib.sha256(f"{caller.user_id}/{name}".encode()).hexdigest()
    return SessionId(f"api-{digest[:32]}")
