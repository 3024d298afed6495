"""The same turns with the operator's own PostgreSQL and Redis, and with plain `serve run`."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
import redis
from playwright.sync_api import expect

from convonet.settings import Settings
from convonet.storage.migrate import migrate
from tests.e2e.product import ROOT, Product
from tests.e2e.socket_caller import BusyCallers, SocketCaller
from tests.e2e.supervisor import listed_turns, supervisor, until
from tests.fixtures.ports import free_port
from tests.fixtures.postgres import new_database
from tests.fixtures.redis import RedisServer

PIN = "553311"
SERVICE_TOKEN = "a service token of thirty-two characters"


@pytest.fixture(scope="module")
def redis_of_product(redis_process):
    """The operator's Redis, empty when the product starts."""
    handle = RedisServer(redis_process)
    handle.restart()
    return handle


@pytest.fixture(scope="module")
def operators_product(tmp_path_factory, postgres_url, redis_of_product):
    """The product on PostgreSQL and Redis, with one caller in its table; one for the tests from here on."""
    user, database_url = uuid.uuid4(), new_database(postgres_url, "operators")
    asyncio.run(add_caller(database_url, user))
    servers = {"DB_URI": database_url, "REDIS_URL": redis_of_product.url}
    product = Product(tmp_path_factory.mktemp("operators"), AGENT_SERVICE_TOKEN=SERVICE_TOKEN, **servers)
    product.redis_url = redis_of_product.url
    product.pin = PIN
    product.user = user
    product.database_url = database_url
    product.start()
    yield product
    product.stop()
    assert not product.processes()
    assert "Traceback" not in (product.folder / "serve.log").read_text(), "a step of the stop has crashed"


def test_plain_serve_run_with_rays_own_proxy_answers_a_turn(tmp_path):
    port = free_port()
    config = tmp_path / "serve_config.yaml"
    config.write_text((ROOT / "serve_config.yaml").read_text().replace("port: 8000", f"port: {port}"))
    environment = {"CONVONET_DATA_DIR": str(tmp_path), "CONVONET_PORT": str(port), "VOICE_PIN": PIN}
    # the paths of Ray's sockets must stay short
    ray = tempfile.mkdtemp(prefix="cvn-", dir="/tmp")
    environment |= {"RAY_TMPDIR": ray, "RAY_metrics_report_interval_ms": "2000"}
    for command in ("migrate", "seed"):
        convonet = Path(sys.executable).with_name("convonet")
        subprocess.run([convonet, command], env={**os.environ, **environment}, check=True, timeout=60)
    with (tmp_path / "serve.log").open("wb") as log:
        serve = subprocess.Popen(
            [Path(sys.executable).with_name("serve"), "run", str(config)],
            cwd=ROOT,
            env={**os.environ, **environment, "RAY_USAGE_STATS_ENABLED": "0"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(port)
        assert "plain bread" in asyncio.run(_ask(port, "add plain bread to my todo list")).lower()
        _wait_for_metric(Path(ray), "ray_convonet_sessions")
    finally:
        serve.send_signal(signal.SIGINT)
        try:
            serve.wait(120)
        finally:
            _kill_all(f"CONVONET_DATA_DIR={tmp_path}")
            shutil.rmtree(ray, ignore_errors=True)


def test_turns_and_losses_on_postgresql_and_redis(operators_product, chromium):
    product = operators_product
    assert "users_anthropic" in product.output
    says = ["add buy milk to my todo list", "add pay the rent to my todo list"]
    with chromium(product, says=says, log_in=False) as caller:
        caller.enter_pin("000000")
        assert caller.until("error")["code"] == "auth_failed"
        caller.page.wait_for_timeout(1500)
        caller.log_in()
        offline = caller.until("auth_ok")["offline"]
        assert "database" not in offline
        assert "checkpoints" not in offline
        caller.hold_and_speak(0)
        assert "milk" in caller.answer()[0]
        mark = len(caller.frames)
        caller.hold_and_speak(1)
        caller.until("processing_start", after=mark)
        os.kill(product.voice_replica_of(caller.until("auth_ok")["session_id"]), signal.SIGKILL)
        assert "rent" in caller.answer(after=mark)[0]

        product.wait_for_replicas("Voice", 2)
        mark = len(caller.frames)
        caller.type("add wash the car to my todo list")
        caller.until("processing_start", after=mark)
        os.kill(product.voice_replica_of(caller.until("auth_ok")["session_id"]), signal.SIGKILL)
        caller.until("auth_ok", after=mark, resumed=True)
        caller.until("sound", after=mark, is_last=True)

        mark = len(caller.frames)
        caller.type("what is on my list")
        caller.until("processing_start", after=mark)
        loaded = caller.page.reload()
        assert loaded.ok, (loaded.status, loaded.text()[:200])
        assert caller.until("auth_ok", after=mark)["resumed"] is True
        caller.until("sound", after=mark, is_last=True)
        caller.page.locator("[data-role=agent]", has_text="wash the car").first.wait_for()
    with ThreadPoolExecutor(1) as pool:  # Playwright holds this thread's event loop
        rows = pool.submit(lambda: asyncio.run(_todos(product))).result()
    assert rows == ["buy milk", "pay the rent", "wash the car"]

    answer = _process(product, "add sweep the floor to my todo list")
    assert answer["response"] == "I added sweep the floor to your list."
    records = _records(product, 5)
    assert [record["user_prompt"] for record in records[:2]] == [
        "add sweep the floor to my todo list",
        "what is on my list",
    ]
    assert {record["user_id"] for record in records} == {str(product.user)}
    spoken = next(record for record in records if record["metadata"]["source"] == "voice")
    assert spoken["metadata"]["voice_timing"].keys() >= {"capture_ms", "stt_ms", "first_audio_ms", "last_audio_ms"}


def test_redis_stopped_and_started_under_load_loses_no_record(operators_product, redis_of_product, chromium):
    product = operators_product
    with chromium(product, log_in=False) as window, supervisor(window, product) as monitor:
        notices = monitor.get_by_test_id("notices")
        with BusyCallers.calling(product, 3, "what is on my list") as callers:
            until(monitor, lambda: len(callers.session_ids) == 3)
            redis_of_product.kill()
            killed_at = time.monotonic()
            told = re.compile(r"^Redis \(turn records\) has been unreachable since .*records? waits?$")
            notices.get_by_text(told).wait_for(timeout=30_000)
            until(monitor, lambda: len(callers.since(killed_at)) >= 6)
            during = callers.since(killed_at)
            redis_of_product.restart()
            notices.get_by_text("Redis").first.wait_for(state="detached", timeout=30_000)
            until(monitor, lambda: len(callers.since(killed_at)) >= len(during) + 3)
        of_that_time = {turn.request_id for turn in callers.since(killed_at)}
        until(monitor, lambda: of_that_time <= _ids_in_redis(product))
        everything = {turn.request_id for turn in callers.answered}
        until(monitor, lambda: everything <= listed_turns(monitor, product, callers.session_ids))


def test_a_database_that_is_away_is_named_and_looks_unlike_an_empty_one(operators_product, postgres_server, chromium):
    product = operators_product
    with chromium(product, log_in=False) as window, supervisor(window, product) as monitor:
        monitor.get_by_role("link", name="Turns", exact=True).click()
        monitor.get_by_test_id("text").fill("nobody has said this")
        note, error = monitor.get_by_test_id("list-note"), monitor.get_by_test_id("list-error")
        expect(note).to_contain_text("No turn matches")
        postgres_server.stop()
        try:
            told = re.compile(r"^PostgreSQL \(data of the domains\) has been unreachable since \d\d:\d\d$")
            monitor.get_by_test_id("notices").get_by_text(told).wait_for(timeout=30_000)
            until(monitor, lambda: _faults(product.port) == {"database": "away"})
            monitor.get_by_test_id("text").fill("whatever was said")
            expect(error).to_have_text(re.compile(r"^The turns can't be read while PostgreSQL .* can't be reached"))
            expect(note).to_be_empty()
        finally:
            postgres_server.start()
        # by itself, as soon as it is there
        expect(note).to_contain_text("No turn matches", timeout=30_000)
        expect(error).to_be_hidden()
        until(monitor, lambda: _faults(product.port) == {})


def _wait_for_metric(ray, name):
    """Until Prometheus finds it by Ray's own list of addresses; a replica reports every two seconds."""
    deadline = time.monotonic() + 60
    while not any(f"{name}{{" in metrics for metrics in _scraped(ray)):
        assert time.monotonic() < deadline, f"Ray's agent serves no {name}"
        time.sleep(0.5)


def _scraped(ray):
    """What the targets serve. Ray also lists its dashboard, whose port may still be that of a Ray that ran before."""
    for file in ray.glob("ray/prom_metrics_service_discovery.json"):
        for target in itertools.chain.from_iterable(nodes["targets"] for nodes in json.loads(file.read_text())):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{target}/metrics", timeout=10) as answer:
                yield answer.read().decode()


def _kill_all(variable):
    """Whatever still runs with this environment variable: Ray may leave some behind when it is slow to stop."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdecimal() and variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)


async def _ask(port, text):
    async with SocketCaller.connect(port, PIN) as caller:
        return await caller.ask(text)


def _wait_until_ready(port):
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("not ready")


def _faults(port):
    """The state of each part that is not well, by name; nothing when /ready says that all is."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=10) as answer:
            parts = json.load(answer)["parts"]
    except urllib.error.HTTPError as error:
        parts = json.load(error)["parts"]
        assert any(part["needed"] and not part["ok"] for part in parts.values())
    return {name: part["state"] for name, part in parts.items() if not part["ok"]}


def _process(product, prompt):
    request = urllib.request.Request(
        f"{product.url}/agent/process",
        json.dumps({"prompt": prompt, "user_id": str(product.user)}).encode(),
        {"Authorization": f"Bearer {SERVICE_TOKEN}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def _records(product, least):
    """The turn records in Redis, newest first, once there are so many."""
    client = redis.Redis.from_url(product.redis_url, decode_responses=True)
    deadline = time.monotonic() + 10
    while len(ids := client.lrange("agent_interactions:recent", 0, -1)) < least:
        assert time.monotonic() < deadline, [client.get(f"agent_interaction:{id_}") for id_ in ids]
        time.sleep(0.1)
    records = [json.loads(client.get(f"agent_interaction:{id_}")) for id_ in ids]
    client.close()
    return records


def _ids_in_redis(product):
    """Ids of all records, under every key that leads to them."""
    client = redis.Redis.from_url(product.redis_url, decode_responses=True)
    by_time = set(client.zrange("agent_interactions:by_time", 0, -1))
    recent = client.lrange("agent_interactions:recent", 0, -1)
    assert len(recent) == len(set(recent)), "a record is listed twice"
    found = {id_ for id_ in by_time & set(recent) if client.exists(f"agent_interaction:{id_}")}
    client.close()
    return found


async def add_caller(database_url, user):
    await migrate(Settings(DB_URI=database_url).storage.database_url)
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO users_anthropic (id, email, username, password_hash, first_name, last_name, voice_pin,"
        " is_active, is_verified, created_at, updated_at)"
        " VALUES ($1, 'ann@example.com', 'ann', '!', 'Ann', 'Example', $2, true, true, now(), now())",
        user,
        PIN,
    )
    await connection.close()


async def _todos(product):
    connection = await asyncpg.connect(product.database_url)
    rows = await connection.fetch(
        "SELECT title FROM todos_anthropic WHERE creator_id = $1 ORDER BY title", product.user
    )
    await connection.close()
    return [row["title"] for row in rows]
