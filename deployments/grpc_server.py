"""Settings that the gRPC servers of Serve's replicas lack; `deployments/__init__.py` adds them before a server starts.

Every replica opens a port for calls between deployments, on all interfaces, and unpickles what arrives there. Bound to
the address of its node (loopback on a laptop), the port is no more reachable than it has to be.

Callers of a Serve handle send pings while a call says nothing (gRPC's keepalive in `ray.env`), so that they notice when
its machine has vanished. A gRPC server takes that for an attack by default: at the fourth ping, after two and a half
minutes, it ends the connection with all its calls (measured, gRPC 1.85).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ray

from deployments.ray_compat import (
    BindGrpcServer,
    CreateGrpcServer,
    wrap_grpc_server_binding,
    wrap_grpc_server_creation,
)

MIN_PING_INTERVAL_MS = 5_000
"""`RAY_grpc_client_keepalive_time_ms` must be longer."""


def bind_to_node_address() -> None:
    """Make this process's replica listen on the address of its node only."""
    wrap_grpc_server_binding(binding_to_node)


def binding_to_node(bind: BindGrpcServer) -> BindGrpcServer:
    """Wrap `bind` so that it binds to the node's address when asked to bind to all addresses."""

    def bind_to_node(server: Any, address: str) -> int:
        host, port = address.rsplit(":", 1)
        if host == "[::]":
            host = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        return bind(server, f"{host}:{port}")

    return bind_to_node


def allow_pings() -> None:
    """Let the gRPC server of this process's replica answer pings."""
    wrap_grpc_server_creation(allowing_pings)


def allowing_pings(create: CreateGrpcServer, min_interval_ms: int = MIN_PING_INTERVAL_MS) -> CreateGrpcServer:
    """Wrap `create` so that its servers accept pings every `min_interval_ms`."""

    def create_tolerant(*args: Any, options: Sequence[tuple[str, Any]] = (), **kwargs: Any) -> Any:
        pings = ("grpc.http2.min_ping_interval_without_data_ms", min_interval_ms)
        return create(*args, options=[*options, pings], **kwargs)

    return create_tolerant
