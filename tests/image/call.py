"""A call from within a container's network: `python -m tests.image.call PORT PIN` prints what it was answered."""

import asyncio
import json
import sys

from tests.e2e.socket_caller import SocketCaller


async def call(port, pin):
    async with SocketCaller.connect(port, pin) as caller:
        answer = await caller.answer("add buy milk to my todo list")
        return {"session_id": caller.session_id, "answer": answer["text"]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(call(int(sys.argv[1]), sys.argv[2]))))
