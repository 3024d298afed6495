"""A caller without a browser, for what needs none."""

import asyncio
import json
from contextlib import asynccontextmanager

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

    async def until(self, type_, wait_s=30, **fields):
        async with asyncio.timeout(wait_s):
            while True:
                message = json.loads(await self._socket.recv())
                if message["type"] == type_ and all(message.get(k) == v for k, v in fields.items()):
                    return message

    async def ask(self, text):
        """The text of the answer to a typed turn, once it was spoken."""
        await self.say("text_input", text=text)
        answer = await self.until("agent_final")
        await self.until("audio_chunk", is_final=True)
        return answer["text"]
