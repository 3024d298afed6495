"""The messages of Twilio's bidirectional media streams: JSON text frames, in which numbers are strings.

Source: Twilio's documentation of Media Streams WebSocket messages.
"""

from __future__ import annotations

import base64
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

MAX_CHARACTERS = 16_384
"""Of one message; a message with 20 ms of audio has about 350."""


class _Message(BaseModel):
    # Twilio adds fields from time to time
    model_config = ConfigDict(extra="ignore", frozen=True)


class StreamFacts(_Message):
    """Stream, call, and the parameters from our own TwiML."""

    stream_sid: str = Field(alias="streamSid")
    call_sid: str = Field(alias="callSid")
    parameters: dict[str, str] = Field(default_factory=dict, alias="customParameters")


class Start(_Message):
    """The first message with content; audio follows."""

    event: Literal["start"]
    start: StreamFacts


class Payload(_Message):
    """Mu-law, 8 kHz, usually 160 bytes."""

    payload: Annotated[str, Field(max_length=12_000)]


class Media(_Message):
    """Audio from the telephone."""

    event: Literal["media"]
    media: Payload

    @property
    def audio(self) -> bytes:
        """Mu-law bytes. Raises `ValueError` for invalid base64."""
        return base64.b64decode(self.media.payload, validate=True)


class Named(_Message):
    """A mark's name."""

    name: str


class Mark(_Message):
    """Everything sent before this mark has been played, or cleared."""

    event: Literal["mark"]
    mark: Named


class Stop(_Message):
    """The call or the stream is over."""

    event: Literal["stop"]


class Other(_Message):
    """`connected`, `dtmf`, and messages that Twilio may add."""

    event: str


StreamMessage = Start | Media | Mark | Stop | Other

_MESSAGES: TypeAdapter[Start | Media | Mark | Stop] = TypeAdapter(
    Annotated[Start | Media | Mark | Stop, Field(discriminator="event")]
)


def parse(text: str) -> StreamMessage:
    """Parse a message. Raises `ValueError` for a text that Twilio would not send."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError("too long for a stream message")
    try:
        return _MESSAGES.validate_json(text)
    except ValidationError as error:
        if error.errors()[0]["type"] == "union_tag_invalid":
            return Other.model_validate_json(text)
        raise ValueError(f"no stream message: {error.error_count()} faults") from None


def media(stream_sid: str, code: bytes) -> str:
    """Build the message with mu-law audio to be played."""
    return _to_json("media", stream_sid, {"media": {"payload": base64.b64encode(code).decode()}})


def mark(stream_sid: str, name: str) -> str:
    """Build the message that asks for a `Mark` once everything before it has been played."""
    return _to_json("mark", stream_sid, {"mark": {"name": name}})


def clear(stream_sid: str) -> str:
    """Build the message that drops all audio that has not been played yet."""
    return _to_json("clear", stream_sid, {})


def _to_json(event: str, stream_sid: str, more: dict[str, object]) -> str:
    return json.dumps({"event": event, "streamSid": stream_sid, **more})
