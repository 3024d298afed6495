"""The header of binary frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convonet.protocol.frames import HEADER_BYTES, FrameHeader, SoundKind


@given(
    st.builds(
        FrameHeader,
        kind=st.sampled_from(SoundKind),
        turn_number=st.integers(0, 2**16 - 1),
        first_sample=st.integers(0, 2**32 - 1),
        seq=st.integers(0, 2**64 - 1),
        is_last=st.booleans(),
    )
)
def test_a_header_is_read_as_it_was_written(header):
    packed = header.pack()
    assert len(packed) == HEADER_BYTES
    assert FrameHeader.unpack(packed + b"sound") == header


def test_a_header_has_the_layout_of_the_wire_contract():
    header = FrameHeader(SoundKind.ANSWER_PCM16, turn_number=3, first_sample=2400, seq=17, is_last=True)
    assert header.pack().hex() == "02010300600900001100000000000000"


def test_turn_numbers_begin_again_after_65535():
    assert FrameHeader.unpack(FrameHeader(SoundKind.TALK_PCM16, turn_number=2**16 + 2).pack()).turn_number == 2


@pytest.mark.parametrize("frame", [b"", b"\x01" * 15, b"\x09" + bytes(15), bytes(16)])
def test_an_invalid_header_is_refused(frame):
    with pytest.raises(ValueError, match=r"shorter|valid SoundKind"):
        FrameHeader.unpack(frame)
