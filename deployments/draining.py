"""Moves callers away from nodes of this cluster that drain; each voice replica watches for them.

Serve stops the replicas of such a node, and they move their callers. But a caller may also have come through that
node's HAProxy to a replica on another node. Their connection would end with HAProxy, in the middle of a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from ray.exceptions import RayError

from deployments.ray_compat import draining_nodes

log = structlog.get_logger(__name__)

LOOK_INTERVAL_S = 5.0
MARGIN_S = 10.0
"""Callers have to be gone this long before a node's deadline: other work ends there too, and leaving takes a moment."""


async def watch_draining_nodes(leave: Callable[[str, float], None], *, interval_s: float = LOOK_INTERVAL_S) -> None:
    """Call `leave` again and again with the address of each node that drains and the seconds that callers have."""
    is_known = True
    while True:
        await asyncio.sleep(interval_s)
        try:
            ending = await asyncio.to_thread(draining_nodes)
        except (RayError, OSError) as error:
            # GCS is down
            if is_known:
                log.warning("draining_nodes_unknown", error=type(error).__name__)
            is_known = False
            continue
        is_known = True
        for address, left_s in ending.items():
            leave(address, max(0.0, left_s - MARGIN_S))
