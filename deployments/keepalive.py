"""Lets those who call a replica through a Serve handle find out that its machine has vanished.

gRPC's keepalive of `ray.env` pings a replica while a call to it says nothing. A gRPC server takes that for an attack by
default: at the fourth ping, after two and a half minutes, it ends the connection with all its calls (measured, gRPC
1.85). Called when a deployment's module is imported, which is before the replica makes its server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from ray.serve._private import replica

MIN_PING_INTERVAL_MS = 5_000
"""`RAY_grpc_client_keepalive_time_ms` must be longer."""

Create = Callable[..., Any]


def allow_pings() -> None:
    """Let the gRPC server of this process's replica answer pings; harmless outside a replica."""
    create: Create = replica.create_grpc_server_with_interceptors  # type: ignore[attr-defined]
    if not hasattr(create, "__wrapped__"):
        replica.create_grpc_server_with_interceptors = allowing_pings(create)  # type: ignore[attr-defined]


def allowing_pings(create: Create, min_interval_ms: int = MIN_PING_INTERVAL_MS) -> Create:
    """Ray's `create_grpc_server_with_interceptors`, for servers that answer pings."""

    @wraps(create)
    def create_patient(*args: Any, options: Sequence[tuple[str, Any]] = (), **kwargs: Any) -> Any:
        pings = ("grpc.http2.min_ping_interval_without_data_ms", min_interval_ms)
        return create(*args, options=[*options, pings], **kwargs)

    return create_patient
