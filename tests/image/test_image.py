"""The image, on a base of Debian's packages: a container serves a call by its own command and as KubeRay starts it."""

import logging
import re
import secrets
import time

import pytest

from tests.image.bases import make_bases
from tests.image.containers import ROOT, Builder

pytestmark = [pytest.mark.image, pytest.mark.timeout(3600)]

log = logging.getLogger(__name__)

TAG = "localhost/convonet:test"
MAX_MB = 1000
"""Of what the image adds to its base, uncompressed."""

READY_TIMEOUT_S = 600
PIN = "471182"
BUILD_TOOLS = ("gcc", "strip", "pip", "pip3", "uv", "node", "npm", "git")


@pytest.fixture(scope="session")
def builder():
    """Nothing is left of its gigabytes but the bases."""
    builder = Builder(ROOT / ".cache" / "image")
    yield builder
    builder.run("rm", "--all")
    builder.run("rmi", "--all", "--force")


@pytest.fixture(scope="session")
def image(builder):
    bases = make_bases(ROOT / ".cache" / "image" / "bases")
    base = builder.add_base("localhost/convonet-base", bases.base)
    build = builder.add_base("localhost/convonet-build-base", bases.build)
    started = time.monotonic()
    builder.build(TAG, BASE=base, BUILD_BASE=build, NODE_BASE=build)
    log.info("the image was built in %.0f s", time.monotonic() - started)
    return TAG


@pytest.fixture(scope="module")
def container(builder, image):
    """One in which nothing runs but what a test runs to its end."""
    with builder.container(image) as container:
        yield container


def test_the_image_is_small(container):
    _, output = container.run("du", "--summarize", "--block-size=1000000", "/opt/venv", "/app", "/")
    sizes = {path: int(size) for size, path in (line.split() for line in output.splitlines() if line[0].isdigit())}
    log.info("MB in the image: %s", sizes)
    assert sizes["/opt/venv"] + sizes["/app"] < MAX_MB, output


def test_what_builds_it_is_not_in_it(container):
    for tool in BUILD_TOOLS:
        assert container.run("bash", "-c", f"command -v {tool}")[0] != 0, tool


def test_what_a_cluster_calls_is_in_it(container):
    for shell in ("-c", "-lc"):
        code, output = container.run("bash", shell, "command -v wget python ray serve convonet haproxy")
        assert (code, len(output.split())) == (0, 6), output


def test_it_is_nobody_and_writes_only_where_it_may(container):
    assert container.run("id", "-u") == (0, "10001\n")
    for folder in ("/app", "/opt/venv", "/usr/local/bin", "/etc"):
        assert container.run("touch", f"{folder}/file")[0] != 0, folder
    for folder in ("/home/convonet", "/var/lib/convonet", "/tmp"):
        assert container.run("touch", f"{folder}/file")[0] == 0, folder


IMPORT_ALL = """
import importlib, pkgutil, sys
for name in ("convonet", "actors", "deployments"):
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
from twilio.rest import Client
Client("AC", "x").calls, Client("AC", "x").conferences
import ray.dashboard.utils as dashboard
assert len(dashboard.get_all_modules(dashboard.DashboardHeadModule)) > 1
print(len(sys.modules))
"""


def test_all_of_the_product_can_be_imported_from_what_is_left_of_its_packages(container):
    code, output = container.run("python", "-W", "error::SyntaxWarning", "-c", IMPORT_ALL)
    assert code == 0, output


def test_what_is_left_was_compiled(container):
    code, output = container.run("python", "-v", "-c", "import convonet.settings, ray.serve")
    assert code == 0
    read = re.findall(r"code object from '(/(?:app|opt)/.*)'", output)
    assert len(read) > 100
    assert [path for path in read if not path.endswith(".pyc")] == []


def test_its_own_command_starts_the_product_and_serves_a_call(builder, image):
    with builder.container(image) as container:
        started = time.monotonic()
        container.start(*container.command, VOICE_PIN=PIN)
        _wait_until_ready(container, "Ctrl-C")
        log.info("the product was ready after %.0f s", time.monotonic() - started)
        assert "buy milk" in container.call(8000, PIN)["answer"]
        assert "<script" in container.get("http://127.0.0.1:8000/voice_assistant")
        assert container.stop() == 0, container.output()[-4000:]


def test_a_head_of_kuberays_takes_the_configuration_and_serves_a_call(builder, image):
    token = secrets.token_hex(16)
    environment = {
        "VOICE_PIN": PIN,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
    }
    options = "--head --block --num-cpus=2 --dashboard-host=0.0.0.0 --metrics-export-port=8080"
    # as Kubernetes does it starts again what ends: on a busy machine a part of Ray may give up after 30 s
    head = f"ulimit -n 65536; until ray start {options}; do sleep 1; done"
    with builder.container(image) as container:
        for command in ("migrate", "seed"):
            code, output = container.run("convonet", command, **environment)
            assert code == 0, output
        container.start("bash", "-c", "--", head, **environment)
        applications = "http://127.0.0.1:8265/api/serve/applications/"
        _until(container, lambda: container.get("http://127.0.0.1:8265/") is not None)
        assert container.status(applications) == 401
        authorized = f"Authorization: Bearer {token}"
        _until(container, lambda: container.status(applications, authorized) == 200)
        _until(container, lambda: container.run("serve", "deploy", "serve_config.yaml", **environment)[0] == 0)
        _until(container, lambda: (container.get("http://127.0.0.1:8000/ready") or "").startswith('{"ready":true'))
        # as KubeRay's probe asks
        code, output = container.run("wget", "--tries", "1", "-T", "5", "-q", "-O-", "http://127.0.0.1:8000/-/healthz")
        assert (code, output) == (0, "success")
        assert "buy milk" in container.call(8000, PIN)["answer"]
        metrics = container.get("http://127.0.0.1:8080/metrics")
        assert "ray_convonet_loop_lag_ms" in metrics


def _wait_until_ready(container, said):
    _until(container, lambda: said in container.output())


def _until(container, condition):
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, container.output()[-4000:]
        assert container.processes() or time.monotonic() < deadline - READY_TIMEOUT_S + 30, container.output()[-4000:]
        time.sleep(0.5)
