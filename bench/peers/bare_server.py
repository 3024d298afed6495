"""The practical floor: the least one uvicorn process can do for the same calls, with no framework and no safety.

The wire, shared with `pipecat_server` and `ray_floor`: binary frames are PCM16 mono, 16 kHz in and 24 kHz out; text
frames are {"type": "start"} and {"type": "stop"} in, {"type": "ready"} out. `/ws?tool=1` is a call whose turns use a
tool. No turn records, no retries, no limit of the history, no pacing. It is no product but a line to measure with.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp
import uvicorn

from bench.peers import pipeline

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


class Call:
    """One caller."""

    def __init__(self, http: aiohttp.ClientSession, vendors: str, send: Send, *, tool: bool) -> None:
        self._http, self._vendors, self._send, self._tool = http, vendors, send, tool
        self._history: list[pipeline.Message] = [{"role": "system", "content": pipeline.INSTRUCTIONS}]
        self._reply: asyncio.Task[None] | None = None

    async def run(self, receive: Receive) -> None:
        """Until the caller goes."""
        async with (
            self._http.ws_connect(self._vendors + pipeline.LISTEN) as stt,
            self._http.ws_connect(self._vendors + pipeline.SPEAK) as tts,
        ):
            self._stt, self._tts = stt, tts
            pumps = [asyncio.create_task(self._take_transcripts()), asyncio.create_task(self._pass_speech_on())]
            await self._send({"type": "websocket.send", "text": pipeline.READY})
            try:
                await self._serve_client(receive)
            finally:
                for task in (*pumps, self._reply):
                    if task:
                        task.cancel()

    async def _serve_client(self, receive: Receive) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            if message.get("bytes") is not None:
                await self._stt.send_bytes(message["bytes"])
            elif '"stop"' in message["text"]:
                await self._stt.send_str(pipeline.FINALIZE)
            elif self._reply and not self._reply.done():  # a start during the reply: barge-in
                self._reply.cancel()
                await self._tts.send_str(pipeline.CLEAR)

    async def _take_transcripts(self) -> None:
        async for message in self._stt:
            if text := pipeline.final_transcript(message.data):
                self._reply = asyncio.create_task(self._answer(text))

    async def _answer(self, text: str) -> None:
        self._history.append({"role": "user", "content": text})
        said = []
        async for sentence in pipeline.sentences(self._http, self._vendors, self._history, tool=self._tool):
            await self._tts.send_str(pipeline.speak_message(sentence))
            said.append(sentence)
        await self._tts.send_str(pipeline.FLUSH)
        self._history.append({"role": "assistant", "content": "".join(said)})

    async def _pass_speech_on(self) -> None:
        async for message in self._tts:
            if message.type is aiohttp.WSMsgType.BINARY:
                await self._send({"type": "websocket.send", "bytes": message.data})


class Application:
    """The ASGI application."""

    def __init__(self, vendors: str) -> None:
        self._vendors = vendors

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"ok"})
        else:
            await receive()
            await send({"type": "websocket.accept"})
            await Call(self._http, self._vendors, send, tool=b"tool=1" in scope["query_string"]).run(receive)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._http = pipeline.new_session()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._http.close()
        await send({"type": "lifespan.shutdown.complete"})


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--vendors", default="http://127.0.0.1:9100")
    options = parser.parse_args()
    print(f"bare: uvicorn {uvicorn.__version__}, aiohttp {aiohttp.__version__}", flush=True)
    app = Application(options.vendors)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", loop="uvloop", http="httptools")


if __name__ == "__main__":
    main()
