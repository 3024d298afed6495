"""Requests and answers on the wire: kept connections, bytes that are cut anywhere, servers that misbehave."""

import asyncio
import json
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convonet.agents.models.answer_builder import AnswerBuilder
from convonet.agents.models.base import (
    CallPart,
    ModelRequest,
    Stop,
    SystemPrompt,
    TextPart,
    Toolset,
    Usage,
    UserMessage,
)
from convonet.agents.models.endpoint import MAX_ANSWER_BYTES
from convonet.agents.models.failures import (
    RATE_LIMIT_REST_S,
    UNREADABLE,
    Failure,
    ModelFailed,
    failure_of_event,
    failure_of_status,
)
from convonet.agents.models.openai import OpenAiClient
from convonet.agents.models.sse import MAX_EVENT_BYTES, EventCutter, EventTooLong
from convonet.agents.models.tools import plain_schema
from convonet.agents.models.wire_json import arguments_of

HELLO = ModelRequest(SystemPrompt("", "Be brief."), (UserMessage("hello"),), Toolset("none"))
GREETING = [TextPart("Hello "), TextPart("there."), Stop("end", "stop")]


# -- server-sent events

STREAM = (
    b'event: a\r\ndata: {"n": 1}\r\n\r\n: ping\n\ndata:{"n": 2}\nid: 7\n\n'
    b'data: {"n":\ndata: 3}\n\n\n\nretry: 1\n\ndata: last'
)
EVENTS = [b'{"n": 1}', b'{"n": 2}', b'{"n":\n3}', b"last"]


@given(cuts=st.sets(st.integers(1, len(STREAM) - 1)))
def test_events_are_the_same_wherever_their_bytes_are_cut(cuts):
    cutter, edges = EventCutter(), [0, *sorted(cuts), len(STREAM)]
    events = [event for a, b in pairwise(edges) for event in cutter.feed(STREAM[a:b])]
    assert [*events, *cutter.flush()] == EVENTS
    assert cutter.flush() == []


@pytest.mark.parametrize("line", [b"x" * 1000, b"data: " + b"x" * 1000 + b"\n"])
@pytest.mark.parametrize("beginning", [b"data: ", b": ", b""])
def test_an_event_without_an_end_is_given_up(beginning, line):
    with pytest.raises(EventTooLong):
        _feed(EventCutter(), beginning, *[line] * (MAX_EVENT_BYTES // 1000 + 3))


def _feed(cutter, *chunks):
    for chunk in chunks:
        cutter.feed(chunk)


# -- connections


class Server:
    """Answers each request with the next of `answers`, raw bytes; None drops the connection instead."""

    def __init__(self):
        self.answers = []
        self.requests = []
        self.connections = 0
        self.url = ""
        self.closes = False
        """Whether a connection is for one answer only."""
        self.ended = asyncio.Event()
        self._open = set()

    async def serve(self, reader, writer):
        self.connections += 1
        self._open.add(writer)
        try:
            while (head := (await reader.readuntil(b"\r\n\r\n")).decode()) and (answer := self._next(head)) is not None:
                length = next(line for line in head.lower().split("\r\n") if line.startswith("content-length"))
                await reader.readexactly(int(length.partition(":")[2]))
                writer.write(answer)
                if self.closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            self.ended.set()
            writer.close()

    def drop_all(self):
        for writer in list(self._open):
            writer.transport.abort()

    def _next(self, head):
        self.requests.append(head)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def served(*answers):
    """A server, and a model that asks it."""
    server = Server()
    server.answers = list(answers)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    model = OpenAiClient(f"{server.url}/v1", "k", "m", limit_name="max_tokens")
    try:
        yield server, model
    finally:
        await model.close()
        listening.close()
        server.drop_all()
        await listening.wait_closed()


def chunked(*pieces, end=True):
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + (b"0\r\n\r\n" if end else b"")


def event(delta, reason=None):
    return b"data: %s\n\n" % json.dumps({"choices": [{"delta": delta, "finish_reason": reason}]}).encode()


WORDS = [event({"content": "Hello "}), event({"content": "there."}), event({}, "stop")]
DONE = b"data: [DONE]\n\n"
ANSWER = chunked(*WORDS, DONE)


async def parts_of(model):
    return [part async for part in model.stream(HELLO)]


async def failure_of(model):
    with pytest.raises(ModelFailed) as failed:
        await parts_of(model)
    return failed.value.failure


async def test_one_connection_serves_one_answer_after_the_other():
    async with served(ANSWER) as (server, model):
        for _ in range(3):
            assert await parts_of(model) == GREETING
        assert server.connections == 1
        assert len(server.requests) == 3


async def test_a_key_travels_as_the_sdk_sends_it_and_nothing_is_to_be_compressed():
    async with served(ANSWER) as (server, model):
        await parts_of(model)
        (head,) = (request.lower() for request in server.requests)
        assert head.startswith("post /v1/chat/completions http/1.1\r\n")
        assert "\r\nauthorization: bearer k\r\n" in head
        assert "\r\naccept-encoding: identity\r\n" in head


async def test_a_connection_that_the_vendor_closed_meanwhile_costs_nobody_an_answer():
    async with served(ANSWER, None, ANSWER) as (server, model):
        await parts_of(model)
        assert await parts_of(model) == GREETING
        assert (server.connections, len(server.requests)) == (2, 3)


async def test_a_server_that_drops_every_connection_is_asked_twice_and_no_more():
    async with served(None) as (server, model):
        assert (await failure_of(model)).rest
        assert len(server.requests) == 2


@pytest.mark.parametrize("last", [DONE, b""])
async def test_an_answer_may_end_with_or_without_the_vendors_last_word(last):
    async with served(chunked(*WORDS, last) if last else chunked(*WORDS)) as (server, model):
        assert await parts_of(model) == GREETING
        assert await parts_of(model) == GREETING
        assert server.connections == 1


async def test_a_last_event_without_its_blank_line_counts():
    async with served(chunked(*WORDS[:2], WORDS[2].rstrip())) as (_, model):
        assert await parts_of(model) == GREETING


async def test_a_server_that_keeps_the_body_open_after_the_last_event_is_not_waited_for():
    async with served(chunked(*WORDS, DONE, end=False)) as (server, model):
        async with asyncio.timeout(5):
            assert await parts_of(model) == GREETING
            # no other answer may come over it
            await server.ended.wait()


async def test_a_reader_who_leaves_in_mid_answer_closes_the_connection():
    async with served(chunked(WORDS[0], end=False)) as (server, model):
        parts = model.stream(HELLO)
        assert await anext(parts) == TextPart("Hello ")
        await parts.aclose()
        async with asyncio.timeout(5):
            await server.ended.wait()


@pytest.mark.parametrize(
    "piece",
    [
        b"data: no json\n\n",
        b"data: [1]\n\n",
        b'data: {"choices": [7]}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": [1]}}]}\n\n',
        b"data: " + b"x" * (MAX_EVENT_BYTES + 1),
    ],
)
async def test_a_malformed_answer_is_a_failure(piece):
    async with served(chunked(WORDS[0], piece)) as (_, model):
        assert await failure_of(model) == Failure(UNREADABLE)


async def test_an_answer_without_end_is_given_up():
    async with served(chunked(*[WORDS[0] + b": " + b"x" * 100_000 + b"\n"] * (MAX_ANSWER_BYTES // 100_000 + 1))) as (
        _,
        model,
    ):
        assert await failure_of(model) == Failure(UNREADABLE)


@pytest.mark.parametrize("body", [b"slow down", b"x" * 200_000, b'{"error": 1}', b""])
async def test_the_status_of_a_refusal_counts_whatever_its_body_is(body):
    head = b"HTTP/1.1 429 No\r\nretry-after: 7\r\ncontent-length: %d\r\n\r\n"
    for length in (len(body), len(body) + 1):
        async with served(head % length + body) as (server, model):
            server.closes = True
            assert await failure_of(model) == Failure("RateLimitError 429", rest_s=7)


async def test_a_server_that_is_not_there_is_asked_once():
    async with served(ANSWER) as (server, model):
        pass
    began = asyncio.get_running_loop().time()
    assert (await failure_of(model)).why == "ClientConnectorError"
    assert asyncio.get_running_loop().time() - began < 1
    assert server.requests == []
    await model.close()


async def test_a_key_follows_no_redirect():
    elsewhere = b"HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n"
    async with served(elsewhere) as (server, model):
        assert (await failure_of(model)).why == "APIError 307"
        assert len(server.requests) == 1


async def test_the_proxy_of_the_environment_is_asked(monkeypatch):
    async with served(ANSWER) as (server, _):
        monkeypatch.setenv("http_proxy", server.url)
        monkeypatch.delenv("no_proxy", raising=False)
        model = OpenAiClient("http://models.invalid/v1", "k", "m", limit_name="max_tokens")
        assert await parts_of(model) == GREETING
        assert server.requests[0].startswith("POST http://models.invalid/v1/chat/completions ")
        await model.close()


# -- failures


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (failure_of_status(429, "7"), Failure("RateLimitError 429", rest_s=7)),
        (failure_of_status(429, "soon"), Failure("RateLimitError 429", rest_s=RATE_LIMIT_REST_S)),
        (failure_of_status(413), Failure("InvalidRequestError 413", rest=False)),
        (failure_of_status(503), Failure("APIError 503")),
        (
            failure_of_event({"type": "server_error", "code": "rate_limit_exceeded"}),
            Failure("rate_limit_exceeded", rest_s=10),
        ),
        (
            failure_of_event({"message": "m", "type": "BadRequestError", "code": 400}),
            Failure("InvalidRequestError 400", rest=False),
        ),
        (failure_of_event({"type": "what the caller said: 471182"}), Failure("APIError")),
        (failure_of_event("it broke"), Failure("APIError")),
    ],
)
def test_a_failure_is_named_without_the_vendors_words(failure, expected):
    assert failure == expected


# -- an answer in parts


def gathered(*parts):
    answer = AnswerBuilder()
    for part in parts:
        answer.add_part(part)
    return answer


def test_pieces_of_calls_are_put_together_by_their_number():
    answer = gathered(
        TextPart("Two "),
        CallPart(0, "a", "create_todo", '{"title": '),
        CallPart(1, "b", "get_todos", ""),
        CallPart(0, arguments='"milk"}'),
        TextPart("things."),
        Stop("end", "tool_calls"),
    )
    assert answer.failure(needs_stop_reason=True) is None
    message = answer.message("openai", "")
    assert message.text == "Two things."
    assert [(call.id, call.name, call.arguments) for call in message.calls] == [
        ("a", "create_todo", {"title": "milk"}),
        ("b", "get_todos", {}),
    ]


def test_calls_without_an_id_get_one_each():
    message = gathered(CallPart(0, name="a"), CallPart(1, name="a")).message("google", "")
    assert len({call.id for call in message.calls}) == 2


def test_a_refusal_stays_one_whatever_reason_comes_after_it():
    answer = gathered(TextPart("I can't."), Stop("refused", "refusal"), Stop("end", "stop"))
    assert answer.failure(needs_stop_reason=True) == Failure("refused: refusal", rest=False)


def test_later_counts_of_tokens_replace_earlier_ones():
    assert gathered(Usage(120, 1), Usage(None, 9)).usage == Usage(120, 9)


@pytest.mark.parametrize(
    ("written", "arguments"),
    [
        ("", {}),
        ('{"title": "a\nb"}', {"title": "a\nb"}),
        ('{"title": "\\ud83d\\ude00 \\ud83d"}', {"title": "😀 ?"}),
        ('{"title": "mi', None),
        ("[1]", None),
    ],
)
def test_the_arguments_of_a_call_are_an_object_or_nothing(written, arguments):
    assert arguments_of(written) == arguments


# -- tools


def test_a_schema_is_made_plain():
    priority = {"enum": ["low", "high"], "type": "string", "title": "Priority"}
    schema = {
        "$defs": {"Priority": priority, "Item": {"type": "object", "properties": {"of": {"$ref": "#/$defs/Priority"}}}},
        "title": "create_todoArguments",
        "type": "object",
        "properties": {
            "title": {"type": "string", "title": "Title"},
            "priority": {"$ref": "#/$defs/Priority", "default": "low", "description": "How urgent."},
            "items": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/Item"}}, {"type": "null"}]},
        },
        "required": ["title"],
    }
    plain = {"enum": ["low", "high"], "type": "string"}
    assert plain_schema(schema) == {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "priority": {**plain, "default": "low", "description": "How urgent."},
            "items": {
                "anyOf": [{"type": "array", "items": {"type": "object", "properties": {"of": plain}}}, {"type": "null"}]
            },
        },
        "required": ["title"],
    }
