"""Autoscaling policy of the agent. Serve's controller runs it, so it imports nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployments.scaling import replicas_for

if TYPE_CHECKING:
    from ray.serve.config import AutoscalingContext

TURNS = "turns"
"""Name of the metric: turns in progress."""


def by_turns(context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
    """Return the number of replicas for the turns in progress."""
    return replicas_for(TURNS, context), {}
