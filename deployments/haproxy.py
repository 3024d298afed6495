#!/usr/bin/env python3
"""Starts HAProxy on a node, with limits that Ray's configuration for it lacks.

Ray runs this file as if it were HAProxy (RAY_SERVE_HAPROXY_BINARY_PATH). It completes the configuration that Ray has
just written, and becomes the real HAProxy (HAPROXY_BINARY). Any Python may run it, so it uses only the standard library
and reads its settings from the environment by itself.
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
"""Defaults of the settings; a test compares both."""

FILES_PER_CONNECTION = 2
OTHER_FILES = 256
"""For listeners, health checks and logs. HAProxy refuses to start if it can't open enough files for `maxconn`."""

REQUEST_TIMEOUT_S = 5
"""From the connection to the end of the headers. Otherwise silent connections could use up `maxconn`."""

TUNNEL_TIMEOUT_S = 120
"""Maximum silence of an open WebSocket. Pages send every 2 s and the server every 20 s, so the peer has vanished."""

READY_PATH = "/ready"
READY_BACKEND = "ready-here"
"""Backend of READY_PATH: a load balancer asks each node whether its own voice replicas serve callers."""

VOICE_PATHS = ("/call-center/audio",)
"""Paths below other applications' prefixes that the voice replicas serve: the audio of the desks' pages."""

MARK = "# completed by deployments/haproxy.py"


@dataclass(frozen=True)
class Limits:
    """Limits of the connections to one node."""

    max_connections: int = MAX_CONNECTIONS
    connections_per_address: int = CONNECTIONS_PER_ADDRESS
    trusted_proxies: tuple[str, ...] = ()
    metrics_host: str = METRICS_HOST

    @classmethod
    def of(cls, environment: Mapping[str, str], max_files: int) -> Limits:
        """Read the limits from the environment, within the number of files that may be open."""
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
        """Complete Ray's configuration, unless that was done before."""
        if config.startswith(MARK):
            return config
        config = _replaced(r"^ *maxconn \d+$", f"    maxconn {self.max_connections}", config)
        config = _after(r"^defaults$", self._defaults(), config)
        # with splicing, requests that are cancelled while a server hangs cost a whole core (measured, HAProxy 2.8.25)
        config = _replaced(r"^ *option splice-request\n *option splice-response\n", "", config)
        # a process that was replaced knows only servers of the past, and would answer an idle connection's next request
        # with 500; without this option it closes idle connections, and the browser or load balancer opens another
        config = _replaced(r"^ *option idle-close-on-response\n", "", config)
        config = _after(r"^frontend http_frontend\n +bind .*$", self._frontend(), config)
        config = _with_voice_routes(config)
        config = _replaced(r"^(frontend prometheus\n +bind )\*?:", rf"\g<1>{self.metrics_host}:", config)
        # the statistics show every address and every path
        config = _replaced(r"^(listen stats\n +bind )\*?:", r"\g<1>127.0.0.1:", config)
        return f"{MARK}\n{config}"

    def _defaults(self) -> list[str]:
        return [
            # limits count by the caller's address; without this header, every caller has HAProxy's address
            "option forwardfor",
            f"timeout http-request {REQUEST_TIMEOUT_S}s",
            # browsers open connections in advance; unused ones are closed without a response
            "option http-ignore-probes",
            f"timeout tunnel {TUNNEL_TIMEOUT_S}s",
        ]

    def _frontend(self) -> list[str]:
        proxies = " ".join(self.trusted_proxies)
        return [
            *([f"acl from_trusted_proxy src {proxies}"] if proxies else []),
            # one caller may use a whole /64 of IPv6
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
            path.write_text(Limits.of(os.environ, max_files).complete(path.read_text()))
    binary = os.environ["HAPROXY_BINARY"]
    os.execv(binary, [binary, *sys.argv[1:]])  # noqa: S606 -- this is what Ray has asked for


def _with_voice_routes(config: str) -> str:
    """Route READY_PATH to the replicas of this node alone, with 503 where none is up, and VOICE_PATHS to all."""
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
    routes = [_route_to(READY_BACKEND, READY_PATH), *(_route_to(name, path) for path in VOICE_PATHS)]
    config = _after(r"^ *# Static routing based on path prefixes .*$", routes, config)
    return config + "\n" + "\n".join(lines) + "\n"


def _route_to(backend: str, path: str) -> str:
    return f"use_backend {backend} if {{ path {path} }}"


def _is_local(host: str) -> bool:
    """Return whether the address belongs to this node."""
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
    """Replace the only match. Exit unless there is exactly one: a different release of Ray writes different text."""
    config, count = re.subn(pattern, by, config, flags=re.MULTILINE)
    if count != 1:
        sys.exit(f"deployments/haproxy.py: {count} times {pattern!r} in Ray's configuration of HAProxy")
    return config


if __name__ == "__main__":
    main()
