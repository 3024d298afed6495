"""How many voice replicas there should be. Serve's controller runs this; it imports nothing for that reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployments.scaling import replicas_for

if TYPE_CHECKING:
    from ray.serve.config import AutoscalingContext

SESSIONS = "sessions"
"""What a replica reports: the sessions of its callers."""


def by_sessions(context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
    """As many as have their share of the sessions."""
    return replicas_for(SESSIONS, context), {}
