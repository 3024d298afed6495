"""Snapshots of the call center and of each hand-over in the checkpoint store.

A host saves them, and the next one restores them. Each snapshot has an epoch. A host that claims one raises its epoch,
and from then on the previous host can't save it.
"""

from __future__ import annotations

import secrets
from typing import TypeVar

import structlog
from pydantic import BaseModel, Field

from convonet.core.errors import Fenced, StorageError
from convonet.core.ids import SessionId
from convonet.storage.checkpoints import CheckpointStore
from convonet.storage.versioned import Versioned
from convonet.telephony.hand_over_machine import HandOverMachine
from convonet.telephony.messages import HandOverRequest, MediaLegAddress, Spoken
from convonet.telephony.switchboard import Switchboard

log = structlog.get_logger(__name__)

CALL_CENTER = SessionId("telephony-office")
"""Key of the snapshot with the switchboard and the list of open hand-overs."""

RETENTION_S = 86_400.0

Body = TypeVar("Body", bound=Versioned)


class StreamKey(BaseModel):
    """Admits one stream of an attempt's call. After that stream has ended, it can be exchanged for one new key."""

    value: str = Field(default_factory=lambda: secrets.token_urlsafe(24))
    shown: bool = False
    after: str = ""
    """The key that was exchanged for this one. It stays valid until this one is shown, since the answer may be lost."""

    def is_same(self, other: str) -> bool:
        return _is_same(self.value, other)

    def is_exchanged_for(self, other: str) -> bool:
        """Return whether the owner of `other` may get a new key."""
        is_repeated = self.after != "" and not self.shown and _is_same(self.after, other)
        return self.is_same(other) or is_repeated


class DeskStream(BaseModel):
    """The audio stream of a desk's page, in a direct call."""

    key: StreamKey = Field(default_factory=StreamKey)
    """For the next stream. It is in the desk's view as soon as the person has accepted."""
    address: MediaLegAddress | None = None
    """The media leg of the newest stream."""


def _is_same(key: str, other: str) -> bool:
    return secrets.compare_digest(key.encode(), other.encode("utf-8", "replace"))


class HandOverSnapshot(Versioned):
    """The saved state of a hand-over. Keys of `stream_keys` and `lines` are numbers of attempts."""

    order: HandOverRequest
    transfer: HandOverMachine
    stream_keys: dict[int, StreamKey] = Field(default_factory=dict)
    """The newest key of each attempt."""
    lines: dict[int, MediaLegAddress] = Field(default_factory=dict)
    """The media leg of each attempt."""
    streams: dict[str, DeskStream] = Field(default_factory=dict)
    """The streams of the current attempt if it is direct, by desk: of the one that has the caller, and of a colleague
    whom it asks first. Its call has no entry in `stream_keys` and `lines`."""
    said: list[Spoken] = Field(default_factory=list)
    """The transcript of the talk."""


class CallCenterSnapshot(Versioned):
    """The saved state of the call center, besides the hand-overs themselves."""

    switchboard: Switchboard = Switchboard()
    open: list[str] = Field(default_factory=list)
    """Ids of the hand-overs in progress."""
    talking: list[str] = Field(default_factory=list)
    """Those of them that have a media leg; a host of another cluster leaves them where they are."""
    cluster: str = ""
    """Id of the cluster whose host saved this snapshot."""


class SnapshotRepository:
    """The snapshots of one host. Every method raises `Fenced` when another host has claimed the snapshot."""

    def __init__(self, checkpoints: CheckpointStore) -> None:
        self._checkpoints = checkpoints
        self._epochs: dict[SessionId, int] = {}

    async def claim_call_center(self) -> CallCenterSnapshot | None:
        """Take over the call center. Returns None if there is no readable snapshot. Raises `StorageError`."""
        return await self._claim(CallCenterSnapshot, CALL_CENTER)

    async def claim_hand_over(self, transfer_id: str) -> HandOverSnapshot | None:
        """Take over a hand-over. Returns None when it is over or unreadable. Raises `StorageError`."""
        return await self._claim(HandOverSnapshot, _key(transfer_id))

    async def save_call_center(self, snapshot: CallCenterSnapshot) -> None:
        """Save the call center, if the store is up."""
        await self._try_to_save(CALL_CENTER, snapshot)

    async def save_hand_over(self, snapshot: HandOverSnapshot) -> None:
        """Save a hand-over, if the store is up."""
        await self._try_to_save(_key(snapshot.transfer.transfer_id), snapshot)

    async def confirm(self, call_center: CallCenterSnapshot, snapshot: HandOverSnapshot) -> None:
        """Make sure that this host still owns both. Raises `StorageError` while the store is down."""
        await self._save(CALL_CENTER, call_center)
        await self._save(_key(snapshot.transfer.transfer_id), snapshot)

    async def delete_hand_over(self, transfer_id: str) -> None:
        """Delete a hand-over that is over. Raises `StorageError`."""
        key = _key(transfer_id)
        await self._checkpoints.delete(key, self._epochs.pop(key, 1))

    async def _claim(self, kind: type[Body], key: SessionId) -> Body | None:
        checkpoint = await self._checkpoints.claim(key)
        if checkpoint is None:
            return None
        self._epochs[key] = checkpoint.epoch
        try:
            return kind.from_checkpoint(checkpoint.body)
        except ValueError as error:
            # written by a newer release, after a rollback: the call center must work all the same
            log.error("checkpoint_unreadable", key=key, error=type(error).__name__)
            return None

    async def _try_to_save(self, key: SessionId, snapshot: Versioned) -> None:
        try:
            await self._save(key, snapshot)
        except Fenced:
            raise
        except StorageError as error:
            # a talk goes on without a snapshot; the next change tries again
            log.warning("transfer_not_saved", key=key, error=str(error))

    async def _save(self, key: SessionId, snapshot: Versioned) -> None:
        await self._checkpoints.save(key, self._epochs.setdefault(key, 1), snapshot.to_checkpoint(), RETENTION_S)


def _key(transfer_id: str) -> SessionId:
    return SessionId(f"transfer-{transfer_id}")
