"""Autoscaling policy of the voice replicas. Serve's controller runs it, so it imports nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployments.scaling import replicas_for

if TYPE_CHECKING:
    from ray.serve.config import AutoscalingContext

SESSIONS = "sessions"
"""Name of the metric: sessions of callers."""


def by_sessions(context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
    """Return the number of replicas for the sessions."""
    return replicas_for(SESSIONS, context), {}
