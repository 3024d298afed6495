"""Which session host a call goes to: the one that holds the session, else the one with the fewest calls.

Runs inside every process that has a handle to the session hosts (the voice replicas). The handle's `session_id` option
carries the wanted host's replica id, as it was told in `Attached.host`.
"""

from __future__ import annotations

import asyncio
import time

from ray.serve.request_router import PendingRequest, ReplicaID, RequestRouter, RunningReplica

SUSPICION_S = 5.0
"""How long a replica that could not be reached is passed over: by then the controller has dropped it if it is dead."""

RETRY_PAUSE_S = 0.02


class SessionPlacement(RequestRouter):
    """Each request picks its own replica at once.

    Serve's own loop matches waiting requests to replicas either by request id, which all calls of one WebSocket share,
    or first-in-first-out, which may hand one session's replica to another session's call. Neither is right for calls
    that must reach their session, so the choice is made here, per request, with no queue. The load of a replica is its
    ongoing requests: one stream per attached session, a number that each answer brings along.
    """

    def initialize_state(self, **_: object) -> None:
        """Serve calls this once."""
        self._unreachable: dict[ReplicaID, float] = {}

    def on_replica_actor_unavailable(self, replica_id: ReplicaID) -> None:
        """A call could not reach this replica: try others for a while."""
        super().on_replica_actor_unavailable(replica_id)
        self._unreachable[replica_id] = time.monotonic() + SUSPICION_S

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """Rank of one: the replica to use (asked for by `handle.choose_replica` only)."""
        wanted = pending_request.metadata.session_id if pending_request else ""
        return [[self._pick(candidate_replicas, wanted)]] if candidate_replicas else []

    async def _choose_replica_for_request(
        self, pending_request: PendingRequest, *, is_retry: bool = False
    ) -> RunningReplica:
        if is_retry:
            await asyncio.sleep(RETRY_PAUSE_S)
        while not self._replicas:
            self._replicas_updated_event.clear()
            await self._replicas_updated_event.wait()
        return self._pick(self._replicas_list, pending_request.metadata.session_id)

    def _pick(self, replicas: list[RunningReplica], wanted: str) -> RunningReplica:
        now = time.monotonic()
        reachable = [r for r in replicas if self._unreachable.get(r.replica_id, 0.0) < now] or replicas
        for replica in reachable:
            if replica.replica_id.unique_id == wanted:
                return replica
        return min(reachable, key=self._load)

    def _load(self, replica: RunningReplica) -> int:
        return self.replica_queue_len_cache.get(replica.replica_id) or 0
