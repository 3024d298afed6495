"""Settings of the address that the product serves on, and of the proxies and pages that reach it."""

from __future__ import annotations

from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import combinations

from pydantic import Field, field_validator, model_validator

from convonet.settings.group import SettingsGroup


class ServerSettings(SettingsGroup):
    host: str = Field(
        "127.0.0.1", alias="CONVONET_HOST", description="Address that `make run` serves on, as in `0.0.0.0`."
    )
    port: int = Field(8000, alias="CONVONET_PORT", ge=1, le=65535, description="Port that `make run` serves on.")
    metrics_port: int | None = Field(
        None,
        alias="CONVONET_METRICS_PORT",
        ge=1,
        le=65535,
        description="Port of `/metrics` that `make run` serves for Prometheus; default: a free one, which it prints.",
    )
    dashboard_port: int | None = Field(
        None,
        alias="CONVONET_DASHBOARD_PORT",
        ge=1,
        le=65535,
        description="Port of Ray's dashboard, as in `8265`: `make run` starts it on 127.0.0.1 and prints its address "
        "and token. Default: no dashboard, which saves 0.3 GB of memory and 2 % of a core.",
    )
    origins: str = Field(
        "",
        alias="CONVONET_ORIGINS",
        description="Comma-separated origins whose pages may open the WebSocket, as in `https://www.example.com`. The "
        "product's own pages always may.",
    )
    forwarded_allow_ips: str = Field(
        "",
        alias="FORWARDED_ALLOW_IPS",
        description="Comma-separated addresses and networks of the trusted proxies in front of the product, as in "
        "`10.0.0.5,35.191.0.0/16`. Their X-Forwarded-For header names the caller; they have no limit of connections.",
    )
    max_connections: int = Field(
        8_192,
        alias="CONVONET_MAX_CONNECTIONS",
        ge=64,
        description="Connections that HAProxy holds on each node; fewer where it may not open two files for each.",
    )
    connections_per_address: int = Field(
        500,
        alias="CONVONET_CONNECTIONS_PER_ADDRESS",
        ge=1,
        description="Connections of one address (IPv6: of one /64 network) that HAProxy holds on each node, idle ones "
        "included. A page has up to seven; a trusted proxy has no limit.",
    )
    proxy_metrics_host: str = Field(
        "127.0.0.1",
        alias="CONVONET_PROXY_METRICS_HOST",
        description="Address on which each node's HAProxy serves its own metrics (port 9101, `/metrics`). Set it to "
        "`0.0.0.0` on a cluster whose network policy lets only Prometheus in.",
    )

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _check_networks(cls, value: str) -> str:
        try:
            _networks(value)
        except ValueError:
            raise ValueError("must be addresses or networks, as in `10.0.0.5,35.191.0.0/16`") from None
        return value

    @model_validator(mode="after")
    def _check_ports_differ(self) -> ServerSettings:
        ports = {
            "CONVONET_PORT": self.port,
            "CONVONET_METRICS_PORT": self.metrics_port,
            "CONVONET_DASHBOARD_PORT": self.dashboard_port,
        }
        for (name, port), (other, other_port) in combinations(ports.items(), 2):
            if port is not None and port == other_port:
                raise ValueError(f"{other} must be another port than {name}")
        return self

    @cached_property
    def trusted_proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Networks whose X-Forwarded-For header is believed."""
        return _networks(self.forwarded_allow_ips)

    @cached_property
    def allowed_origins(self) -> frozenset[str]:
        return frozenset(o.strip().rstrip("/") for o in self.origins.split(",") if o.strip())


def _networks(listed: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(entry.strip(), strict=False) for entry in listed.split(",") if entry.strip())
