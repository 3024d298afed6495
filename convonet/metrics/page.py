"""docs/metrics.md, which `convonet metrics` generates from the definitions."""

from __future__ import annotations

from convonet.metrics.definitions import METRICS, Metric, Tag

MAX_LISTED = 12
"""Most values of a tag that are listed; more are only counted."""


def metrics_page() -> str:
    """Generate the table of all metrics in Markdown."""
    rows = [
        f"| `{metric.exported_names[0]}` | {_kind(metric)} | {_tags(metric)} | {_meaning(metric)} |"
        for metric in METRICS
    ]
    return "\n".join([*_HEAD, *rows, *_FOOT])


_HEAD = (
    "# Metrics",
    "",
    "All metrics on Ray's Prometheus endpoint, generated from `convonet/metrics/definitions.py` by `convonet metrics`.",
    "[monitoring.md](monitoring.md) explains how to use them. Every series also has Ray's own labels: `deployment`,",
    "`application` and `replica` name the process that it comes from.",
    "",
    "| name as exported | kind | tags | meaning |",
    "| --- | --- | --- | --- |",
)
_FOOT = (
    "",
    "A tag value outside its set is counted as `other`. A histogram also has `_sum` and `_count`; Ray keeps",
    "observations by bucket only, so quantiles are as exact as the buckets are, and `_sum` is an estimate.",
    "",
)


def _kind(metric: Metric) -> str:
    return f"{metric.kind}, {metric.unit}" if metric.unit else metric.kind


def _meaning(metric: Metric) -> str:
    if not metric.buckets:
        return metric.description
    bounds = ", ".join(f"{bound:g}" for bound in metric.buckets)
    return f"{metric.description} Bounds: {bounds}."


def _tags(metric: Metric) -> str:
    return "; ".join(_values(tag) for tag in metric.tags) or "-"


def _values(tag: Tag) -> str:
    if tag.from_:
        return f"`{tag.name}`: from {tag.from_}"
    return (
        f"`{tag.name}`: {', '.join(tag.values)}" if len(tag.values) <= MAX_LISTED else f"`{tag.name}`: {_source(tag)}"
    )


def _source(tag: Tag) -> str:
    return f"one of {len(tag.values)} ({', '.join(tag.values[:3])}, ...)"
