"""Checkpoints of another release: those of the one before are read, and a newer one crashes nothing.

`tests/fixtures/release_before` holds what the release before versions has written: a call that waits for a human while
its next utterance is recognized, that hand-over, and the call center with a desk.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actors.hand_overs.actor import HandOverSnapshot
from actors.hand_overs.media_legs import MediaLegs
from actors.hand_overs.snapshot import CALL_CENTER, CallCenterSnapshot, SnapshotRepository
from actors.hand_overs.views import hand_over_view
from convonet.core.hand_over import CarrierKind, EndReason, HandOverState
from convonet.core.ids import SessionId
from convonet.sessions.conversation import Conversation
from convonet.storage.versioned import Versioned
from convonet.telephony.messages import MediaLegAction, MediaLegRequest
from convonet.telephony.switchboard import Switchboard
from tests.fixtures.sqlite import inline_checkpoints

BEFORE = Path(__file__).parents[1] / "fixtures" / "release_before"


def before(name: str) -> bytes:
    return (BEFORE / f"{name}.json").read_bytes()


def newer(body: bytes, **fields: object) -> bytes:
    """As a later release may write it."""
    return json.dumps({**json.loads(body), "version": Versioned.VERSION + 1, **fields}).encode()


def test_a_call_of_the_previous_release_goes_on() -> None:
    conversation = Conversation.from_checkpoint(before("conversation"))
    assert (conversation.version, conversation.session_id) == (1, "s-of-the-release-before")
    assert [message.content for message in conversation.history] == ["let me talk to a person", "I'll connect you."]
    assert conversation.transfer is not None
    assert conversation.transfer.is_begun
    assert conversation.in_flight is not None
    assert conversation.in_flight.utterance_to_repeat() is not None
    assert json.loads(conversation.to_checkpoint())["version"] == Versioned.VERSION


async def test_a_call_center_of_the_release_before_is_taken_over_with_its_hand_over() -> None:
    checkpoints = inline_checkpoints()
    transfer_id = CallCenterSnapshot.from_checkpoint(before("office")).open[0]
    await checkpoints.save(CALL_CENTER, 7, before("office"), 60)
    await checkpoints.save(SessionId(f"transfer-{transfer_id}"), 3, before("transfer"), 60)
    store = SnapshotRepository(checkpoints)
    call_center = await store.claim_call_center()
    assert call_center is not None
    assert (list(call_center.switchboard.desks), call_center.cluster) == (["dora"], "")
    assert call_center.switchboard.desks["dora"].has_telephone
    body = await store.claim_hand_over(call_center.open[0])
    assert body is not None
    assert body.transfer.state is HandOverState.QUEUED
    assert body.order.context.verified_by == "PIN"


def test_a_talk_of_the_release_before_goes_on_by_telephone() -> None:
    attempt = {"desk": "dora", "extension": "2001", "call_sid": "CA1", "accepted": True, "streaming": True}
    body = json.loads(before("transfer"))
    body["transfer"] |= {"state": "connected", "attempts": [attempt], "deadline": None}
    body["stream_keys"] = {"0": {"value": "k", "shown": True, "after": ""}}
    body["lines"] = {"0": {"host": "10.0.0.1", "port": 1, "key": "leg"}}
    snapshot = HandOverSnapshot.from_checkpoint(json.dumps(body).encode())
    current = snapshot.transfer.current
    assert current is not None
    assert (current.carrier, current.held, current.consultation) == (CarrierKind.TELEPHONE, False, None)
    assert hand_over_view(snapshot, Switchboard(), 0.0).line == snapshot.lines[0]
    leg = MediaLegs(snapshot).admit(MediaLegRequest(snapshot.transfer.transfer_id, 0, "k", "CA1", snapshot.lines[0]))
    assert leg is not None
    assert leg.value.order is MediaLegAction.JOIN


def test_a_hand_over_that_failed_in_the_release_before_without_a_telephone_can_be_read() -> None:
    body = json.loads(before("transfer"))
    body["transfer"] |= {"state": "failed", "why": "not_set_up"}
    assert HandOverSnapshot.from_checkpoint(json.dumps(body).encode()).transfer.why is EndReason.NOBODY_THERE


@pytest.mark.parametrize("kind", [Conversation, CallCenterSnapshot, HandOverSnapshot])
def test_fields_of_a_newer_release_are_ignored(kind: type[Versioned]) -> None:
    name = {Conversation: "conversation", CallCenterSnapshot: "office", HandOverSnapshot: "transfer"}[kind]  # type: ignore[index]
    assert kind.from_checkpoint(newer(before(name), something_new={"a": 1})).version == Versioned.VERSION + 1


def test_a_newer_release_can_keep_this_one_from_reading_its_checkpoints() -> None:
    with pytest.raises(ValueError, match=f"can be read from version {Versioned.VERSION + 1} on"):
        Conversation.from_checkpoint(newer(before("conversation"), needs=Versioned.VERSION + 1))


async def test_a_host_starts_with_an_empty_call_center_where_it_can_not_read_the_one_before() -> None:
    checkpoints = inline_checkpoints()
    await checkpoints.save(CALL_CENTER, 1, newer(before("office"), needs=99), 60)
    assert await SnapshotRepository(checkpoints).claim_call_center() is None
