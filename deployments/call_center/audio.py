"""The desks' audio in the call center's own replica, for a cluster without HAProxy.

Ray's own proxy routes by application, so it brings /call-center/audio here. The media legs then end with this process,
and their whispers are spoken by local speech. HAProxy brings the path to the voice replicas instead.
"""

from __future__ import annotations

from functools import cache

import ray

from convonet.auth.throttle import throttle
from convonet.desk.audio import DeskAudio
from convonet.settings import get_settings
from convonet.staff.accounts import StaffAccounts
from convonet.staff.http import StaffLogin
from convonet.storage.database import Database
from convonet.telephony.caller_port import CallerPort
from deployments.replicas import remote_hand_overs, remote_speech


class AudioParts:
    """The audio sockets of this process, and all that they need."""

    def __init__(self) -> None:
        settings = get_settings()
        self._database = Database(settings.storage.database_url)
        # by its port, as for any other process: a media leg outlives a host
        self._hand_overs = remote_hand_overs()
        self._speech = remote_speech()
        self._callers = CallerPort()
        login = StaffLogin(StaffAccounts(self._database), throttle(settings, "staff"), settings)
        self.sockets = DeskAudio(login, self._hand_overs, self._speech, self._speech, self._callers, settings)

    async def start(self) -> None:
        """Listen for callers, and connect before the first talk needs it."""
        await self._callers.start(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        self._hand_overs.start()
        self._speech.start()

    async def close(self) -> None:
        """Close all connections."""
        await self._callers.stop()
        await self._hand_overs.close()
        await self._speech.close()
        await self._database.close()


@cache
def audio_parts() -> AudioParts:
    """Return the parts of this process."""
    return AudioParts()
