"""What passes over /call-center/ws, between a desk's page and the server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from convonet.telephony.messages import DeskAction, DeskView

MOST_BYTES = 4_096


class _Sent(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class DeskDoes(_Sent):
    """The person does something; `text` is the reason of who is not ready, or declines."""

    type: Literal["desk_does"]
    action: DeskAction
    text: Annotated[str, Field(max_length=200)] = ""


class DeskAlive(_Sent):
    """Sign of life; answered by `desk_alive_ack`."""

    type: Literal["desk_alive"]


DeskClientMessage = Annotated[DeskDoes | DeskAlive, Field(discriminator="type")]

desk_messages: TypeAdapter[DeskDoes | DeskAlive] = TypeAdapter(DeskClientMessage)


class DeskShown(BaseModel):
    """The call centre as this desk sees it now."""

    type: Literal["desk_view"] = "desk_view"
    view: DeskView


class DeskRefused(BaseModel):
    """Something was not possible; the words are for the person."""

    type: Literal["desk_refused"] = "desk_refused"
    message: str


class DeskAliveAck(BaseModel):
    """Answer to a sign of life."""

    type: Literal["desk_alive_ack"] = "desk_alive_ack"


class Phone(BaseModel):
    """What a desk's telephone needs to register with the PBX; only its own person gets it."""

    display_name: str
    extension: str
    domain: str
    wss_url: str
    ha1: str
    """MD5 of user, realm and password (RFC 2617): enough to register, not enough to know the password."""
