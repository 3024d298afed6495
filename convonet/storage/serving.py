"""The election of the serving cluster when an upgrade runs two clusters on one Redis.

`voice:serving-cluster` has the serving cluster, its epoch and the end of its lease, by Redis's own clock;
`voice:replaced-clusters` has the clusters that served before and never do so again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, cast

from convonet.settings.storage import StorageSettings
from convonet.storage.redis_client import ScriptRunner

LEASE_S = 30.0
"""A cluster that has not renewed its lease for so long is dead, and a new one need not wait for it. Each process renews
it once a second; a mere outage of Redis must not look like a dead cluster."""

_RECORD, _REPLACED = "voice:serving-cluster", "voice:replaced-clusters"

_LOOK = """
local own, takes_over, takes_over_if_free, lease_ms = ARGV[1], ARGV[2] == '1', ARGV[3] == '1', tonumber(ARGV[4])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local holder = redis.call('HGET', KEYS[1], 'cluster')
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if redis.call('SISMEMBER', KEYS[2], own) == 1 then return {'replaced', epoch} end
if holder ~= own then
  local is_free = not holder or tonumber(redis.call('HGET', KEYS[1], 'until')) <= now_ms
  if not (takes_over or (takes_over_if_free and is_free)) then return {'waiting', epoch} end
  if holder then redis.call('SADD', KEYS[2], holder) end
  redis.call('EXPIRE', KEYS[2], 2592000)
  epoch = epoch + 1
end
redis.call('HSET', KEYS[1], 'cluster', own, 'epoch', epoch, 'until', now_ms + lease_ms)
return {'serving', epoch}
"""


class Role(StrEnum):
    """The role of a cluster."""

    WAITING = "waiting"
    """Another cluster serves, until this one gets its first client."""
    SERVING = "serving"
    REPLACED = "replaced"
    """Another cluster has taken over for good."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A cluster's role, and the epoch of the serving cluster."""

    role: Role
    epoch: int


class ServingStore(Protocol):
    """The store in which clusters elect the one that serves."""

    async def renew_role(self, cluster: str, *, takes_over: bool, takes_over_if_free: bool) -> Standing:
        """Return the role of this cluster; a serving one renews its lease of `LEASE_S`.

        Args:
            cluster: Its id.
            takes_over: Replace the serving cluster, unless this one was replaced itself: it has a client.
            takes_over_if_free: Do the same only if no living cluster serves.

        Raises:
            StorageError: The store does not answer.
        """
        ...


class RedisServing:
    """`ServingStore` in Redis."""

    def __init__(self, url: str) -> None:
        self._look = ScriptRunner(url).register(_LOOK)

    async def renew_role(self, cluster: str, *, takes_over: bool, takes_over_if_free: bool) -> Standing:
        """See `ServingStore.renew_role`."""
        args: list[str | bytes | float] = [cluster, int(takes_over), int(takes_over_if_free), round(LEASE_S * 1000)]
        role, epoch = cast("tuple[bytes, int]", await self._look([_RECORD, _REPLACED], args))
        return Standing(Role(role.decode()), epoch)


def serving_store(settings: StorageSettings) -> ServingStore | None:
    """Create the store that clusters share; None without Redis, since no other cluster can see the embedded ones."""
    return RedisServing(settings.redis_url.get_secret_value()) if settings.redis_url else None
