"""Deepgram's recognition: a recording by REST, and live over a WebSocket."""

from __future__ import annotations

import asyncio
import json
import time
import warnings
from collections.abc import Mapping
from typing import Any

from aiohttp import WSMsgType, web

from bench.harness.script import TRANSCRIPT
from bench.vendors.stage import Stage

with warnings.catch_warnings():
    # it goes in Python 3.13, which the product does not support yet; numpy takes five times as long for 20 ms of audio
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

SILENCE_RMS = 100
"""PCM below this is silence for endpointing."""
SMALLEST_RECORDING = 1000
"""Bytes; in a smaller one nothing was said."""
INTERIM_EVERY_S = 0.5
MODEL_INFO = {"name": "nova-3", "version": "loopback", "arch": "loopback"}
METADATA = {"transaction_key": "deprecated", "sha256": "0" * 64, "created": "2026-01-01T00:00:00.000Z", "channels": 1}


async def recognize(stage: Stage, request: web.Request) -> web.Response:
    """POST /v1/listen: the transcript of a recording, a fixed time after its last byte."""
    recording = await request.read()
    due = time.monotonic() + stage.delays.stt_final_ms / 1e3
    await stage.clock.until(due)
    stage.activity.counts["stt_batch"] += 1
    stage.activity.note_sent("stt_final", due)
    text = TRANSCRIPT if len(recording) >= SMALLEST_RECORDING else ""
    models = {"models": [stage.request_id], "model_info": {stage.request_id: MODEL_INFO}}
    return web.json_response(
        {
            "metadata": METADATA | {"request_id": stage.request_id, "duration": 1.5} | models,
            "results": {"channels": [{"alternatives": [_alternative(text, start=0.0, step=0.2)]}]},
        }
    )


async def listen_live(stage: Stage, request: web.Request) -> web.WebSocketResponse:
    """WS /v1/listen."""
    socket = web.WebSocketResponse(compress=False, max_msg_size=1 << 20)
    await socket.prepare(request)
    stage.activity.counts["stt_sockets"] += 1
    await _LiveTranscription(stage, socket, request.query).run()
    return socket


class _LiveTranscription:
    """One live socket. An utterance ends at Finalize, at CloseStream, or (PCM only) after `endpointing` of silence."""

    def __init__(self, stage: Stage, socket: web.WebSocketResponse, query: Mapping[str, str]) -> None:
        self._stage, self._socket = stage, socket
        self._is_pcm = query.get("encoding") == "linear16"
        self._bytes_per_s = int(query.get("sample_rate", 16000)) * 2 * int(query.get("channels", 1))
        self._interims = query.get("interim_results", "false") == "true"
        endpointing = query.get("endpointing", "10")
        self._endpointing_s = float("inf") if endpointing == "false" else float(endpointing) / 1e3
        self._total_s = self._start_s = self._silence_s = self._last_interim = self._last_speech = 0.0
        self._heard = False
        self._finals: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve it until it is closed."""
        async for message in self._socket:
            if message.type is WSMsgType.BINARY:
                await self._take_audio(message.data)
            elif message.type is WSMsgType.TEXT:
                await self._take_control(json.loads(message.data).get("type"))
        for task in self._finals:
            task.cancel()

    async def _take_control(self, kind: str | None) -> None:
        if kind == "Finalize":
            self._end_utterance(time.monotonic(), finalize=True)
        elif kind == "CloseStream":
            self._end_utterance(time.monotonic(), finalize=False)
            await asyncio.gather(*self._finals)
            metadata = METADATA | {"request_id": self._stage.request_id, "duration": self._total_s}
            await self._socket.send_json({"type": "Metadata"} | metadata)
            await self._socket.close()

    async def _take_audio(self, data: bytes) -> None:
        if not data:  # the old way to say CloseStream
            self._end_utterance(time.monotonic(), finalize=False)
            return
        now = time.monotonic()
        seconds = len(data) / self._bytes_per_s if self._is_pcm else 0.02
        self._total_s += seconds
        if self._is_pcm and audioop.rms(data[: len(data) & ~1], 2) < SILENCE_RMS:
            self._silence_s += seconds
            if self._heard and self._silence_s >= self._endpointing_s:
                self._end_utterance(self._last_speech, finalize=False)
            return
        self._silence_s, self._last_speech = 0.0, now
        if not self._heard:
            self._heard, self._start_s, self._last_interim = True, self._total_s - seconds, now
        elif self._interims and now - self._last_interim >= INTERIM_EVERY_S:
            self._last_interim = now
            await self._socket.send_str(self._results(self._said_so_far(), is_final=False))

    def _said_so_far(self) -> str:
        words = TRANSCRIPT.split()
        return " ".join(words[: max(1, min(len(words) - 1, int((self._total_s - self._start_s) * 4)))])

    def _end_utterance(self, end_of_audio: float, *, finalize: bool) -> None:
        text = TRANSCRIPT if self._heard else ""
        if not text and not finalize:
            return
        line = self._results(text, is_final=True, speech_final=bool(text), from_finalize=finalize)
        self._heard, self._start_s, self._silence_s = False, self._total_s, 0.0
        task = asyncio.create_task(self._send_final(line, end_of_audio + self._stage.delays.stt_final_ms / 1e3))
        self._finals.add(task)
        task.add_done_callback(self._finals.discard)

    async def _send_final(self, line: str, due: float) -> None:
        await self._stage.clock.until(due)
        if not self._socket.closed:
            self._stage.activity.counts["stt_live_finals"] += 1
            self._stage.activity.note_sent("stt_final", due)
            await self._socket.send_str(line)

    def _results(self, text: str, *, is_final: bool, speech_final: bool = False, from_finalize: bool = False) -> str:
        start, duration = round(self._start_s, 3), round(self._total_s - self._start_s, 3)
        step = duration / max(1, len(text.split()))
        return json.dumps(
            {
                "type": "Results",
                "channel_index": [0, 1],
                "duration": duration,
                "start": start,
                "is_final": is_final,
                "speech_final": speech_final,
                "from_finalize": from_finalize,
                "channel": {"alternatives": [_alternative(text, start=start, step=step)]},
                "metadata": {
                    "request_id": self._stage.request_id,
                    "model_uuid": self._stage.request_id,
                    "model_info": MODEL_INFO,
                },
            }
        )


def _alternative(text: str, *, start: float, step: float) -> dict[str, Any]:
    words = [
        {
            "word": word,
            "start": start + index * step,
            "end": start + (index + 1) * step,
            "confidence": 0.99,
            "punctuated_word": word,
        }
        for index, word in enumerate(text.split())
    ]
    return {"transcript": text, "confidence": 0.99 if text else 0.0, "words": words}
