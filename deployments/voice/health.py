"""Readiness of a voice replica: the state of all that a turn needs, as /ready reports it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from actors.failures import remote_errors
from convonet.core.errors import ConvonetError
from convonet.core.health import OK, Check, Health
from convonet.rpc.pool import ReplicaPool
from convonet.settings import Settings
from convonet.storage.checkpoints import CheckpointStore
from convonet.storage.database import Database
from deployments.handles import handle_to


def health_of(
    settings: Settings,
    database: Database,
    store: CheckpointStore,
    *,
    ports: Mapping[str, ReplicaPool],
    has_room: Callable[[], bool],
    store_is_down: Callable[[], bool],
) -> Health:
    """Make the checks of this replica.

    Args:
        ports: the components with ports of their own, by name; a hand-over needs the call center, a turn all others.
        has_room: whether another caller would be admitted.
        store_is_down: whether turn records wait for their store.
    """

    async def room() -> str:
        return OK if has_room() else "full"

    async def database_state() -> str:
        await database.ping()
        return OK

    async def records_state() -> str:
        return "waiting for their store" if store_is_down() else OK

    async def checkpoints_state() -> str:
        await store.ping()
        return OK

    checks = {
        **{name: Check(_any_replica(pool), needed=name != "call_center") for name, pool in ports.items()},
        "monitor": Check(_readiness_of("Monitor", "agent-monitor"), needed=False),
        "sessions": Check(room, needed=False),
        "database": Check(database_state),
        "records": Check(records_state, needed=False),
    }
    if settings.storage.redis_url:
        # without it calls go on, but none can be resumed when a replica is lost
        checks["redis"] = Check(checkpoints_state, needed=False)
    else:
        checks["checkpoints"] = Check(checkpoints_state, needed=False)
    return Health(checks)


def _any_replica(pool: ReplicaPool) -> Callable[[], Awaitable[str]]:
    """Check that any replica answers; others may hang, or their machines may have vanished."""

    async def check() -> str:
        if await pool.is_answering():
            return OK
        return "starting" if pool.choose() is None else "no answer"

    return check


def _readiness_of(deployment: str, application: str) -> Callable[[], Awaitable[str]]:
    ready = handle_to(deployment, application).ready

    async def check() -> str:
        with remote_errors(ConvonetError, "component"):
            return OK if await ready.remote() else "starting"

    return check
