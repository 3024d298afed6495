"""Twilio Media Streams: the messages of a bidirectional stream, as JSON text frames. Numbers in them are strings.

Source: Twilio's documentation of Media Streams WebSocket messages.
"""

from __future__ import annotations

import base64
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

MAX_CHARACTERS = 16_384
"""A message with 20 ms of audio has about 350."""


class _Message(BaseModel):
    # Twilio adds fields from time to time
    model_config = ConfigDict(extra="ignore", frozen=True)


class StreamFacts(_Message):
    """What the stream is of; `parameters` are those of our own TwiML."""

    stream_sid: str = Field(alias="streamSid")
    call_sid: str = Field(alias="callSid")
    parameters: dict[str, str] = Field(default_factory=dict, alias="customParameters")


class Start(_Message):
    """The first message that says anything; audio follows."""

    event: Literal["start"]
    start: StreamFacts


class Payload(_Message):
    """Mu-law, 8 kHz, usually 160 bytes."""

    payload: Annotated[str, Field(max_length=12_000)]


class Media(_Message):
    """What Twilio hears on the line."""

    event: Literal["media"]
    media: Payload

    @property
    def audio(self) -> bytes:
        """Mu-law. Raises `ValueError` for what is no base64."""
        return base64.b64decode(self.media.payload, validate=True)


class Named(_Message):
    """A mark's name."""

    name: str


class Mark(_Message):
    """What we sent before this mark was played, or cleared."""

    event: Literal["mark"]
    mark: Named


class Stop(_Message):
    """The call or the stream is over."""

    event: Literal["stop"]


class Other(_Message):
    """`connected`, `dtmf`, and what may come one day."""

    event: str


StreamMessage = Start | Media | Mark | Stop | Other

_MESSAGES: TypeAdapter[Start | Media | Mark | Stop] = TypeAdapter(
    Annotated[Start | Media | Mark | Stop, Field(discriminator="event")]
)


def parse(text: str) -> StreamMessage:
    """A message. Raises `ValueError` for one that Twilio would not send."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError("too long for a stream message")
    try:
        return _MESSAGES.validate_json(text)
    except ValidationError as error:
        if error.errors()[0]["type"] == "union_tag_invalid":
            return Other.model_validate_json(text)
        raise ValueError(f"no stream message: {error.error_count()} faults") from None


def media(stream_sid: str, code: bytes) -> str:
    """Mu-law audio to be played."""
    return _written("media", stream_sid, {"media": {"payload": base64.b64encode(code).decode()}})


def mark(stream_sid: str, name: str) -> str:
    """Asks for a `Mark` when what was sent so far has been played."""
    return _written("mark", stream_sid, {"mark": {"name": name}})


def clear(stream_sid: str) -> str:
    """Drops what was sent and not played yet."""
    return _written("clear", stream_sid, {})


def _written(event: str, stream_sid: str, more: dict[str, object]) -> str:
    return json.dumps({"event": event, "streamSid": stream_sid, **more})
