"""The rules that limit PIN attempts; `attempts` applies them in one process, `throttle_redis` in Redis.

A PIN also says who calls, so every guess is a guess at everybody's PIN; what must be bounded is the number of wrong
PINs in any `WINDOW_S`. Three scopes count, and an attempt needs room in all of them:

* the connection (`session_id`): few attempts, one at a time;
* the address (an IPv6 caller is its /64 network, since one caller owns all of it): after `FREE_FAILURES` wrong PINs
  each next one has to wait twice as long; a right PIN wipes nothing out, or one known PIN would buy endless guesses;
* the lane, which is the over-all limit. Addresses where somebody was let in during the last day are one lane, strangers
  the other, so a flood of strangers costs known callers nothing. Half of the limit may be used at full speed. Beyond it
  the lane is under attack: addresses with a recent wrong PIN stand back first, and the others go one by one at the
  pace that uses up the other half in one window. So nobody is ever locked out for good, and a lane never lets more
  than its limit of wrong PINs through.

`check` reserves the attempt, so parallel attempts can't all pass before the first has failed. A reservation that nobody
settles (the database was away, the process died) lapses. A refused check leaves nothing behind, so what is kept is
bounded by the limits themselves, not by the number of addresses an attacker has.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from convonet.settings.login import LoginSettings

WINDOW_S = 900.0
RESERVATION_S = 10.0
"""Longer than any PIN check takes (the database gets 2 s), short enough to forget an outage soon."""
KNOWN_S = 86_400.0
FREE_FAILURES = 2
"""A slip of the finger costs nothing."""
LONGEST_DELAY_S = 60.0
STAND_BACK_S = 60.0
"""Under attack, how long an address with a wrong PIN waits before it may queue with the others."""
BRIEF_S = 0.05
"""The wait when only attempts still being checked are in the way; such a check takes milliseconds."""


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Wrong PINs that may be given in one window."""

    session: int
    address: int
    overall: int

    @classmethod
    def of(cls, settings: LoginSettings) -> AttemptLimits:
        return cls(settings.pin_attempts_per_session, settings.pin_attempts_per_address, settings.pin_attempts_overall)

    @property
    def fast(self) -> int:
        """Wrong PINs of a lane at full speed."""
        return (self.overall + 1) // 2

    @property
    def gap_s(self) -> float:
        """Time between two attempts of a lane under attack."""
        return WINDOW_S / max(1, self.overall - self.fast)


def network_of(address: str) -> str:
    """What attempts from `address` are counted by: an IPv4 address, an IPv6 /64 network, else the text itself."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((ip, 64), strict=False).network_address)


def delay_after(failures: int) -> float:
    """Seconds that must lie between the last of `failures` wrong PINs and the next attempt."""
    if failures < FREE_FAILURES:
        return 0.0
    return min(LONGEST_DELAY_S, 2.0 ** min(failures - FREE_FAILURES, 30))
