"""Every use of Ray's private API, each with the file of Ray 2.60.0 that defines it and why there is no public way.

The launcher and the applications call it. `tests/deployments/test_ray_compat.py` names each use and fails on another
Ray. Ray is imported inside the functions, since the launcher imports this module and does without Ray.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import uvicorn
    from ray.serve.handle import DeploymentHandle
    from ray.serve.metrics import Counter

HTTP_SERVERS = {"replica": "ray.serve._private.replica", "proxy": "ray.serve._private.proxy"}
"""Modules of the two processes in which Serve starts an HTTP server. Importing the replica's takes 65 MB, so a process
that has not imported it is no replica."""

WORKER_MODULES = (
    "ray._private.workers.default_worker",
    "ray.serve._private.controller",
    "ray.serve._private.haproxy",
    "ray.serve._private.proxy",
    "ray.serve._private.replica",
)
"""Ray's modules that the workers of a Serve node run."""

WORKER_VARIABLES = ("RAY_JOB_ID", "RAY_RAYLET_PID")
"""Variables that Ray reads once, when it is imported (ray/_private/ray_constants.py)."""

SERVE_NAMESPACE = "serve"
"""Namespace of Serve's own actors (ray/serve/_private/constants.py)."""

GCS_TIMEOUT_S = 2.0

StartHttpServer = Callable[..., Awaitable[tuple["asyncio.Task[None]", "uvicorn.Server"]]]
CreateGrpcServer = Callable[..., Any]
BindGrpcServer = Callable[[Any, str], int]


# -- a replica's servers, which have no options of their own


def is_replica_process() -> bool:
    """Return whether this is the process of a Serve replica, which imports Serve's module before a deployment."""
    return HTTP_SERVERS["replica"] in sys.modules


def wrap_http_server_start(
    process: Literal["replica", "proxy"], wrap: Callable[[StartHttpServer], StartHttpServer]
) -> None:
    """Wrap `start_asgi_http_server` (ray/serve/_private/http_util.py) if this process is a replica, or a proxy.

    Ray starts uvicorn with its defaults and passes none of its limits on.
    """
    if (module := sys.modules.get(HTTP_SERVERS[process])) is not None:
        _wrap(module, "start_asgi_http_server", wrap)


def wrap_grpc_server_creation(wrap: Callable[[CreateGrpcServer], CreateGrpcServer]) -> None:
    """Wrap `create_grpc_server_with_interceptors` (ray/_private/grpc_utils.py) where the replica calls it.

    The options of the server for calls between deployments are fixed in ray/serve/_private/replica.py.
    """
    _wrap(sys.modules[HTTP_SERVERS["replica"]], "create_grpc_server_with_interceptors", wrap)


def wrap_grpc_server_binding(wrap: Callable[[BindGrpcServer], BindGrpcServer]) -> None:
    """Wrap `add_port_to_grpc_server` (ray/_common/tls_utils.py) where the replica calls it.

    The address, `[::]:0`, is fixed in ray/serve/_private/replica.py.
    """
    _wrap(sys.modules[HTTP_SERVERS["replica"]], "add_port_to_grpc_server", wrap)


def has_haproxy() -> bool:
    """Return whether HAProxy is in front of the replicas, as ray/serve/_private/constants.py has read it."""
    from ray.serve._private.constants import RAY_SERVE_ENABLE_HA_PROXY

    return bool(RAY_SERVE_ENABLE_HA_PROXY)


def own_receive_header() -> tuple[bytes, bytes] | None:
    """Return the request header with which Ray hands uvicorn's own `receive` to the application.

    Without it Ray reads a WebSocket to its end into a queue without bounds (ray/serve/_private/http_util.py). None when
    user code has a thread of its own, since `receive` belongs to the event loop of the server.
    """
    from ray.serve._private.constants import (
        RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD,
        SERVE_HTTP_REQUEST_DISCONNECT_DISABLED_HEADER,
    )

    if RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD:
        return None
    return SERVE_HTTP_REQUEST_DISCONNECT_DISABLED_HEADER.encode(), b"?1"


def run_before_shutdown(work: Callable[[float], Awaitable[None]]) -> None:
    """Run `work` as soon as Serve stops this process's replica, and keep its WebSockets open until it has ended.

    Serve tells the application nothing of a stop, and behind HAProxy it closes all WebSockets
    `RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S` later. Two methods of `Replica`
    (ray/serve/_private/replica.py) are wrapped: the one that begins the stop and the one that closes the sockets.

    Args:
        work: called in Ray's event loop with the deployment's `graceful_shutdown_timeout_s`.
    """
    from ray.serve._private.replica import Replica

    def stopping(perform: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        async def perform_beside_work(replica: Any) -> None:
            # not awaited: Ray has to stop sending requests here meanwhile
            timeout_s = replica._deployment_config.graceful_shutdown_timeout_s
            replica._work_before_shutdown = asyncio.ensure_future(work(timeout_s))
            await perform(replica)

        return perform_beside_work

    def draining(drain: Callable[[Any, float], Awaitable[None]]) -> Callable[[Any, float], Awaitable[None]]:
        async def drain_after_work(replica: Any, min_draining_period_s: float) -> None:
            await asyncio.gather(replica._work_before_shutdown, asyncio.sleep(min_draining_period_s))
            await drain(replica, 0.0)

        return drain_after_work

    _wrap(Replica, "_perform_graceful_shutdown", stopping)
    _wrap(Replica, "_drain_behind_haproxy", draining)


def _wrap(owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    """Replace a function of Ray's by the result of `wrap`; do nothing when that was done before."""
    original = getattr(owner, name)
    if not hasattr(original, "__wrapped__"):
        setattr(owner, name, wraps(original)(wrap(original)))


# -- calls to other deployments


def deployment_handle(deployment: str, application: str) -> DeploymentHandle[Any]:
    """Return a handle to a deployment that may not exist yet.

    `serve.get_deployment_handle` (ray/serve/api.py) asks the controller first, and fails while the application is not
    deployed, unless its private parameter says otherwise.
    """
    from ray import serve

    return serve.get_deployment_handle(deployment, application, _check_exists=False)


async def broadcast(handle: DeploymentHandle[Any], method: str) -> Sequence[Callable[[], Awaitable[Any]]]:
    """Call a method on each replica of a deployment; return one function for each that awaits its result.

    `DeploymentBroadcastResponse.results_async` (ray/serve/handle.py) waits for all replicas together, so one that hangs
    would keep the results of the others back.
    """
    return [replica.get_async for replica in await handle.broadcast(method)._fetch_replica_results_async()]


def count(counter: Counter, value: float, tags: dict[str, str]) -> None:
    """Add `value` to a counter, also 0, which `Counter.inc` (ray/util/metrics.py) refuses though it starts a series."""
    counter._record(value, tags)


# -- Ray's client of its Global Control Service (GCS)


def cluster_id() -> str:
    """Return Ray's id of this cluster (`cluster_id` in ray/_raylet.pyi); it stays when the head is replaced."""
    return str(_gcs_client().cluster_id.hex())


def draining_nodes() -> Mapping[str, float]:
    """Return the seconds that are left to each node that drains, by its address. Blocks until GCS has answered.

    `get_draining_nodes` and `get_all_node_info` (ray/_raylet.pyi) serve Ray's own code only.

    Raises:
        RayError: GCS does not answer.
    """
    gcs = _gcs_client()
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


def _gcs_client() -> Any:
    from ray._private import worker

    return worker.global_worker.gcs_client  # type: ignore[attr-defined]


# -- starting Ray


def set_start_params(params: Any, worker_setup_script: Path) -> None:
    """Set what `ray start` has no option for: no server for Ray's client, and the script that sets up workers.

    Args:
        params: the `RayParams` (ray/_private/parameter.py) that Ray gives to the hook of RAY_START_HOOK.
        worker_setup_script: the script that takes the place of ray/_private/workers/setup_worker.py.
    """
    params.ray_client_server_port = None
    params.setup_worker_path = str(worker_setup_script)


def remove_address_file() -> None:
    """Remove the file with which any `ray.init()` of this machine would join our Ray (ray/_private/utils.py)."""
    from ray._private import utils

    Path(utils.get_ray_address_file(None)).unlink()  # type: ignore[attr-defined]


@contextmanager
def class_ids_from_system() -> Generator[None, None, None]:
    """Make the ids of actor classes (ray/actor.py) from the system's random numbers instead of Ray's own.

    Ray's own generator must stay unused in a process that forks workers: they would all continue the same sequence.
    """
    import ray.actor

    actor: Any = ray.actor
    ids = actor.ActorClassID
    actor.ActorClassID = SimpleNamespace(from_random=lambda: ids(os.urandom(ids.size())), nil=ids.nil)
    try:
        yield
    finally:
        actor.ActorClassID = ids
