"""The bare baseline: one process, one socket loop, the same vendor calls, none of our promises.

No identity, no session that outlives its socket, no tools, no checkpoint, no limits. What it adds to a turn is what a
WebSocket and two HTTP calls cost in Python.
"""

from __future__ import annotations

import argparse
import base64
import json

import httpx2
import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

WEBM = {"Content-Type": "audio/webm"}


def build(vendor: str) -> FastAPI:
    """The application; `vendor` is the address of the stub that hears and speaks."""
    app = FastAPI()
    http = httpx2.AsyncClient(base_url=vendor, headers={"Authorization": "Token bench"})

    @app.websocket("/webrtc/ws")
    async def call(socket: WebSocket) -> None:
        await socket.accept()
        audio = bytearray()
        try:
            while True:
                message = json.loads(await socket.receive_text())
                if message["type"] == "authenticate":
                    await socket.send_text(json.dumps({"type": "auth_ok"}))
                    await socket.send_text(json.dumps({"type": "greeting"}))
                elif message["type"] == "audio_chunk":
                    audio += base64.b64decode(message["data_b64"])
                elif message["type"] == "stop_recording":
                    heard = (await http.post("/v1/listen?model=nova-3", content=bytes(audio), headers=WEBM)).json()
                    text = heard["results"]["channels"][0]["alternatives"][0]["transcript"]
                    spoken = await http.post("/v1/speak?model=aura-2-thalia-en", json={"text": f"You said {text}."})
                    chunk = base64.b64encode(spoken.content).decode()
                    await socket.send_text(json.dumps({"type": "audio_chunk", "data_b64": chunk, "is_final": True}))
                    audio.clear()
        except WebSocketDisconnect:
            return

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--vendor", required=True)
    arguments = parser.parse_args()
    uvicorn.run(build(arguments.vendor), port=arguments.port, log_level="warning")
