"""The script that Ray's raylet starts in place of a worker: it orders the worker from `fork_server`, then ends.

When the server can't fork the worker, the script becomes the worker itself through Ray's own script. It is run by its
path and imports little, since its own start is most of the time that a forked worker takes.
"""

from __future__ import annotations

import array
import json
import os
import socket
import struct
import sys

SOCKET = "WORKER_FORK_SERVER"
"""Name of the environment variable with the path of the server's socket."""


def main(arguments: list[str]) -> None:
    """Order a worker, or become it; `arguments` are the worker's script and that script's arguments."""
    if not _is_plain(arguments) or not _order(arguments):
        usual = os.path.join(os.path.dirname(arguments[0]), "setup_worker.py")  # noqa: PTH118, PTH120 -- pathlib takes as long as the rest
        os.execv(sys.executable, [sys.executable, usual, *arguments])  # noqa: S606


def _is_plain(arguments: list[str]) -> bool:
    """Return whether this is a Python worker without a runtime environment of its own."""
    return "--language=PYTHON" in arguments and not any("runtime-env-context" in argument for argument in arguments)


def _order(arguments: list[str]) -> bool:
    """Order a worker; return whether it was forked."""
    with open("/proc/self/oom_score_adj") as file:  # noqa: PTH123
        oom_score = file.read()
    order = {
        "arguments": [argument for argument in arguments if argument != "--language=PYTHON"],
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109
        "oom_score": oom_score,
    }
    message = json.dumps(order).encode()
    fds = array.array("i", [0, 1, 2])
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(os.environ[SOCKET])
            server.sendmsg([struct.pack("!I", len(message))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            server.sendall(message)
            answer = server.recv(4)
    except OSError:
        return False
    return len(answer) == 4 and struct.unpack("!i", answer)[0] > 0


if __name__ == "__main__":
    main(sys.argv[1:])
