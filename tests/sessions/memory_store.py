"""A `CheckpointStore` in memory, for tests on virtual time: the real ones keep their own clock."""

from dataclasses import dataclass

from convonet.errors import Fenced
from convonet.storage.checkpoints import Checkpoint, Held


@dataclass
class _Row:
    epoch: int
    body: bytes | None
    expires_at: float
    lease_until: float | None


class MemoryCheckpoints:
    def __init__(self, clock):
        self._clock = clock
        self._rows = {}

    async def save(self, session_id, epoch, body, ttl_s, *, lease_s=None):
        row = self._row(session_id)
        if row is not None and (row.epoch > epoch or row.body is None):
            raise Fenced(f"epoch {epoch}, store has {row.epoch}")
        self._rows[session_id] = _Row(epoch, body, self._clock() + ttl_s, self._until(lease_s))

    async def claim(self, session_id, *, lease_s=None):
        row = self._row(session_id)
        if row is None or row.body is None:
            return None
        row.epoch += 1
        row.lease_until = self._until(lease_s)
        return Checkpoint(session_id, row.epoch, row.body)

    async def delete(self, session_id, epoch):
        row = self._row(session_id)
        if row is None or row.body is None:
            return
        if row.epoch > epoch:
            raise Fenced(f"epoch {epoch}, store has {row.epoch}")
        row.body = None

    async def hold(self, held, lease_s):
        claimed, missing = set(), set()
        for session_id, epoch in held.items():
            row = self._row(session_id)
            if row is None or row.epoch < epoch:
                missing.add(session_id)
            elif row.epoch > epoch or row.body is None:
                claimed.add(session_id)
            else:
                row.lease_until = self._until(lease_s)
        return Held(frozenset(claimed), frozenset(missing))

    async def abandoned(self, most):
        now = self._clock()
        over = [
            s for s, row in self._rows.items() if row.body and row.lease_until is not None and row.lease_until < now
        ]
        return [s for s in over if self._row(s)][:most]

    async def ping(self):
        pass

    def _row(self, session_id):
        row = self._rows.get(session_id)
        if row is not None and row.expires_at <= self._clock():
            del self._rows[session_id]
            return None
        return row

    def _until(self, lease_s):
        return None if lease_s is None else self._clock() + lease_s
