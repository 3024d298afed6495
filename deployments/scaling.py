"""The number of replicas that a metric calls for; the autoscaling policies use it.

Serve's controller runs this module, so it imports nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ray.serve.config import AutoscalingContext


def replicas_for(metric: str, context: AutoscalingContext) -> float:
    """Return the number of replicas with `target_ongoing_requests` of the metric each; Serve applies its limits."""
    reported: dict[str, dict[Any, float]] = context.aggregated_metrics or {}
    config: Any = context.config
    return float(sum(reported.get(metric, {}).values()) / config.get_target_ongoing_requests())
