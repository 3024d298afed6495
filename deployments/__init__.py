"""The Ray Serve applications. Importing any of them prepares this process's replica."""

import sys

REPLICA = "ray.serve._private.replica"
"""A replica's process has imported it before it imports a deployment. Others shall not: it takes 65 MB."""


def prepare_replica() -> None:
    """Keep this process's replica off the other interfaces, and cheap when idle; does nothing outside a replica."""
    if REPLICA in sys.modules:
        from deployments.binding import bind_to_node_address
        from deployments.ticking import tick_once_a_second

        bind_to_node_address()
        tick_once_a_second()


prepare_replica()
