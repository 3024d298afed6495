"""The kernel's watch over a TCP connection: it ends one whose other machine has vanished without a word.

Pings find a process that hangs (`convonet.rpc.replica`); whoever only answers, and never asks, would hold what a client
has begun for as long as TCP repeats its packets, which is a quarter of an hour.
"""

from __future__ import annotations

import asyncio
import socket

LOST_AFTER_S = 5
"""Without a packet of the other machine, also while packets to it are on their way. A machine that is moved to another
host pauses for less."""

_OPTIONS = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 2),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", LOST_AFTER_S - 2),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 1_000 * LOST_AFTER_S),
)
"""Seconds, and at last milliseconds. Not every system has all of them."""


def end_when_peer_is_lost(transport: asyncio.BaseTransport) -> None:
    """Let the kernel end this connection when the other machine is silent for `LOST_AFTER_S`."""
    connection: socket.socket = transport.get_extra_info("socket")
    for level, name, value in _OPTIONS:
        if (option := getattr(socket, name, None)) is not None:
            connection.setsockopt(level, option, value)
