"""Starts Ray's workers by forking one process that has imported all modules that they need.

A worker that starts by itself spends 1.3 s of CPU on imports and has 65 MB of modules of its own. A forked worker is
ready after 0.1 s and shares them. `deploy` starts this server, and Ray's raylet starts `fork_worker` in place of a
worker. `fork_worker` orders the worker from this server, or starts it the usual way when this server can't. When our
code has changed the server restarts, so that a redeploy runs the new code.
"""

from __future__ import annotations

import array
import gc
import json
import os
import runpy
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules, walk_packages
from typing import NoReturn

import deployments
from deployments.ray_compat import WORKER_MODULES, WORKER_VARIABLES, class_ids_from_system

LIBRARIES = (
    "argon2",
    "asyncpg",
    "fastapi",
    "grpc.aio",
    "jwt",
    "langgraph.graph",
    "mcp.server.mcpserver",
    "numpy",
    "phonenumbers",
    "redis.asyncio",
    "sqlalchemy.ext.asyncio",
    "structlog",
)
"""Slow imports of Ray and of our code, made while Ray starts."""

OURS = ("actors", "convonet", "deployments")

NOT_IN_REPLICAS = (__package__, "deployments.cluster")
"""Packages that hold commands; no replica imports them."""

LENGTH = struct.Struct("!I")
ANSWER = struct.Struct("!i")
"""The worker's pid; 0 for a worker that was not forked."""

STANDARD_FDS = 3


@dataclass(frozen=True, slots=True)
class Order:
    """A worker to start: its command line, environment and folder, and its standard input, output and error."""

    connection: socket.socket
    fds: list[int]
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    oom_score: str

    def answer(self, pid: int) -> None:
        """Send the pid and close the connection."""
        for fd in self.fds:
            os.close(fd)
        self.connection.sendall(ANSWER.pack(pid))
        self.connection.close()


def main(listener: socket.socket) -> None:
    """Import, then fork a worker for each order. This returns only in the workers, when they end."""
    for name in LIBRARIES:
        import_module(name)
    order = _next_order(listener)
    os.environ.update({name: order.environment[name] for name in WORKER_VARIABLES})
    _import_ray_and_ours()
    _require_safe_to_fork()
    # the collector does not visit frozen objects; its marks would copy them into each worker
    gc.collect()
    gc.freeze()
    # workers that have ended do not become zombies
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    files = {file: _changed_at(file) for file in _our_files()}
    while not _fork(order):
        order = _next_order(listener)
        if any(_changed_at(file) != at for file, at in files.items()):
            order.answer(0)
            _restart(listener)
    listener.close()
    _become(order)


def _import_ray_and_ours() -> None:
    with class_ids_from_system():
        for name in WORKER_MODULES:
            import_module(name)
        deployments.prepare_replica()
        for name in _our_modules():
            import_module(name)


def _our_modules() -> Iterator[str]:
    """Return the modules of the applications and the domains, which import the others."""
    for package in iter_modules(deployments.__path__, "deployments."):
        if package.ispkg and package.name not in NOT_IN_REPLICAS:
            yield from _modules_in(package.name)
    yield from _modules_in("convonet.domains")


def _modules_in(package: str) -> Iterator[str]:
    return (module.name for module in walk_packages(import_module(package).__path__, f"{package}."))


def _our_files() -> list[str]:
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] in OURS]
    return [module.__file__ for module in modules if module.__file__ is not None]


def _changed_at(file: str) -> int:
    """Return the file's modification time; 0 for a file that was deleted."""
    try:
        return os.stat(file).st_mtime_ns  # noqa: PTH116 -- hundreds for each worker
    except FileNotFoundError:
        return 0


def _restart(listener: socket.socket) -> NoReturn:
    listener.set_inheritable(True)
    # an ignored signal would stay ignored
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606


def _require_safe_to_fork() -> None:
    """Exit if forked workers would lack a thread or all have the same ids; workers then start the usual way."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1 or _id_of_a_child() == _id_of_a_child():
        raise SystemExit(f"workers can't be forked: {threads} threads run, or ids come out alike")


def _id_of_a_child() -> bytes:
    """Return a random id that a forked process has made."""
    from ray import WorkerID

    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(writer, WorkerID.from_random().binary())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        return pipe.read()


def _next_order(listener: socket.socket) -> Order:
    while True:
        connection, _ = listener.accept()
        fds = array.array("i")
        try:
            head, controls, _, _ = connection.recvmsg(LENGTH.size, socket.CMSG_LEN(STANDARD_FDS * fds.itemsize))
            for _, _, data in controls:
                fds.frombytes(data)
            (length,) = LENGTH.unpack(head)
            with connection.makefile("rb") as rest:
                return Order(connection, fds.tolist(), **json.loads(rest.read(length)))
        except (OSError, ValueError, struct.error):
            # the process that ordered has ended
            connection.close()


def _fork(order: Order) -> bool:
    """Fork the worker if it belongs to the Ray that is imported here; return whether this process is the worker."""
    is_forkable = all(order.environment.get(name) == os.environ[name] for name in WORKER_VARIABLES)
    pid = os.fork() if is_forkable else -1
    if pid == 0:
        return True
    order.answer(max(pid, 0))
    return False


def _become(order: Order) -> None:
    order.connection.close()
    # Ray ends a worker together with its process group
    os.setpgid(0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, fd in enumerate(order.fds):
        os.dup2(fd, number)
        os.close(fd)
    Path("/proc/self/oom_score_adj").write_text(order.oom_score)
    os.environ.clear()
    os.environ.update(order.environment)
    os.chdir(order.folder)
    script = order.arguments[0]
    sys.argv = order.arguments
    sys.path[0] = str(Path(script).parent)
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
