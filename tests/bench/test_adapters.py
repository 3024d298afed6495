"""Messages of the product, as a caller of the benchmark classifies them."""

from __future__ import annotations

import base64
import json

import pytest
from aiohttp import WSMessage, WSMsgType

from bench.harness.adapters import Convonet, ConvonetClient, Received
from convonet.protocol.frames import FrameHeader, SoundKind

LOUD = b"\x10\x27" * 240
"""10 ms at 24 kHz."""


def text(**body: object) -> WSMessage:
    return WSMessage(WSMsgType.TEXT, json.dumps(body), None)


def frame(header: FrameHeader, sound: bytes = LOUD) -> WSMessage:
    return WSMessage(WSMsgType.BINARY, header.pack() + sound, None)


@pytest.fixture
def streaming() -> Convonet:
    """In its seventh turn."""
    caller = Convonet(ConvonetClient("1234", audio="stream"))
    caller.read(text(type="processing_start", seq=4, turn_number=7))
    return caller


def test_a_frame_of_the_answer_is_sound_without_its_header(streaming):
    received = streaming.read(frame(FrameHeader(SoundKind.ANSWER_PCM16, turn_number=7)))
    assert received == Received("audio", 10.0, is_voiced=True)


def test_the_last_frame_ends_the_answer(streaming):
    assert streaming.read(frame(FrameHeader(SoundKind.ANSWER_PCM16, turn_number=7, is_last=True), b"")).kind == "end"


@pytest.mark.parametrize(
    "header", [FrameHeader(SoundKind.ANSWER_PCM16, turn_number=6), FrameHeader(SoundKind.TALK_PCM16, turn_number=7)]
)
def test_sound_of_another_turn_or_of_a_talk_is_not_the_answer(streaming, header):
    assert streaming.read(frame(header)).kind == "other"


def test_a_client_that_asked_for_files_reads_files_and_gets_no_frames():
    caller = Convonet(ConvonetClient("1234", audio="files"))
    mp3 = base64.b64encode(bytes(144)).decode()
    received = caller.read(text(type="audio_chunk", data_b64=mp3, mime_type="audio/mpeg", is_final=True))
    assert received == Received("end", 24.0, is_voiced=True)
    assert caller.read(frame(FrameHeader(SoundKind.ANSWER_PCM16))).kind == "error"


def test_an_error_ends_the_turn_with_its_code(streaming):
    received = streaming.read(text(type="error", code="overloaded", message="Try again."))
    assert received == Received("error", detail="overloaded: Try again.")
