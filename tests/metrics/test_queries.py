"""The dashboard and the alerts ask for what is exported, and the alerts say what to do."""

import re
import subprocess

import pytest

from convonet.metrics.definitions import METRICS
from tests.fixtures.servers import require_tool
from tests.metrics import queries

ALL = queries.of_dashboard() | queries.of_alerts()
EXPORTED = {name for metric in METRICS for name in metric.exported_names}


@pytest.mark.parametrize("title", ALL)
def test_every_name_in_a_query_is_exported(title):
    names = queries.names_in(ALL[title])
    assert names or "up{" in ALL[title]
    assert names <= EXPORTED


@pytest.mark.parametrize("title", ALL)
def test_every_label_in_a_query_is_a_tag_of_its_metrics(title):
    query = ALL[title]
    tags = {
        tag.name for metric in METRICS if queries.names_in(query) & set(metric.exported_names) for tag in metric.tags
    }
    grouped = {name.strip() for names in re.findall(r"by \(([^)]*)\)", query) for name in names.split(",")}
    matched = set(re.findall(r"(\w+)=~?\"", query))
    assert grouped | matched <= tags | {"le", "job", "replica"}


def test_every_metric_is_on_the_dashboard():
    shown = {name for query in queries.of_dashboard().values() for name in queries.names_in(query)}
    assert [metric.name for metric in METRICS if not shown & set(metric.exported_names)] == []


def test_every_alert_says_what_is_wrong_and_what_to_do():
    for rule in queries.rules():
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["description"].endswith(".")
        assert rule["labels"]["severity"] in {"page", "warn"}


def test_prometheus_takes_the_rules_and_the_configuration():
    for arguments in (["check", "rules", "alerts.yml"], ["check", "config", "prometheus.yml"]):
        command = [require_tool("promtool"), *arguments]
        done = subprocess.run(command, cwd=queries.MONITORING, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
