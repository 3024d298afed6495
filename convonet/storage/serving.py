"""Which of several clusters on one Redis serves: an upgrade runs two side by side.

`voice:serving-cluster` holds the cluster that serves, its epoch, and until when that holds unless it says so again;
`voice:replaced-clusters` holds those that served before and never do so again. All by Redis's own clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, cast

from convonet.settings.storage import StorageSettings
from convonet.storage.redis_client import ScriptRunner

LEASE_S = 30.0
"""A cluster of which no process has said for so long that it serves is dead: one that starts then need not wait. Each
of its processes says so once a second; an outage of Redis alone must not look like a death."""

_RECORD, _REPLACED = "voice:serving-cluster", "voice:replaced-clusters"

_LOOK = """
local own, takes, takes_if_free, lease_ms = ARGV[1], ARGV[2] == '1', ARGV[3] == '1', tonumber(ARGV[4])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local holder = redis.call('HGET', KEYS[1], 'cluster')
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if redis.call('SISMEMBER', KEYS[2], own) == 1 then return {'replaced', epoch} end
if holder ~= own then
  local is_free = not holder or tonumber(redis.call('HGET', KEYS[1], 'until')) <= now_ms
  if not (takes or (takes_if_free and is_free)) then return {'waiting', epoch} end
  if holder then redis.call('SADD', KEYS[2], holder) end
  redis.call('EXPIRE', KEYS[2], 2592000)
  epoch = epoch + 1
end
redis.call('HSET', KEYS[1], 'cluster', own, 'epoch', epoch, 'until', now_ms + lease_ms)
return {'serving', epoch}
"""


class Role(StrEnum):
    """What a cluster is to its clients."""

    WAITING = "waiting"
    """Another one serves; this one does from its first client on."""
    SERVING = "serving"
    REPLACED = "replaced"
    """Another one serves, for good."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store says of a cluster; the epoch is that of the cluster that serves."""

    role: Role
    epoch: int


class ServingStore(Protocol):
    """Knows which cluster serves."""

    async def look(self, cluster: str, *, takes: bool, takes_if_free: bool) -> Standing:
        """What this cluster is now; one that serves goes on doing so for `LEASE_S`.

        Args:
            cluster: Its id.
            takes: It has a client: unless it was replaced itself, it replaces the one that serves.
            takes_if_free: The same if that one is dead, or there is none.

        Raises:
            StorageError: The store does not answer.
        """
        ...


class RedisServing:
    """`ServingStore` in Redis."""

    def __init__(self, url: str) -> None:
        self._look = ScriptRunner(url).register(_LOOK)

    async def look(self, cluster: str, *, takes: bool, takes_if_free: bool) -> Standing:
        """See `ServingStore.look`."""
        args: list[str | bytes | float] = [cluster, int(takes), int(takes_if_free), round(LEASE_S * 1000)]
        role, epoch = cast("tuple[bytes, int]", await self._look([_RECORD, _REPLACED], args))
        return Standing(Role(role.decode()), epoch)


def serving_store(settings: StorageSettings) -> ServingStore | None:
    """The store that clusters share; None with the embedded ones, which no other machine can see."""
    return RedisServing(settings.redis_url.get_secret_value()) if settings.redis_url else None
