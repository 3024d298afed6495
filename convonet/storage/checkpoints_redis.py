"""Checkpoints in Redis, which survive the loss of any of our machines.

A session is the hash `voice:checkpoint:{id}` (`epoch`, and `body` until it ends), which expires. The sorted set
`voice:checkpoint-leases` has the end of each lease, by Redis's own clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from convonet.core.ids import SessionId
from convonet.storage.checkpoints import GRACE_AFTER_LEASE_S, Checkpoint, Held, fenced, require_valid_size
from convonet.storage.redis_client import ScriptRunner

_PREFIX = "voice:checkpoint:"
_LEASES = "voice:checkpoint-leases"

_LEASE = (
    f"local GRACE_AFTER_LEASE_MS = {round(GRACE_AFTER_LEASE_S * 1000)}"
    + """
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function lease(id, key, ms)
  if ms == '' then return redis.call('ZREM', KEYS[1], id) end
  redis.call('ZADD', KEYS[1], now_ms() + tonumber(ms), id)
  local ttl_ms = tonumber(ms) + GRACE_AFTER_LEASE_MS
  if redis.call('PTTL', key) < ttl_ms then redis.call('PEXPIRE', key, ttl_ms) end
  -- a day after the last session; the entries of dead ones are removed when they are found
  redis.call('EXPIRE', KEYS[1], 86400)
end
"""
)

_SAVE = """
local epoch = tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0')
local ended = epoch > 0 and redis.call('HEXISTS', KEYS[2], 'body') == 0
if epoch > tonumber(ARGV[2]) or ended then return 1 end
redis.call('HSET', KEYS[2], 'epoch', ARGV[2], 'body', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
lease(ARGV[1], KEYS[2], ARGV[5])
return 0
"""

_CLAIM = """
local body = redis.call('HGET', KEYS[2], 'body')
if not body then return nil end
if ARGV[3] == '1' then
  local held_until = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if not held_until or tonumber(held_until) > now_ms() then return nil end
end
lease(ARGV[1], KEYS[2], ARGV[2])
return {redis.call('HINCRBY', KEYS[2], 'epoch', 1), body}
"""

_DELETE = """
local epoch = tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0')
if epoch > tonumber(ARGV[2]) then return 1 end
redis.call('HDEL', KEYS[2], 'body')
redis.call('ZREM', KEYS[1], ARGV[1])
return 0
"""

_HOLD = """
local claimed, missing = {}, {}
for n = 2, #KEYS do
  local id, held = ARGV[2 * n - 2], tonumber(ARGV[2 * n - 1])
  local epoch = tonumber(redis.call('HGET', KEYS[n], 'epoch') or '0')
  if epoch == 0 then table.insert(missing, id)
  elseif epoch > held or redis.call('HEXISTS', KEYS[n], 'body') == 0 then table.insert(claimed, id)
  elseif epoch < held then table.insert(missing, id)
  else lease(id, KEYS[n], ARGV[1]) end
end
return {claimed, missing}
"""

_ABANDONED = """
local found, limit = {}, tonumber(ARGV[1])
-- expired sessions are removed on the way, at most a thousand at a time so that nobody waits for it
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms(), 'LIMIT', 0, limit + 1000)) do
  if #found == limit then break end
  if redis.call('HEXISTS', ARGV[2] .. id, 'body') == 1 then table.insert(found, id)
  else redis.call('ZREM', KEYS[1], id) end
end
return found
"""

_PING = "return 1"


class RedisCheckpoints:
    """`CheckpointStore` in Redis; each call is one script and one round trip."""

    def __init__(self, url: str) -> None:
        runner = ScriptRunner(url)
        self._save = runner.register(_LEASE + _SAVE)
        self._claim = runner.register(_LEASE + _CLAIM)
        self._delete = runner.register(_DELETE)
        self._hold = runner.register(_LEASE + _HOLD)
        self._abandoned = runner.register(_LEASE + _ABANDONED)
        self._ping = runner.register(_PING)

    async def save(
        self, session_id: SessionId, epoch: int, body: bytes, ttl_s: float, *, lease_s: float | None = None
    ) -> None:
        """See `CheckpointStore.save`."""
        require_valid_size(body)
        ttl_ms = max(1, round(ttl_s * 1000))
        args: list[str | bytes | float] = [session_id, epoch, body, ttl_ms, _milliseconds(lease_s)]
        _require_holder(epoch, await self._save(_keys(session_id), args))

    async def claim(
        self, session_id: SessionId, *, lease_s: float | None = None, only_abandoned: bool = False
    ) -> Checkpoint | None:
        """See `CheckpointStore.claim`."""
        found = await self._claim(_keys(session_id), [session_id, _milliseconds(lease_s), int(only_abandoned)])
        if not isinstance(found, list):
            return None
        epoch, body = found
        return Checkpoint(session_id, int(epoch), bytes(body))

    async def delete(self, session_id: SessionId, epoch: int) -> None:
        """See `CheckpointStore.delete`."""
        _require_holder(epoch, await self._delete(_keys(session_id), [session_id, epoch]))

    async def hold(self, held: Mapping[SessionId, int], lease_s: float) -> Held:
        """See `CheckpointStore.hold`."""
        if not held:
            return Held()
        args: list[str | bytes | float] = [_milliseconds(lease_s)]
        for session_id, epoch in held.items():
            args += session_id, epoch
        claimed, missing = cast("list[list[bytes]]", await self._hold(_keys(*held), args))
        return Held(frozenset(_ids(claimed)), frozenset(_ids(missing)))

    async def abandoned(self, limit: int) -> list[SessionId]:
        """See `CheckpointStore.abandoned`."""
        # the script builds the sessions' keys itself, which a Redis Cluster would not allow
        return _ids(cast("list[bytes]", await self._abandoned([_LEASES], [limit, _PREFIX])))

    async def ping(self) -> None:
        """See `CheckpointStore.ping`."""
        await self._ping([], [])


def _keys(*session_ids: SessionId) -> list[str]:
    return [_LEASES, *(f"{_PREFIX}{session_id}" for session_id in session_ids)]


def _ids(answer: list[bytes]) -> list[SessionId]:
    return [SessionId(text.decode()) for text in answer]


def _milliseconds(lease_s: float | None) -> str | int:
    return "" if lease_s is None else round(lease_s * 1000)


def _require_holder(epoch: int, refused: object) -> None:
    if refused:
        raise fenced(epoch)
