"""The attempts of a whole cluster in Redis: the rules of `attempt_limits` in Lua, one script per call.

Each scope (connection, address, lane) is two sorted sets scored by time, `<key>:failed` and `<key>:pending`; a lane
also has the hash `<key>:slot`. All keys expire. They share a hash tag, `{pin}` or `{staff}`, so that a script may use
them together. The scripts use Redis's clock, so hosts with different clocks agree.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from convonet.auth.attempt_limits import (
    BRIEF_S,
    FREE_FAILURES,
    KNOWN_S,
    MAX_DELAY_S,
    RESERVATION_S,
    STAND_BACK_S,
    WINDOW_S,
    AttemptLimits,
    network_of,
)
from convonet.auth.throttle import PinThrottle, WaitingThrottle
from convonet.core.errors import AuthThrottled, StorageError
from convonet.storage.redis_client import ScriptRunner

log = structlog.get_logger(__name__)

_COMMON = """
local session, address, known = KEYS[1], KEYS[2], KEYS[3]
local lanes = {KEYS[4], KEYS[5]}
local id, now = ARGV[1], tonumber(ARGV[2])
if now < 0 then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1e6
end
local function prune(key)
  redis.call('ZREMRANGEBYSCORE', key .. ':failed', '-inf', now - WINDOW_S)
  redis.call('ZREMRANGEBYSCORE', key .. ':pending', '-inf', now - RESERVATION_S)
end
local function count(key) return redis.call('ZCARD', key) end
local function score(key, rank) return tonumber(redis.call('ZRANGE', key, rank, rank, 'WITHSCORES')[2]) end
local let_in = redis.call('GET', known)
local lane = lanes[(let_in and tonumber(let_in) > now - KNOWN_S) and 1 or 2]
prune(session) prune(address) prune(lane)
local function settle()
  local reserved = redis.call('ZSCORE', session .. ':pending', id)
  for _, key in ipairs({session, address, lanes[1], lanes[2]}) do
    redis.call('ZREM', key .. ':pending', id)
  end
  return reserved and tonumber(reserved) or now
end
"""

_CHECK = """
local function wait(key, limit, at_once)
  local failed = count(key .. ':failed')
  if failed >= limit then return score(key .. ':failed', failed - limit) + WINDOW_S - now end
  if failed >= FREE_FAILURES then
    local delay = math.min(MAX_DELAY_S, 2 ^ math.min(failed - FREE_FAILURES, 30))
    local due = score(key .. ':failed', -1) + delay - now
    if due > 0 then return due end
    at_once = 1
  end
  if count(key .. ':pending') < math.min(at_once, limit - failed) then return 0 end
  return BRIEF_S
end
local function wait_for_slot()
  local failed = count(lane .. ':failed')
  if failed < FAST then
    return failed + count(lane .. ':pending') < FAST and 0 or BRIEF_S
  end
  local due = tonumber(redis.call('HGET', lane .. ':slot', 'due') or '0')
  local stand_back = 0
  if count(address .. ':failed') > 0 then
    stand_back = score(address .. ':failed', -1) + STAND_BACK_S - now
  end
  return math.max(stand_back, due - now, 0)
end
local waiting = math.max(wait(session, SESSION_LIMIT, 1), wait(address, ADDRESS_LIMIT, ADDRESS_LIMIT), wait_for_slot())
if waiting > 0 then return math.ceil(waiting * 1000) end
if count(lane .. ':failed') >= FAST then
  redis.call('HSET', lane .. ':slot', 'due', string.format('%.6f', now + GAP_S), 'holder', id)
  redis.call('EXPIRE', lane .. ':slot', math.ceil(GAP_S) + 1)
end
for _, key in ipairs({session, address, lane}) do
  redis.call('ZADD', key .. ':pending', now, id)
  redis.call('EXPIRE', key .. ':pending', RESERVATION_S + 1)
end
return 0
"""

_FAILED = """
local at = settle()
for _, key in ipairs({session, address, lane}) do
  local failed = key .. ':failed'
  redis.call('ZADD', failed, at, string.format('%s:%.6f:%d', id, at, count(failed)))
  redis.call('EXPIRE', failed, WINDOW_S + 1)
end
"""

_SUCCEEDED = """
for _, key in ipairs(lanes) do
  if redis.call('HGET', key .. ':slot', 'holder') == id then redis.call('DEL', key .. ':slot') end
end
settle()
redis.call('DEL', session .. ':failed')
redis.call('SET', known, string.format('%.6f', now), 'EX', KNOWN_S)
"""


class RedisThrottle:
    """`PinThrottle` for a cluster. While Redis is down each machine counts by itself, so that callers get in."""

    def __init__(self, store: RedisAttempts, fallback: PinThrottle) -> None:
        self._shared = WaitingThrottle(store)
        self._fallback = fallback

    async def check(self, session_id: str, address: str) -> None:
        """See `PinThrottle.check`."""
        try:
            await self._shared.check(session_id, address)
        except StorageError as error:
            log.warning("pin_throttle_local", error=str(error))
            await self._fallback.check(session_id, address)

    async def failed(self, session_id: str, address: str) -> None:
        """See `PinThrottle.failed`."""
        try:
            await self._shared.failed(session_id, address)
        except StorageError:
            await self._fallback.failed(session_id, address)

    async def succeeded(self, session_id: str, address: str) -> None:
        """See `PinThrottle.succeeded`."""
        try:
            await self._shared.succeeded(session_id, address)
        except StorageError:
            await self._fallback.succeeded(session_id, address)


class RedisAttempts:
    """`AttemptStore` in Redis; `of` (pin or staff) is in its keys."""

    def __init__(self, url: str, limits: AttemptLimits, of: str, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._prefix = f"voice:{{{of}}}"
        common = _constants(limits) + _COMMON
        runner = ScriptRunner(url)
        self._check = runner.register(common + _CHECK)
        self._failed = runner.register(common + _FAILED)
        self._succeeded = runner.register(common + _SUCCEEDED)

    async def check(self, session_id: str, address: str) -> None:
        """See `AttemptStore.check`."""
        wait_ms = await self._check(self._keys(session_id, address), self._args(session_id))
        if isinstance(wait_ms, int) and wait_ms > 0:
            raise AuthThrottled(wait_ms)

    async def failed(self, session_id: str, address: str) -> None:
        """See `AttemptStore.failed`."""
        await self._failed(self._keys(session_id, address), self._args(session_id))

    async def succeeded(self, session_id: str, address: str) -> None:
        """See `AttemptStore.succeeded`."""
        await self._succeeded(self._keys(session_id, address), self._args(session_id))

    def _keys(self, session_id: str, address: str) -> list[str]:
        network = network_of(address)
        return [
            f"{self._prefix}:session:{session_id}",
            f"{self._prefix}:address:{network}",
            f"{self._prefix}:known:{network}",
            f"{self._prefix}:lane:known",
            f"{self._prefix}:lane:stranger",
        ]

    def _args(self, session_id: str) -> list[str | float]:
        return [session_id, self._clock() if self._clock else -1]


def _constants(limits: AttemptLimits) -> str:
    values = {
        "WINDOW_S": int(WINDOW_S),
        "RESERVATION_S": int(RESERVATION_S),
        "KNOWN_S": int(KNOWN_S),
        "MAX_DELAY_S": MAX_DELAY_S,
        "STAND_BACK_S": STAND_BACK_S,
        "BRIEF_S": BRIEF_S,
        "FREE_FAILURES": FREE_FAILURES,
        "SESSION_LIMIT": limits.session,
        "ADDRESS_LIMIT": limits.address,
        "FAST": limits.fast,
        "GAP_S": limits.gap_s,
    }
    return "".join(f"local {name} = {value}\n" for name, value in values.items())
