"""Logs of a replica: straight to the process's own stderr.

Serve replaces `sys.stderr` in a replica by a stream into its own log, which under the flags of ray.env holds back up to
a thousand lines: those before a crash, the ones that matter, would be lost.
"""

import sys

from convonet.logs import configure
from convonet.settings import Settings


def log_to_own_stderr(settings: Settings) -> None:
    """Call once when a replica starts."""
    configure(settings.log_level, sys.__stderr__)
