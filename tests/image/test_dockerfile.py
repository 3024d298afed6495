"""What can be said of the image without building it."""

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
IGNORED = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
LAST_STAGE = DOCKERFILE.rpartition("\nFROM ")[2]


def argument(name):
    """The default of a build argument."""
    return re.search(rf"^ARG {name}=(.+)$", DOCKERFILE, re.MULTILINE)[1]


def makefile(pattern):
    return re.search(pattern, (ROOT / "Makefile").read_text())[1]


def test_the_images_environment_is_ray_env():
    with_flags = runpy.run_path(str(ROOT / "scripts/image/flags"))["with_flags"]
    assert with_flags(DOCKERFILE, (ROOT / "ray.env").read_text()) == DOCKERFILE, "run scripts/image/flags"
    assert "RAY_NEW=1 \\\n" in with_flags(DOCKERFILE, "RAY_NEW=1\n# why\nRAY_OTHER=2\n")


def test_all_stages_have_the_python_that_the_lock_file_is_for():
    minor = makefile(r"uv pip compile .*--python-version (3\.\d+)")
    for base in ("BASE", "BUILD_BASE"):
        assert re.search(r"python:(3\.\d+)", argument(base))[1] == minor


def test_the_image_is_built_with_the_same_tools_as_the_environment():
    assert argument("UV_VERSION") == makefile(r"UV_VERSION := (\S+)")
    needed = json.loads((ROOT / "ui/package.json").read_text())["engines"]["node"]
    assert int(re.search(r"node:(\d+)", argument("NODE_BASE"))[1]) >= int(re.search(r"\d+", needed)[0])


def test_the_last_stage_runs_as_nobody_in_particular_and_installs_only_what_probes_call():
    assert re.findall(r"^USER (.+)$", LAST_STAGE, re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"apt-get install [-\w ]* (\w+) &&", LAST_STAGE) == ["wget"]
    assert not re.search(r"\bpip\b|\bnpm\b|build-essential", LAST_STAGE)


def test_nothing_is_sent_to_the_builder_that_is_not_named():
    assert IGNORED[0] == "*"
    allowed = {line.removeprefix("!") for line in IGNORED if line.startswith("!")}
    assert all((ROOT / path).exists() for path in allowed)
    assert not {path.split("/")[0] for path in allowed} & {"tests", "docs", "bench", ".convonet", ".venv", ".git"}


def test_everything_that_is_copied_is_sent_to_the_builder():
    allowed = {line.removeprefix("!") for line in IGNORED if line.startswith("!")}
    copied = [
        source.rstrip("/")
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for source in sources.split()
    ]
    assert copied
    for source in copied:
        assert any(f"{path}/".startswith(f"{source}/") or f"{source}/".startswith(f"{path}/") for path in allowed), (
            source
        )


def test_a_machine_without_an_engine_is_told_what_is_missing(tmp_path):
    for tool in ("bash", "dirname"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    done = subprocess.run(
        [ROOT / "scripts/image/build", "convonet:test"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "An image is built by Docker (with its daemon running), Podman or Buildah; none of them is here.\n"
    )


def test_arguments_reach_the_engine_that_is_named(tmp_path):
    engine = tmp_path / "engine"
    engine.write_text('#!/bin/sh\necho "$@"\n')
    engine.chmod(0o755)
    done = subprocess.run(
        [ROOT / "scripts/image/build", "convonet:test", "--build-arg", "BASE=mine"],
        env={"PATH": "/usr/bin:/bin", "ENGINE": str(engine)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "build --tag convonet:test --build-arg BASE=mine ."
