"""What a session says outside a turn: the greeting, and the last turn once more for a caller who missed it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Callable

from convonet.errors import SpeechUnavailable
from convonet.protocol.server import AgentFinal, Greeting, ServerMessage, TranscriptFinal
from convonet.sessions.conversation import Conversation, FinishedTurn
from convonet.sessions.services import Services
from convonet.sessions.speaking import NoNotes, Speaker
from convonet.speech.base import SpokenAudio

Emit = Callable[[ServerMessage], None]


async def speak_greeting(conversation: Conversation, services: Services, emit: Emit) -> None:
    """Welcome the caller by name, aloud when somebody can speak."""
    text = f"Hi {conversation.caller.user_name}, this is Convonet AI. What can I help you with today?"
    voice = services.voice(conversation.tts_provider)
    spoken: SpokenAudio | None = None
    with contextlib.suppress(SpeechUnavailable, TimeoutError):
        async with asyncio.timeout(services.timeouts.speak):
            spoken = await voice.synthesize(text, language=conversation.language)
    emit(
        Greeting(
            text=text,
            data_b64=base64.b64encode(spoken.audio).decode() if spoken else None,
            mime_type=spoken.mime_type if spoken else None,
        )
    )


async def tell_again(last: FinishedTurn, conversation: Conversation, services: Services, emit: Emit) -> None:
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
    async with asyncio.TaskGroup() as group:
        speaker = Speaker(
            services.voice(conversation.tts_provider),
            conversation.language,
            last.turn_id,
            emit,
            note=NoNotes(),
            timeout_s=services.timeouts.speak,
            first_index=0,
            group=group,
        )
        speaker.feed(last.answer)
        speaker.finish()
        await speaker.run()
