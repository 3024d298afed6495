"""A Ray cluster with the product on it: a head that runs nothing of the product, and workers, each on its own host."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deployments.launch.processes import executes
from deployments.launch.steps import ROOT
from tests.cluster.config import NODE_CPUS, node_environment
from tests.cluster.cores import CoreShare
from tests.cluster.network import Host, Machine
from tests.cluster.servers import json_from

GCS, DASHBOARD = 6379, 8265
STARTED_WITHIN_S = 400.0
DEPLOYED_WITHIN_S = 900.0
"""Two slow cores start some thirty processes."""

OBJECT_STORE_BYTES = 100_000_000
FIXED_PORTS = (
    "--metrics-export-port=8080",
    "--dashboard-agent-listen-port=52365",
    "--dashboard-agent-grpc-port=52366",
    "--runtime-env-agent-port=52367",
)
"""A raylet whose agents choose their ports waits 15 s to hear of them, and ends if they take longer to start."""

LOG_TAIL = 3_000
POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Replica:
    """One that Serve knows. `id` changes when it is replaced."""

    deployment: str
    id: str
    state: str
    address: str | None
    """Of its node; none while it has no place."""


class Node:
    """One host of a cluster, with Ray on it while it runs."""

    def __init__(self, cluster: RayCluster, host: Host, *, is_head: bool) -> None:
        self.host = host
        self.is_head = is_head
        self.share: CoreShare | None = None
        self.cores = ""
        """The cores of this machine that it may use, as taskset has them; all when empty."""
        self._cluster = cluster
        self._machine: Machine | None = None

    @property
    def log(self) -> Path:
        return self._cluster.folder / f"{self.host.name}.log"

    @property
    def is_running(self) -> bool:
        return self._machine is not None and self._machine.is_running

    @property
    def machine(self) -> Machine:
        assert self._machine is not None
        return self._machine

    def start(self) -> None:
        """Start Ray; it is not waited for."""
        # a new pod has no files of the one before, which stay here to be read
        if self.host.folder.exists():
            self.host.folder.rename(f"{self.host.folder}.{time.time_ns()}")
        for folder in ("haproxy", "data"):
            (self.host.folder / folder).mkdir(parents=True)
        pinned = ["taskset", "-c", self.cores] if self.cores else []
        options = self._cluster.head_options() if self.is_head else self._cluster.worker_options()
        command = ["ray", "start", "--block", f"--node-ip-address={self.host.address}", *FIXED_PORTS, *options]
        environment = self._cluster.environment | (self._cluster.head_environment if self.is_head else {})
        self._machine = self.host.boot([*pinned, *command], self.log, environment, self.share)

    def kill(self) -> float:
        """All its processes at once; returns when."""
        return self.machine.kill()

    def kill_process(self, program: str) -> float:
        """Only those of its processes that run a program whose path ends like this; returns when."""
        found = [pid for pid in self.host.pids() if executes(pid, program)]
        assert found, f"{self.host.name} runs no {program}"
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return time.monotonic()


class RayCluster:
    """Head and workers; `start` them, then `deploy`."""

    def __init__(
        self,
        name: str,
        head: Host,
        workers: Sequence[Host],
        folder: Path,
        *,
        settings: dict[str, str],
        gcs_redis: str,
    ) -> None:
        self.name = name
        self.folder = folder
        self.token = f"{name}-token-of-thirty-two-characters-or-more"
        self.environment = node_environment(settings, self.token)
        self.head_environment = {"RAY_REDIS_ADDRESS": gcs_redis, "RAY_external_storage_namespace": name}
        self.head = Node(self, head, is_head=True)
        self.workers = [Node(self, host, is_head=False) for host in workers]
        self._config: dict[str, Any] = {}

    @property
    def nodes(self) -> list[Node]:
        return [self.head, *self.workers]

    def start(self) -> None:
        """Start the head, then the workers."""
        self.start_head()
        for worker in self.workers:
            worker.start()
        self.wait_until(self._all_join, STARTED_WITHIN_S, "the nodes don't join")

    def start_head(self) -> None:
        """Start the head and wait until it answers."""
        self.head.start()
        self.wait_until(lambda: self._api("/api/version") is not None, STARTED_WITHIN_S, "the head does not start")

    def deploy(self, config: dict[str, Any]) -> float:
        """Give the cluster this configuration, as an operator does; returns when it was taken."""
        self._config = config
        path = self.folder / f"{self.name}.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        environment = {**self.environment, "RAY_TMPDIR": str(self.folder)}
        self.head.host.output_of(
            "serve", "deploy", "--address", f"http://{self.head.host.address}:{DASHBOARD}", str(path),
            env=environment, cwd=ROOT,
        )  # fmt: skip
        return time.monotonic()

    def drain_callers(self) -> str:
        """`python -m deployments.drain` against this cluster; returns what the operator reads."""
        environment = {**self.environment, "RAY_ADDRESS": f"{self.head.host.address}:{GCS}"}
        command = self.head.machine.command("python", "-m", "deployments.drain")
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def wait_until_whole(self, timeout_s: float = DEPLOYED_WITHIN_S) -> None:
        """Until all nodes are there and every application has all its replicas, none of an old configuration."""

        def is_whole() -> bool:
            return self._all_join() and self._all_run()

        self.wait_until(is_whole, timeout_s, "it does not become whole")

    def replicas(self) -> list[Replica]:
        """All that Serve knows."""
        found = self._api("/api/serve/applications/") or {}
        return [
            Replica(name, replica["replica_id"], replica["state"], replica.get("node_ip"))
            for application in found.get("applications", {}).values()
            for name, deployment in application["deployments"].items()
            for replica in deployment["replicas"]
        ]

    def knows_as_dead(self, node: Node) -> bool:
        """Whether GCS has given this node up."""
        return node.host.address not in self._alive()

    def state(self) -> str:
        """In words, for a test that failed."""
        found = self._api("/api/serve/applications/") or {}
        lines = [f"nodes alive: {sorted(self._alive())}"]
        for name, application in found.get("applications", {}).items():
            lines.append(f"{name}: {application['status']} {application['message'][-500:]}")
            for deployment, details in application["deployments"].items():
                states = [f"{replica['state']}@{replica.get('node_ip')}" for replica in details["replicas"]]
                lines.append(f"  {deployment}: {details['status']} {details['message'][-500:]} {states}")
        lines += [f"{node.host.name}: {node.log.read_text(errors='replace')[-LOG_TAIL:]}" for node in self.nodes]
        return "\n".join(lines)

    def wait_until(self, holds: Any, timeout_s: float, complaint: str) -> float:
        """Poll it; returns when it held first."""
        deadline = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"{complaint} within {timeout_s:.0f} s:\n{self.state()}")
            time.sleep(POLL_S)
        return time.monotonic()

    def stop(self) -> None:
        """End all nodes at once."""
        for node in self.nodes:
            if node.is_running:
                node.kill()

    def head_options(self) -> list[str]:
        return [
            "--head",
            f"--port={GCS}",
            "--num-cpus=0",
            "--dashboard-host=0.0.0.0",
            f"--object-store-memory={OBJECT_STORE_BYTES}",
        ]

    def worker_options(self) -> list[str]:
        return [
            f"--address={self.head.host.address}:{GCS}",
            f"--num-cpus={NODE_CPUS}",
            f"--object-store-memory={OBJECT_STORE_BYTES}",
        ]

    def _all_join(self) -> bool:
        """As Kubernetes does, it starts again what gave up on a slow machine."""
        for worker in self.workers:
            if not worker.is_running:
                worker.start()
        return len(self._alive()) == len(self.nodes)

    def _alive(self) -> set[str]:
        found = self._api("/api/v0/nodes?limit=100") or {}
        rows = found.get("data", {}).get("result", {}).get("result", [])
        return {row["node_ip"] for row in rows if row["state"] == "ALIVE"}

    def _all_run(self) -> bool:
        found = self._api("/api/serve/applications/") or {}
        applications = found.get("applications", {})
        if len(applications) != len(self._config["applications"]):
            return False
        return all(
            application["status"] == "RUNNING"
            and all(
                deployment["status"] == "HEALTHY"
                and len(deployment["replicas"]) == deployment["target_num_replicas"]
                and all(replica["state"] == "RUNNING" for replica in deployment["replicas"])
                for deployment in application["deployments"].values()
            )
            for application in applications.values()
        )

    def _api(self, path: str) -> dict[str, Any] | None:
        return json_from(self.head.host, f"http://{self.head.host.address}:{DASHBOARD}{path}", self.token)
