"""Starts Ray's workers by forking one process that has imported what all of them import.

A worker that starts by itself spends 1.3 s of CPU on imports and has 65 MB of modules of its own; a forked one is there
after 0.1 s and shares them. `deploy` starts this server beside Ray's raylet, which starts `fork_worker` in place of a
worker: that asks here for one, and starts one the usual way where this server can't help.

Only Ray and other libraries are imported: our own code may change while Ray runs, and a new replica must see that.
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
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

MODULES = (
    "ray._private.workers.default_worker",
    "ray.serve._private.controller",
    "ray.serve._private.haproxy",
    "ray.serve._private.proxy",
    "ray.serve._private.replica",
    # what two or more of our replicas import
    "argon2",
    "asyncpg",
    "jwt",
    "langgraph.graph",
    "mcp.client",
    "mcp.server.mcpserver",
    "phonenumbers",
    "pydantic_settings",
    "redis.asyncio",
    "sqlalchemy.ext.asyncio",
    "structlog",
)

SAME = ("RAY_JOB_ID", "RAY_RAYLET_PID")
"""Ray reads these once, when it is imported: a worker with others can't be forked from here."""

LENGTH = struct.Struct("!I")
ANSWER = struct.Struct("!i")
"""The worker's pid; 0 for one that can't be forked from here."""

STANDARD_FDS = 3


@dataclass(frozen=True, slots=True)
class Order:
    """A worker to be: its command line, environment and folder, and its standard input, output and error."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    oom_score: str
    fds: list[int]

    @property
    def is_forkable(self) -> bool:
        """Whether Ray, as this process has imported it, is what that worker wants."""
        return all(self.environment.get(name) == os.environ.get(name) for name in SAME)


def main(listener: socket.socket) -> None:
    """Import, then fork a worker for each order. Returns in no process but the workers, when they are over."""
    _import_all()
    _require_safe_to_fork()
    # what is frozen is not visited by the collector, whose marks would copy it into each worker
    gc.collect()
    gc.freeze()
    # ended workers leave nothing behind
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    order = _serve(listener)
    _become(order)


def _import_all() -> None:
    with _class_ids_of_the_system():
        for name in MODULES:
            import_module(name)


@contextmanager
def _class_ids_of_the_system() -> Generator[None, None, None]:
    """Keep Ray's own random numbers unused: once begun, they would go on alike in all forked workers."""
    actor: Any = import_module("ray.actor")
    ids = actor.ActorClassID
    actor.ActorClassID = SimpleNamespace(from_random=lambda: ids(os.urandom(ids.size())), nil=ids.nil)
    try:
        yield
    finally:
        actor.ActorClassID = ids


def _require_safe_to_fork() -> None:
    """End this process if forked workers would lack a thread or have the same ids: they then start the usual way."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1 or _id_of_a_child() == _id_of_a_child():
        raise SystemExit(f"workers can't be forked: {threads} threads run, or ids come out alike")


def _id_of_a_child() -> bytes:
    """A random id as a forked process makes it."""
    from ray import WorkerID

    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(writer, WorkerID.from_random().binary())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        return pipe.read()


def _serve(listener: socket.socket) -> Order:
    """Answer orders; returns only in a forked worker, its own one."""
    while True:
        connection, _ = listener.accept()
        with connection:
            try:
                order = _receive(connection)
            except (OSError, ValueError, struct.error):
                # whoever asked is gone
                continue
            pid = os.fork() if order.is_forkable else -1
            if pid == 0:
                listener.close()
                return order
            for fd in order.fds:
                os.close(fd)
            connection.sendall(ANSWER.pack(max(pid, 0)))


def _receive(connection: socket.socket) -> Order:
    fds = array.array("i")
    head, controls, _, _ = connection.recvmsg(LENGTH.size, socket.CMSG_LEN(STANDARD_FDS * fds.itemsize))
    for _, _, data in controls:
        fds.frombytes(data)
    (length,) = LENGTH.unpack(head)
    with connection.makefile("rb") as rest:
        return Order(**json.loads(rest.read(length)), fds=fds.tolist())


def _become(order: Order) -> None:
    """Be that worker."""
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
