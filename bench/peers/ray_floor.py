"""Cost of Ray Serve itself: the calls of `bare_server` in one ingress replica, the model behind a streamed handle.

Started by `serve run` with the product's flags and HAProxy. Its annotations are no strings: FastAPI reads them in a
replica, where this module's names are not known.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from fastapi import FastAPI, WebSocket
from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle

from bench.peers import pipeline

SMALL: dict[str, Any] = {"max_ongoing_requests": 1000, "ray_actor_options": {"num_cpus": 0}}

app = FastAPI()


@serve.deployment(**SMALL)
class Agent:
    """Asks the model."""

    async def __init__(self, vendors: str) -> None:
        self._http, self._vendors = pipeline.new_session(), vendors

    async def answer(self, history: list[pipeline.Message], *, tool: bool) -> AsyncIterator[str]:
        """The answer by sentences."""
        async for sentence in pipeline.sentences(self._http, self._vendors, history, tool=tool):
            yield sentence


class Call:
    """One caller."""

    def __init__(self, caller: WebSocket, agent: DeploymentHandle, *, tool: bool) -> None:
        self._caller, self._agent, self._tool = caller, agent, tool
        self._history: list[pipeline.Message] = [{"role": "system", "content": pipeline.INSTRUCTIONS}]

    async def run(self, stt: aiohttp.ClientWebSocketResponse, tts: aiohttp.ClientWebSocketResponse) -> None:
        """Until the caller goes."""
        self._stt, self._tts = stt, tts
        self._tasks = [asyncio.create_task(self._pass_speech_on()), asyncio.create_task(self._take_transcripts())]
        await self._caller.send_text(pipeline.READY)
        try:
            while (message := await self._caller.receive())["type"] != "websocket.disconnect":
                if message.get("bytes") is not None:
                    await stt.send_bytes(message["bytes"])
                elif '"stop"' in message["text"]:
                    await stt.send_str(pipeline.FINALIZE)
        finally:
            for task in self._tasks:
                task.cancel()

    async def _take_transcripts(self) -> None:
        async for message in self._stt:
            if text := pipeline.final_transcript(message.data):
                self._tasks.append(asyncio.create_task(self._answer(text)))

    async def _answer(self, text: str) -> None:
        self._history.append({"role": "user", "content": text})
        said = []
        async for sentence in self._agent.answer.remote(list(self._history), tool=self._tool):
            said.append(sentence)
            await self._tts.send_str(pipeline.speak_message(sentence))
        await self._tts.send_str(pipeline.FLUSH)
        self._history.append({"role": "assistant", "content": "".join(said)})

    async def _pass_speech_on(self) -> None:
        async for message in self._tts:
            if message.type is aiohttp.WSMsgType.BINARY:
                await self._caller.send_bytes(message.data)


@serve.deployment(**SMALL)
@serve.ingress(app)
class Voice:
    """Holds the callers."""

    async def __init__(self, vendors: str, agent: DeploymentHandle) -> None:
        self._http, self._vendors = pipeline.new_session(), vendors
        self._agent = agent.options(stream=True)

    @app.get("/health")
    async def health(self) -> str:
        """Answer that calls are taken."""
        return "ok"

    @app.websocket("/ws")
    async def take_call(self, caller: WebSocket) -> None:
        """One call."""
        await caller.accept()
        async with (
            self._http.ws_connect(self._vendors + pipeline.LISTEN) as stt,
            self._http.ws_connect(self._vendors + pipeline.SPEAK) as tts,
        ):
            await Call(caller, self._agent, tool="tool" in caller.query_params).run(stt, tts)


def build(options: dict[str, str]) -> Application:
    """The application, for Serve's configuration; `vendors` is where they are."""
    return Voice.bind(options["vendors"], Agent.bind(options["vendors"]))  # type: ignore[attr-defined]
