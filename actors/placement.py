"""Which session host a call goes to: the one that holds the session, else the one with the fewest calls.

Runs inside every process that has a handle to the session hosts (the voice replicas). The handle's `session_id` option
carries the wanted host's replica id, as it was told in `Attached.host`.
"""

from __future__ import annotations

from ray.serve.request_router import PendingRequest, RequestRouter, RunningReplica


class SessionPlacement(RequestRouter):
    """Each request picks its own replica at once.

    Serve's own loop matches waiting requests to replicas either by request id, which all calls of one WebSocket share,
    or first-in-first-out, which may hand one session's replica to another session's call. Neither is right for calls
    that must reach their session, so the choice is made here, per request, with no queue. The load of a replica is its
    ongoing requests: one stream per attached session, a number that each answer brings along.
    """

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """Rank of one: the replica to use (asked for by `handle.choose_replica` only)."""
        wanted = pending_request.metadata.session_id if pending_request else ""
        return [[self._pick(candidate_replicas, wanted)]] if candidate_replicas else []

    async def _choose_replica_for_request(
        self, pending_request: PendingRequest, *, is_retry: bool = False
    ) -> RunningReplica:
        while not self._replicas:
            self._replicas_updated_event.clear()
            await self._replicas_updated_event.wait()
        return self._pick(self._replicas_list, pending_request.metadata.session_id)

    def _pick(self, replicas: list[RunningReplica], wanted: str) -> RunningReplica:
        for replica in replicas:
            if replica.replica_id.unique_id == wanted:
                return replica
        return min(replicas, key=self._load)

    def _load(self, replica: RunningReplica) -> int:
        return self.replica_queue_len_cache.get(replica.replica_id) or 0
