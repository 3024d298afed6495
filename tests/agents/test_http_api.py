"""The agent over HTTP: whole answers and streams, conversations between requests, access, and records."""

import asyncio
import json
import uuid
from contextlib import nullcontext

import httpx2
import pytest
from pydantic import SecretStr

from convonet.agent_api.application import AgentApi, application
from convonet.agent_api.callers import NO_USER_ID, Callers
from convonet.agent_api.threads import Threads
from convonet.agents.base import CallBackRequest
from convonet.core.errors import AgentError
from convonet.core.ids import UserId
from convonet.sessions.conversation import Conversation
from convonet.storage.checkpoints_redis import RedisCheckpoints
from convonet.storage.users import UserRow
from convonet.web.refusals import Refusal
from convonet.web.service_token import ServiceToken
from tests.agents.test_hosted_models import hosted, scripted
from tests.fixtures.sqlite import inline_checkpoints
from tests.vendors.chat import Reply

TOKEN = "a service token of thirty-two characters"


class Service:
    """The API over a world's agent, and what it has recorded."""

    def __init__(self, world, store, agent=None, only_caller=None):
        self.records = []
        self.callers = Callers(world.database, "America/New_York", only_caller)
        self.threads = Threads(store)
        api = AgentApi(agent or world.agent, world.agent.models, self.callers, self.threads, self.records.append)
        self.app = application(api, ServiceToken(SecretStr(TOKEN), "AGENT_SERVICE_TOKEN"), lambda _: nullcontext())

    def client(self, token=TOKEN):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url="http://agent", headers=headers)

    async def ask(self, user_id, prompt, *, key=None, **fields):
        headers = {"Idempotency-Key": key} if key else {}
        async with self.client() as http:
            body = {"prompt": prompt, "user_id": user_id, **fields}
            return await http.post("/process", json=body, headers=headers)

    async def stream(self, user_id, prompt):
        async with self.client() as http:
            answer = await http.post("/stream", json={"prompt": prompt, "user_id": user_id})
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [_event(block) for block in answer.text.strip().split("\n\n")]


def _event(block):
    lines = dict(line.split(": ", 1) for line in block.splitlines())
    return lines["event"], json.loads(lines["data"])


@pytest.fixture(params=["memory", "redis"])
def store(request):
    return inline_checkpoints() if request.param == "memory" else RedisCheckpoints(request.getfixturevalue("redis_url"))


@pytest.fixture
def service(sqlite_world, store):
    return Service(sqlite_world, store)


@pytest.fixture
async def ann(sqlite_world):
    return (await sqlite_world.caller()).user_id


async def test_a_turn_is_answered_and_remembered(service, ann):
    first = await service.ask(ann, "add buy milk to my list", user_name="ignored", metadata={"source": "test"})
    assert first.status_code == 200
    answer = first.json()
    assert answer["response"] == "I added buy milk to your list."
    assert (answer["agent_type"], answer["provider"], answer["transfer_marker"]) == ("todo", "offline", None)
    assert answer["processing_time_ms"] > 0
    assert "November 19" in (await service.ask(ann, "make it due tomorrow")).json()["response"]


async def test_conversations_of_other_names_and_users_are_apart(service, ann, sqlite_world):
    await service.ask(ann, "add buy milk to my list")
    other = (await sqlite_world.caller()).user_id
    for answer in (
        await service.ask(ann, "make it due tomorrow", session_id="another"),
        await service.ask(other, "make it due tomorrow"),
        await service.ask(ann, "make it due tomorrow", reset_thread=True),
    ):
        assert "milk" not in answer.json()["response"]


async def test_a_request_repeated_under_its_key_is_done_once(service, ann):
    answers = [await service.ask(ann, "add buy milk to my list", key="k-1") for _ in range(2)]
    assert answers[0].json()["response"] == answers[1].json()["response"]
    listed = (await service.ask(ann, "what is on my list")).json()["response"]
    assert listed.count("milk") == 1


def said_again(answers):
    """The answers without the time that each took."""
    return [{**answer.json(), "processing_time_ms": None} for answer in answers]


async def test_a_request_for_a_person_is_answered_with_department_and_briefing(service, ann):
    answer = (await service.ask(ann, "let me talk to a human please")).json()
    assert answer["transfer_marker"] == "TRANSFER_INITIATED:2001|support|let me talk to a human please"
    assert answer["transfer_context"]["user_id"] == ann
    assert answer["call_back"] is None


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_call_back_that_a_model_promises_is_named(tmp_path, store):
    async with hosted(tmp_path, "anthropic") as world:
        service, caller = Service(world, store), (await world.caller()).user_id
        said = "could one of the sales folks ring my cell, that's 415 555 0142, whenever it suits them"
        back = {"department": "sales", "phone": "415 555 0142"}
        scripted(world, "anthropic", Reply(calls=(("ask_call_back", back),)))
        asked = (await service.ask(caller, said)).json()
        assert (asked["transfer_marker"], asked["call_back"]) == (None, None)
        first, again = said_again([await service.ask(caller, "yes that's it", key="k-1") for _ in range(2)])
        assert CallBackRequest(**first["call_back"]) == CallBackRequest("sales", said, "+14155550142")
        assert first["transfer_context"]["user_id"] == caller
        assert again == first


@pytest.mark.parametrize("fields", [{}, {"reset_thread": True}])
async def test_a_repeated_request_for_a_person_is_answered_with_the_same_hand_over(service, ann, fields):
    said = "let me talk to a human please"
    first, again = said_again([await service.ask(ann, said, key="k-1", **fields) for _ in range(2)])
    assert first["transfer_marker"]
    assert again == first
    assert len(service.records) == 1


async def test_a_conversation_that_an_earlier_version_has_stored_can_be_read(service, ann, sqlite_world):
    await service.ask(ann, "add buy milk to my list", key="k-1")
    thread = await service.threads.open_thread(await service.callers.find(uuid.UUID(ann)), "default", reset=False)
    stored = json.loads(thread.conversation.to_checkpoint())
    for name in ("transfer_marker", "transfer_context", "call_back"):
        del stored["last_turn"][name]
    read = Conversation.from_checkpoint(json.dumps(stored).encode())
    assert read == thread.conversation


async def test_a_stream_tells_of_each_step_as_it_happens(service, ann):
    events = await service.stream(ann, "add buy milk to my list")
    assert [name for name, _ in events] == ["agent", "tool", "tool", "text", "final"]
    assert events[0][1] == {"agent_type": "todo"}
    assert [use["phase"] for name, use in events if name == "tool"] == ["started", "finished"]
    assert events[-1][1]["response"] == events[-2][1]["text"]


class BrokenAgent:
    """Says a word, then fails."""

    async def turn(self, request):
        raise AgentError("no model")
        yield


async def test_a_failure_is_answered_in_words(sqlite_world, ann):
    service = Service(sqlite_world, inline_checkpoints(), BrokenAgent())
    answer = await service.ask(ann, "hello")
    assert answer.status_code == 503
    assert Refusal.model_validate(answer.json()).message == AgentError.spoken
    assert await service.stream(ann, "hello") == [("error", {"code": "agent_failed", "message": AgentError.spoken})]
    assert [record.status for record in service.records] == ["failed", "failed"]


async def test_each_turn_is_recorded(service, ann):
    await service.ask(ann, "add buy milk to my list")
    (record,) = service.records
    assert (record.status, record.user_id, record.metadata.source) == ("success", ann, "api")
    assert (record.user_prompt, record.agent_response) == ("add buy milk to my list", "I added buy milk to your list.")
    assert [(call.tool_name, call.status) for call in record.tool_calls] == [("create_todo", "success")]


async def test_only_the_service_token_opens_it(service, ann):
    for token in (None, "wrong", TOKEN[:-1]):
        async with service.client(token) as http:
            for path in ("/process", "/stream"):
                answer = await http.post(path, json={"prompt": "hello", "user_id": ann})
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert service.records == []


async def test_the_models_and_how_they_are_doing_are_listed(service, ann):
    await service.ask(ann, "add buy milk to my list")
    async with service.client() as http:
        (own,) = (await http.get("/providers")).json()["providers"]
    assert (own["provider"], own["model"], own["state"], own["failures"]) == ("offline", "rules", "ready", 0)
    assert own["answers"] > 0
    async with service.client(token=None) as http:
        assert (await http.get("/providers")).status_code == 401


async def test_unknown_and_inactive_users_are_refused(service, ann, sqlite_world):
    assert (await service.ask(str(uuid.uuid4()), "hello")).status_code == 404
    async with sqlite_world.database.transaction() as session:
        (await session.get(UserRow, uuid.UUID(ann))).is_active = False
    assert (await service.ask(ann, "hello")).status_code == 404


async def test_a_request_without_a_user_id_is_from_the_only_caller(sqlite_world, store, ann):
    alone = Service(sqlite_world, store, only_caller=UserId(ann))
    await alone.ask(None, "add buy milk to my list")
    async with alone.client() as http:
        answer = await http.post("/process", json={"prompt": "make it due tomorrow"})
    assert "November 19" in answer.json()["response"]
    assert [record.user_id for record in alone.records] == [ann, ann]


async def test_a_request_without_a_user_id_is_refused_where_callers_are_told_apart(service):
    answer = await service.ask(None, "what is on my list")
    assert (answer.status_code, answer.json()) == (404, {"code": "not_found", "message": NO_USER_ID})
    ((event, told),) = await service.stream(None, "what is on my list")
    assert (event, told["message"]) == ("error", NO_USER_ID)
    assert service.records == []


async def test_bad_requests_are_explained(service, ann):
    for change in (
        {"prompt": ""},
        {"prompt": "   "},
        {"prompt": "x" * 4001},
        {"user_id": "user-123"},
        {"session_id": "../x"},
        {"surprise": 1},
    ):
        async with service.client() as http:
            answer = await http.post("/process", json={"prompt": "hello", "user_id": ann} | change)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_field"), change


async def test_two_conversations_at_once_do_not_mix(service, ann):
    names = [f"s-{number}" for number in range(6)]
    await asyncio.gather(*(service.ask(ann, f"add call {name} to my list", session_id=name) for name in names))
    answers = await asyncio.gather(*(service.ask(ann, "say that again", session_id=name) for name in names))
    for name, answer in zip(names, answers, strict=True):
        assert answer.json()["response"] == f"I added call {name} to your list."
