"""Every query that we ship: of the dashboard and of the alerts."""

import json
import re
from pathlib import Path

import yaml

MONITORING = Path(__file__).parents[2] / "monitoring"


def of_dashboard():
    """Queries by panel and legend, with Grafana's interval as a number."""
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    return {
        f"{panel['title']}: {target['legendFormat']}": target["expr"].replace("$__rate_interval", "1m")
        for panel in panels
        for target in panel.get("targets", [])
    }


def of_alerts():
    """The expression of each alert without its threshold, by name."""
    return {rule["alert"]: threshold(rule["expr"])[0] for rule in rules()}


def rules():
    """All alert rules."""
    return [
        rule for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"] for rule in group["rules"]
    ]


def threshold(expression):
    """Split an alert's expression into the query and the threshold."""
    looks_at, limit = re.fullmatch(r"(.*) ([<>] [\d.]+)", expression).groups()
    return looks_at, limit


def names_in(query):
    """The names of series in a query."""
    return set(re.findall(r"\bray_\w+", query))
