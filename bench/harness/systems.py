"""The servers that are compared: how each is started with its vendors on the loopback, reached, and stopped.

Each is pinned to the server's cores with all that it starts, and carries a mark in its environment by which
`bench.harness.meter` finds its processes again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import yaml

from bench.harness.adapters import Convonet, ConvonetClient, NewAdapter, RawPcm
from bench.harness.callers import Behavior
from bench.harness.level import Target
from bench.harness.meter import MARK, ServerMeter
from convonet.settings import VARIABLES
from deployments.launch.product import ray_flags
from deployments.launch.readiness import check_readiness
from deployments.launch.steps import ROOT

PEERS_PYTHON = ROOT / "bench" / ".venv" / "bin" / "python"
PIN = "4711"
START_TIMEOUT_S = 600.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.25
LOG_TAIL = 3000
"""Characters of a log that are printed when a server does not start."""

Llm = Literal["compatible", "openai", "anthropic"]

ONE_ADDRESS = {
    "CONVONET_SESSIONS_PER_ADDRESS": "10000",
    "CONVONET_CONNECTIONS_PER_ADDRESS": "10000",
}
"""All callers of the benchmark come from one address."""
NO_ADMISSION = {
    "CONVONET_SESSIONS_PER_HOST": "10000",
    "CONVONET_MAX_NEW_CALLERS": "10000",
    "CONVONET_MAX_CPU_PERCENT": "100",
    "CONVONET_MAX_LOOP_LAG_MS": "10000",
    "CONVONET_MAX_TURN_WAIT_MS": "100000",
}
"""It looks for the machine's limits, not for ours; `bench.overload` looks at ours."""


SERVER_LIMITS = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"
"""The flag that limits the servers of the product."""


class NotStarted(RuntimeError):
    """A server or the vendors did not come up; the text says which, and how its log ends."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Placement and environment of the servers.

    Args:
        vendors: address of `bench.vendors`.
        server_cores: that servers are pinned to.
        llm: the vendor whose model the product asks.
        client: how callers of the product behave.
        settings: more settings of the product.
        aggregation: Pipecat's: when text leaves for TTS, by `sentence` or by `token`.
    """

    vendors: str
    server_cores: tuple[int, ...]
    llm: Llm = "compatible"
    client: ConvonetClient = field(default_factory=lambda: ConvonetClient(PIN))
    settings: Mapping[str, str] = field(default_factory=dict)
    aggregation: Literal["sentence", "token"] = "sentence"


@dataclass(frozen=True, slots=True)
class Server:
    """A system to start, and the way to reach it."""

    command: list[str]
    environment: dict[str, str]
    port: int
    path: str
    new_adapter: NewAdapter
    behavior: Behavior
    is_ready: Callable[[], bool]
    tool_query: str = ""


def convonet(bench: Bench, scratch: Path) -> Server:
    """The product, as `make run` starts it, with hosted model and speech on the loopback."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    return Server(
        command=[sys.executable, "-m", "deployments.launch"],
        environment=_without_settings()
        | product_settings(bench)
        | {"CONVONET_PORT": str(port), "CONVONET_DATA_DIR": str(scratch / "data"), "RAY_TMPDIR": str(scratch)},
        port=port,
        path="/webrtc/ws",
        new_adapter=lambda: Convonet(bench.client),
        behavior=Behavior(bench.client.input),
        is_ready=lambda: check_readiness(url).is_complete,
    )


def product_settings(bench: Bench) -> dict[str, str]:
    """The product's settings: vendors on the loopback, a PIN, room for the load."""
    models = {
        "compatible": {"LLM_BASE_URL": f"{bench.vendors}/v1", "LLM_MODEL": "loopback"},
        "openai": {"OPENAI_BASE_URL": f"{bench.vendors}/v1", "OPENAI_API_KEY": "loopback"},
        "anthropic": {"ANTHROPIC_BASE_URL": bench.vendors, "ANTHROPIC_API_KEY": "loopback"},
    }
    speech = {"DEEPGRAM_BASE_URL": bench.vendors, "DEEPGRAM_API_KEY": "loopback"}
    own = {"VOICE_PIN": PIN, "LLM_PROVIDER": bench.llm}
    return own | models[bench.llm] | speech | ONE_ADDRESS | NO_ADMISSION | dict(bench.settings)


def pipecat(bench: Bench, _: Path) -> Server:
    """Pipecat with its best settings, in the peers' environment."""
    if not PEERS_PYTHON.exists():
        raise NotStarted("the peers' environment is missing; `make bench` makes it")
    command = [str(PEERS_PYTHON), "-m", "bench.peers.pipecat_server", "--aggregation", bench.aggregation]
    return _peer(command, bench.vendors)


def bare(bench: Bench, _: Path) -> Server:
    """One uvicorn process with no framework."""
    return _peer([sys.executable, "-m", "bench.peers.bare_server"], bench.vendors)


def ray_floor(bench: Bench, scratch: Path) -> Server:
    """The bare pipeline on Ray Serve, started with the product's flags and HAProxy."""
    port = free_port()
    application = {
        "name": "floor",
        "route_prefix": "/",
        "import_path": "bench.peers.ray_floor:build",
        "args": {"vendors": bench.vendors},
    }
    config = scratch / "floor.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "proxy_location": "EveryNode",
                "http_options": {"host": "127.0.0.1", "port": port},
                "logging_config": {"enable_access_log": False},
                "applications": [application],
            }
        )
    )
    flags = ray_flags("127.0.0.1", scratch)
    # its callers never log in: the limits for strangers would close their sockets
    del flags[SERVER_LIMITS]
    return Server(
        command=[str(Path(sys.executable).with_name("serve")), "run", str(config)],
        environment=_without_settings() | flags | {"RAY_TMPDIR": str(scratch), "PYTHONPATH": str(ROOT)},
        port=port,
        path="/ws",
        new_adapter=RawPcm,
        behavior=Behavior("pcm20"),
        is_ready=lambda: _answers(f"http://127.0.0.1:{port}/health"),
        tool_query="?tool=1",
    )


SYSTEMS: Mapping[str, Callable[[Bench, Path], Server]] = {
    "convonet": convonet,
    "pipecat": pipecat,
    "rayfloor": ray_floor,
    "bare": bare,
}


@contextlib.contextmanager
def running(name: str, bench: Bench, log_folder: Path) -> Iterator[Target]:
    """Start one, wait until it takes calls, and stop all of it at the end."""
    mark = f"{name}-{uuid.uuid4().hex[:8]}"
    # the paths of Ray's sockets must stay short
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp", ignore_cleanup_errors=True) as scratch:
        server = SYSTEMS[name](bench, Path(scratch))
        log_path = log_folder / f"{mark}.log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                ["taskset", "-c", ",".join(map(str, bench.server_cores)), *server.command],
                cwd=ROOT,
                env=server.environment | {MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _wait_until_ready(name, server, process, log_path)
            yield Target(
                name=name,
                url=f"http://127.0.0.1:{server.port}{server.path}",
                new_adapter=server.new_adapter,
                behavior=server.behavior,
                mark=mark,
                cores=bench.server_cores,
                vendors=bench.vendors,
                tool_query=server.tool_query,
            )
        finally:
            _stop(process, mark)


@contextlib.contextmanager
def running_vendors(log_folder: Path, *options: str) -> Iterator[str]:
    """The vendors, on the cores of this process; yields their address."""
    port = free_port()
    with (log_folder / "vendors.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.vendors", "--port", str(port), *options],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(lambda: _answers(f"{url}/config"), process, "the vendors")
        yield url
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """Return a port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _peer(command: list[str], vendors: str) -> Server:
    port = free_port()
    return Server(
        command=[*command, "--port", str(port), "--vendors", vendors],
        environment=_without_settings(),
        port=port,
        path="/ws",
        new_adapter=RawPcm,
        behavior=Behavior("pcm20"),
        is_ready=lambda: _answers(f"http://127.0.0.1:{port}/health"),
        tool_query="?tool=1",
    )


def _without_settings() -> dict[str, str]:
    """This process's environment; what the developer has set for the product is not what is measured."""
    return {name: value for name, value in os.environ.items() if name not in VARIABLES}


def _wait_until_ready(name: str, server: Server, process: subprocess.Popen[bytes], log_path: Path) -> None:
    try:
        _wait(server.is_ready, process, name)
    except NotStarted as error:
        raise NotStarted(f"{error}:\n{log_path.read_text(errors='replace')[-LOG_TAIL:]}") from None


def _wait(is_ready: Callable[[], bool], process: subprocess.Popen[bytes], name: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_ready():
        if process.poll() is not None:
            raise NotStarted(f"{name} ended")
        if time.monotonic() > deadline:
            raise NotStarted(f"{name} did not start within {START_TIMEOUT_S:.0f} s")
        time.sleep(POLL_S)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _stop(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kindly first, then whatever of it is left."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT_S)
    meter = ServerMeter(mark)
    while left := meter.pids():
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    process.wait()
