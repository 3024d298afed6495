"""The limit on the sockets of one address."""

import ipaddress
from contextlib import ExitStack

import pytest

from convonet.gateway.limits import SocketsPerAddress, TooManySockets
from convonet.web.client_address import TrustedProxies

NOBODY = TrustedProxies()
PROXY = "35.191.12.34"


def test_an_address_with_too_many_sockets_gets_no_more_until_one_is_closed():
    sockets = SocketsPerAddress(2, NOBODY)
    with sockets.hold("198.51.100.7"):
        with sockets.hold("198.51.100.7"):
            with pytest.raises(TooManySockets), sockets.hold("198.51.100.7"):
                pass
            with sockets.hold("198.51.100.8"):
                pass
        with sockets.hold("198.51.100.7"):
            pass


def test_all_addresses_of_an_ipv6_network_count_together():
    sockets = SocketsPerAddress(2, NOBODY)
    with sockets.hold("2001:db8::1"), sockets.hold("2001:db8::ffff:1"):
        with pytest.raises(TooManySockets), sockets.hold("2001:db8::2"):
            pass
        with sockets.hold("2001:db8:0:1::1"):
            pass


def test_a_trusted_proxy_has_no_limit_of_sockets():
    sockets = SocketsPerAddress(2, TrustedProxies([ipaddress.ip_network("35.191.0.0/16")]))
    with ExitStack() as held:
        for _ in range(300):
            held.enter_context(sockets.hold(PROXY))
        for _ in range(2):
            held.enter_context(sockets.hold("198.51.100.7"))
        with pytest.raises(TooManySockets), sockets.hold("198.51.100.7"):
            pass


def test_nothing_is_kept_about_addresses_without_sockets():
    sockets = SocketsPerAddress(2, NOBODY)
    for number in range(100):
        with sockets.hold(f"198.51.100.{number}"):
            pass
    assert not sockets._open
