"""Callers are moved while they talk: by a redeploy, at the end of a socket's life, and from one cluster to the next."""

import asyncio
import sqlite3
import threading
import time
import uuid
from contextlib import contextmanager

import pytest

from tests.e2e.call_center import CALLER_HZ, DESK_HZ, PASSWORD, add_person, caller_page, desk_page, hears, settings_of
from tests.e2e.page_caller import PageCaller
from tests.e2e.product import Product
from tests.e2e.test_real_servers import PIN, add_caller
from tests.fixtures.postgres import new_database
from tests.fixtures.redis import RedisServer

pytestmark = [pytest.mark.cluster, pytest.mark.kills]

CALLS = 6
BETWEEN_S = 6.0
"""From one turn to the next: the answer has been played by then, and the caller thinks."""

SOCKET_LIFE_S = 12.0
MOVED_WITHIN_S = 60.0


class Switch:
    """What stands before the clusters, as a Service does: it sends new connections to one of them and cuts none."""

    def __init__(self, port):
        self.to = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._pass_on, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.pin = PIN

    def stop(self):
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _pass_on(self, reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer), return_exceptions=True)


async def _copy(reader, writer):
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


class Talkers:
    """Callers who say one thing after the other, in a thread of their own; the first `restless` without a pause."""

    def __init__(self, door, count, restless=0):
        self.callers = []
        self.turns = 0
        self.errors = []
        self._door, self._count, self._restless = door, count, restless
        self._enough = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()))

    @contextmanager
    def talking(self):
        self._thread.start()
        try:
            yield self
        finally:
            self._enough.set()
            self._thread.join(120)
        assert self.errors == []

    def wait(self, until, within_s=MOVED_WITHIN_S):
        deadline = time.monotonic() + within_s
        while not until():
            assert not self.errors, self.errors
            assert time.monotonic() < deadline, [caller.losses for caller in self.callers]
            time.sleep(0.1)

    async def _all(self):
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._count):
                    group.create_task(self._one(number))
        except BaseExceptionGroup as failures:
            self.errors += failures.exceptions

    async def _one(self, number):
        async with PageCaller.calling(self._door) as caller:
            self.callers.append(caller)
            said = 0
            while not self._enough.is_set():
                said += 1
                title = f"thing {number} of {said}"
                answer = await caller.ask(f"add {title} to my todo list")
                assert title in answer
                self.turns += 1
                await asyncio.sleep(0 if number < self._restless else BETWEEN_S)
            assert caller.errors == []
            assert [m for m in caller.messages if m["type"] == "auth_ok" and not m["resumed"]][1:] == []
            # one that was moved in the middle of a turn is told its answer again, under the same id
            answered = {m["turn_id"] for m in caller.messages if m["type"] == "agent_final"}
            assert len(answered) == said, "a turn was lost or done under another id"


def test_a_redeploy_while_all_talk_moves_everybody_and_loses_no_turn(product):
    before = set(product.running("Voice"))
    with Talkers(product, CALLS, restless=1).talking() as talkers:
        talkers.wait(lambda: talkers.turns >= CALLS)
        product.redeploy("Voice", redeployed=uuid.uuid4().hex)
        talkers.wait(lambda: not before & set(product.running("Voice")), within_s=120)
        turns = talkers.turns
        talkers.wait(lambda: talkers.turns >= turns + CALLS)
    with sqlite3.connect(product.database) as database:
        query = "SELECT title FROM todos_anthropic WHERE title LIKE 'thing%' GROUP BY title HAVING count(*) > 1"
        assert database.execute(query).fetchall() == [], "done twice"
    # twice is who came to the second old replica before its successor was there
    assert {caller.losses for caller in talkers.callers} <= {1, 2}


@pytest.fixture(scope="module")
def clusters(tmp_path_factory, postgres_url, redis_process, pbx, carrier):
    """The old cluster and the new one beside it, and what switches between them."""
    handle = RedisServer(redis_process)
    handle.restart()
    database_url = new_database(postgres_url, "clusters")
    asyncio.run(add_caller(database_url, uuid.uuid4()))
    settings = {
        **settings_of(pbx, carrier),
        "DB_URI": database_url,
        "REDIS_URL": handle.url,
        "CONVONET_SIGNING_KEY": "k" * 40,
    }
    old = Product(tmp_path_factory.mktemp("old"), **settings)
    new = Product(tmp_path_factory.mktemp("new"), CONVONET_MAX_SOCKET_LIFE_S=str(SOCKET_LIFE_S), **settings)
    old.pin = new.pin = PIN
    old.start()
    switch = Switch(old.port)
    carrier.server.gateway = switch.url
    try:
        new.start()
        yield old, new, switch
    finally:
        for product in (old, new):
            product.stop()
        switch.stop()
        assert not old.processes()


def test_callers_desks_and_hand_overs_go_on_in_the_cluster_that_replaces_the_old_one(
    clusters, carrier, playwright, tmp_path_factory
):
    old, new, switch = clusters
    add_person(old, "dora", "2001", PASSWORD)
    folder = tmp_path_factory.mktemp
    with (
        Talkers(switch, CALLS).talking() as talkers,
        desk_page(playwright, switch, folder("desk"), "dora", DESK_HZ) as desk,
        caller_page(playwright, switch, folder("caller")) as caller,
    ):
        desk.be_ready()
        talkers.wait(lambda: talkers.turns >= CALLS)
        time.sleep(3)
        assert {each.losses for each in talkers.callers} == {0}, "nobody is moved before the switch"
        placed = len(carrier.server.calls)

        switch.to = new.port
        mark = len(caller.frames)
        caller.type("let me talk to a person")
        with Talkers(switch, 1).talking() as first:
            first.wait(lambda: first.turns >= 1)
        desk.until("call-words", "is calling", wait_s=30)
        desk.until_enabled("accept")
        desk.click("accept")
        caller.until("transfer_status", after=mark, state="connected", wait_s=30)
        assert desk.hears(CALLER_HZ) is True
        assert hears(caller.page, DESK_HZ) is True
        assert len(carrier.server.calls) == placed + 1

        session_id = caller.until("auth_ok")["session_id"]
        assert new.has_said("session_attached", session_id)
        talkers.wait(lambda: all(each.losses for each in talkers.callers))
        desk.click("hang-up")
        caller.until("transfer_status", after=mark, state="ended")
        assert carrier.nothing_left() is True
    assert old.has_said("callers_moved", "moved")


def test_a_sockets_life_ends_at_a_silence_and_loses_no_turn(clusters):
    _, new, _ = clusters
    with Talkers(new, 2).talking() as talkers:
        began_at = time.monotonic()
        talkers.wait(lambda: talkers.callers and all(each.losses >= 2 for each in talkers.callers))
        lasted_s = (time.monotonic() - began_at) / 2
    assert 0.7 * SOCKET_LIFE_S < lasted_s < SOCKET_LIFE_S + 3
