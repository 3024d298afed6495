"""The lock that keeps two instances from using one data folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from deployments.launch.errors import LaunchError


def running_instance(data_dir: Path) -> int | None:
    """Return the pid of the instance on this data folder, or None."""
    try:
        with (data_dir / "lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return int((data_dir / "lock").read_text())
    return None


class only_instance:  # noqa: N801 -- reads as a sentence in its `with`
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
