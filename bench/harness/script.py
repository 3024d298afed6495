"""The script of the benchmark: texts, durations and the critical path, shared by vendors and callers."""

from __future__ import annotations

import re
from dataclasses import dataclass

TRANSCRIPT = "what is on my list for today please"
REPLY_TOKENS: tuple[str, ...] = tuple(
    re.findall(
        r" ?[^ ]+",
        "Sure, I can help you with all that."
        " You have three open items today and the most urgent one is the call with Sarah."
        " Would you like me to move it to tomorrow morning or keep it where it is?",
    )
)
REPLY = "".join(REPLY_TOKENS)
FIRST_CUT = next(index for index, token in enumerate(REPLY_TOKENS) if token[-1] in ".!?")
"""Index of the token that ends the first sentence."""

TOOL = "get_todos"
"""The tool that the model calls before it answers, in turns that use one."""
TOOL_CALL_TOKENS = 2
"""Of a call: its name, then its arguments."""

AUDIO_STEP_MS = 600
"""A multiple of 40 ms (Pipecat's packets), 100 ms (PCM chunks) and 24 ms (MP3 frames): no remainders."""

_SENTENCE = re.compile(r"[^.!?]+[.!?]*")


@dataclass(frozen=True, slots=True)
class Delays:
    """The configured behavior of the vendors, in milliseconds.

    Args:
        stt_final_ms: end of the audio (Finalize, or a batch upload complete) to the final transcript.
        llm_ttft_ms: request received to its first token.
        llm_token_ms: between two tokens.
        tts_ttfb_ms: first whole sentence received to the first byte of its audio.
        tts_speed: seconds of audio that are sent in one second.
        ms_per_char: length of the spoken reply; 12 is 3.0 s, a brisk voice.
    """

    stt_final_ms: float = 100.0
    llm_ttft_ms: float = 150.0
    llm_token_ms: float = 10.0
    tts_ttfb_ms: float = 100.0
    tts_speed: float = 5.0
    ms_per_char: float = 12.0

    def critical_path_ms(self, *, tool: bool) -> float:
        """The least possible time from stop to the first byte of audio, for a server that adds nothing.

        Final transcript, then the model's tokens up to the one that ends the first sentence, then the first byte of
        its speech; with a tool, before these the tokens of its call and another first token. A server that waits for
        the next token to be sure of a sentence's end pays `llm_token_ms` as added latency. Negative added latency is
        speculation, or an error of this sum: it is reported, never clipped.
        """
        tool_call = self.llm_ttft_ms + (TOOL_CALL_TOKENS - 1) * self.llm_token_ms if tool else 0.0
        answer = self.llm_ttft_ms + FIRST_CUT * self.llm_token_ms
        return self.stt_final_ms + tool_call + answer + self.tts_ttfb_ms

    @property
    def reply_audio_ms(self) -> int:
        """Length of the spoken reply."""
        return speech_ms(REPLY, self.ms_per_char)


def speech_ms(text: str, ms_per_char: float) -> int:
    """Length of a spoken text; counted by sentence, so that it is the same however a server cuts the reply."""
    lengths = (len(" ".join(sentence.split())) for sentence in _SENTENCE.findall(text))
    return sum(-(-int(length * ms_per_char) // AUDIO_STEP_MS) * AUDIO_STEP_MS for length in lengths if length)
