"""Keeps Serve's replicas off the network's other interfaces.

Every replica opens a gRPC port for calls between deployments, hard-wired to all interfaces in Ray 2.60; what arrives
there is unpickled. Bound to the node's own address, which is the loopback one on a laptop, it is as reachable as it
must be and no more. Called when a deployment's module is imported, which is before the replica opens the port.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ray
from ray.serve._private import replica

_bind: Callable[[Any, str], int] = replica.add_port_to_grpc_server  # type: ignore[attr-defined]


def bind_to_node_address() -> None:
    """Make this process's replica listen on its node's address only; harmless outside a replica."""
    replica.add_port_to_grpc_server = _bind_to_node_address  # type: ignore[attr-defined]


def _bind_to_node_address(server: Any, address: str) -> int:
    host, port = address.rsplit(":", 1)
    if host == "[::]":
        host = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    return _bind(server, f"{host}:{port}")
