"""A replica's gRPC server: it bears the pings of callers, and listens on the address of its node only."""

import asyncio
import re
from pathlib import Path

import grpc
import pytest
from ray._private.grpc_utils import create_grpc_server_with_interceptors

from deployments.grpc_server import MIN_PING_INTERVAL_MS, allowing_pings, binding_to_node
from tests.fixtures.black_hole import Way

PING_MS = 500
SILENT_S = 5.0
"""Ten pings; an ordinary server ends the connection at the fourth."""

ENDED_WITHIN_S = 90.0
"""It takes 70."""


class Silent(grpc.GenericRpcHandler):
    """Answers each call after a long silence."""

    def __init__(self, silent_s):
        self._silent_s = silent_s

    def service(self, _):
        async def answer(_request, _context):
            await asyncio.sleep(self._silent_s)
            yield b"at last"

        return grpc.unary_stream_rpc_method_handler(answer)


async def answer(port, *options):
    target = f"127.0.0.1:{port}"
    async with grpc.aio.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1), *options]) as channel:
        return [said async for said in channel.unary_stream("/a/b")(b"")]


async def serve(create, silent_s=SILENT_S):
    server = create(asynchronous=True, options=[("grpc.max_receive_message_length", 1_000_000)])
    server.add_generic_rpc_handlers((Silent(silent_s),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port


async def test_a_silent_call_survives_the_pings_that_an_ordinary_server_takes_for_an_attack():
    # without the second option the third ping comes a minute later
    often = ("grpc.keepalive_time_ms", PING_MS), ("grpc.http2.max_pings_without_data", 100)
    ours, our_port = await serve(allowing_pings(create_grpc_server_with_interceptors, PING_MS // 2))
    other, other_port = await serve(create_grpc_server_with_interceptors)
    refused = asyncio.create_task(answer(other_port, *often))
    assert await answer(our_port, *often) == [b"at last"]
    with pytest.raises(grpc.RpcError, match="Too many pings"):
        await refused
    for server in (ours, other):
        await server.stop(None)


@pytest.mark.cluster
async def test_a_call_to_a_machine_that_vanishes_ends():
    server, port = await serve(allowing_pings(create_grpc_server_with_interceptors), silent_s=600)
    with Way.to(port) as way:
        asked = asyncio.create_task(answer(way.port, *flags()))
        await asyncio.sleep(1)
        way.vanish()
        async with asyncio.timeout(ENDED_WITHIN_S):
            with pytest.raises(grpc.RpcError, match="ping timeout"):
                await asked
    await server.stop(None)


@pytest.mark.parametrize(
    ("asked", "bound"), [("[::]:0", "10.0.0.7:0"), ("0.0.0.0:9000", "0.0.0.0:9000"), ("127.0.0.1:0", "127.0.0.1:0")]
)
def test_a_replica_listens_on_the_address_of_its_node_instead_of_all(asked, bound, monkeypatch):
    monkeypatch.setattr("ray.util.get_node_ip_address", lambda: "10.0.0.7")
    addresses = []
    binding_to_node(lambda _, address: addresses.append(address) or 1)(None, asked)
    assert addresses == [bound]


def test_clients_ping_no_more_often_than_a_replica_allows():
    assert dict(flags())["grpc.keepalive_time_ms"] > MIN_PING_INTERVAL_MS


def flags():
    """The options that Ray makes of the flags in ray.env."""
    env = (Path(__file__).parents[2] / "ray.env").read_text()
    found = re.findall(r"^RAY_grpc_client_(keepalive_time(?:out)?_ms)=(\d+)$", env, re.MULTILINE)
    assert len(found) == 2
    return [(f"grpc.{name}", int(value)) for name, value in found]
