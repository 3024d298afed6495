"""Containers of the image, each in a network of its own, run by Buildah without a daemon."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
ISOLATION = os.environ.get("BUILDAH_ISOLATION", "chroot")
"""How a container is kept apart: `chroot` works everywhere, `oci` needs crun and the kernel's control groups."""

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
"""This machine's: a proxy on the way to the registries of packages may have one of its own."""

MOUNTED = "/run/certificates.crt"
STOP_TIMEOUT_S = 60


class Builder:
    """Buildah with a store of its own below a folder."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "storage.conf"
        config.write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n'
            '[storage.options.overlay]\nmountopt = "nodev"\n'
        )
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            "CONTAINERS_STORAGE_CONF": str(config),
            "BUILDAH_ISOLATION": ISOLATION,
            "ENGINE": "buildah",
        }

    def run(self, *arguments):
        """What a command of Buildah's prints."""
        return self._run("buildah", *arguments)

    def add_base(self, name, tar):
        """An image that holds a root file system; made anew for another file only, all layers hang on it."""
        name = f"{name}:{tar.stat().st_mtime_ns}"
        if self.run("images", "--quiet", "--filter", f"reference={name}").strip():
            return name
        container = self.run("from", "scratch").strip()
        self.run("add", container, str(tar), "/")
        self.run("config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
        self.run("commit", "--rm", container, name)
        return name

    def build(self, tag, **arguments):
        """Build the image as `make image` does."""
        given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        certificates = [
            f"--volume={CERTIFICATES}:{MOUNTED}:ro",
            f"--build-arg=SSL_CERT_FILE={MOUNTED}",
            f"--build-arg=NODE_EXTRA_CA_CERTS={MOUNTED}",
        ]
        self._run(str(ROOT / "scripts/image/build"), tag, "--network=host", "--layers", *certificates, *given)

    def configuration(self, tag):
        """Environment, user and command of an image."""
        return json.loads(self.run("inspect", "--type", "image", tag))["OCIv1"]["config"]

    @contextmanager
    def container(self, tag):
        """A container that runs nothing yet; nothing is left of it afterwards."""
        container = Container(self, self.run("from", tag).strip(), self.configuration(tag))
        try:
            yield container
        finally:
            container.close()
            self.run("rm", container.name)

    def _run(self, *command):
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout


class Container:
    """One container with its network; what is started in it ends with it."""

    def __init__(self, builder, name, configuration):
        self.name = name
        self.command = configuration["Cmd"]
        self._builder = builder
        self._mark = f"CONTAINER_OF_THE_TEST={uuid.uuid4().hex}"
        self._network = f"convonet-image-{uuid.uuid4().hex[:8]}"
        self._started = []
        # names come again
        self._output = builder.folder / f"{name}.log"
        self._output.write_text("")
        self._call("ip", "netns", "add", self._network)
        self._call("ip", "-n", self._network, "link", "set", "lo", "up")

    def start(self, *command, **environment):
        """Start this in the background, as the image's user in its folder."""
        with self._output.open("ab") as output:
            process = subprocess.Popen(
                self._inside(command, environment),
                env=self._builder.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return process

    def run(self, *command, **environment):
        """Run this to its end: exit code and output."""
        done = subprocess.run(
            self._inside(command, environment),
            env=self._builder.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def output(self):
        """What the started ones have printed."""
        return self._output.read_text()

    def call(self, port, pin):
        """A call from within the network: what it was answered."""
        return json.loads(self._call(*self._joined, sys.executable, "-m", "tests.image.call", str(port), pin))

    def get(self, url):
        """Body of a page, None while there is none."""
        done = subprocess.run(
            [*self._joined, "curl", "--silent", "--fail", "--max-time", "5", url],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout if done.returncode == 0 else None

    def status(self, url, *headers):
        """Status of a page, 0 while nobody answers."""
        given = [part for header in headers for part in ("--header", header)]
        command = [*self._joined, "curl", "--silent", "-o", "/dev/null", "-w", "%{http_code}", *given, url]
        return int(subprocess.run(command, capture_output=True, text=True, check=False).stdout)

    def stop(self):
        """End what was started as a runtime does: SIGTERM to the first process; returns its exit code."""
        (process,) = self._started
        for pid in self._firsts():
            os.kill(pid, signal.SIGTERM)
        return process.wait(STOP_TIMEOUT_S)

    def processes(self):
        """All that runs in it, by pid with the parent's."""
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                try:
                    if self._mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                        found[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
                except OSError:
                    continue
        return found

    def close(self):
        """Leave nothing running."""
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while (left := self.processes()) and time.monotonic() < deadline:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.1)
        for process in self._started:
            process.wait(STOP_TIMEOUT_S)
        self._call("ip", "netns", "delete", self._network)

    @property
    def _joined(self):
        return ["ip", "netns", "exec", self._network]

    def _inside(self, command, environment):
        given = [self._mark, *(f"{name}={value}" for name, value in environment.items())]
        return [*self._joined, "buildah", "run", "--network=host", self.name, "--", "env", *given, *command]

    def _firsts(self):
        processes = self.processes()
        return [pid for pid, parent in processes.items() if parent not in processes]

    def _call(self, *command):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout
