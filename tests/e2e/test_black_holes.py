"""A connection becomes a black hole: nothing is closed, nothing comes through. Pages find out by themselves."""

import sqlite3
import time
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from tests.e2e.supervisor import supervisor
from tests.fixtures.black_hole import Way

FOUND_WITHIN_S = 4.0
BACK_WITHIN_S = FOUND_WITHIN_S + 2.0


@pytest.fixture
def way(product):
    with Way.to(product.port) as way:
        yield way


@pytest.fixture
def reached(product, way):
    """The product as it is reached by this way."""
    return SimpleNamespace(url=f"http://127.0.0.1:{way.port}", pin=product.pin, staff_link=product.staff_link)


def vanish(product, way):
    """The machine vanishes; whoever comes again reaches another one. Returns when."""
    way.vanish()
    way.lead_to(product.port)
    return time.monotonic()


def todos(product, title):
    with sqlite3.connect(product.database) as database:
        query = "SELECT count(*) FROM todos_anthropic WHERE title = ?"
        return database.execute(query, (title,)).fetchone()[0]


def test_a_caller_whose_connection_vanishes_in_mid_turn_gets_the_answer(product, chromium, way, reached):
    with chromium(reached) as caller:
        # the greeting may still sound, and what was sent before is heard
        caller.page.wait_for_timeout(1_000)
        mark = len(caller.frames)
        caller.type("add buy thyme to my todo list")
        caller.until("processing_start", after=mark)
        vanished_at = vanish(product, way)
        assert caller.until("auth_ok", after=mark)["resumed"] is True
        assert time.monotonic() - vanished_at < BACK_WITHIN_S
        caller.page.get_by_text("I added buy thyme").first.wait_for()
        mark = len(caller.frames)
        caller.type("what is on my list")
        assert "thyme" in caller.answer(after=mark)[0]
    assert todos(product, "buy thyme") == 1


def test_a_supervisors_page_whose_connection_vanishes_says_so_and_is_back(product, chromium, way, reached):
    with chromium(product) as caller, supervisor(caller, reached) as monitor:
        connection = monitor.get_by_test_id("connection")
        expect(connection).to_have_text("Live")
        way.vanish()
        expect(connection).to_have_text("Reconnecting…", timeout=1000 * (FOUND_WITHIN_S + 1))
        way.lead_to(product.port)
        expect(connection).to_have_text("Live", timeout=1000 * (BACK_WITHIN_S + 4))
