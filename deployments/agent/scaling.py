"""How many replicas of the agent there should be. Serve's controller runs this; it imports nothing for that reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ray.serve.config import AutoscalingContext

TURNS = "turns"
"""What a replica reports: turns at work."""


def by_turns(context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
    """As many as have `target_ongoing_requests` turns each; Serve applies limits and delays."""
    reported: dict[str, dict[Any, float]] = context.aggregated_metrics or {}
    config: Any = context.config
    return sum(reported.get(TURNS, {}).values()) / config.get_target_ongoing_requests(), {}
