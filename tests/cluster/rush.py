"""Three times more callers than a cluster carries, from a host of the test network; prints one JSON object.

    python -m tests.cluster.rush --url http://.../webrtc/ws --vendors http://... --pin 500000 --callers 300 --mark ...

What is measured, and when a round says little, is `bench.overload`'s.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

import uvloop

from bench.harness.adapters import Convonet, ConvonetClient
from bench.harness.callers import Behavior
from bench.harness.level import Target
from bench.overload import run_rush

RUSH_S = 30.0
WINDOW_S = 30.0

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "vendors", "pin", "mark"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--callers", type=int, required=True)
    parser.add_argument("--core", type=int, required=True, help="the one that the cluster has")
    options = parser.parse_args()
    client = ConvonetClient(options.pin)
    target = Target(
        name="convonet",
        url=options.url,
        new_adapter=lambda: Convonet(client),
        behavior=Behavior(client.input),
        mark=options.mark,
        cores=(options.core,),
        vendors=options.vendors,
    )
    rush = uvloop.run(run_rush(target, client, options.callers, RUSH_S, WINDOW_S))
    found = asdict(rush) | {"ratio": rush.ratio, "suspicion": rush.use.suspicion, "words": str(rush)}
    print(json.dumps(found))  # noqa: T201 -- this is its output
