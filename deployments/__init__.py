"""The Ray Serve applications. Importing any of them prepares this process's replica."""

import sys

REPLICA = "ray.serve._private.replica"
"""A replica's process has imported it before it imports a deployment. Others shall not: it takes 65 MB."""


def prepare_replica() -> None:
    """Limit what reaches this process's replica and from where, and make it cheap when idle; not outside a replica."""
    if REPLICA in sys.modules:
        from deployments.binding import bind_to_node_address
        from deployments.keepalive import allow_pings

        bind_to_node_address()
        allow_pings()
        try:
            from deployments.http_server import limit_replica_server
            from deployments.stopping import hear_of_stops
            from deployments.ticking import tick_once_a_second
        except ModuleNotFoundError:
            # the environment of `deployments.llm` lacks the product; every other application fails without it anyway
            return
        limit_replica_server()
        tick_once_a_second()
        hear_of_stops()


prepare_replica()
