"""The whole bed: network, stores, speech, load balancer, callers' host, and the clusters that a test starts on it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from convonet.settings import VARIABLES
from deployments.launch.steps import ROOT
from tests.cluster import speech
from tests.cluster.crowd import pins
from tests.cluster.network import Host, Network
from tests.cluster.ray_cluster import RayCluster
from tests.cluster.servers import Balancer, Stores
from tests.fixtures.servers import server_folder

MAX_CALLERS = 40
"""Who may log in, each with a PIN and a list of their own."""

STARTED_WITHIN_S = 30.0

SIGNING_KEY = "a signing key for trials on one machine"

FROM_CALLERS = {
    # they all come from one address
    "CONVONET_SESSIONS_PER_ADDRESS": "10000",
    "CONVONET_CONNECTIONS_PER_ADDRESS": "10000",
}

LENIENT = {
    # a busy machine must not refuse the tests' callers; the test of an overload does without these
    "CONVONET_MAX_NEW_CALLERS": "1000",
    "CONVONET_MAX_LOOP_LAG_MS": "5000",
    "CONVONET_MAX_TURN_WAIT_MS": "60000",
}


class Bed:
    """Use `running_bed`."""

    def __init__(self, network: Network, folder: Path, stores_folder: Path) -> None:
        self.network = network
        self.folder = folder
        self.clients = network.add("clients", 20)
        self.stores = Stores(network.add("stores", 30), stores_folder)
        self.balancer = Balancer(network.add("balancer", 40), folder)
        self.blue = self._hosts("blue", 50)
        self.green = self._hosts("green", 60)
        """Head and two workers each: a cluster, and one that may stand beside it."""
        self._clusters: list[RayCluster] = []

    def start(self) -> None:
        """Start all but the clusters."""
        self.stores.start()
        self._convonet("migrate")
        self._add_callers()
        self._start_speech()
        workers = [*self.blue[1:], *self.green[1:]]
        self.balancer.start({host.name: host.address for host in workers})

    def cluster(self, name: str, *, workers: int = 2, settings: dict[str, str] | None = None) -> RayCluster:
        """A cluster named blue or green; not started."""
        head, *others = {"blue": self.blue, "green": self.green}[name]
        cluster = RayCluster(
            # of its own each time: a Ray that finds the tables of an earlier one would go on with them
            f"{name}-{uuid.uuid4().hex[:6]}",
            head,
            others[:workers],
            self.folder,
            settings=self.settings | (LENIENT if settings is None else settings),
            gcs_redis=self.stores.gcs_redis,
        )
        self._clusters.append(cluster)
        return cluster

    def stop_clusters(self) -> None:
        """End all nodes."""
        for cluster in self._clusters:
            cluster.stop()

    @property
    def settings(self) -> dict[str, str]:
        """The product's, as an operator of a cluster sets them."""
        return {
            "DB_URI": self.stores.database_url,
            "REDIS_URL": self.stores.redis_url,
            "CONVONET_SIGNING_KEY": SIGNING_KEY,
            "CONVONET_TIMEZONE": "America/Los_Angeles",
            "DEEPGRAM_API_KEY": "loopback",
            "DEEPGRAM_BASE_URL": f"http://{self.clients.address}:{speech.PORT}",
            "FORWARDED_ALLOW_IPS": self.balancer.host.address,
            **FROM_CALLERS,
        }

    def _hosts(self, name: str, number: int) -> list[Host]:
        return [self.network.add(f"{name}{index}", number + index) for index in range(3)]

    def _convonet(self, *command: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        environment = {**inherited, "PYTHONPATH": str(ROOT), "CONVONET_DATA_DIR": str(self.folder / "data")}
        environment["DB_URI"] = self.stores.database_url
        convonet = str(Path(sys.executable).with_name("convonet"))
        self.stores.host.output_of(convonet, *command, env=environment, cwd=ROOT)

    def _add_callers(self) -> None:
        rows = ",".join(
            f"('{uuid.uuid4()}', 'caller{pin}@example.com', 'caller{pin}', '!', 'Caller', 'Number {pin}', '{pin}',"
            " true, true, now(), now())"
            for pin in pins(MAX_CALLERS)
        )
        self.stores.rows(
            "INSERT INTO users_anthropic (id, email, username, password_hash, first_name, last_name, voice_pin,"
            f" is_active, is_verified, created_at, updated_at) VALUES {rows}"
        )

    def _start_speech(self) -> None:
        command = [sys.executable, "-m", "tests.cluster.speech", "--host", self.clients.address]
        self.clients.serve(command, self.folder / "speech.log")
        deadline = time.monotonic() + STARTED_WITHIN_S
        url = f"http://{self.clients.address}:{speech.PORT}/"
        while subprocess.run(self.clients.command("curl", "-so", "/dev/null", url), check=False).returncode != 0:
            assert time.monotonic() < deadline, (self.folder / "speech.log").read_text()
            time.sleep(0.1)


@contextlib.contextmanager
def running_bed() -> Iterator[Bed]:
    """A bed without clusters; nothing of it is left at the end."""
    with tempfile.TemporaryDirectory(prefix="cvn-bed-", dir="/tmp") as folder, server_folder("cluster") as stores:
        network = Network(Path(folder))
        try:
            bed = Bed(network, Path(folder), stores)
            bed.start()
            yield bed
        finally:
            network.close()
