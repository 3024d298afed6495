"""Keeps Serve's replicas off the network's other interfaces.

Every replica opens a gRPC port for calls between deployments, hard-wired to all interfaces in Ray 2.60; what arrives
there is unpickled. Bound to the node's own address, which is the loopback one on a laptop, it is as reachable as it
must be and no more. Called when a deployment's module is imported, which is before the replica opens the port.
"""

from __future__ import annotations

import sys
from typing import Any

REPLICA = "ray.serve._private.replica"
"""A replica's process has imported it before it imports a deployment. Others shall not: it takes 65 MB."""


def bind_to_node_address() -> None:
    """Make this process's replica listen on its node's address only; harmless outside a replica."""
    replica: Any = sys.modules.get(REPLICA)
    if replica is not None:
        replica.add_port_to_grpc_server = _bind_to_node_address


def _bind_to_node_address(server: Any, address: str) -> int:
    import ray
    from ray._common.tls_utils import add_port_to_grpc_server

    host, port = address.rsplit(":", 1)
    if host == "[::]":
        host = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    return add_port_to_grpc_server(server, f"{host}:{port}")  # type: ignore[no-any-return, no-untyped-call]
