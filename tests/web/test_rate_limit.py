"""Limits on the messages of a socket and on the requests of an address."""

import pytest

from convonet.web.rate_limit import BucketPerAddress, TokenBucket
from tests.fixtures.clock import Clock


def test_a_socket_may_send_so_many_messages_and_a_burst():
    clock = Clock()
    bucket = TokenBucket(10, 40, clock)
    assert sum(bucket.take() for _ in range(100)) == 40
    clock.now += 1
    assert sum(bucket.take() for _ in range(100)) == 10


def test_a_large_message_counts_as_several_and_is_never_too_large_to_come():
    clock = Clock()
    bucket = TokenBucket(10, 40, clock)
    assert sum(bucket.take(16) for _ in range(100)) == 40 // 16
    clock.now += 4
    assert bucket.take(1_000)
    assert not bucket.take()


def test_an_event_that_is_given_back_does_not_count():
    bucket = TokenBucket(1, 1, Clock())
    for _ in range(3):
        assert bucket.take()
        bucket.give_back()
    bucket.give_back()
    assert [bucket.take(), bucket.take()] == [True, False]


def test_each_network_has_a_bucket_of_its_own_that_refills_evenly():
    clock = Clock()
    buckets = BucketPerAddress(10, 900, clock)
    assert sum(buckets.of("2001:db8::1").take() for _ in range(20)) == 10
    assert not buckets.of("2001:db8::2").take()
    assert buckets.of("2001:db8:0:1::1").take()
    assert buckets.of("2001:db8::1").wait_s() == pytest.approx(90)
    clock.now += 91
    assert buckets.of("2001:db8::1").take()


def test_the_address_that_was_seen_longest_ago_is_dropped_first():
    buckets = BucketPerAddress(1, 60, Clock(), max_addresses=2)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3"):
        buckets.of(address).take()
    assert not buckets.of("192.0.2.1").take()
    assert buckets.of("192.0.2.2").take()
