"""Tracing in a process: it costs nothing when off or without a collector, and only trusted clients name a trace."""

import gc
import shutil
import subprocess
import sys
import threading
import time
from contextlib import nullcontext

import httpx2
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from convonet.agent_api.application import AgentApi, application
from convonet.agent_api.callers import Callers
from convonet.agent_api.threads import Threads
from convonet.auth.tokens import mint_caller_token
from convonet.core.trace import current_trace_id, current_traceparent
from convonet.domains.crm.http import application as crm_application
from convonet.domains.hanok.http import application as hanok_application
from convonet.domains.hanok.rate_limits import AddressLimits
from convonet.settings import Settings
from convonet.settings.speech import SpeechSettings
from convonet.settings.tracing import TracingSettings
from convonet.speech.base import Language, Utterance
from convonet.speech.deepgram.speech import DeepgramSpeech
from convonet.storage.database import Database
from convonet.tracing import export
from convonet.tracing.propagation import incoming_span, outgoing_trace
from convonet.tracing.spans import Attributes, Words, span
from convonet.web.service_token import ServiceToken
from tests.agents.conftest import running_world
from tests.domains.conftest import ALICE, SECRET
from tests.fixtures.ports import free_port
from tests.fixtures.sqlite import inline_checkpoints, inline_throttle
from tests.vendors import openai
from tests.vendors.chat import ChatServer, Reply
from tests.vendors.deepgram import DeepgramServer

TOKEN = "a service token of thirty-two characters"
ABOVE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""The example of the W3C's document."""

PARTS = "actors.session_registry, convonet.gateway.connection, convonet.mcp.server, convonet.web.tracing"


def exporters():
    return [thread for thread in threading.enumerate() if thread.name.startswith("OtelBatch")]


# -- off


def test_a_process_without_a_collector_does_not_even_import_the_exporter():
    program = f"import sys, {PARTS}; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "convonet.tracing.spans" in told.stdout
    assert "opentelemetry.exporter.otlp" not in told.stdout
    assert export.start_tracing(TracingSettings(), "tests") is None
    assert exporters() == []


def test_a_span_that_nobody_records_costs_microseconds():
    began = time.perf_counter()
    for _ in range(1000):
        with span("hear", session_id="s-1", provider="ear") as hearing:
            hearing.set(provider="voice")
    assert (time.perf_counter() - began) / 1000 < 50e-6
    assert (hearing.traceparent, current_traceparent(), outgoing_trace()) == (None, None, {})


# -- the collector


def test_an_unreachable_collector_is_logged_once_and_found_again(collector):
    collector.away = True
    settings = TracingSettings(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    recorder = export.start_tracing(settings, "tests", retry_delay_s=0.0)
    with structlog.testing.capture_logs() as lines:
        for away, name in ((True, "lost"), (True, "lost"), (False, "sent")):
            collector.away = away
            with span(name, begins_trace=True):
                pass
            recorder.flush()
        recorder.close()
    assert [line["event"] for line in lines] == ["traces_not_sent", "traces_sent_again"]
    assert [seen.name for seen in collector.spans] == ["sent"]


def test_an_unreachable_collector_is_not_tried_for_a_while(collector):
    collector.away = True
    recorder = export.start_tracing(TracingSettings(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url), "tests")
    for _ in range(5):
        with span("lost", begins_trace=True):
            pass
        recorder.flush()
    asked = collector.requests
    recorder.close()
    assert asked == 1


def test_an_unreachable_collector_delays_nothing():
    recorder = export.start_tracing(
        TracingSettings(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}"), "tests"
    )
    began = time.perf_counter()
    for _ in range(3 * export.MAX_QUEUED_SPANS):
        with span("lost", begins_trace=True):
            pass
    assert time.perf_counter() - began < 5
    recorder.close()
    assert exporters() == []


def test_the_collector_gets_the_configured_headers(traced, collector):
    tracing = traced(OTEL_EXPORTER_OTLP_HEADERS="Authorization=Basic%20c2VjcmV0,X-Tenant=7")
    with span("sent", begins_trace=True):
        pass
    tracing.flush()
    (headers,) = collector.headers
    assert (headers["authorization"], headers["x-tenant"]) == ("Basic c2VjcmV0", "7")


# -- between processes


def test_a_call_to_another_process_carries_the_ids_and_the_trace(traced, collector):
    tracing = traced()
    with (
        structlog.contextvars.bound_contextvars(session_id="s-1", turn_id="t-1", other="o"),
        span("turn", begins_trace=True),
    ):
        along = outgoing_trace()
    assert set(along) == {"session_id", "turn_id", "traceparent"}
    with incoming_span("recognise", along):
        bound = structlog.contextvars.get_contextvars()
        assert current_trace_id() == along["traceparent"][3:35]
    assert bound == {"session_id": "s-1", "turn_id": "t-1"}
    with incoming_span("recognise", {}):
        assert current_trace_id() is None
    tracing.flush()
    (trace,) = collector.traces()
    assert trace.paths() == {"turn": 1, "turn > recognise": 1}


@pytest.mark.parametrize(
    "nonsense", ["", "x", ABOVE[:-1], ABOVE.replace("00-", "01-", 1), ABOVE.upper(), "00-" + "0" * 32 + ABOVE[35:]]
)
def test_an_invalid_trace_context_is_ignored(traced, collector, nonsense):
    tracing = traced()
    with span("turn", parent=nonsense, begins_trace=True):
        pass
    tracing.flush()
    assert collector.one("turn").parent_id == ""


@given(text=st.text(max_size=80))
def test_any_trace_context_can_be_read(text):
    assert export._parent_span(text) is not None


def test_every_attribute_of_a_span_has_a_name_in_the_trace():
    assert set(export.NAMES) == set(Attributes.__annotations__) | set(Words.__annotations__)


def test_only_spans_within_a_trace_are_recorded(traced, collector):
    tracing = traced()
    with span("speak") as speaking:
        assert speaking.traceparent is None
    tracing.flush()
    assert collector.spans == []


# -- HTTP


@pytest.fixture(autouse=True)
def quick_collectors(monkeypatch):
    monkeypatch.setattr(export, "COLLECTOR_TIMEOUT_S", 0.5)


@pytest.fixture
def database(migrated_sqlite, tmp_path):
    return Database(f"sqlite+aiosqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'test.db')}")


async def asked(app, method, path, *, token=None, **more):
    headers = {"traceparent": ABOVE} | ({"Authorization": f"Bearer {token}"} if token else {})
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://app", headers=headers) as http:
        return await http.request(method, path, **more)


@pytest.mark.parametrize(("token", "above"), [(TOKEN, ABOVE), ("wrong", None), (None, None)])
async def test_only_a_request_with_the_service_token_may_name_its_trace(traced, collector, tmp_path, token, above):
    tracing = traced()
    async with running_world(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as world:
        callers, threads = Callers(world.database, "UTC"), Threads(inline_checkpoints())
        api = AgentApi(world.agent, world.agent.models, callers, threads, lambda _: None)
        app = application(api, ServiceToken(SecretStr(TOKEN), "AGENT_SERVICE_TOKEN"), lambda _: nullcontext())
        body = {"prompt": "add buy milk to my list", "user_id": (await world.caller()).user_id}
        for path in ("/process", "/stream"):
            answer = await asked(app, "POST", path, token=token, json=body)
            assert answer.status_code == (200 if above else 401)
    tracing.flush()
    requests = collector.named("http_request")
    assert {seen.attributes["http.response.status_code"] for seen in requests} == {200 if above else 401}
    if above is None:
        assert {seen.parent_id for seen in requests} == {""}
        assert len(collector.spans) == 2
    else:
        assert {seen.attributes["http.route"] for seen in requests} == {"/process", "/stream"}
        assert {(seen.trace_id, seen.parent_id) for seen in requests} == {(ABOVE[3:35], ABOVE[36:52])}
        (trace,) = collector.traces()
        assert trace.paths()["http_request > agent > execute_tool > execute_tool"] == 2


async def test_the_crm_trusts_the_traces_of_its_services_and_the_restaurant_trusts_none(traced, collector, database):
    tracing, settings = traced(), Settings(CRM_SERVICE_TOKEN=TOKEN)
    crm = crm_application(database, settings)
    hanok = hanok_application(database, settings, inline_throttle(settings), AddressLimits.of(settings.hanok))
    await asked(crm, "POST", "/patient/search", token=TOKEN, json={"phone": "(415) 555-0142"})
    await asked(hanok, "GET", "/reservations/ABC123", token=TOKEN)
    await asked(hanok, "GET", "/health")
    await database.close()
    tracing.flush()
    believed, own = collector.named("http_request")
    assert (believed.trace_id, believed.attributes["http.route"]) == (ABOVE[3:35], "/patient/search")
    assert own.parent_id == ""
    assert "ABC123" not in str(own.attributes)


async def test_a_tool_server_trusts_only_traces_that_come_with_a_callers_token(traced, collector, tmp_path):
    tracing = traced()
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_todos", "arguments": {}}}
    async with running_world(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as world, httpx2.AsyncClient() as http:
        for token in (mint_caller_token(ALICE, secret=SECRET), "wrong"):
            headers = {"Authorization": f"Bearer {token}", "traceparent": ABOVE, "Accept": "application/json"}
            await http.post(f"{world.tools_url}/todo", json=call, headers=headers)
    tracing.flush()
    assert [(seen.name, seen.trace_id) for seen in collector.spans] == [("execute_tool", ABOVE[3:35])]


# -- vendors


async def heard_and_spoken(server):
    deepgram = DeepgramSpeech(SpeechSettings(DEEPGRAM_API_KEY="0" * 40, DEEPGRAM_BASE_URL=server.url), tts_sockets=1)
    await deepgram.transcribe(Utterance(b"\x1a\x45\xdf\xa3"), language=Language("en-US"))
    await deepgram.synthesize("I added it.", language=Language("en-US"))
    await deepgram.close()


# the SDKs keep their connections as long as the process lives, and say nothing of closing them
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_vendors_are_seen_and_see_nothing(traced, collector, tmp_path):
    tracing = traced()
    async with DeepgramServer() as deepgram, ChatServer(openai.WIRE) as chat:
        chat.replies = [Reply("Fine.")]
        settings = {"LLM_BASE_URL": f"{chat.url}/v1", "LLM_MODEL": "qwen"}
        async with running_world(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", **settings) as world:
            with span("turn", begins_trace=True):
                await heard_and_spoken(deepgram)
                await (await world.talk()).say("well how is it going with you over there")
    tracing.flush()
    got = [*(received.headers for received in deepgram.requests), *(received.headers for received in chat.asked)]
    assert len(got) == 3
    assert not {"traceparent", "tracestate", "baggage"} & {name for headers in got for name in headers}
    gc.collect()
    vendors = {(s.name, s.attributes["gen_ai.provider.name"]) for s in collector.spans if s.kind == "client"}
    assert vendors == {("listen", "deepgram"), ("synthesise", "deepgram"), ("chat", "vllm")}
    chatted = collector.one("chat").attributes
    assert (chatted["gen_ai.request.model"], chatted["gen_ai.usage.input_tokens"] > 0) == ("qwen", True)
