"""Accuracy of the router on sentences that were not used for building it.

    .venv/bin/python -m bench.routing [--spoken VOICE]

Prints the share of correct routes, the confusion matrix, and the accuracy of the classifier alone on its own example
sentences when each is left out in turn. With --spoken each sentence is first spoken by that synthetic voice and
recognized by the local recognizer.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from convonet.agents.base import TurnRequest
from convonet.agents.departments import Department, Departments
from convonet.agents.router import Router, example_sentences
from convonet.core.caller import Caller
from convonet.core.errors import NoSpeech
from convonet.core.ids import TurnId, UserId, new_session_id
from convonet.domains.discovery import all_domains
from convonet.settings import Settings
from convonet.settings.speech import SpeechSettings
from convonet.speech.base import Language, Utterance
from convonet.speech.local.service import LocalSpeech
from tests.speech_samples import SAMPLE_RATE, speak

HELD_OUT = Path(__file__).parents[1] / "tests" / "agents" / "held_out_lines.tsv"
NOW = datetime(2026, 11, 18, 19, 30, tzinfo=UTC)


def held_out() -> list[tuple[str, str]]:
    """Label and line."""
    rows = (line.split("\t") for line in HELD_OUT.read_text("utf-8").splitlines() if line)
    return [(label, said) for label, said in rows]


async def went(router: Router, said: str) -> str:
    """The label under which the router files a sentence that begins a conversation."""
    request = TurnRequest(new_session_id(), TurnId("t"), Caller(UserId("u"), "Ann"), said)
    route = await router.route(request, NOW)
    return route.domain if route.kind == "domain" else route.kind


async def measure(lines: Sequence[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """Count the routes of each label."""
    router = Router(all_domains(), Departments(Department("support", "2001")))
    return Counter([(label, await went(router, said)) for label, said in lines])


async def as_heard(lines: Sequence[tuple[str, str]], voice: str) -> list[tuple[str, str]]:
    """Return the sentences as the local recognizer transcribes a synthetic voice."""
    speech = LocalSpeech(SpeechSettings(), Settings.load().storage.data_dir)
    await speech.start()
    heard = []
    for label, said in lines:
        utterance = Utterance(speak(said, voice).tobytes(), "pcm16", SAMPLE_RATE)
        try:
            heard.append((label, (await speech.transcribe(utterance, language=Language("en-US"))).text))
        except NoSpeech:
            heard.append((label, ""))
    speech.close()
    return heard


def table(counts: Counter[tuple[str, str]]) -> str:
    """The confusion matrix in Markdown: a row for what it was, a column for where it went."""
    labels = sorted({label for pair in counts for label in pair})
    rows = [f"| is | {' | '.join(labels)} |", f"| --- |{' --- |' * len(labels)}"]
    rows += [f"| {was} | {' | '.join(str(counts[was, to] or '') for to in labels)} |" for was in labels]
    return "\n".join(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spoken", metavar="VOICE", help="slt, rms or kal16")
    voice = parser.parse_args().spoken
    lines = held_out()
    if voice:
        lines = asyncio.run(as_heard(lines, voice))
    counts = asyncio.run(measure(lines))
    right = sum(count for (was, to), count in counts.items() if was == to)
    false_hand_over = sum(count for (was, to), count in counts.items() if to == "hand_over" != was)
    print(
        f"{right} of {counts.total()} right ({100 * right / counts.total():.1f} %), {false_hand_over} false hand-overs"
    )
    print(f"from {sum(map(len, example_sentences(all_domains()).values()))} example lines\n")
    print(table(counts))
