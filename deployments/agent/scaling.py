"""How many replicas of the agent there should be. Serve's controller runs this; it imports nothing for that reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployments.scaling import replicas_for

if TYPE_CHECKING:
    from ray.serve.config import AutoscalingContext

TURNS = "turns"
"""What a replica reports: turns at work."""


def by_turns(context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
    """As many as have their share of the turns."""
    return replicas_for(TURNS, context), {}
