"""Starting and stopping: clear sentences when something is in the way, and nothing left when it is over."""

import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.config_check import read_config
from tests.e2e.product import PIN, ROOT, Product
from tests.fixtures.ports import free_port

log = logging.getLogger(__name__)

MOST_MEMORY_MIB = 2000
"""Of the idle product: of all its processes, what they share counted once."""


def launch(tmp_path, **environment):
    """Run the launcher where it must refuse; returns exit code and output."""
    done = subprocess.run(
        [sys.executable, "-m", "deployments.launch"],
        cwd=ROOT,
        env={**os.environ, "CONVONET_DATA_DIR": str(tmp_path), "CONVONET_PORT": str(free_port()), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["CONVONET_PORT", "CONVONET_METRICS_PORT"])
def test_a_used_port_is_named_with_what_to_do(tmp_path, name):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output = launch(tmp_path, **{name: str(port)})
    assert code == 1
    assert str(port) in output
    assert name in output
    assert "Traceback" not in output


def test_a_second_instance_is_told_that_one_runs_already(product):
    code, output = launch(product.folder)
    assert code == 1
    assert "running already" in output


def test_a_drain_without_an_instance_is_refused_in_a_sentence(product, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "deployments.drain"],
        cwd=ROOT,
        env={**os.environ, "CONVONET_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"Convonet does not run on the data in {tmp_path}; set CONVONET_DATA_DIR, or RAY_ADDRESS for a cluster\n"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("CONVONET_PROT", "8080"), ("VIOCE_PIN", "1234"), ("VOICE_PIN", "12"), ("DB_URI", "mysql://x/y")],
)
def test_a_wrong_setting_is_named(tmp_path, name, value):
    code, output = launch(tmp_path, **{name: value})
    assert code == 1
    assert name in output
    assert "Traceback" not in output


def test_a_database_that_can_not_be_reached_is_named_in_a_sentence(tmp_path):
    code, output = launch(tmp_path, DB_URI=f"postgresql://someone:secret@127.0.0.1:{free_port()}/nowhere")
    assert code == 1
    assert "the database can't be reached" in output
    assert "secret" not in output
    assert "Traceback" not in output


def test_a_database_that_does_not_exist_is_named_in_a_sentence(tmp_path, postgres_url):
    code, output = launch(tmp_path, DB_URI=postgres_url.replace("/postgres", "/missing"))
    assert code == 1
    assert "the database refuses the connection" in output
    assert "missing" in output
    assert "Traceback" not in output


def test_our_own_configuration_has_no_key_that_ray_does_not_know():
    assert read_config(ROOT / "serve_config.yaml")["applications"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("proxy_locatoin: EveryNode\napplications: []", "proxy_locatoin"),
        ("applications: [{import_path: a.b:c, argz: {}}]", "applications[0].argz"),
        (
            "applications: [{import_path: a.b:c, deployments: [{name: x, autoscaling_config: {min_replica: 1}}]}]",
            "applications[0].deployments[0].autoscaling_config.min_replica",
        ),
    ],
)
def test_an_unknown_key_in_the_configuration_is_an_error_that_names_it(tmp_path, text, key):
    from convonet.core.errors import SettingsError

    path = tmp_path / "serve_config.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match="unknown key") as raised:
        read_config(path)
    assert key in str(raised.value)


def test_everything_listens_on_the_loopback_interface_only(product):
    ours = product.processes()
    assert ours
    exposed = {name.strip() for pid, name in ours.items() if not all(map(_is_loopback, _listening(pid)))}
    assert exposed == set()


def test_what_nobody_looks_at_on_a_laptop_is_not_started(product):
    for part in ("dashboard/dashboard.py", "ray-dashboard", "log_monitor.py", "autoscaler/_private/monitor.py"):
        assert not [name for name in product.processes().values() if part in name], part


def test_all_replicas_are_forked(product):
    (server,) = (pid for pid, name in product.processes().items() if "fork_server" in name)
    replicas = [pid for pid, name in product.processes().items() if name.startswith("ray::ServeReplica")]
    assert replicas
    assert {_parent(pid) for pid in replicas} == {server}


def test_the_idle_product_takes_little_memory(product):
    used = sum(map(_memory_mib, product.processes()))
    log.info("all processes take %d MiB", used)
    assert used < MOST_MEMORY_MIB


def test_replicas_come_back_without_the_fork_server_and_without_ray_all_ends(tmp_path):
    product = Product(tmp_path, VOICE_PIN=PIN)
    product.start()
    try:
        (server,) = (pid for pid, name in product.processes().items() if "fork_server" in name)
        os.kill(server, signal.SIGKILL)
        os.kill(max(product.replicas("Tools").values()), signal.SIGKILL)
        product.wait_for_replicas("Tools", 1)
        (gcs,) = (pid for pid, name in product.processes().items() if "gcs/gcs_server" in name.split()[0])
        os.kill(gcs, signal.SIGKILL)
        assert product.wait() == 1
    finally:
        product.stop()
    assert "a process of Ray's ended" in product.output
    assert "Traceback" not in product.output
    assert not product.processes()


def test_it_printed_the_address_and_the_pin_and_keeps_secrets_private(product):
    assert f"{product.url}/voice_assistant" in product.output
    assert product.pin in product.output
    assert f"{product.url}/hanok/staff/link?" in product.output
    assert f"{product.url}/call-center/staff/link?" in product.output
    assert product.pin not in (product.folder / "serve.log").read_text()
    assert (product.folder / "signing-key").stat().st_mode & 0o077 == 0


def _parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def _memory_mib(pid):
    """The process's share of the memory that it uses; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _listening(pid):
    """Local addresses, as in /proc/net/tcp, of the listening sockets of a process."""
    try:
        mine = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        return
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in mine:
                yield fields[1].split(":")[0]


def _is_loopback(address):
    return address in {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
