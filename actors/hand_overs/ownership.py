"""Ownership of the call center: each cluster has a host, and one of the hosts owns the call center.

    phase     event                        next       effect
    --------  ---------------------------  ---------  -----------------------------------------------------------------
    CLOSED    its cluster serves           OPEN       the host restores all hand-overs but the talks of another cluster
    CLOSED    a request arrives            CLOSED     it is refused: this host is unavailable
    OPEN      another host has taken over  GIVEN_UP   nothing begins here any more; desks are sent to the other host,
                                                      except those in a talk that stays
    GIVEN_UP  such a talk ends             GIVEN_UP   its desk is sent to the other host too

The owner saves the call center's snapshot after every change. A host whose save is refused (`Fenced`) has lost it.
"""

from __future__ import annotations

import asyncio
import contextlib
from enum import StrEnum
from typing import Protocol

import structlog

from actors.cluster import Cluster
from actors.hand_overs.snapshot import CallCenterSnapshot, HandOverSnapshot, SnapshotRepository
from convonet.core.background import BackgroundTasks
from convonet.core.errors import Fenced, StorageError
from convonet.storage.serving import Role
from convonet.telephony.hand_overs import HandOversUnavailable
from convonet.telephony.switchboard import Switchboard

log = structlog.get_logger(__name__)


class Phase(StrEnum):
    """Phase of a host's ownership."""

    CLOSED = "closed"
    OPEN = "open"
    GIVEN_UP = "given_up"


class Owner(Protocol):
    """The host as its ownership sees it; `HandOverRegistry` implements it."""

    @property
    def talking(self) -> list[str]: ...

    def restore_switchboard(self, switchboard: Switchboard) -> None: ...

    async def restore_hand_over(self, transfer_id: str) -> bool: ...

    def reconcile_desks(self) -> None: ...

    def give_up(self) -> None: ...


class Ownership:
    """The phase of one host, and the snapshot that it saves while it owns the call center."""

    def __init__(self, owner: Owner, repository: SnapshotRepository, cluster: Cluster, tasks: BackgroundTasks) -> None:
        self._owner = owner
        self._repository = repository
        self._cluster = cluster
        self._tasks = tasks
        self._snapshot = CallCenterSnapshot()
        self._phase = Phase.CLOSED
        self._opening = asyncio.Lock()
        self._changed = asyncio.Event()
        self.elsewhere: set[str] = set()
        """Talks that the host of another cluster continues."""

    @property
    def open(self) -> list[str]:
        """Ids of all hand-overs in progress."""
        return self._snapshot.open

    @property
    def is_given_up(self) -> bool:
        return self._phase is Phase.GIVEN_UP

    async def start(self) -> None:
        """Restore what an earlier host has left behind, unless another cluster serves."""
        self._cluster.on_change(self._cluster_changed)
        if self._cluster.role is Role.SERVING:
            await self._open()

    async def require_open(self) -> None:
        """Raise `HandOversUnavailable`, or `Fenced`, unless this host owns the call center."""
        if self._phase is Phase.CLOSED:
            # its cluster may have begun to serve a moment ago
            await self._cluster.refresh()
            if self._cluster.role is Role.SERVING:
                await self._open()
        if self._phase is not Phase.OPEN:
            raise self.refusal()

    def refusal(self) -> HandOversUnavailable | Fenced:
        """Return the error of a host without the call center: `Fenced` if another host of its cluster can answer."""
        if self._phase is Phase.GIVEN_UP and not self._cluster.is_replaced:
            return Fenced("another host has taken over")
        return HandOversUnavailable(f"the call center of this host is {self._phase}")

    def mark_changed(self) -> None:
        """Have the snapshot saved soon."""
        self._changed.set()

    async def save(self) -> None:
        """Save the snapshot now. Raises `Fenced` when another host has taken over."""
        if self._phase is not Phase.OPEN:
            return
        self._snapshot.talking = [*self._owner.talking, *self.elsewhere]
        try:
            await self._repository.save_call_center(self._snapshot)
        except Fenced:
            await self.lose()
            raise

    async def confirm(self, hand_over: HandOverSnapshot) -> None:
        """Make sure that this host owns the hand-over. Raises `Fenced`, and `StorageError` while the store is down."""
        try:
            await self._repository.confirm(self._snapshot, hand_over)
        except Fenced:
            await self.lose()
            raise

    async def lose(self) -> None:
        """Give up the call center: another host, of this cluster or another one, has taken over."""
        await self._cluster.refresh()
        self._give_up()

    def _cluster_changed(self, role: Role) -> None:
        match role:
            case Role.SERVING:
                self._tasks.spawn(self._try_to_open(), own_context=True)
            case Role.REPLACED:
                self._give_up()

    async def _try_to_open(self) -> None:
        try:
            await self._open()
        except StorageError as error:
            # the next request tries again
            log.warning("office_not_opened", error=str(error))

    async def _open(self) -> None:
        """Take over the call center. Raises `StorageError`."""
        async with self._opening:
            if self._phase is not Phase.CLOSED:
                return
            snapshot = self._snapshot = await self._repository.claim_call_center() or CallCenterSnapshot()
            self._owner.restore_switchboard(snapshot.switchboard)
            stays = set(snapshot.talking) if snapshot.cluster != self._cluster.cluster_id else set()
            for transfer_id in list(snapshot.open):
                if transfer_id in stays:
                    self.elsewhere.add(transfer_id)
                elif not await self._owner.restore_hand_over(transfer_id):
                    snapshot.open.remove(transfer_id)
            snapshot.cluster = self._cluster.cluster_id
            self._phase = Phase.OPEN
            self._owner.reconcile_desks()
            self._changed.set()
            self._tasks.spawn(self._save_changes(), own_context=True)

    def _give_up(self) -> None:
        if self._phase is not Phase.GIVEN_UP:
            self._phase = Phase.GIVEN_UP
            self._owner.give_up()

    async def _save_changes(self) -> None:
        while self._phase is Phase.OPEN:
            await self._changed.wait()
            self._changed.clear()
            with contextlib.suppress(Fenced):
                await self.save()
