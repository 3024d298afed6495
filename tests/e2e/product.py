"""The whole product as a user starts it, for tests: launched, looked into, hurt and stopped."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import yaml

from deployments.launch.processes import ray_address
from deployments.launch.product import LOCAL_RAY, LOOPBACK_NODE, ray_env
from tests.fixtures.ports import free_port

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 600
REPLACED_WITHIN_S = 180
PIN = "471182"
TRUSTED_PROXY = "127.0.0.77"
"""Where the load balancer stands that the product believes."""


class Product:
    """One running product. `environment` is what an operator would set."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.port}"
        self.pin = PIN
        self.output = ""
        # the paths of Ray's sockets must stay short
        self._ray = tempfile.TemporaryDirectory(prefix="cvn-", dir="/tmp")
        self.environment = {
            **os.environ,
            "CONVONET_PORT": str(self.port),
            "CONVONET_DATA_DIR": str(folder),
            "RAY_TMPDIR": self._ray.name,
            "PYTHONUNBUFFERED": "1",
            # a process reports its metrics every ten seconds otherwise, and tests would wait for it
            "RAY_metrics_report_interval_ms": "2000",
            # a busy machine must not refuse the tests' callers; who is let in is tried without a cluster
            "CONVONET_MAX_NEW_CALLERS": "1000",
            "CONVONET_MAX_CPU_PERCENT": "100",
            "CONVONET_MAX_LOOP_LAG_MS": "5000",
            "CONVONET_MAX_TURN_WAIT_MS": "60000",
            **environment,
        }
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """Of the launcher."""
        return self._process.pid

    @property
    def ray_folder(self) -> Path:
        """Where its Ray keeps its files."""
        return Path(self._ray.name)

    def metrics(self) -> str:
        """What Prometheus is given."""
        (url,) = re.findall(r"Metrics +(\S+)", self.output)
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()

    @property
    def database(self) -> Path:
        return self.folder / "convonet.db"

    def start(self) -> None:
        """Start it and wait for the printed address."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deployments.launch"],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        for line in self._process.stdout:
            self.output += line
            if "Ctrl-C" in line:
                return
            if time.monotonic() > deadline:
                break
        self.stop()
        raise AssertionError(f"the product did not start:\n{self.output}")

    def stop(self) -> int:
        """Ctrl-C; returns the exit code."""
        self._process.send_signal(signal.SIGINT)
        try:
            if self._process.poll() is None:
                self.output += self._process.communicate(timeout=120)[0]
        finally:
            self._process.kill()
            self._ray.cleanup()
        return self._process.returncode

    def wait(self) -> int:
        """Until it ends by itself; returns the exit code."""
        self.output += self._process.communicate(timeout=120)[0]
        return self._process.returncode

    def drain(self) -> str:
        """What an operator does to spread callers over replicas; returns what they read."""
        return self._command(sys.executable, "-m", "deployments.drain", timeout_s=180)

    def redeploy(self, deployment: str, **changes: object) -> None:
        """Deploy serve_config.yaml again, with other arguments of the application that has this deployment."""
        config = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
        config["http_options"]["port"] = self.port
        for application in config["applications"]:
            if application["deployments"][0]["name"] == deployment:
                application["args"] = changes
        path = self.folder / "redeployed.yaml"
        path.write_text(yaml.safe_dump(config))
        serve = str(Path(sys.executable).with_name("serve"))
        command = [serve, "run", "--non-blocking", "--address", ray_address(self.pid), str(path)]
        self._command(*command, timeout_s=180, environment=LOCAL_RAY | LOOPBACK_NODE | ray_env())

    def run_convonet(self, *arguments: str) -> str:
        """What an operator does with the command line; returns what they read."""
        return self._command(str(Path(sys.executable).with_name("convonet")), *arguments)

    def staff_link(self) -> str:
        """A new one-time link for the owner."""
        return self.run_convonet("staff", "link", "owner", "--base-url", self.url).strip()

    def add_staff(self, username: str, password: str) -> None:
        """An account of a person who logs in with a password."""
        self.run_convonet("staff", "add", username, "--name", username.title(), "--password", password)

    def _command(self, *command: str, timeout_s: float = 60, environment: Mapping[str, str] | None = None) -> str:
        ended = subprocess.run(
            command,
            cwd=ROOT,
            env={**self.environment, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def processes(self) -> dict[int, str]:
        """Command lines of everything that belongs to this product, by pid."""
        wanted = f"RAY_TMPDIR={self._ray.name}".encode()
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                try:
                    if wanted in (folder / "environ").read_bytes().split(b"\0"):
                        found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
                except OSError:
                    continue
        return found

    def replicas(self, deployment: str) -> dict[str, int]:
        """Pids of all replicas that ever started, by replica id."""
        logs = Path(self._ray.name).glob("ray/session_latest/logs/serve/controller_*.log")
        text = "".join(log.read_text() for log in logs)
        pattern = rf"Replica\(id='(\w+)', deployment='{deployment}'.*?started successfully.*?PID: (\d+)"
        return {replica: int(pid) for replica, pid in re.findall(pattern, text)}

    def wait_for_replicas(self, deployment: str, count: int) -> None:
        """Until that many replicas run, and HAProxy sends callers there: one that was killed has its successor."""
        deadline = time.monotonic() + REPLACED_WITHIN_S
        while self._count_behind_the_door(deployment) < count:
            assert time.monotonic() < deadline, f"{deployment} has fewer than {count} replicas"
            time.sleep(0.2)

    def _count_behind_the_door(self, deployment: str) -> int:
        known = [line.split(",") for line in self._ask_haproxy("show stat").splitlines()]
        up = {row[1].rpartition("-")[2] for row in known if len(row) > 17 and row[17].startswith("UP")}
        living = {name for name, pid in self.replicas(deployment).items() if Path(f"/proc/{pid}").exists()}
        return len(living & up)

    def _ask_haproxy(self, command: str) -> str:
        """What its newest process answers on its admin socket; nothing while that is being replaced."""
        folders = re.findall(r"-f (\S+)/haproxy\.cfg", " ".join(self.processes().values()))
        answer = b""
        with contextlib.suppress(OSError, IndexError), socket.socket(socket.AF_UNIX) as admin:
            admin.connect(f"{folders[0]}/admin.sock")
            admin.sendall(f"{command}\n".encode())
            while part := admin.recv(65_536):
                answer += part
        return answer.decode()

    def running(self, deployment: str) -> list[int]:
        """Pids of its replicas that live."""
        return [pid for pid in self.replicas(deployment).values() if Path(f"/proc/{pid}").exists()]

    def has_said(self, event: str, of: str) -> bool:
        """Whether any replica has logged this of somebody."""
        return bool(self._logs(rf"{event}.*{of}|{of}.*{event}"))

    def voice_replica_of(self, session_id: str) -> int:
        """Pid of the voice replica that attached this session last."""
        return self._says(rf"session_attached.*{session_id}|{session_id}.*session_attached")

    def line_replica_of(self, transfer_id: str) -> int:
        """Pid of the voice replica that has the line of this hand-over."""
        return self._says(rf"line_opened.*{transfer_id}|{transfer_id}.*line_opened")

    def _says(self, pattern: str) -> int:
        """Pid of the process that has written this last, from the replicas' logs."""
        found = self._logs(pattern)
        assert found, f"no replica says {pattern}"
        return int(max(found, key=lambda log: _last_time(log, pattern)).stem.rsplit("-", 1)[1])

    def _logs(self, pattern: str) -> list[Path]:
        logs = Path(self._ray.name).glob("ray/session_latest/logs/worker-*.err")
        return [log for log in logs if re.search(pattern, log.read_text())]


def _last_time(log: Path, pattern: str) -> str:
    """When a process has written this last, as its log lines have it."""
    lines = [line for line in log.read_text().splitlines() if re.search(pattern, line)]
    found = re.search(r"\d{4}-\d\d-\d\dT[\d:.]+", lines[-1])
    assert found, lines[-1]
    return found[0]
