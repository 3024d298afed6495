"""Whether all that a turn needs is there, as /ready tells it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from actors.failures import remote_errors
from actors.handles import handle_to
from convonet.core.errors import ConvonetError
from convonet.core.health import OK, Check, Health
from convonet.rpc.pool import ReplicaPool
from convonet.settings import Settings
from convonet.storage.checkpoints import CheckpointStore
from convonet.storage.database import Database


def health_of(
    settings: Settings,
    database: Database,
    store: CheckpointStore,
    *,
    ports: Mapping[str, ReplicaPool],
    has_room: Callable[[], bool],
    store_is_away: Callable[[], bool],
) -> Health:
    """What this replica looks at.

    Args:
        ports: the parts that are asked on their own ports, by name; a hand-over needs the call center, a turn the rest.
        has_room: whether another caller would be let in.
        store_is_away: whether turn records wait for their store.
    """

    async def room() -> str:
        return OK if has_room() else "full"

    async def database_state() -> str:
        await database.ping()
        return OK

    async def records_state() -> str:
        return "waiting for their store" if store_is_away() else OK

    async def checkpoints_state() -> str:
        await store.ping()
        return OK

    checks = {
        **{name: Check(_sign_of_life(pool), needed=name != "call_center") for name, pool in ports.items()},
        "monitor": Check(_answer_of("Monitor", "agent-monitor"), needed=False),
        "sessions": Check(room, needed=False),
        "database": Check(database_state),
        "records": Check(records_state, needed=False),
    }
    if settings.storage.redis_url:
        # without it calls go on, but nobody finds theirs again when a replica is lost
        checks["redis"] = Check(checkpoints_state, needed=False)
    else:
        checks["checkpoints"] = Check(checkpoints_state, needed=False)
    return Health(checks)


def _sign_of_life(pool: ReplicaPool) -> Callable[[], Awaitable[str]]:
    """Of any replica: one that hangs, or whose machine has vanished, does not count while another one answers."""

    async def look() -> str:
        if await pool.answers():
            return OK
        return "starting" if pool.choose() is None else "no answer"

    return look


def _answer_of(deployment: str, application: str) -> Callable[[], Awaitable[str]]:
    ready = handle_to(deployment, application).ready

    async def look() -> str:
        with remote_errors(ConvonetError, "part"):
            return OK if await ready.remote() else "starting"

    return look
