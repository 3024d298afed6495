"""Which nodes of this cluster are to end. Ray 2.60 tells it to its own code only: the client of GCS has no public name.

Serve stops the replicas of such a node, and they move their callers. But a caller may have come through HAProxy of that
node to a replica of another one, and their connection would end with HAProxy, whoever speaks then.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from ray._private.worker import global_worker
from ray.exceptions import RayError

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0
GCS_TIMEOUT_S = 2.0
MARGIN_S = 10.0
"""Before its end a node has others to wait for, and callers take a moment to leave."""


async def watch_draining_nodes(leave: Callable[[str, float], None], *, interval_s: float = LOOK_EVERY_S) -> None:
    """Call `leave` again and again with the address of each node that drains and the seconds that callers have."""
    is_known = True
    while True:
        await asyncio.sleep(interval_s)
        try:
            ending = await asyncio.to_thread(draining_nodes)
        except (RayError, OSError) as error:
            # GCS is away
            if is_known:
                log.warning("draining_nodes_unknown", error=type(error).__name__)
            is_known = False
            continue
        is_known = True
        for address, left_s in ending.items():
            leave(address, max(0.0, left_s - MARGIN_S))


def draining_nodes() -> Mapping[str, float]:
    """The seconds that are left to each node that drains, by its address. It blocks until GCS has answered."""
    gcs: Any = global_worker.gcs_client  # type: ignore[attr-defined]
    deadlines_ms = gcs.get_draining_nodes(timeout=GCS_TIMEOUT_S)
    if not deadlines_ms:
        return {}
    nodes = gcs.get_all_node_info(timeout=GCS_TIMEOUT_S)
    addresses = {node_id.hex(): str(node.node_manager_address) for node_id, node in nodes.items()}
    return {
        addresses[node_id]: deadline_ms / 1000 - time.time() if deadline_ms else math.inf
        for node_id, deadline_ms in ((str(id_), at) for id_, at in deadlines_ms.items())
        if node_id in addresses
    }
