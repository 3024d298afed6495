"""When a model of the chain rests, and for how long."""

import pytest

from convonet.agents.models.health import LONGEST_REST_S, Health
from tests.fixtures.clock import Clock

REST_S = 10.0


@pytest.fixture
def clock():
    return Clock(1000.0)


@pytest.fixture
def health(clock):
    return Health("anthropic", "claude", REST_S, clock)


def probe_fails(health, clock):
    clock.now += health.shown().rests_for_s
    assert health.wants_probe()
    health.failed("broken", health.asked(), rest=True)


def test_each_rest_after_a_failed_probe_is_twice_as_long_up_to_a_limit(health, clock):
    health.failed("broken", health.asked(), rest=True)
    rests = []
    for _ in range(6):
        rests.append(health.shown().rests_for_s)
        probe_fails(health, clock)
    assert rests == [10, 20, 40, 80, 160, LONGEST_REST_S]


def test_an_answer_makes_the_next_rest_short_again(health, clock):
    health.failed("broken", health.asked(), rest=True)
    probe_fails(health, clock)
    health.answered(health.asked())
    health.failed("broken", health.asked(), rest=True)
    assert health.shown().rests_for_s == REST_S


def test_an_answer_to_a_question_from_before_the_rest_does_not_end_it(health):
    asked = health.asked()
    health.failed("too many", health.asked(), rest=True, at_least_s=70)
    health.answered(asked)
    shown = health.shown()
    assert (shown.state, shown.rests_for_s, shown.answers) == ("resting", 70, 1)


def test_an_answer_to_a_question_from_before_a_failure_without_a_rest_counts(health, clock):
    health.failed("broken", health.asked(), rest=True)
    clock.now += REST_S
    assert health.wants_probe()
    asked = health.asked()
    health.failed("refused", health.asked(), rest=False)
    health.answered(asked)
    assert health.is_ready


def test_a_later_failure_does_not_shorten_the_rest_that_the_vendor_asked_for(health):
    asked = health.asked()
    health.failed("too many", asked, rest=True, at_least_s=70)
    health.failed("cut", asked, rest=True)
    assert health.shown().rests_for_s == 70


def test_a_failure_of_a_question_from_before_the_rest_is_no_news_after_it(health, clock):
    asked = health.asked()
    health.failed("broken", asked, rest=True)
    clock.now += REST_S
    assert health.wants_probe()
    probe = health.asked()
    health.failed("cut", asked, rest=True)
    assert health.shown().state == "probing"
    health.answered(probe)
    assert health.is_ready
    health.failed("cut", asked, rest=True)
    assert (health.is_ready, health.shown().failures) == (True, 3)
