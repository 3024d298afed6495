"""A host of hand-overs without telephone and store, as a process that a test can stop; it writes its port and key."""

import asyncio
import os
import sys

from convonet.core.hand_over import HandOverState
from convonet.core.logs import configure
from convonet.rpc.server import RpcServer
from convonet.telephony.messages import HandOverView
from convonet.telephony.requests import HostRequests


class Host:
    """Says of everything which process it is."""

    async def follow_hand_over(self, transfer_id):
        yield HandOverView(transfer_id=transfer_id, state=HandOverState.QUEUED, department=str(os.getpid()))
        await asyncio.Event().wait()

    async def exchange_stream_key(self, _transfer_id, _attempt, after):
        return f"{os.getpid()} {after}"


async def serve():
    configure("warning")
    address = await RpcServer(HostRequests(Host()).answer, stop_timeout_s=0).start("127.0.0.1")
    sys.stdout.write(f"{address.port} {address.key}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
