"""Runs scenarios with the real agent and the real tools, each on a seeded database. `convonet eval` calls it."""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, Table, select

from convonet.agents.base import Agent, Final, ToolStarted, TurnRequest
from convonet.agents.service import AgentService
from convonet.core.caller import Caller
from convonet.core.errors import ConvonetError
from convonet.core.ids import DEMO_USER_ID, TurnId, new_session_id
from convonet.demo import seed_demo
from convonet.domains.discovery import all_domains, all_servers
from convonet.evals.scenario import ExpectedRows, Scenario, ScenarioTurn, holds
from convonet.mcp.local import local_tools
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.migrate import migrate


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a scenario."""

    name: str
    faults: tuple[str, ...]
    """Deviations from the expected results, in words; empty for a success."""
    spent_s: float
    model: str = ""
    transcript: tuple[tuple[str, str], ...] = ()
    """Sentences of the caller with the answers."""


@dataclass(slots=True)
class _Talk:
    """A session's side of the conversation."""

    agent: Agent
    caller: Caller
    last: Final | None = None
    transcript: list[tuple[str, str]] = field(default_factory=list)

    async def say(self, text: str) -> tuple[Final, list[ToolStarted]]:
        last = self.last
        request = TurnRequest(
            session_id=new_session_id(),
            turn_id=TurnId(f"t-{uuid.uuid4().hex}"),
            caller=self.caller,
            transcript=text,
            history=last.history if last else (),
            agent_type=last.agent_type if last else None,
            memory=last.memory if last else {},
        )
        events = [event async for event in self.agent.turn(request)]
        final = next(event for event in events if isinstance(event, Final))
        self.last = final
        self.transcript.append((text, final.text))
        return final, [event for event in events if isinstance(event, ToolStarted)]


async def run_scenarios(
    scenarios: Sequence[Scenario], settings: Settings, report: Callable[[Result], None]
) -> list[Result]:
    """Run scenarios one after the other; `report` gets each result at once."""
    results = []
    with tempfile.TemporaryDirectory(prefix="convonet-eval-") as folder:
        seeded = Path(folder) / "seeded.db"
        await migrate(_url(seeded))
        await seed_demo(_url(seeded))
        for scenario in scenarios:
            result = await _run(scenario, settings, Path(shutil.copy(seeded, Path(folder) / "scenario.db")))
            report(result)
            results.append(result)
    return results


async def _run(scenario: Scenario, settings: Settings, database_file: Path) -> Result:
    began = time.perf_counter()
    database = Database(_url(database_file))
    faults: list[str] = []
    async with local_tools(all_servers(database, settings), secret=settings.signing_secret) as tools:
        agent = AgentService(settings, all_domains(), tools=tools)
        talk = _Talk(agent, Caller(DEMO_USER_ID, "Demo", settings.callers.timezone))
        for number, turn in enumerate(scenario.turns, 1):
            found = await _turn_faults(talk, turn, scenario.within_s)
            faults += [f"turn {number}, {turn.say!r}: {fault}" for fault in found]
        faults += [fault for expected in scenario.rows if (fault := await _rows_fault(database, expected))]
        await agent.close()
    await database.close()
    model = f"{talk.last.provider}/{talk.last.model}" if talk.last else ""
    return Result(scenario.name, tuple(faults), time.perf_counter() - began, model, tuple(talk.transcript))


async def _turn_faults(talk: _Talk, turn: ScenarioTurn, within_s: float) -> list[str]:
    began = time.perf_counter()
    try:
        final, calls = await talk.say(turn.say)
    except ConvonetError as error:
        return [f"failed: {error}"]
    spent = time.perf_counter() - began
    faults = [f"took {spent:.1f} s"] if spent > within_s else []
    if turn.domain is not None and final.agent_type != turn.domain:
        faults.append(f"went to {final.agent_type}, not {turn.domain}")
    faults += _word_faults(turn, final.text.lower()) + _call_faults(turn, calls) + _hand_over_faults(turn, final)
    return faults


def _word_faults(turn: ScenarioTurn, answer: str) -> list[str]:
    missing = [words for words in turn.says if not any(word in answer for word in words.lower().split("|"))]
    wrong = [word for word in turn.never_says if word.lower() in answer]
    return [f"did not say {word!r} but {answer!r}" for word in missing] + [f"said {word!r}" for word in wrong]


def _call_faults(turn: ScenarioTurn, calls: Sequence[ToolStarted]) -> list[str]:
    if turn.calls is None:
        return []
    used = [call.tool for call in calls]
    if used != [expected.tool for expected in turn.calls]:
        return [f"used {used}"]
    return [
        f"called {call.tool} with {call.arguments}"
        for expected, call in zip(turn.calls, calls, strict=True)
        if not holds(expected.arguments, call.arguments)
    ]


def _hand_over_faults(turn: ScenarioTurn, final: Final) -> list[str]:
    if turn.hand_over != (final.hand_over is not None):
        return ["handed over" if final.hand_over else "did not hand over"]
    if turn.department and (final.hand_over is None or turn.department != final.hand_over.department):
        return [f"handed over by {final.hand_over}"]
    return []


async def _rows_fault(database: Database, expected: ExpectedRows) -> str | None:
    rows = [row for row in await _rows(database, expected.table) if holds(expected.where, row)]
    if len(rows) == expected.count:
        return None
    return f"{expected.table} has {len(rows)} rows with {expected.where}, not {expected.count}"


async def _rows(database: Database, name: str) -> list[dict[str, Any]]:
    async with database.reading() as session:
        connection = await session.connection()
        table = await connection.run_sync(lambda sync: Table(name, MetaData(), autoload_with=sync))
        return [dict(row) for row in (await session.execute(select(table))).mappings()]


def _url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"
