"""A real PBX for tests: Kamailio as registrar and proxy, RTPengine for media, on the loopback address only."""

import contextlib
import re
import urllib.request
from pathlib import Path

import pytest

from tests.fixtures.ports import free_port
from tests.fixtures.servers import Server, require_tool, server_folder

HOST = "127.0.0.1"
DOMAIN = "pbx.test"
PASSWORDS = {"2001": "secret-of-2001", "2002": "secret-of-2002"}
RING_MS = 20_000
RTP_PORTS = (31_000, 31_199)


class Pbx:
    """Where the running PBX is."""

    domain = DOMAIN

    def __init__(self, sip_port, ws_port, kamailio):
        self.sip = (HOST, sip_port)
        self.wss_url = f"ws://{HOST}:{ws_port}"
        self.kamailio = kamailio


@pytest.fixture(scope="session")
def pbx():
    """One for all tests."""
    ports = {"SIP_PORT": free_port(), "WS_PORT": free_port(), "NG_PORT": free_port()}
    with server_folder("pbx") as folder, contextlib.ExitStack() as stack:
        # Kamailio asks it once at its start
        media = Server(_rtpengine(ports["NG_PORT"]), ports["NG_PORT"], folder, lambda: _listens_udp(ports["NG_PORT"]))
        media.start()
        stack.callback(media.kill)
        config = _config(folder, ports)
        command = [require_tool("kamailio"), "-DD", "-E", "-f", str(config), "-Y", str(folder), "-m", "64", "-M", "8"]
        kamailio = Server(command, ports["WS_PORT"], folder, lambda: _answers(ports["WS_PORT"]))
        kamailio.start()
        stack.callback(kamailio.stop)
        yield Pbx(ports["SIP_PORT"], ports["WS_PORT"], kamailio)


def _rtpengine(port):
    return [
        require_tool("rtpengine"),
        "--config-file=none",
        "--foreground",
        "--log-stderr",
        "--log-level=4",
        "--table=-1",
        f"--interface={HOST}",
        f"--listen-ng={HOST}:{port}",
        f"--port-min={RTP_PORTS[0]}",
        f"--port-max={RTP_PORTS[1]}",
        "--num-threads=2",
        "--media-num-threads=1",
        "--timeout=60",
        "--delete-delay=0",
    ]


def _config(folder, ports):
    users = "".join(f'$sht(users=>{extension}) = "{word}";\n' for extension, word in PASSWORDS.items())
    (folder / "users.cfg").write_text(users)
    values = {**ports, "HOST": HOST, "DOMAIN": DOMAIN, "RING_MS": RING_MS, "RUN": folder}
    template = (Path(__file__).parent / "kamailio.cfg.in").read_text()
    config = folder / "kamailio.cfg"
    config.write_text(re.sub(r"@([A-Z_]+)@", lambda mark: str(values.get(mark[1], mark[0])), template))
    for path in (folder / "users.cfg", config):
        path.chmod(0o644)
    return config


def _listens_udp(port):
    wanted = f"0100007F:{port:04X}"
    return any(line.split()[1] == wanted for line in Path("/proc/net/udp").read_text().splitlines()[1:])


def _answers(port):
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False
