"""What a session says outside a turn: the greeting, and the last turn once more for a caller who missed it."""

from __future__ import annotations

import asyncio
import base64

from convonet.core.errors import SpeechUnavailable
from convonet.protocol.server import AgentFinal, Announcement, Greeting, TranscriptFinal
from convonet.sessions.answer_audio import AnswerAudio, Emit, EmitSound
from convonet.sessions.conversation import Conversation, FinishedTurn
from convonet.sessions.services import Services
from convonet.sessions.speaking import speaker_of


async def speak_greeting(conversation: Conversation, services: Services, emit: Emit) -> None:
    """Welcome the caller by name, aloud when somebody can speak."""
    text = f"Hi {conversation.caller.user_name}, this is Convonet AI. What can I help you with today?"
    audio, mime_type = await _spoken(text, conversation, services)
    emit(Greeting(text=text, data_b64=audio, mime_type=mime_type))


async def announce(text: str, conversation: Conversation, services: Services, emit: Emit) -> None:
    """Say something that belongs to no turn, aloud when somebody can speak."""
    audio, mime_type = await _spoken(text, conversation, services)
    emit(Announcement(text=text, data_b64=audio, mime_type=mime_type))


async def _spoken(text: str, conversation: Conversation, services: Services) -> tuple[str | None, str | None]:
    """Audio in base64 and its type; neither when nobody can speak."""
    voice = services.tts(conversation.tts_provider)
    try:
        async with asyncio.timeout(services.timeouts.speak):
            spoken = await voice.synthesize(text, language=conversation.language)
    except (SpeechUnavailable, TimeoutError):
        return None, None
    return base64.b64encode(spoken.audio).decode(), spoken.mime_type


async def tell_again(
    last: FinishedTurn, conversation: Conversation, services: Services, emit: Emit, emit_sound: EmitSound
) -> None:
    """Repeat transcript, answer and audio of a finished turn; nothing of it is done again."""
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
    audio = AnswerAudio(last.turn_id, last.turn_number, emit, emit_sound)
    voice = services.tts(conversation.tts_provider)
    timeout_s = services.timeouts.speak
    async with asyncio.TaskGroup() as group:
        speaker = speaker_of(conversation.audio, voice, conversation.language, audio, timeout_s=timeout_s, group=group)
        speaker.feed(last.answer)
        speaker.finish()
        await speaker.run()
