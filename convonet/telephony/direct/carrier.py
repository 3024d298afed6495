"""Calls that nobody else has to place: the desk's page rings, and opens its audio stream when the person accepts."""

from __future__ import annotations


def direct_call_id(transfer_id: str, attempt: int) -> str:
    """Return the id of a direct call."""
    return f"direct-{transfer_id}-{attempt}"
