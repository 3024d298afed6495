"""How many replicas of local speech there should be. Serve's controller runs this, so it imports nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ray.serve.config import AutoscalingContext

WORK = "work"
"""What a replica reports: utterances and sentences at work or waiting."""


def by_work(context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
    """As many as have `target_ongoing_requests` of them each; Serve applies limits and delays."""
    reported: dict[str, dict[Any, float]] = context.aggregated_metrics or {}
    config: Any = context.config
    return sum(reported.get(WORK, {}).values()) / config.get_target_ongoing_requests(), {}
