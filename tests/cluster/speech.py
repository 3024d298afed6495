"""A loopback Deepgram that hears in each recording what its caller has put there, so that no two callers' words mix.

Runs on a host of the test network: `python -m tests.cluster.speech --host 198.18.0.20`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
from dataclasses import dataclass

from tests.vendors.deepgram import DeepgramServer

PORT = 9300
WEBM = b"\x1aE\xdf\xa3"
"""How every recording of a browser begins."""

RECORDING_BYTES = 8_000
"""A second of speech."""

_SAYS = re.compile(rb"says:\{([^}]*)\}")


def recording_of(text: str) -> bytes:
    """A recording of a second in which this is said."""
    return (WEBM + b"says:{" + text.encode() + b"}").ljust(RECORDING_BYTES, b"\0")


@dataclass
class HearsWhatIsThere(DeepgramServer):
    """See the module."""

    def transcript_of(self, audio: bytes) -> str:
        """What the recording says; nothing when a part of it was lost."""
        said = _SAYS.search(audio)
        whole = said is not None and len(audio) == RECORDING_BYTES
        # nobody asks this server what it was asked, and it hears thousands of recordings
        self.requests.clear()
        return said[1].decode() if said is not None and whole else ""


async def _serve(host: str) -> None:
    server = HearsWhatIsThere(
        host=host,
        port=PORT,
        ms_per_character=25.0,
        sockets_allowed=1_000,
        requests_allowed=1_000,
        flushes_allowed=1_000_000,
        characters_allowed=100_000_000,
    )
    async with server:
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args().host))
