"""Ray's dashboard: who may look, and what it tells of the applications, their replicas and their calls."""

import asyncio
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import AsyncExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
import yaml

from deployments.launch.product import PROMETHEUS_TARGETS
from tests.e2e.hosted import GRAFANA_IN_THE_BROWSER
from tests.e2e.product import ROOT
from tests.e2e.prometheus import REPORTED_S, Prometheus
from tests.e2e.socket_caller import SocketCaller
from tests.fixtures.servers import server_folder

APPLICATIONS = "/api/serve/applications/"
CONFIG = yaml.safe_load((ROOT / "serve_config.yaml").read_text())

CALLERS = 3
"""More than there are voice replicas: one of them holds two calls."""


class Dashboard:
    """As an operator finds it: by the address and the token that the launcher has printed."""

    def __init__(self, product):
        (self.url,) = re.findall(r"Ray dashboard +(\S+)", product.output)
        (self.token,) = re.findall(r"Its token +(\S+)", product.output)

    def ask(self, path, **headers):
        """Status and body."""
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def read(self, path):
        """The answer to who has the token."""
        status, body = self.ask(path, Authorization=f"Bearer {self.token}")
        assert status == 200, body
        return json.loads(body)

    def until(self, path):
        """The answer as soon as it is a good one: parts of the dashboard start after it answers."""
        deadline = time.monotonic() + REPORTED_S
        while True:
            status, body = self.ask(path, Authorization=f"Bearer {self.token}")
            if status == 200:
                return json.loads(body)
            assert time.monotonic() < deadline, body
            time.sleep(0.5)

    def cookie(self):
        """What a browser gets for the token."""
        request = urllib.request.Request(
            f"{self.url}/api/authenticate", method="POST", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.headers["Set-Cookie"].partition(";")[0]


@pytest.fixture(scope="module")
def dashboard(hosted):
    dashboard = Dashboard(hosted)
    dashboard.until(APPLICATIONS)
    return dashboard


@pytest.mark.parametrize("path", [APPLICATIONS, "/nodes?view=summary", "/api/v0/actors", "/api/jobs/"])
def test_who_has_no_token_or_a_wrong_one_is_told_nothing(dashboard, path):
    assert dashboard.ask(path) == (401, "Unauthorized: Missing authentication token")
    assert dashboard.ask(path, Authorization="Bearer wrong") == (403, "Forbidden: Invalid authentication token")


def test_a_browser_gets_the_page_and_shows_the_printed_token_once(dashboard):
    status, page = dashboard.ask("/")
    assert (status, "<html" in page) == (200, True)
    status, _ = dashboard.ask(APPLICATIONS, Cookie=dashboard.cookie())
    assert status == 200


def test_the_token_is_printed_and_not_logged(dashboard, hosted):
    assert dashboard.token not in (hosted.folder / "serve.log").read_text()


def test_each_application_runs_and_says_what_it_is(dashboard):
    found = dashboard.read(APPLICATIONS)["applications"]
    assert {name: app["deployed_app_config"]["args"] for name, app in found.items()} == {
        app["name"]: app["args"] for app in CONFIG["applications"]
    }
    assert all(len(app["args"]["about"]) > 10 for app in CONFIG["applications"])
    assert {app["status"] for app in found.values()} == {"RUNNING"}


def test_the_dashboard_links_what_each_http_application_takes(dashboard, hosted):
    found = dashboard.read(APPLICATIONS)["applications"]
    linked = {
        name: app["route_prefix"].rstrip("/") + app["docs_path"] for name, app in found.items() if app["docs_path"]
    }
    assert linked.keys() == {"voice", "agent", "call-center", "agent-monitor", "hanok", "crm"}
    for path in linked.values():
        with urllib.request.urlopen(hosted.url + path, timeout=30) as answer:
            assert json.load(answer)["paths"], path


async def test_an_operator_sees_which_replica_holds_how_many_calls(dashboard, hosted):
    replicas = {replica["replica_id"]: replica["pid"] for replica in _voice(dashboard)["replicas"]}
    before = await _told(hosted, lambda told: told.keys() == replicas.keys())
    async with AsyncExitStack() as calls:
        callers = [
            await calls.enter_async_context(SocketCaller.connect(hosted.port, hosted.pin)) for _ in range(CALLERS)
        ]
        held = Counter(hosted.voice_replica_of(caller.session_id) for caller in callers)
        assert held.keys() <= set(replicas.values())
        expected = {replica: before[replica] + held[pid] for replica, pid in replicas.items()}
        assert await _told(hosted, expected.__eq__) == expected


def test_the_dashboard_finds_prometheus_and_grafana_where_the_environment_says(dashboard, hosted):
    assert dashboard.ask("/api/prometheus_health", Authorization=f"Bearer {dashboard.token}")[0] == 500
    with server_folder("prometheus") as folder:
        port = urlsplit(hosted.environment["RAY_PROMETHEUS_HOST"]).port
        prometheus = Prometheus(folder, (hosted.folder / PROMETHEUS_TARGETS).read_text(), port)
        prometheus.server.start()
        try:
            dashboard.until("/api/prometheus_health")
        finally:
            prometheus.server.stop()
    with _grafana(urlsplit(hosted.environment["RAY_GRAFANA_HOST"]).port):
        told = dashboard.until("/api/grafana_health")["data"]
    assert told["grafanaHost"] == GRAFANA_IN_THE_BROWSER
    assert told["dashboardDatasource"] == "Prometheus"
    assert {"default", "serve", "serveDeployment"} <= told["dashboardUids"].keys()


def _voice(dashboard):
    return dashboard.read(APPLICATIONS)["applications"]["voice"]["deployments"]["Voice"]


async def _told(product, wanted):
    """How many sessions each voice replica holds, as Prometheus is told: as soon as it is what is wanted."""
    deadline = time.monotonic() + REPORTED_S
    while not wanted(told := _sessions(product)):
        assert time.monotonic() < deadline, told
        await asyncio.sleep(0.5)
    return told


def _sessions(product):
    lines = re.findall(r"^ray_convonet_sessions\{(.*)\} (\S+)$", product.metrics(), re.MULTILINE)
    return {re.search(r'\breplica="(\w+)"', labels)[1]: float(value) for labels, value in lines}


@contextmanager
def _grafana(port):
    """Says that it is well, as Grafana does; there is no package of the real one."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"database": "ok", "version": "12.0.0"}).encode()
            self.send_response(200 if self.path == "/api/health" else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Health)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
