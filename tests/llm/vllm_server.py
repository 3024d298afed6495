"""deployments/llm as an operator starts it, in the environment of vLLM: started, looked into, hurt and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

from deployments.launch.processes import descendants
from tests.fixtures.ports import free_port

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".cache" / "llm"
MODEL = "smollm2"
START_TIMEOUT_S = 600
"""105 s on two quiet cores."""

FAILED = "Deploying app 'llm' failed"
"""What Serve's controller says."""

ENVIRONMENT = {
    # its own few threads, wherever it may run
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "2",
    # nothing leaves this machine
    "HF_HUB_OFFLINE": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}


class VllmServer:
    """One running application `llm`, with the tiny model on a CPU."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/llm/v1"
        self.log = folder / "serve.log"
        self.started_s = 0.0
        self._config = folder / "serve_config.yaml"
        # the paths of Ray's sockets must stay short
        self._ray = tempfile.TemporaryDirectory(prefix="cvl-", dir="/tmp")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until the model answers."""
        self._config.write_text(yaml.safe_dump(self._serve_config()))
        began = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(FOLDER / "venv/bin/serve"), "run", "--address=local", str(self._config)],
                cwd=self._ray.name,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait(began + START_TIMEOUT_S)
        self.started_s = time.monotonic() - began

    def wait(self, deadline: float) -> None:
        """Wait until the model answers."""
        assert self._process is not None
        while not self._answers():
            has_ended = self._process.poll() is not None or FAILED in self.log.read_text()
            if has_ended or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"vLLM did not start:\n{self.log.read_text()[-6000:]}")
            time.sleep(1)

    def pids(self, *names: str) -> list[int]:
        """The model's processes with such names."""
        assert self._process is not None
        return [pid for pid in descendants(self._process.pid) if any(name in _title(pid) for name in names)]

    def stop(self) -> None:
        """End it with all its processes."""
        if self._process is None:
            return
        family = descendants(self._process.pid)
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in family:
            if _is_of(pid, self._ray.name):
                os.kill(pid, signal.SIGKILL)
        self._ray.cleanup()

    def _answers(self) -> bool:
        request = urllib.request.Request(
            f"{self.url}/chat/completions",
            json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.HTTPError):
            return False

    def _environment(self) -> dict[str, str]:
        path = f"{FOLDER / 'venv/bin'}{os.pathsep}{os.environ['PATH']}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "VIRTUAL_ENV"))}
        return kept | ENVIRONMENT | {"PATH": path, "PYTHONPATH": str(ROOT), "RAY_TMPDIR": self._ray.name}

    def _serve_config(self) -> dict[str, object]:
        """The product's file for models, with the hardware of a test."""
        config = dict(yaml.safe_load((ROOT / "deployments/llm/serve_config.yaml").read_text()))
        config["http_options"]["port"] = self.port
        config["applications"][0]["args"] = {
            "hardware": "cpu",
            "source": str(FOLDER / "model"),
            "name": MODEL,
            "tool_call_parser": "hermes",
            "max_model_len": 4096,
            "ingress_replicas": 1,
            "num_cpus": 0.5,
            "engine": {"dtype": "bfloat16", "enforce_eager": True},
        }
        return config


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def _is_of(pid: int, folder: str) -> bool:
    """Whether a process still runs and was started with this folder for Ray's files."""
    try:
        return f"RAY_TMPDIR={folder}\0" in Path(f"/proc/{pid}/environ").read_text()
    except OSError:
        return False
