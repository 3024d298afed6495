"""Chat models on the loopback: a server that streams scripted replies in a vendor's wire format, and fails on request.

    async with ChatServer(anthropic.WIRE) as server:
        server.replies = [Reply("Let me see.", calls=(("get_todos", {}),)), Reply("You have two things to do.")]
        ...  # point ANTHROPIC_BASE_URL at server.url

The formats are in `anthropic`, `google` and `openai`, each made of the types of the vendor's own SDK.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

from pydantic import TypeAdapter, ValidationError

MODEL = "stand-in-1"
TOKENS_IN = 120
TOKENS_OUT = 9


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: words and tool calls, or how the request fails."""

    text: str = ""
    thoughts: str = ""
    """In the field that self-hosted servers have for them; OpenAI's format."""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    half_call: bool = False
    """The arguments of a tool call stop in the middle, and nothing says so; not Google's, which come in one piece."""
    signed: bool = False
    """The model has thought first, and wants its signed thoughts back; Anthropic's and Google's."""
    refusal: bool = False
    blocked: bool = False
    """The vendor's filter stops it: Google's the question, OpenAI's the answer."""
    too_long: bool = False
    """There was no room for more."""
    says_why: bool = True
    """Off: it ends without a reason, as some servers that speak OpenAI's protocol do."""
    status: int = 200
    retry_after: str | None = None
    retry_delay: str = ""
    """Google's way to say the same, in the body."""
    fault: Literal["", "hang", "reset", "stall", "cut", "closed", "error", "no words"] = ""
    """`hang`: no byte at all; `reset`: at once; the others after the first half of the events: `closed` looks like a
    good end, `no words` sends the first event again and again."""
    delay_s: float = 0.0
    pace_s: float = 0.0
    """Between two events."""

    def pieces(self) -> Iterator[str]:
        """The words in the pieces in which they are streamed; a word may be split."""
        return (self.text[i : i + 7] for i in range(0, len(self.text), 7))


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    raw: bytes = b""
    """The body as it arrived."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A vendor's format."""

    events: Callable[[Reply], list[bytes]]
    """The parts of the stream, in order."""
    error: Callable[[int, str], Mapping[str, Any]]
    """The body of an answer with an error status, and when to come back."""
    stream_error: bytes
    """The event of an error after the beginning."""
    check: Callable[[Asked], int]
    """The status with which the real API would answer; 200 for a good request."""


@dataclass
class ChatServer:
    """The server. Requests are answered by `replies` in order; then by the last one again.

    With `after_a_tool` that answers each request that ends with what a tool has answered, and takes none of `replies`.
    """

    wire: Wire
    replies: list[Reply] = field(default_factory=lambda: [Reply("Hello.")])
    models: Mapping[str, str] = field(default_factory=lambda: {MODEL: "vllm"})
    """What the server lists, and who owns each."""
    after_a_tool: Reply | None = None
    asked: list[Asked] = field(default_factory=list)
    abandoned: int = 0
    """Requests whose client went away while it waited."""

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._answer(await _read(reader), reader, writer):
                    pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _reply_to(self, asked: Asked) -> Reply:
        if self.after_a_tool is not None and _ends_with_a_tool(asked.body["messages"][-1]):
            return self.after_a_tool
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    async def _answer(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer; False when the connection is over."""
        if asked.path.endswith("/models"):
            writer.write(_json("200 OK", _list(self.models)))
            return True
        self.asked.append(asked)
        reply = self._reply_to(asked)
        status = self.wire.check(asked)
        status = reply.status if status == 200 else status
        await asyncio.sleep(reply.delay_s)
        if reply.fault == "reset":
            writer.transport.abort()
            return False
        if reply.fault == "hang":
            return await self._wait_for_the_end(reader)
        if status != 200:
            writer.write(_error(status, self.wire.error(status, reply.retry_delay), reply.retry_after))
            return True
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        events = self.wire.events(reply)
        for event in events[: len(events) // 2] if reply.fault else events:
            await _send(writer, event)
            await asyncio.sleep(reply.pace_s)
        while reply.fault == "no words":
            await _send(writer, events[0])
            await asyncio.sleep(0.1)
        if reply.fault == "error":
            await _send(writer, self.wire.stream_error)
        if reply.fault == "stall":
            return await self._wait_for_the_end(reader)
        if reply.fault == "cut":
            return False
        writer.write(b"0\r\n\r\n")
        return True

    async def _wait_for_the_end(self, reader: asyncio.StreamReader) -> bool:
        await reader.read()
        self.abandoned += 1
        return False


def is_valid(request: TypeAdapter[Any], body: object) -> bool:
    """Whether a body is what the vendor's SDK would send; its types are lazy, and so are looked through to the end."""
    try:
        _look_through(request.validate_python(body))
    except ValidationError:
        return False
    return True


def _look_through(value: object) -> None:
    if isinstance(value, Mapping):
        value = value.values()
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for part in value:
            _look_through(part)


async def _send(writer: asyncio.StreamWriter, event: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(event), event))
    await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(head[0].split(" ")[1], headers, json.loads(body or b"{}"), body)


def _error(status: int, body: Mapping[str, Any], retry_after: str | None) -> bytes:
    return _json(f"{status} Error", body, f"retry-after: {retry_after}\r\n" if retry_after else "")


def _json(status: str, body: Mapping[str, Any], more: str = "") -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n{more}\r\n"
    return head.encode() + content


def _list(models: Mapping[str, str]) -> Mapping[str, Any]:
    return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": by} for name, by in models.items()]}


def _ends_with_a_tool(message: Mapping[str, Any]) -> bool:
    """Whether a tool has answered last, as OpenAI or Anthropic put it."""
    blocks = message["content"] if isinstance(message["content"], list) else []
    return message["role"] == "tool" or any(block["type"] == "tool_result" for block in blocks)
