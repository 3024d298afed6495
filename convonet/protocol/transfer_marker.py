"""The text form of a hand-over that clients, turn records and checkpoints hold.

Sessions and the agent's HTTP API make it; inside the product a hand-over is a `HandOverDecision`.
"""

from __future__ import annotations

from convonet.core.hand_over import HandOverDecision

_PREFIX = "TRANSFER_INITIATED:"


def to_marker(hand_over: HandOverDecision | None) -> str | None:
    """Return `TRANSFER_INITIATED:<extension>|<department>|<reason>`, or None without a hand-over."""
    if hand_over is None:
        return None
    return f"{_PREFIX}{hand_over.extension}|{hand_over.department}|{hand_over.reason}"


def from_marker(marker: str | None) -> HandOverDecision | None:
    """Read what `to_marker` has made."""
    if marker is None:
        return None
    extension, department, reason = marker.removeprefix(_PREFIX).split("|", 2)
    return HandOverDecision(department, extension, reason)
