"""What the host of the hand-overs keeps in the checkpoint store: the office, and each hand-over by itself.

Every one has an epoch. A host that takes them over raises it, and the host before can change nothing more.
"""

from __future__ import annotations

from typing import TypeVar

import structlog
from pydantic import Field

from actors.hand_overs.actor import HandOverSnapshot
from convonet.core.errors import Fenced, StorageError
from convonet.core.ids import SessionId
from convonet.storage.checkpoints import CheckpointStore
from convonet.storage.versioned import Versioned
from convonet.telephony.switchboard import Switchboard

log = structlog.get_logger(__name__)

CALL_CENTER = SessionId("telephony-office")
"""The checkpoint that holds the switchboard and the list of open hand-overs."""

RETENTION_S = 86_400.0

Body = TypeVar("Body", bound=Versioned)


class CallCenterSnapshot(Versioned):
    """What is kept besides the hand-overs themselves."""

    switchboard: Switchboard = Switchboard()
    open: list[str] = Field(default_factory=list)
    talking: list[str] = Field(default_factory=list)
    """Those of them in which a human is on the line: a host of another cluster leaves these where they are."""
    cluster: str = ""
    """Whose host has written it."""


class SnapshotRepository:
    """The epochs of one host. Every method raises `Fenced` when another host has taken over what is asked for."""

    def __init__(self, checkpoints: CheckpointStore) -> None:
        self._checkpoints = checkpoints
        self._epochs: dict[SessionId, int] = {}

    async def claim_call_center(self) -> CallCenterSnapshot | None:
        """Take the office over; None when there is none, or none that can be read. Raises `StorageError`."""
        body = await self._claim(CALL_CENTER)
        return None if body is None else _read(CallCenterSnapshot, CALL_CENTER, body)

    async def claim_hand_over(self, transfer_id: str) -> HandOverSnapshot | None:
        """Take a hand-over over; None when it is over, or can't be read. Raises `StorageError`."""
        key = _key(transfer_id)
        body = await self._claim(key)
        return None if body is None else _read(HandOverSnapshot, key, body)

    async def save_call_center(self, body: CallCenterSnapshot) -> None:
        """Keep it, if the store can be reached."""
        await self._try_to_save(CALL_CENTER, body)

    async def save_hand_over(self, transfer_id: str, body: HandOverSnapshot) -> None:
        """Keep it, if the store can be reached."""
        await self._try_to_save(_key(transfer_id), body)

    async def confirm(self, transfer_id: str, office: CallCenterSnapshot, body: HandOverSnapshot) -> None:
        """Make sure that this host still holds both. Raises `StorageError` while nobody can tell."""
        await self._save(CALL_CENTER, office)
        await self._save(_key(transfer_id), body)

    async def delete_hand_over(self, transfer_id: str) -> None:
        """It is over. Raises `StorageError`."""
        key = _key(transfer_id)
        await self._checkpoints.delete(key, self._epochs.pop(key, 1))

    async def _claim(self, key: SessionId) -> bytes | None:
        checkpoint = await self._checkpoints.claim(key)
        if checkpoint is None:
            return None
        self._epochs[key] = checkpoint.epoch
        return checkpoint.body

    async def _try_to_save(self, key: SessionId, body: Versioned) -> None:
        try:
            await self._save(key, body)
        except Fenced:
            raise
        except StorageError as error:
            # the people talk on without a safety net; the next change tries again
            log.warning("transfer_not_saved", key=key, error=str(error))

    async def _save(self, key: SessionId, body: Versioned) -> None:
        await self._checkpoints.save(key, self._epochs.setdefault(key, 1), body.to_checkpoint(), RETENTION_S)


def _key(transfer_id: str) -> SessionId:
    return SessionId(f"transfer-{transfer_id}")


def _read(kind: type[Body], key: SessionId, body: bytes) -> Body | None:
    try:
        return kind.from_checkpoint(body)
    except ValueError as error:
        # of a newer release, in a rollback: calls must be taken all the same
        log.error("checkpoint_unreadable", key=key, error=type(error).__name__)
        return None
