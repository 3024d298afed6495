"""The Grafana dashboard in monitoring/, which `convonet metrics` generates from this list of panels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from typing import Any

WIDTH, HEIGHT, ROW_HEIGHT, COLUMNS = 8, 8, 1, 24
"""Sizes in Grafana's grid of 24 columns."""

SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart; `queries` are PromQL by legend."""

    title: str
    queries: dict[str, str]
    unit: str = "short"
    stacked: bool = False


def _rate(metric: str, by: str, matching: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{matching}[$__rate_interval]))"


def _quantile(quantile: float, metric: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({quantile}, sum by ({labels}) (rate({metric}_bucket[$__rate_interval])))"


def _per_minute(metric: str, by: str) -> str:
    return f"60 * {_rate(metric, by)}"


ROWS: dict[str, tuple[Panel, ...]] = {
    "Calls": (
        Panel("Calls by voice replica", {"{{replica}}": "sum by (replica) (ray_convonet_sessions)"}, stacked=True),
        Panel(
            "Turns a minute by status",
            {"{{status}}": _per_minute("ray_convonet_turns_total", "status")},
            stacked=True,
        ),
        Panel(
            "Turns a minute by who answered",
            {"{{agent_type}}, {{provider}}": _per_minute("ray_convonet_turns_total", "agent_type, provider")},
            stacked=True,
        ),
        Panel("Refusals a minute by code", {"{{code}}": _per_minute("ray_convonet_refusals_total", "code")}),
        Panel(
            "Wrong PINs and interruptions a minute",
            {
                "wrong PINs": "60 * sum(rate(ray_convonet_pin_failures_total[$__rate_interval]))",
                "interruptions": "60 * sum(rate(ray_convonet_barge_ins_total[$__rate_interval]))",
            },
        ),
        Panel("Longest lag of the event loops", {"{{part}}": "max by (part) (ray_convonet_loop_lag_ms)"}, "ms"),
    ),
    "Latency": (
        Panel(
            "Time to the first audio",
            {
                "p50, {{source}}": _quantile(0.5, "ray_convonet_first_audio_ms", "source"),
                "p95, {{source}}": _quantile(0.95, "ray_convonet_first_audio_ms", "source"),
            },
            "ms",
        ),
        Panel(
            "Our own part of it",
            {
                "p50": _quantile(0.5, "ray_convonet_added_latency_ms"),
                "p95": _quantile(0.95, "ray_convonet_added_latency_ms"),
            },
            "ms",
        ),
        Panel("Stages, p95", {"{{stage}}": _quantile(0.95, "ray_convonet_stage_ms", "stage")}, "ms"),
    ),
    "Tools and providers": (
        Panel(
            "Tool calls a minute",
            {"{{server}}, {{result}}": _per_minute("ray_convonet_tool_calls_total", "server, result")},
        ),
        Panel(
            "Failed tool calls in an hour",
            {
                "{{tool}}": 'topk(10, sum by (tool) (increase(ray_convonet_tool_calls_total{result="failed"}[1h])))',
            },
        ),
        Panel("Tools, p95", {"{{server}}": _quantile(0.95, "ray_convonet_tool_ms", "server")}, "ms"),
        Panel(
            "Errors of providers a minute",
            {"{{service}}, {{provider}}": _per_minute("ray_convonet_provider_errors_total", "service, provider")},
        ),
        Panel(
            "Fallbacks a minute, by who took over",
            {"{{service}}, {{provider}}": _per_minute("ray_convonet_fallbacks_total", "service, provider")},
        ),
        Panel(
            "Tokens a minute",
            {"{{provider}}, {{direction}}": _per_minute("ray_convonet_tokens_total", "provider, direction")},
        ),
    ),
    "Humans": (
        Panel("Callers in the queue", {"{{department}}": "sum by (department) (ray_convonet_queue_callers)"}),
        Panel("Desks", {"{{state}}": "sum by (state) (ray_convonet_desks)"}, stacked=True),
        Panel(
            "Hand-overs in an hour",
            {"{{outcome}}, {{why}}": "sum by (outcome, why) (increase(ray_convonet_hand_overs_total[1h])) > 0"},
        ),
        Panel(
            "Wait for a human",
            {
                "p50, {{outcome}}": _quantile(0.5, "ray_convonet_hand_over_wait_s", "outcome"),
                "p95, {{outcome}}": _quantile(0.95, "ray_convonet_hand_over_wait_s", "outcome"),
            },
            "s",
        ),
        Panel(
            "Mean talk",
            {
                "talk": "sum(increase(ray_convonet_talk_s_total[1h])) / "
                'sum(increase(ray_convonet_hand_overs_total{outcome="ended"}[1h]))'
            },
            "s",
        ),
    ),
    "Records": (
        Panel("Records that wait for the store", {"waiting": "sum(ray_convonet_records_waiting)"}),
        Panel("Records lost in an hour", {"lost": "sum(increase(ray_convonet_records_lost_total[1h]))"}),
    ),
}


def dashboard() -> str:
    """Generate the dashboard as JSON for Grafana's import."""
    numbers = count(1)
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS.items():
        grid = {"x": 0, "y": y, "w": COLUMNS, "h": ROW_HEIGHT}
        panels.append({"id": next(numbers), "type": "row", "title": title, "collapsed": False, "gridPos": grid})
        y += ROW_HEIGHT
        for index, panel in enumerate(row):
            row_number, column = divmod(index * WIDTH, COLUMNS)
            grid = {"x": column, "y": y + row_number * HEIGHT, "w": WIDTH, "h": HEIGHT}
            panels.append({"id": next(numbers), "gridPos": grid, **_chart(panel)})
        y += HEIGHT * -(-len(row) * WIDTH // COLUMNS)
    page = {
        "uid": "convonet",
        "title": "Convonet",
        "tags": ["convonet"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": panels,
    }
    return json.dumps(page, indent=2) + "\n"


def _chart(panel: Panel) -> dict[str, Any]:
    look = {"fillOpacity": 20 if panel.stacked else 0, "stacking": {"mode": "normal" if panel.stacked else "none"}}
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": look}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for index, (legend, query) in enumerate(panel.queries.items())
        ],
    }
