"""The text form of a hand-over."""

import pytest

from convonet.core.hand_over import HandOverDecision
from convonet.protocol.transfer_marker import from_marker, to_marker


def test_the_marker_has_extension_department_and_reason() -> None:
    assert to_marker(HandOverDecision("sales", "2001", "a price")) == "TRANSFER_INITIATED:2001|sales|a price"


@pytest.mark.parametrize(
    "hand_over", [None, HandOverDecision("sales", "2001", "a price: 2|3"), HandOverDecision("s", "", "")]
)
def test_a_marker_is_read_back_as_it_was_made(hand_over: HandOverDecision | None) -> None:
    assert from_marker(to_marker(hand_over)) == hand_over
