"""TCP keepalive for connections between our machines: the kernel ends one whose peer has vanished.

Clients find a replica that hangs by pings (`convonet.rpc.replica`). A server sends none: without keepalive it would
work for a vanished client as long as TCP repeats its packets, a quarter of an hour.
"""

from __future__ import annotations

import asyncio
import socket

PEER_TIMEOUT_S = 5
"""Without a packet from the peer, also while packets to it are unacknowledged. A virtual machine that moves to another
host pauses for less."""

_OPTIONS = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 2),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", PEER_TIMEOUT_S - 2),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 1_000 * PEER_TIMEOUT_S),
)
"""Seconds, except for TCP_USER_TIMEOUT in milliseconds. Not every system has all of these options."""


def close_when_peer_vanishes(transport: asyncio.BaseTransport) -> None:
    """Let the kernel end this connection after `PEER_TIMEOUT_S` without a packet from the peer."""
    connection: socket.socket = transport.get_extra_info("socket")
    for level, name, value in _OPTIONS:
        if (option := getattr(socket, name, None)) is not None:
            connection.setsockopt(level, option, value)
