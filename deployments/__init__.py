"""The Ray Serve applications. Importing any of them prepares this process's replica."""

from deployments.ray_compat import is_replica_process


def prepare_replica() -> None:
    """Limit what reaches this process's replica, and from where, and make it cheap when idle; do nothing elsewhere."""
    if is_replica_process():
        from deployments.grpc_server import allow_pings, bind_to_node_address

        bind_to_node_address()
        allow_pings()
        try:
            from deployments.http_server import limit_replica_server, tick_once_a_second
            from deployments.stopping import watch_for_stop
        except ModuleNotFoundError:
            # the environment of `deployments.llm` lacks the product; every other application fails without it anyway
            return
        limit_replica_server()
        tick_once_a_second()
        watch_for_stop()


prepare_replica()
