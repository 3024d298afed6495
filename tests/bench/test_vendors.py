"""The benchmark's vendors speak what the vendors' own SDKs read, and keep the vendors' limits."""

from __future__ import annotations

import aiohttp
import pytest
from anthropic import AsyncAnthropic
from deepgram.types.listen_v1response import ListenV1Response
from openai import AsyncOpenAI

from bench.harness.script import REPLY, TOOL, TRANSCRIPT
from bench.vendors.speak import MAX_FLUSHES

QUESTION = {"role": "user", "content": "what is on my list"}


@pytest.fixture
async def http() -> aiohttp.ClientSession:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_openai_answers_token_by_token(vendors):
    async with AsyncOpenAI(base_url=f"{vendors}/v1", api_key="loopback") as client:
        stream = await client.chat.completions.create(model="m", messages=[QUESTION], stream=True)
        tokens = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(tokens) == REPLY
    assert sum(map(bool, tokens)) == 40


async def test_openai_calls_the_tool_first_in_turns_that_use_one(vendors, http):
    await http.post(f"{vendors}/script", json={"tool": True})
    tools = [{"type": "function", "function": {"name": TOOL, "parameters": {"type": "object", "properties": {}}}}]
    async with AsyncOpenAI(base_url=f"{vendors}/v1", api_key="loopback") as client:
        first = await client.chat.completions.create(model="m", messages=[QUESTION], tools=tools)
        (call,) = first.choices[0].message.tool_calls
        result = {"role": "tool", "tool_call_id": call.id, "content": "three items"}
        messages = [QUESTION, first.choices[0].message, result]
        second = await client.chat.completions.create(model="m", messages=messages, tools=tools)
    assert (call.function.name, call.function.arguments) == (TOOL, "{}")
    assert second.choices[0].message.content == REPLY


async def test_anthropic_calls_the_tool_first_in_turns_that_use_one(vendors, http):
    await http.post(f"{vendors}/script", json={"tool": True})
    tools = [{"name": TOOL, "input_schema": {"type": "object", "properties": {}}}]
    options = {"model": "m", "max_tokens": 100, "tools": tools}
    async with AsyncAnthropic(base_url=vendors, api_key="loopback") as client:
        async with client.messages.stream(messages=[QUESTION], **options) as stream:
            first = await stream.get_final_message()
        (call,) = first.content
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "three items"}
        messages = [QUESTION, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
        async with client.messages.stream(messages=messages, **options) as stream:
            second = await stream.get_final_message()
    assert (first.stop_reason, call.name, call.input) == ("tool_use", TOOL, {})
    assert second.content[0].text == REPLY


async def test_a_recording_is_recognized(vendors, http):
    async with http.post(f"{vendors}/v1/listen", data=bytes(2000)) as response:
        heard = ListenV1Response.model_validate(await response.json())
    assert heard.results.channels[0].alternatives[0].transcript == TRANSCRIPT


async def test_only_twenty_flushes_a_minute_are_carried_out_on_a_socket(vendors, http):
    async with http.ws_connect(f"{vendors}/v1/speak?encoding=linear16") as socket:
        for _ in range(MAX_FLUSHES + 1):
            await socket.send_json({"type": "Flush"})
        kinds = [(await socket.receive_json())["type"] for _ in range(MAX_FLUSHES + 2)]
        await socket.send_json({"type": "Close"})
        await socket.receive()
    async with http.get(f"{vendors}/stats") as response:
        counts = (await response.json())["counts"]
    assert (kinds.count("Flushed"), kinds.count("Warning")) == (MAX_FLUSHES, 1)
    assert counts["tts_flushes_refused"] == 1


async def test_a_sentence_is_synthesized_once_it_is_complete(vendors, http):
    async with http.ws_connect(f"{vendors}/v1/speak?encoding=linear16&sample_rate=24000") as socket:
        await socket.receive_json()
        await socket.send_json({"type": "Speak", "text": "Sure, I can. "})
        spoken = await socket.receive(timeout=10)
    assert spoken.type is aiohttp.WSMsgType.BINARY
    assert len(spoken.data) == 24000 * 2 // 10
