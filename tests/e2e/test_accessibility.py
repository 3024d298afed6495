"""The voice page for those who use a keyboard, a screen reader or a phone: checked by axe in each of its states."""

import pytest

from tests.e2e.axe import faults, sticks_out

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_on_the_voice_page(product, chromium, viewport):
    with chromium(product, viewport=viewport, log_in=False) as caller:
        caller.until("auth_required")
        assert faults(caller.page) == []
        caller.log_in()
        caller.type("what is on my list")
        caller.answer()
        assert faults(caller.page) == []
        assert not sticks_out(caller.page)
