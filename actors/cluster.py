"""The role of this process's cluster: during an upgrade a new cluster runs beside the old one, and one of them serves.

    role      event                                        next
    --------  -------------------------------------------  --------
    (start)   no other cluster serves                      SERVING
    (start)   another one does                             WAITING
    WAITING   a client connects to any process of this     SERVING   and the other cluster is REPLACED
              cluster
    SERVING   another cluster has a client                 REPLACED  for good: callers and desks are sent there

Used by the voice replicas, the call center and the monitor. Each process reads its role from the store once a second,
and at once when a client connects while it is WAITING.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from convonet.core.background import BackgroundTasks
from convonet.core.errors import StorageError
from convonet.storage.serving import Role, ServingStore

log = structlog.get_logger(__name__)

REFRESH_INTERVAL_S = 1.0


class Cluster:
    """The role as this process knows it. Call `start` inside the event loop and `stop` at the end."""

    def __init__(self, cluster_id: str, store: ServingStore | None) -> None:
        """Without a store this is the only cluster."""
        self.cluster_id = cluster_id
        self._store = store
        self._role = Role.SERVING
        self._has_client = False
        self._listeners: list[Callable[[Role], None]] = []
        self._tasks = BackgroundTasks()
        self._store_is_down = False

    @property
    def role(self) -> Role:
        """The last known role. A cluster serves while the store is down, since none can replace it then."""
        return self._role

    @property
    def is_replaced(self) -> bool:
        return self._role is Role.REPLACED

    def on_change(self, listener: Callable[[Role], None]) -> None:
        """Call `listener` with each new role from now on."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Read the role and keep it up to date."""
        if self._store is None:
            return
        await self._refresh(takes_if_free=True)
        self._tasks.spawn(self._watch(), own_context=True)

    async def stop(self) -> None:
        await self._tasks.cancel_and_wait()

    async def register_client(self) -> bool:
        """Note that a client has connected. Returns whether this cluster serves it."""
        self._has_client = True
        if self._role is Role.WAITING:
            await self.refresh()
        return self._role is Role.SERVING or (self._role is Role.WAITING and self._store_is_down)

    async def refresh(self) -> None:
        """Read the role from the store now."""
        await self._refresh(takes_if_free=self._role is Role.SERVING)

    async def _refresh(self, *, takes_if_free: bool) -> None:
        if self._store is None or self.is_replaced:
            return
        takes = self._has_client and self._role is Role.WAITING
        try:
            standing = await self._store.renew_role(self.cluster_id, takes_over=takes, takes_over_if_free=takes_if_free)
        except StorageError as error:
            if not self._store_is_down:
                log.warning("cluster_role_unknown", error=str(error))
            self._store_is_down = True
            return
        self._store_is_down = False
        self._become(standing.role, standing.epoch)

    def _become(self, role: Role, epoch: int) -> None:
        if role is self._role or self.is_replaced:
            return
        log.info("cluster_role", role=role, before=self._role, epoch=epoch, cluster=self.cluster_id)
        self._role = role
        for listener in self._listeners:
            listener(role)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_INTERVAL_S)
            try:
                await self.refresh()
            except Exception:
                # the top of a background task: without it an upgrade would not be noticed
                log.exception("cluster_watch_crashed")
