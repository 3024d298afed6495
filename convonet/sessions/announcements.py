"""Speech outside a session's turns: the greeting, announcements, and a repetition of the last answer."""

from __future__ import annotations

import asyncio
import base64

from convonet.core.errors import SpeechUnavailable
from convonet.protocol.server import AgentFinal, Announcement, Greeting, TranscriptFinal
from convonet.sessions.answer_audio import AnswerAudio, Emit, EmitAudio
from convonet.sessions.conversation import Conversation, FinishedTurn
from convonet.sessions.services import SessionServices
from convonet.sessions.speaking import speaker_for


async def speak_greeting(conversation: Conversation, services: SessionServices, emit: Emit) -> None:
    """Greet the caller by name, aloud unless synthesis fails."""
    text = f"Hi {conversation.caller.user_name}, this is Convonet AI. What can I help you with today?"
    audio, mime_type = await _spoken(text, conversation, services)
    emit(Greeting(text=text, data_b64=audio, mime_type=mime_type))


async def speak_announcement(text: str, conversation: Conversation, services: SessionServices, emit: Emit) -> None:
    """Send a text that belongs to no turn, aloud unless synthesis fails."""
    audio, mime_type = await _spoken(text, conversation, services)
    emit(Announcement(text=text, data_b64=audio, mime_type=mime_type))


async def _spoken(text: str, conversation: Conversation, services: SessionServices) -> tuple[str | None, str | None]:
    """Synthesize `text`; return base64 audio and its media type, or `(None, None)` when that fails."""
    tts = services.tts(conversation.tts_provider)
    try:
        async with asyncio.timeout(services.timeouts.tts_s):
            spoken = await tts.synthesize(text, language=conversation.language)
    except (SpeechUnavailable, TimeoutError):
        return None, None
    return base64.b64encode(spoken.audio).decode(), spoken.mime_type


async def repeat_turn(
    last: FinishedTurn, conversation: Conversation, services: SessionServices, emit: Emit, emit_audio: EmitAudio
) -> None:
    """Repeat transcript, answer and audio of a finished turn without asking the agent again."""
    emit(TranscriptFinal(turn_id=last.turn_id, text=last.transcript))
    emit(
        AgentFinal(
            turn_id=last.turn_id,
            text=last.answer,
            agent_type=last.agent_type,
            provider=last.provider,
            model=last.model,
        )
    )
    audio = AnswerAudio(last.turn_id, last.turn_number, emit, emit_audio)
    tts = services.tts(conversation.tts_provider)
    timeout_s = services.timeouts.tts_s
    async with asyncio.TaskGroup() as group:
        speaker = speaker_for(conversation.audio, tts, conversation.language, audio, timeout_s=timeout_s, group=group)
        speaker.feed(last.answer)
        speaker.finish()
        await speaker.run()
