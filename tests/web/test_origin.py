"""The pages that may open a WebSocket."""

import pytest

from convonet.web.origin import origin_is_allowed


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("https://calls.example", "calls.example", True),
        ("https://calls.example:8443", "calls.example", False),
        ("https://evil.example", "calls.example", False),
        ("https://partner.example/", "calls.example", True),
        (None, "calls.example", True),
        ("null", None, False),
    ],
)
def test_our_own_page_and_named_ones_may_connect(origin, host, allowed):
    assert origin_is_allowed(origin, host, frozenset({"https://partner.example"})) is allowed
