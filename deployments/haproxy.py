#!/usr/bin/env python3
"""HAProxy with what Ray's configuration of it lacks: the front door of each node.

Ray starts this file as if it were HAProxy (RAY_SERVE_HAPROXY_BINARY_PATH). It completes the configuration that Ray has
just written, and becomes the real one (HAPROXY_BINARY). It runs in whatever Python is there, so it needs nothing but
the standard library, and reads the settings of its name from the environment by itself.
"""

from __future__ import annotations

import os
import re
import resource
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

MAX_CONNECTIONS = 8_192
CONNECTIONS_PER_ADDRESS = 500
METRICS_HOST = "127.0.0.1"
"""Defaults, the same as those of the settings (a test compares them)."""

FILES_PER_CONNECTION = 2
OTHER_FILES = 256
"""Listeners, health checks, logs. HAProxy does not start when it may not open enough files for `maxconn`."""

REQUEST_TIMEOUT_S = 5
"""From the connection to the end of the headers. Silent connections would fill the door."""

TUNNEL_TIMEOUT_S = 120
"""Silence of an open WebSocket. Pages speak every 2 s, the server every 20: the other end has vanished long before."""

READY_PATH = "/ready"
READY_BACKEND = "ready-here"
"""A load balancer asks each node whether it serves callers: its own voice replicas have to answer, not those of another
node."""

MARK = "# completed by deployments/haproxy.py"


@dataclass(frozen=True)
class Door:
    """What may come in."""

    max_connections: int = MAX_CONNECTIONS
    connections_per_address: int = CONNECTIONS_PER_ADDRESS
    trusted_proxies: tuple[str, ...] = ()
    metrics_host: str = METRICS_HOST

    @classmethod
    def of(cls, environment: Mapping[str, str], max_files: int) -> Door:
        """As the settings in the environment say, within the number of files that may be open."""
        wanted = int(environment.get("CONVONET_MAX_CONNECTIONS", MAX_CONNECTIONS))
        possible = (max_files - OTHER_FILES) // FILES_PER_CONNECTION
        listed = environment.get("FORWARDED_ALLOW_IPS", "").split(",")
        return cls(
            max_connections=wanted if max_files == resource.RLIM_INFINITY else min(wanted, possible),
            connections_per_address=int(environment.get("CONVONET_CONNECTIONS_PER_ADDRESS", CONNECTIONS_PER_ADDRESS)),
            trusted_proxies=tuple(str(ip_network(entry.strip(), strict=False)) for entry in listed if entry.strip()),
            metrics_host=environment.get("CONVONET_PROXY_METRICS_HOST", METRICS_HOST),
        )

    def complete(self, config: str) -> str:
        """Ray's configuration with all that it lacks."""
        if config.startswith(MARK):
            return config
        config = _replaced(r"^ *maxconn \d+$", f"    maxconn {self.max_connections}", config)
        config = _after(r"^defaults$", self._defaults(), config)
        # with it, requests that are given up while a server hangs cost a whole core (measured, HAProxy 2.8.25)
        config = _replaced(r"^ *option splice-request\n *option splice-response\n", "", config)
        config = _after(r"^frontend http_frontend\n +bind .*$", self._frontend(), config)
        config = _with_local_readiness(config)
        config = _replaced(r"^(frontend prometheus\n +bind )\*?:", rf"\g<1>{self.metrics_host}:", config)
        # whoever sees the statistics sees every address and every path
        config = _replaced(r"^(listen stats\n +bind )\*?:", r"\g<1>127.0.0.1:", config)
        return f"{MARK}\n{config}"

    def _defaults(self) -> list[str]:
        return [
            # limits count by the caller's address; without this everybody is HAProxy
            "option forwardfor",
            f"timeout http-request {REQUEST_TIMEOUT_S}s",
            # browsers open connections before they need them; these end without an answer that nobody asked for
            "option http-ignore-probes",
            f"timeout tunnel {TUNNEL_TIMEOUT_S}s",
        ]

    def _frontend(self) -> list[str]:
        proxies = " ".join(self.trusted_proxies)
        return [
            *([f"acl from_trusted_proxy src {proxies}"] if proxies else []),
            # a caller owns a whole /64 of IPv6
            "stick-table type ipv6 size 100k expire 10m store conn_cur",
            "tcp-request connection track-sc0 src,ipmask(32,64)" + (" unless from_trusted_proxy" if proxies else ""),
            f"tcp-request connection reject if {{ sc0_conn_cur gt {self.connections_per_address} }}",
        ]


def main() -> None:
    """Complete the configuration among the arguments, and become HAProxy."""
    _, max_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    for argument in sys.argv[1:]:
        if argument.endswith("/haproxy.cfg"):
            path = Path(argument)
            path.write_text(Door.of(os.environ, max_files).complete(path.read_text()))
    binary = os.environ["HAPROXY_BINARY"]
    os.execv(binary, [binary, *sys.argv[1:]])  # noqa: S606 -- this is what Ray has asked for


def _with_local_readiness(config: str) -> str:
    """READY_PATH answered by replicas of this node alone, and by 503 where none is up."""
    root = re.search(r"^ *acl is_(\S+) path_beg /$", config, flags=re.MULTILINE)
    if root is None:
        return config  # nothing is deployed there
    name = root[1]
    section = re.search(rf"^backend {re.escape(name)}\n(?: +.*\n|\n)*", config, flags=re.MULTILINE)
    servers = re.findall(r"^ +server (\S+) (\S+):(\d+) check(?! backup)", section[0] if section else "", re.MULTILINE)
    lines = [f"backend {READY_BACKEND}", f"    http-request return status 503 if {{ nbsrv({READY_BACKEND}) eq 0 }}"]
    for server, host, port in servers:
        if _is_local(host):
            lines.append(f"    server {server} {host}:{port} track {name}/{server}")
    config = _after(r"^ *# Static routing based on path prefixes .*$", [_route_to(READY_BACKEND)], config)
    return config + "\n" + "\n".join(lines) + "\n"


def _route_to(backend: str) -> str:
    return f"use_backend {backend} if {{ path {READY_PATH} }}"


def _is_local(host: str) -> bool:
    """Whether this address is one of this node's."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


def _after(pattern: str, lines: list[str], config: str) -> str:
    added = "".join(f"\n    {line}" for line in lines)
    return _replaced(f"({pattern})", rf"\g<1>{added}", config)


def _replaced(pattern: str, by: str, config: str) -> str:
    """Raises `SystemExit` unless it is there exactly once: another release of Ray writes something else."""
    config, count = re.subn(pattern, by, config, flags=re.MULTILINE)
    if count != 1:
        sys.exit(f"deployments/haproxy.py: {count} times {pattern!r} in Ray's configuration of HAProxy")
    return config


if __name__ == "__main__":
    main()
