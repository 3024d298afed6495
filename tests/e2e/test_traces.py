"""What a collector gets of a turn in the running product: one whole trace, from all processes that worked on it."""

import asyncio

from tests.e2e.product import PIN
from tests.e2e.socket_caller import SocketCaller

SERVICES = {
    "turn": "Voice",
    "turn > think": "Voice",
    "turn > think > agent": "AgentRouter",
    "turn > think > agent > route": "AgentRouter",
    "turn > think > agent > chat": "AgentRouter",
    "turn > think > agent > execute_tool": "AgentRouter",
    "turn > think > agent > execute_tool > execute_tool": "Tools",
    "turn > speak": "Voice",
    "turn > speak > synthesise": "Speech",
}


async def test_a_turn_is_one_whole_trace_over_all_processes(product, traces):
    async with SocketCaller.connect(product.port, PIN) as caller:
        assert "candles" in await caller.ask("add buy candles to my todo list")

        def spans_of_turn():
            roots = [seen for seen in traces.named("turn") if seen.attributes["session.id"] == caller.session_id]
            return traces.trace(roots[0].trace_id) if roots else None

        def is_whole(_):
            trace = spans_of_turn()
            return trace is not None and set(trace.paths()) >= set(SERVICES)

        await asyncio.to_thread(traces.wait_for, is_whole)
    trace = spans_of_turn()
    (root,) = trace.roots
    assert root.parent_id == ""
    assert {path(trace, seen): seen.service for seen in trace.spans} == SERVICES
    assert {seen.status for seen in trace.spans} == {"success"}
    assert {seen.attributes["session.id"] for seen in trace.spans if "session.id" in seen.attributes} == {
        caller.session_id
    }
    assert b"candles" not in b"".join(traces.bodies)


def path(trace, seen):
    return " > ".join(span.name for span in trace.above(seen))
