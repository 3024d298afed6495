"""Secrets that the operator did not set: generated at first use and kept in the data folder."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from convonet.core.errors import SettingsError


def stored_secret(path: Path, candidate: str) -> str:
    """Return the secret in `path`; if the file does not exist, create it with `candidate`, readable by its owner only.

    Raises:
        SettingsError: The file is empty.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # written aside and linked: of several processes that start at once, none may read a file that is still empty
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-") as draft:
        draft.write(candidate)
        draft.flush()
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, path)
    secret = path.read_text().strip()
    if not secret:
        raise SettingsError(f"{path} is empty: delete it, a new one is made then")
    return secret
