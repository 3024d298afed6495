"""The vendors' side of the two floors: their sockets, and a model's answer by sentences, with no framework and no SDK.

A turn that uses a tool asks the model twice; the tool between does nothing.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from bench.harness.script import TOOL

LISTEN = "/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000&channels=1&interim_results=true&endpointing=false"
SPEAK = "/v1/speak?model=aura-2-helena-en&encoding=linear16&sample_rate=24000"
INSTRUCTIONS = "You are a helpful voice assistant."
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": TOOL,
            "description": "The caller's to-do list.",
            "parameters": {"type": "object", "properties": {}},
        },
    }
]
READY = '{"type":"ready"}'
FINALIZE = '{"type":"Finalize"}'
FLUSH = '{"type":"Flush"}'
CLEAR = '{"type":"Clear"}'

Message = dict[str, Any]


def new_session() -> aiohttp.ClientSession:
    """Connections to the vendors, as many as are wanted."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


def speak_message(sentence: str) -> str:
    """Make the messages with which Deepgram synthesizes a sentence."""
    return json.dumps({"type": "Speak", "text": sentence.strip() + " "})


def final_transcript(line: str) -> str:
    """The transcript in a message of Deepgram, when it confirms Finalize; else nothing."""
    result = json.loads(line)
    if not (result.get("is_final") and result.get("from_finalize")):
        return ""
    transcript: str = result["channel"]["alternatives"][0]["transcript"]
    return transcript


async def sentences(
    http: aiohttp.ClientSession, vendors: str, history: list[Message], *, tool: bool
) -> AsyncIterator[str]:
    """The model's answer, each sentence when its end mark has come.

    Args:
        http: of this process.
        vendors: where they are.
        history: the conversation; a call of the tool and its result are added to it.
        tool: whether a tool is offered, which the model then uses.
    """
    body: Message = {"model": "gpt-4.1", "stream": True, "messages": history} | ({"tools": TOOLS} if tool else {})
    sentence, call = "", None
    async with http.post(vendors + "/v1/chat/completions", json=body) as response:
        async for delta in _deltas(response):
            if "tool_calls" in delta:
                call = call or delta["tool_calls"][0]
            if not (token := delta.get("content")):
                continue
            sentence += token
            if token[-1] in ".!?":
                yield sentence
                sentence = ""
    if call:
        history += _tool_result(call)
        async for said in sentences(http, vendors, history, tool=False):
            yield said
    elif sentence.strip():
        yield sentence


async def _deltas(response: aiohttp.ClientResponse) -> AsyncIterator[Message]:
    async for line in response.content:
        if line.startswith(b"data: {") and (choices := json.loads(line[6:])["choices"]):
            yield choices[0]["delta"]


def _tool_result(call: Message) -> list[Message]:
    used = {"id": call["id"], "type": "function", "function": {"name": TOOL, "arguments": "{}"}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [used]},
        {"role": "tool", "tool_call_id": call["id"], "content": "[]"},
    ]
