"""Ray's workers are forked with the environment of their order; where they can't be, they start the usual way."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployments.launch.fork_server import LENGTH
from deployments.launch.fork_worker import SOCKET
from deployments.launch.steps import ROOT, command

DONE_WITHIN_S = 60
"""The server imports for three seconds before its first worker; a machine that is busy takes ten times as long."""

WORKER = """
import json, os, sys
forked = "ray" in sys.modules
print("to the standard output", flush=True)
import deployments.load
from ray import WorkerID
report = {
    "forked": forked,
    "arguments": sys.argv[1:],
    "folder": os.getcwd(),
    "environment": dict(os.environ),
    "group": os.getpgid(0) == os.getpid(),
    "oom_score": open("/proc/self/oom_score_adj").read(),
    "id": WorkerID.from_random().hex(),
    "mark": getattr(deployments.load, "MARK", None),
}
temporary = sys.argv[1] + ".part"
with open(temporary, "w") as file:
    json.dump(report, file)
os.rename(temporary, sys.argv[1])
"""
"""A worker that reports on itself, in the place of Ray's own `default_worker.py`."""


class Workers:
    """A folder with scripts in the place of Ray's, and the way in which the raylet starts one."""

    def __init__(self, folder, path):
        self._folder = folder
        self._path = path
        self._count = 0
        (folder / "default_worker.py").write_text(WORKER)
        usual = "import runpy, sys\nsys.argv = [a for a in sys.argv[1:] if not a.startswith('--language')]\n"
        (folder / "setup_worker.py").write_text(usual + "runpy.run_path(sys.argv[0], run_name='__main__')\n")

    def start(self, *arguments, **environment):
        """Start one; returns what it says of itself, and its standard output."""
        self._count += 1
        report, output = self._folder / f"report-{self._count}", self._folder / f"output-{self._count}"
        script = ROOT / "deployments" / "launch" / "fork_worker.py"
        worker = [str(self._folder / "default_worker.py"), str(report), *arguments, "--language=PYTHON"]
        environment = {"RAY_JOB_ID": "01000000", "RAY_RAYLET_PID": "4711", **environment}
        with output.open("wb") as out:
            subprocess.run(
                [sys.executable, str(script), *worker],
                env={**os.environ, SOCKET: str(self._path), "PYTHONPATH": str(ROOT), **environment},
                cwd=self._folder,
                stdout=out,
                timeout=DONE_WITHIN_S,
                check=True,
            )
        deadline = time.monotonic() + DONE_WITHIN_S
        while not report.exists():
            assert time.monotonic() < deadline, "the worker did not begin"
            time.sleep(0.02)
        return json.loads(report.read_text()), output.read_text()


@contextmanager
def fork_server(tree=ROOT):
    """A running server, and the workers that it starts."""
    # the path of a socket must stay short
    folder = Path(tempfile.mkdtemp(prefix="cvn-", dir="/tmp"))
    path = folder / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        server = subprocess.Popen(
            command("fork_server", str(listener.fileno())), cwd=tree, pass_fds=[listener.fileno()]
        )
    try:
        yield server, Workers(folder, path)
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def workers():
    with fork_server() as (server, workers):
        yield workers
        assert server.poll() is None


def test_a_forked_worker_has_the_environment_of_its_order(workers):
    report, output = workers.start("--node-id=7", WHO="caller")
    assert report["forked"]
    assert report["arguments"][1:] == ["--node-id=7"]
    assert report["environment"]["WHO"] == "caller"
    assert report["group"], "Ray kills the process group of a worker that ends"
    assert report["oom_score"] == Path("/proc/self/oom_score_adj").read_text()
    assert output == "to the standard output\n"


def test_a_worker_does_not_inherit_the_environment_of_another(workers):
    workers.start(WHO="caller")
    assert "WHO" not in workers.start()[0]["environment"]


def test_forked_workers_make_different_ids(workers):
    assert len({workers.start()[0]["id"] for _ in range(4)}) == 4


@pytest.mark.parametrize("different", [{"RAY_JOB_ID": "02000000"}, {"RAY_RAYLET_PID": "4712"}])
def test_a_worker_of_another_ray_starts_the_usual_way(workers, different):
    workers.start()
    assert not workers.start(**different)[0]["forked"]


def test_a_worker_with_an_environment_of_its_own_starts_the_usual_way(workers):
    assert not workers.start('--serialized-runtime-env-context={"env_vars": {"A": "B"}}')[0]["forked"]


def test_an_incomplete_order_is_ignored(workers):
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(workers._path))
        stranger.sendall(LENGTH.pack(1000) + b"{")
    assert workers.start()[0]["forked"]


def test_a_worker_starts_the_usual_way_when_the_server_has_died():
    with fork_server() as (server, workers):
        server.kill()
        server.wait()
        assert not workers.start()[0]["forked"]


def test_the_next_workers_run_code_that_has_changed(tmp_path):
    for package in ("actors", "convonet", "deployments"):
        shutil.copytree(ROOT / package, tmp_path / package)
    tree = {"PYTHONPATH": str(tmp_path)}
    with fork_server(tmp_path) as (_, workers):
        assert workers.start(**tree)[0]["mark"] is None
        with (tmp_path / "deployments" / "load.py").open("a") as module:
            module.write("\nMARK = 'new'\n")
        first, _ = workers.start(**tree)
        assert (first["forked"], first["mark"]) == (False, "new")
        second, _ = workers.start(**tree)
        assert (second["forked"], second["mark"]) == (True, "new")
