"""Another process of the machine, which saves one session repeatedly and prints a line after each confirmed save."""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from pathlib import Path

from convonet.core.ids import SessionId
from convonet.storage.checkpoints_sqlite import SqliteCheckpoints, checkpoint_file

DIGITS = 10
BODY_BYTES = 20_000


async def main(path: Path, session_id: SessionId) -> None:
    store = SqliteCheckpoints(*checkpoint_file(path))
    for number in count():
        body = (b"%0*d" % (DIGITS, number)) * (BODY_BYTES // DIGITS)
        await store.save(session_id, 1, body, 600, lease_s=1)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), SessionId(sys.argv[2])))
