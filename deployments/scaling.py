"""How many replicas there should be, by a metric that the replicas report themselves.

Serve's controller runs the policies that use this; it imports nothing for that reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ray.serve.config import AutoscalingContext


def replicas_for(metric: str, context: AutoscalingContext) -> float:
    """As many as have `target_ongoing_requests` of the metric each; Serve applies limits and delays."""
    reported: dict[str, dict[Any, float]] = context.aggregated_metrics or {}
    config: Any = context.config
    return float(sum(reported.get(metric, {}).values()) / config.get_target_ongoing_requests())
