"""Autoscaling policy of local speech. Serve's controller runs it, so it imports nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployments.scaling import replicas_for

if TYPE_CHECKING:
    from ray.serve.config import AutoscalingContext

WORK = "work"
"""Name of the metric: utterances and sentences in progress or waiting."""


def by_work(context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
    """Return the number of replicas for the utterances and sentences."""
    return replicas_for(WORK, context), {}
