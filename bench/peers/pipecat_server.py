"""Pipecat behind FastAPI, with its own Deepgram and OpenAI services pointed at the loopback vendors.

Push-to-talk: the client says start and stop, on the wire of `bare_server`, which spares Pipecat its protobuf. It is set
to the lowest latency that its own options allow: the client's start and stop act as VAD frames, the stop strategy waits
for nothing once Deepgram has confirmed Finalize; RTVI, turn tracking, idle timer and the check for dangling tasks are
off; it logs warnings only. Runs in the peers' own environment (requirements-peers.txt).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    OutputAudioRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.deepgram.tts import DeepgramTTSService
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.tts_service import TextAggregationMode
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from bench.harness.script import TOOL

VAD_STOP_S = 0.2
"""Pipecat expects it in a VAD stop frame, else it warns; nothing waits for it here."""
INSTRUCTIONS = "You are a helpful voice assistant."
PACKAGES = ("pipecat-ai", "deepgram-sdk", "openai", "fastapi", "uvicorn", "websockets", "uvloop")


class PushToTalkSerializer(FrameSerializer):
    """Raw PCM in and out; start and stop become VAD frames."""

    async def serialize(self, frame: Frame) -> str | bytes | None:
        """Serialize a frame of Pipecat's."""
        return frame.audio if isinstance(frame, OutputAudioRawFrame) else None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        """The frame that a message stands for."""
        if isinstance(data, bytes):
            return InputAudioRawFrame(audio=data, sample_rate=16000, num_channels=1)
        is_start = json.loads(data)["type"] == "start"
        return VADUserStartedSpeakingFrame() if is_start else VADUserStoppedSpeakingFrame(stop_secs=VAD_STOP_S)


@dataclass(frozen=True, slots=True)
class Setup:
    """`aggregation` is when text leaves for TTS: by sentence or by token."""

    aggregation: str
    vendors: str


async def run_call(websocket: WebSocket, setup: Setup, *, tool: bool) -> None:
    """One call, until its client goes."""
    transport = FastAPIWebsocketTransport(
        websocket,
        FastAPIWebsocketParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            serializer=PushToTalkSerializer(FrameSerializer.InputParams(ignore_rtvi_messages=False)),
        ),
    )
    sockets = setup.vendors.replace("http", "ws", 1)
    stt = DeepgramSTTService(api_key="loopback", base_url=sockets)
    llm = OpenAILLMService(
        api_key="loopback",
        base_url=setup.vendors + "/v1",
        settings=OpenAILLMService.Settings(system_instruction=INSTRUCTIONS),
    )
    tts = DeepgramTTSService(
        api_key="loopback", base_url=sockets, text_aggregation_mode=TextAggregationMode(setup.aggregation)
    )
    user, assistant = LLMContextAggregatorPair(
        _context(llm, tool=tool), user_params=LLMUserAggregatorParams(user_turn_strategies=_turn_strategies())
    )
    worker = PipelineWorker(
        Pipeline([transport.input(), stt, user, llm, tts, transport.output(), assistant]),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
        check_dangling_tasks=False,
    )

    @transport.event_handler("on_client_connected")
    async def connected(_transport: Any, _client: Any) -> None:
        await websocket.send_text('{"type":"ready"}')

    @transport.event_handler("on_client_disconnected")
    async def disconnected(_transport: Any, _client: Any) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


def _turn_strategies() -> UserTurnStrategies:
    return UserTurnStrategies(
        start=[VADUserTurnStartStrategy()], stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)]
    )


def _context(llm: OpenAILLMService, *, tool: bool) -> LLMContext:
    """The conversation; in turns that use a tool, with one that answers at once."""
    if not tool:
        return LLMContext()

    async def answer_at_once(call: FunctionCallParams) -> None:
        await call.result_callback({"todos": 3})

    llm.register_function(TOOL, answer_at_once)
    schema = FunctionSchema(name=TOOL, description="The caller's to-do list.", properties={}, required=[])
    return LLMContext(tools=ToolsSchema(standard_tools=[schema]))


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--vendors", default="http://127.0.0.1:9100")
    parser.add_argument("--aggregation", choices=["sentence", "token"], default="sentence")
    options = parser.parse_args()
    setup = Setup(options.aggregation, options.vendors)
    print(*(f"{package} {version(package)}" for package in PACKAGES), sep=", ", flush=True)
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    app = FastAPI()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {}

    @app.websocket("/ws")
    async def call(websocket: WebSocket) -> None:
        await websocket.accept()
        await run_call(websocket, setup, tool="tool" in websocket.query_params)

    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", loop="uvloop", http="httptools")


if __name__ == "__main__":
    main()
