"""Bases for the image from Debian's packages: nobody needs to reach a registry of images for the test."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

RELEASE = "bookworm"

IN_BASE = ("ca-certificates", "python3", "wget")
"""What the published slim image of Python has, and what the Dockerfile would install."""

TO_BUILD = ("binutils", "python3-venv")
NODE = (Path("/usr/bin/node"), Path("/usr/lib/node_modules/npm"))
"""This machine's own: Debian's is too old for the pages."""


@dataclass(frozen=True)
class Bases:
    """Root file systems as tar files: what the image stands on, and the same with what builds it."""

    base: Path
    build: Path


def make_bases(folder: Path) -> Bases:
    """Make them, unless the folder has them already: four minutes, most of it waiting for the mirror."""
    bases = Bases(folder / "base.tar", folder / "build.tar")
    if bases.base.exists() and bases.build.exists():
        return bases
    root = folder / "root"
    shutil.rmtree(root, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    _run("debootstrap", "--variant=minbase", f"--include={','.join(IN_BASE)}", RELEASE, str(root))
    _clean(root)
    _pack(root, bases.base)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    _in_root(root, "apt-get", "-q", "update")
    _in_root(root, "apt-get", "-q", "install", "--yes", "--no-install-recommends", *TO_BUILD)
    _add_node(root)
    _clean(root)
    _pack(root, bases.build)
    shutil.rmtree(root)
    return bases


def _add_node(root: Path) -> None:
    program, npm = NODE
    shutil.copy(program, root / "usr/bin/node")
    shutil.copytree(npm, root / npm.relative_to("/"), symlinks=True)
    (root / "usr/bin/npm").symlink_to("../lib/node_modules/npm/bin/npm-cli.js")


def _clean(root: Path) -> None:
    for folder in ("var/lib/apt/lists", "var/cache/apt/archives"):
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder / "partial").mkdir(parents=True)


def _pack(root: Path, file: Path) -> None:
    # named at its end: one that was interrupted does not count as made
    part = file.with_suffix(".part")
    _run(
        "tar",
        "-c",
        "-C",
        str(root),
        "--exclude=./dev/*",
        "--exclude=./proc/*",
        "--exclude=./sys/*",
        "-f",
        str(part),
        ".",
    )
    part.rename(file)


def _in_root(root: Path, *command: str) -> None:
    _run("env", "DEBIAN_FRONTEND=noninteractive", "chroot", str(root), *command)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
