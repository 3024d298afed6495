"""Messages of /call-center/ws, between a desk's page and the server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from convonet.telephony.messages import DeskAction, DeskView

MAX_CHARACTERS = 4_096
"""Of a message from the page."""


class _Sent(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class DeskDoes(_Sent):
    """An action of the person; `text` is a reason, or the extension of a transfer."""

    type: Literal["desk_does"]
    action: DeskAction
    text: Annotated[str, Field(max_length=200)] = ""


class DeskAlive(_Sent):
    """Heartbeat; answered by `desk_alive_ack`."""

    type: Literal["desk_alive"]


class DeskAudioOpen(_Sent):
    """The first message of /call-center/audio. After it both sides send PCM16, 16 kHz, mono, in binary messages."""

    type: Literal["desk_audio_open"]
    transfer_id: Annotated[str, Field(max_length=200)]
    attempt: Annotated[int, Field(ge=0, le=9_999)]
    stream_key: Annotated[str, Field(max_length=200)]


DeskClientMessage = Annotated[DeskDoes | DeskAlive, Field(discriminator="type")]

desk_messages: TypeAdapter[DeskDoes | DeskAlive] = TypeAdapter(DeskClientMessage)


class DeskShown(BaseModel):
    """The call center as this desk sees it now."""

    type: Literal["desk_view"] = "desk_view"
    view: DeskView


class DeskRefused(BaseModel):
    """Something was not possible; the message is shown to the person."""

    type: Literal["desk_refused"] = "desk_refused"
    message: str


class DeskAliveAck(BaseModel):
    """Answer to a heartbeat."""

    type: Literal["desk_alive_ack"] = "desk_alive_ack"


class DeskAudioOpened(BaseModel):
    """Answer to `desk_audio_open`: the stream was admitted."""

    type: Literal["desk_audio_opened"] = "desk_audio_opened"


class Phone(BaseModel):
    """Credentials that a desk's telephone registers with at the PBX; only its own person gets them."""

    display_name: str
    extension: str
    domain: str
    wss_url: str
    ha1: str
    """MD5 of user, realm and password (RFC 2617): enough to register, without giving the password away."""
