"""The client's address, with and without proxies in front."""

import ipaddress

import pytest

from convonet.web.client_address import MAX_HOPS, UNKNOWN, ClientAddress, TrustedProxies, hops, source_of

GOOGLE = TrustedProxies([ipaddress.ip_network(n) for n in ("35.191.0.0/16", "130.211.0.0/22", "203.0.113.200/32")])
NOBODY = TrustedProxies()

HAPROXY = "127.0.0.1"
CALLER = "198.51.100.7"


def source(peer, *forwarded_for, trusted=GOOGLE, behind_haproxy=True):
    return source_of(hops(peer, forwarded_for, behind_haproxy=behind_haproxy), trusted)


def test_behind_haproxy_alone_the_client_is_its_peer():
    assert source(HAPROXY, CALLER, trusted=NOBODY) == CALLER


def test_a_header_from_an_untrusted_client_is_not_believed():
    assert source(HAPROXY, "203.0.113.1", CALLER) == CALLER
    assert source(HAPROXY, "203.0.113.1, 35.191.0.1", CALLER) == CALLER
    assert source(CALLER, "203.0.113.1", behind_haproxy=False) == CALLER


def test_behind_a_load_balancer_the_client_is_the_one_that_it_names():
    """Google's adds the caller's address and its own, HAProxy adds Google's front end."""
    assert source(HAPROXY, f"{CALLER},203.0.113.200", "35.191.12.34") == CALLER
    assert source(HAPROXY, f"1.2.3.4, {CALLER}, 203.0.113.200", "35.191.12.34") == CALLER


def test_without_haproxy_the_trusted_proxy_is_the_peer_itself():
    assert source("35.191.12.34", CALLER, behind_haproxy=False) == CALLER


def test_a_trusted_proxy_that_names_no_client_counts_itself():
    assert source(HAPROXY, "35.191.12.34") == "35.191.12.34"
    assert source(HAPROXY, "", "35.191.12.34") == "35.191.12.34"
    assert source("35.191.12.34", behind_haproxy=False) == "35.191.12.34"


def test_a_request_that_does_not_come_through_haproxy_is_its_peers():
    """Such as Ray's own health checks."""
    assert source(HAPROXY) == HAPROXY


def test_local_addresses_are_trusted_only_if_named():
    assert source(HAPROXY, "203.0.113.1", "127.0.0.1", trusted=NOBODY) == "127.0.0.1"
    local = TrustedProxies([ipaddress.ip_network("127.0.0.1")])
    assert source(HAPROXY, "203.0.113.1", "127.0.0.1", trusted=local) == "203.0.113.1"


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        (" 198.51.100.7 ", CALLER),
        ("198.51.100.7:4711", CALLER),
        ('"198.51.100.7"', CALLER),
        ("::ffff:198.51.100.7", CALLER),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", UNKNOWN),
        ("_hidden", UNKNOWN),
        ("198.51.100", UNKNOWN),
        ("[2001:db8::1", "2001:db8::1"),
        ("<script>" * 400, UNKNOWN),
    ],
)
def test_an_entry_is_an_address_however_it_is_written_or_unknown(entry, address):
    assert source(HAPROXY, entry, "35.191.12.34") == address


def test_trust_does_not_depend_on_how_a_proxys_address_is_written():
    assert source(HAPROXY, CALLER, "::ffff:35.191.12.34") == CALLER
    assert source("::ffff:35.191.12.34", CALLER, behind_haproxy=False) == CALLER


def test_an_endless_header_is_not_followed():
    endless = ",".join(["35.191.0.1"] * 1_000)
    assert len(hops(HAPROXY, [endless], behind_haproxy=True)) == MAX_HOPS
    assert source(HAPROXY, CALLER, endless) == "35.191.0.1"


async def scope_after(middleware, headers, *, type_="http", peer=HAPROXY):
    seen = {}
    scope = {"type": type_, "scheme": {"http": "http", "websocket": "ws"}[type_], "headers": headers}
    scope["client"] = (peer, 4711) if peer else None

    async def app(scope, receive, send):
        seen.update(scope)

    await middleware(app)(scope, None, None)
    return seen


async def test_the_application_sees_the_callers_address():
    def behind_haproxy(app):
        return ClientAddress(app, GOOGLE, behind_haproxy=True)

    headers = [(b"x-forwarded-for", f"{CALLER}, 203.0.113.200".encode()), (b"x-forwarded-for", b"35.191.12.34")]
    scope = await scope_after(behind_haproxy, headers)
    assert (scope["client"], scope["peer"]) == ((CALLER, 0), HAPROXY)
    assert (await scope_after(behind_haproxy, [], peer=None))["client"] == (UNKNOWN, 0)


@pytest.mark.parametrize(("type_", "scheme"), [("http", "https"), ("websocket", "wss")])
async def test_only_a_trusted_proxy_says_that_the_connection_is_encrypted(type_, scheme):
    def behind_haproxy(app):
        return ClientAddress(app, GOOGLE, behind_haproxy=True)

    proto = (b"x-forwarded-proto", b"https")
    through_google = [proto, (b"x-forwarded-for", CALLER.encode()), (b"x-forwarded-for", b"35.191.12.34")]
    assert (await scope_after(behind_haproxy, through_google, type_=type_))["scheme"] == scheme
    by_hand = [proto, (b"x-forwarded-for", b"35.191.12.34"), (b"x-forwarded-for", CALLER.encode())]
    assert (await scope_after(behind_haproxy, by_hand, type_=type_))["scheme"] == scheme.removesuffix("s")
