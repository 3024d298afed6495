"""A caller without a browser, for what needs none."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import websockets


class SocketCaller:
    """One authenticated WebSocket."""

    def __init__(self, socket):
        self._socket = socket

    @classmethod
    @asynccontextmanager
    async def connect(cls, port, pin):
        async with websockets.connect(f"ws://127.0.0.1:{port}/webrtc/ws") as socket:
            caller = cls(socket)
            await caller.say("authenticate", pin=pin)
            caller.session_id = (await caller.until("greeting"))["session_id"]
            yield caller

    async def say(self, type_, **fields):
        await self._socket.send(json.dumps({"type": type_, **fields}))

    async def say_raw(self, frame):
        await self._socket.send(frame)

    async def until(self, type_, wait_s=30, **fields):
        async with asyncio.timeout(wait_s):
            while True:
                message = json.loads(await self._socket.recv())
                if message["type"] == type_ and all(message.get(k) == v for k, v in fields.items()):
                    return message

    async def ask(self, text):
        """The text of the answer to a typed turn, once it was spoken."""
        return (await self.answer(text))["text"]

    async def answer(self, text):
        """The same as the whole message."""
        await self.say("text_input", text=text)
        answer = await self.until("agent_final")
        await self.until("audio_chunk", is_final=True)
        return answer


@dataclass(frozen=True)
class Answered:
    """A turn that a busy caller has had; times are monotonic seconds."""

    session_id: str
    request_id: str
    """Of its record."""
    asked_at: float
    answered_at: float
    text: str


class BusyCallers:
    """Callers who ask one question after the other, in a thread of their own."""

    def __init__(self, product, question):
        self.answered = []
        self._product = product
        self._question = question
        self._enough = threading.Event()

    @classmethod
    @contextmanager
    def calling(cls, product, count, question):
        """That many callers, until the end of the block."""
        callers = cls(product, question)
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(lambda: asyncio.run(callers._call(count)))
            try:
                yield callers
            finally:
                callers._enough.set()
                work.result(60)

    def since(self, moment):
        """Turns that were asked after that moment and are answered."""
        return [turn for turn in self.answered if turn.asked_at > moment]

    @property
    def session_ids(self):
        """Of the callers who had an answer."""
        return {turn.session_id for turn in self.answered}

    async def _call(self, count):
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(self._ask_on())

    async def _ask_on(self):
        async with SocketCaller.connect(self._product.port, self._product.pin) as caller:
            while not self._enough.is_set():
                asked_at = time.monotonic()
                answer = await caller.answer(self._question)
                turn = f"{caller.session_id}:{answer['turn_id']}"
                self.answered.append(Answered(caller.session_id, turn, asked_at, time.monotonic(), answer["text"]))
