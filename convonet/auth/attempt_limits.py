"""The rules that limit PIN attempts; `attempts` applies them in Python, `throttle_redis` in Lua.

A PIN also identifies the caller, so every guess is a guess at everybody's PIN. The rules therefore bound the number of
wrong PINs in any `WINDOW_S`. Three scopes count, and an attempt needs room in all of them:

* the connection (`session_id`): few attempts, one at a time;
* the address (an IPv6 caller counts as its /64 network, since one caller owns all of it): after `FREE_FAILURES` wrong
  PINs each further attempt waits twice as long. A right PIN resets nothing, or one known PIN would buy endless guesses;
* the lane, which is the overall limit. Addresses with a right PIN during the last day share one lane, strangers the
  other, so that a flood of strangers costs known callers nothing. Half of the limit may be used at full speed. Beyond
  it the lane is under attack: addresses with a recent wrong PIN stand back, and the others go one by one at the pace
  that uses up the other half in one window. So nobody is ever locked out for good, and a lane never lets more wrong
  PINs through than its limit.

`check` reserves the attempt, so that parallel attempts can't all pass before the first has failed. A reservation that
is never settled (the database was down, the process died) lapses. A refused check stores nothing, so the limits
themselves bound what is stored, not the number of addresses an attacker has.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from convonet.settings.login import LoginSettings

WINDOW_S = 900.0
RESERVATION_S = 10.0
"""Longer than any PIN check takes (the database gets 2 s), and short enough to recover soon from an outage."""
KNOWN_S = 86_400.0
FREE_FAILURES = 2
"""A mistyped PIN costs nothing."""
MAX_DELAY_S = 60.0
STAND_BACK_S = 60.0
"""Delay after a wrong PIN before the address may queue with the others, under attack."""
BRIEF_S = 0.05
"""Wait for attempts that are still being checked; such a check takes milliseconds."""


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Most wrong PINs in one window, by scope."""

    session: int
    address: int
    overall: int

    @classmethod
    def of(cls, settings: LoginSettings) -> AttemptLimits:
        return cls(settings.pin_attempts_per_session, settings.pin_attempts_per_address, settings.pin_attempts_overall)

    @property
    def fast(self) -> int:
        """Wrong PINs of a lane before it is under attack."""
        return (self.overall + 1) // 2

    @property
    def gap_s(self) -> float:
        """Seconds between two attempts of a lane under attack."""
        return WINDOW_S / max(1, self.overall - self.fast)


def network_of(address: str) -> str:
    """Return the key that attempts from `address` count under: IPv4 address, IPv6 /64 network, else the text itself."""
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
    """Return the seconds between the last of `failures` wrong PINs and the next attempt."""
    if failures < FREE_FAILURES:
        return 0.0
    return min(MAX_DELAY_S, 2.0 ** min(failures - FREE_FAILURES, 30))
