"""A supervisor in a browser: the monitor's page, and what it and its server say."""

import time
from contextlib import contextmanager


@contextmanager
def supervisor(caller, product, viewport=None):
    """The monitor's page in another window of the caller's browser, with the owner logged in."""
    context = caller.page.context.browser.new_context(viewport=viewport or {"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(product.staff_link())
    page.goto(f"{product.url}/agent-monitor/")
    yield page
    context.close()


def choose(monitor, caller):
    """Read along with this call; those of tests before may still be shown."""
    row_of(monitor, caller).click()


def row_of(monitor, caller):
    """The call's row in the list of live calls."""
    session_id = caller.until("auth_ok")["session_id"]
    return monitor.get_by_test_id("calls").locator(f"[data-session='{session_id}']")


def listed_turns(monitor, product, session_ids):
    """Ids of the turns of these calls that the list of turns has."""
    found = set()
    for session_id in session_ids:
        path = f"/agent-monitor/api/turns?session={session_id}&limit=200"
        answer = monitor.request.get(product.url + path)
        assert answer.ok, answer.text()
        found |= {turn["request_id"] for turn in answer.json()["turns"]}
    return found


def until(page, holds, wait_s=60):
    """Wait until `holds()`, while the page goes on."""
    deadline = time.monotonic() + wait_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {wait_s} s"
        page.wait_for_timeout(100)
