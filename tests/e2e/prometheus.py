"""A real Prometheus for tests that look at the running product."""

import json
import time
import urllib.parse
import urllib.request

import yaml

from tests.fixtures.ports import free_port
from tests.fixtures.servers import Server, require_tool
from tests.metrics import queries

REPORTED_S = 40
"""A process reports to Ray every two seconds here; the rest is for a machine that is busy."""


class Prometheus:
    """The Debian package's server, with our rules, scraping one target every second."""

    def __init__(self, folder, target, port=None):
        self.port = port or free_port()
        config = yaml.safe_load((queries.MONITORING / "prometheus.yml").read_text())
        (job,) = config["scrape_configs"]
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        job["file_sd_configs"] = [{"files": [str(folder / "targets.json")]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        (folder / "alerts.yml").write_text((queries.MONITORING / "alerts.yml").read_text())
        (folder / "targets.json").write_text(target)
        self.server = Server(
            [
                require_tool("prometheus"),
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            self.port,
            folder,
            lambda: self._get("/-/ready") is not None,
        )

    def ask(self, query):
        """The values that an instant query returns."""
        return [float(series["value"][1]) for series in self._series(query)]

    def ask_until(self, query, expected):
        """Ask until one of the values is as expected."""
        deadline = time.monotonic() + REPORTED_S
        while not any(map(expected, values := self.ask(query))):
            assert time.monotonic() < deadline, f"{query} is {values}"
            time.sleep(0.5)

    def clear_until(self, *names):
        """Ask until none of these alerts is pending or firing: one scrape that took too long is no fault."""
        deadline = time.monotonic() + REPORTED_S
        while on := self._alerts() & set(names):
            assert time.monotonic() < deadline, f"{on} stay on"
            time.sleep(0.5)

    def _alerts(self):
        return {alert["labels"]["alertname"] for alert in json.loads(self._get("/api/v1/alerts"))["data"]["alerts"]}

    def _series(self, query):
        answer = self._get("/api/v1/query?" + urllib.parse.urlencode({"query": query}))
        assert answer is not None, f"Prometheus refuses {query}"
        return json.loads(answer)["data"]["result"]

    def _get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.read()
        except OSError:
            return None
