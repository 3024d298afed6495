"""A real Prometheus scrapes the running product: every query of the dashboard and of the alerts has data there."""

import asyncio
import json
import math
import operator
import re
from functools import partial

import pytest
import websockets

from deployments.launch.product import PROMETHEUS_TARGETS
from tests.e2e.prometheus import Prometheus
from tests.e2e.socket_caller import SocketCaller
from tests.fixtures.servers import server_folder
from tests.metrics import queries

ALL = queries.of_dashboard() | queries.of_alerts()
COUNTERS = [
    f"sum(ray_convonet_{name})"
    for name in ("pin_failures_total", "hand_overs_total", 'turns_total{agent_type="todo"}', "tool_calls_total")
]
QUANTILES = [ALL["Our own part of it: p95"], ALL["ConvonetAddsLatency"], ALL["ConvonetTurnsFail"]]


@pytest.fixture(scope="module")
def prometheus(product):
    """It has seen the product before and after what `_live` does there."""
    with server_folder("prometheus") as folder:
        prometheus = Prometheus(folder, (product.folder / PROMETHEUS_TARGETS).read_text())
        prometheus.server.start()
        try:
            for counter in COUNTERS:
                prometheus.ask_until(counter, lambda _: True)
            _live_until_seen(product, prometheus)
            yield prometheus
        finally:
            prometheus.server.stop()


def _live_until_seen(product, prometheus):
    """Histograms begin with their first value, and an increase needs a value before it, in the same host."""
    for _ in range(4):
        before = {counter: prometheus.ask(counter)[0] for counter in COUNTERS}
        asyncio.run(_live(product))
        for counter, value in before.items():
            prometheus.ask_until(counter, partial(operator.lt, value))
        if all(map(_is_number, map(prometheus.ask, QUANTILES))):
            return
    raise AssertionError("turns are not seen to become more")


def _is_number(values):
    return bool(values) and not math.isnan(values[0])


async def _live(product):
    """A typed turn with a tool, a wish for a human when nobody is at a desk, and a wrong PIN."""
    # from an address of its own: others shall not wait for it
    url = f"ws://127.0.0.1:{product.port}/webrtc/ws"
    async with websockets.connect(url, local_addr=("127.0.0.3", 0)) as stranger:
        await stranger.recv()
        await stranger.send(json.dumps({"type": "authenticate", "pin": "000000"}))
        assert json.loads(await stranger.recv())["code"] == "auth_failed"
    async with SocketCaller.connect(product.port, product.pin) as caller:
        assert "buy milk" in await caller.ask("add buy milk to my todo list")
        await caller.say("text_input", text="let me talk to a person in sales")
        await caller.until("transfer_status", state="failed")


@pytest.mark.parametrize("title", ALL)
def test_every_query_of_the_dashboard_and_the_alerts_has_data(prometheus, title):
    # gauges are set every five seconds, and Ray forgets them after two reports: four seconds here, twenty elsewhere
    prometheus.ask_until(ALL[title], lambda _: True)


def test_what_was_done_is_what_is_counted(prometheus):
    assert prometheus.ask("sum(increase(ray_convonet_pin_failures_total[5m]))")[0] >= 1
    done = 'ray_convonet_tool_calls_total{tool="create_todo",server="todo",result="success"}'
    assert prometheus.ask(f"sum(increase({done}[5m]))")[0] >= 1
    turns = 'ray_convonet_turns_total{status="success",agent_type="todo",source="text",provider="offline"}'
    assert prometheus.ask(f"sum({turns})")[0] >= 1
    assert prometheus.ask('sum(ray_convonet_hand_overs_total{outcome="failed",why="nobody_there"})')[0] >= 1


def test_every_part_tells_how_late_its_event_loop_is(prometheus):
    for part in ("voice", "agent", "speech", "tools", "call_center", "hanok", "crm"):
        prometheus.ask_until(f'ray_convonet_loop_lag_ms{{part="{part}"}}', lambda _: True)
    prometheus.ask_until("count(ray_convonet_sessions)", lambda count: count == 2)


def test_a_series_says_which_process_it_comes_from(prometheus):
    named = 'ray_convonet_sessions{application="voice",deployment="Voice",replica!=""}'
    assert prometheus.ask(f"count({named})") == [2]


def test_no_series_holds_a_session_or_a_person(prometheus, product):
    text = product.metrics()
    ours = [line for line in text.splitlines() if line.startswith("ray_convonet_")]
    assert ours
    assert not any("Demo" in line or "milk" in line or "session_id" in line for line in ours)
    labels = {label for line in ours for label in re.findall(r"(\w+)=\"", line)}
    assert {"user", "session", "address"}.isdisjoint(labels)


def test_no_alert_of_the_service_is_on(prometheus):
    prometheus.clear_until("ConvonetAway", "ConvonetNoVoiceReplica", "ConvonetRecordsLost")
