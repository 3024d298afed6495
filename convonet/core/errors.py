"""Every error that the product raises on purpose, in one tree.

    ConvonetError
    ├── SettingsError            the operator must change a setting
    ├── ProtocolError            the client sent something that the wire contract does not allow
    ├── AuthError
    │   ├── AuthRefused          wrong or unknown PIN or token; callers can't tell which
    │   ├── ResumeFailed         the session to be resumed is over
    │   └── AuthThrottled        too many attempts: the caller must wait
    ├── CapacityError            no room for this caller now
    ├── SpeechError
    │   ├── NoSpeech             the utterance holds no speech: ask the caller again
    │   ├── BadAudio             the utterance can't be decoded
    │   └── SpeechUnavailable    the provider failed: another one may work
    │       └── AnswerBroken     a streamed answer broke off: another one may speak the rest
    ├── AgentError               the agent could not answer
    │   ├── AgentUnavailable     the process that was asked has died, or none is running
    │   └── AgentTimeout         the turn took too long
    ├── DomainError              a tool was asked for something that can't be done; its text is for the caller
    │   └── NotFound             the thing does not exist, or belongs to somebody else
    ├── ToolsUnavailable         no tool server can be reached
    ├── CrmUnavailable           the CRM that the operator connected does not answer
    └── StorageError             a database or checkpoint store failed
        ├── StorageRefused       the store works and will refuse the same request again
        └── Fenced               a newer copy of this session exists: this copy must stop

Each error knows its wire code, whether a retry can help, and what a caller hears.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class ErrorCode(StrEnum):
    """The closed list of codes in an `error` message (docs/protocol.md says when each is sent)."""

    BAD_JSON = "bad_json"
    UNKNOWN_TYPE = "unknown_type"
    BAD_FIELD = "bad_field"
    BAD_BASE64 = "bad_base64"
    MESSAGE_TOO_LARGE = "message_too_large"
    RATE_LIMITED = "rate_limited"
    ORIGIN_REFUSED = "origin_refused"
    AUTH_REQUIRED = "auth_required"
    AUTH_FAILED = "auth_failed"
    AUTH_THROTTLED = "auth_throttled"
    RESUME_FAILED = "resume_failed"
    INVALID_MODE = "invalid_mode"
    BUSY = "busy"
    RECORDING_TOO_SHORT = "recording_too_short"
    UTTERANCE_TOO_LONG = "utterance_too_long"
    BAD_AUDIO = "bad_audio"
    NO_SPEECH = "no_speech"
    STT_FAILED = "stt_failed"
    AGENT_FAILED = "agent_failed"
    TTS_FAILED = "tts_failed"
    OVERLOADED = "overloaded"
    TOO_MANY_SESSIONS = "too_many_sessions"
    SESSION_ENDED = "session_ended"
    INTERNAL_ERROR = "internal_error"


class ConvonetError(Exception):
    """Base of the tree. `str(error)` is for logs; `spoken` is the text that a caller hears or reads."""

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL_ERROR
    retryable: ClassVar[bool] = False
    spoken: str = "Sorry, something went wrong on our side. Please try again."

    def __init__(self, detail: str = "", *, spoken: str | None = None) -> None:
        super().__init__(detail or self.__class__.__name__)
        if spoken is not None:
            self.spoken = spoken


class SettingsError(ConvonetError):
    """A setting is unknown, malformed or contradicts another one; the text names it."""


class ProtocolError(ConvonetError):
    """The client broke the wire contract; the socket stays open."""

    def __init__(self, code: ErrorCode, spoken: str) -> None:
        super().__init__(f"{code}: {spoken}", spoken=spoken)
        self.wire_code = code

    def __reduce__(self) -> tuple[type[ProtocolError], tuple[ErrorCode, str]]:
        return ProtocolError, (self.wire_code, self.spoken)


class AuthError(ConvonetError):
    """The caller's identity is not established."""

    code = ErrorCode.AUTH_FAILED


class AuthRefused(AuthError):
    """The PIN is wrong or unknown, or its user is inactive; the caller can't tell which."""

    spoken = "That PIN was not accepted. Please try again."


class ResumeFailed(AuthError):
    """The session ended or was never there; the caller must give the PIN again."""

    code = ErrorCode.RESUME_FAILED
    spoken = "Your last call has ended. Please enter your PIN to start again."


class AuthThrottled(AuthError):
    """There were too many attempts from this session, from this address or in total."""

    code = ErrorCode.AUTH_THROTTLED
    retryable = True
    spoken = "Too many attempts. Please wait a moment and try again."

    def __init__(self, retry_after_ms: int) -> None:
        super().__init__(f"throttled for {retry_after_ms} ms")
        self.retry_after_ms = retry_after_ms

    def __reduce__(self) -> tuple[type[AuthThrottled], tuple[int]]:
        return AuthThrottled, (self.retry_after_ms,)


class CapacityError(ConvonetError):
    """There is no room for another session; the client may try again after `retry_after_ms`."""

    code = ErrorCode.OVERLOADED
    retryable = True
    spoken = "All lines are busy right now. Please try again in a moment."

    def __init__(self, detail: str = "", *, retry_after_ms: int = 5_000) -> None:
        super().__init__(detail)
        self.retry_after_ms = retry_after_ms


class SpeechError(ConvonetError):
    """Speech could not be recognized or synthesized."""

    code = ErrorCode.STT_FAILED


class NoSpeech(SpeechError):
    """The recording holds only silence or noise."""

    code = ErrorCode.NO_SPEECH
    spoken = "I didn't catch that. Please say it again."


class BadAudio(SpeechError):
    """The bytes are not audio that can be decoded."""

    code = ErrorCode.BAD_AUDIO
    spoken = "I couldn't read that recording. Please try again."


class SpeechUnavailable(SpeechError):
    """A provider is down, hangs, refuses our key or is over its limit.

    Args:
        retry_same: The same provider may succeed at once (after a 5xx or a broken connection). Otherwise the turn goes
            on with the next provider.
    """

    retryable = True
    spoken = "Sorry, I'm having trouble hearing you right now. Please try again."

    def __init__(self, detail: str = "", *, retry_same: bool = False) -> None:
        super().__init__(detail)
        self.retry_same = retry_same


class AnswerBroken(SpeechUnavailable):
    """A streamed answer broke off. `sounded` counts the pieces of it that were spoken to their end."""

    def __init__(self, detail: str = "", *, sounded: int) -> None:
        super().__init__(detail)
        self.sounded = sounded


class AgentError(ConvonetError):
    """The agent could not answer this turn."""

    code = ErrorCode.AGENT_FAILED
    retryable = True
    spoken = "Sorry, I couldn't finish that. Please try again."


class AgentUnavailable(AgentError):
    """No process of the agent answers: the one that was asked has died, or none is running."""


class AgentTimeout(AgentError):
    """The turn took longer than a caller waits."""


class DomainError(ConvonetError):
    """A domain rule forbids what a tool was asked; `spoken` tells the caller why."""

    reason: str = ""
    """The same as a code for programs; empty where no program needs to distinguish this refusal from others."""


class NotFound(DomainError):
    """The thing does not exist or belongs to somebody else; callers can't tell which."""


class ToolsUnavailable(ConvonetError):
    """No tool server can be reached."""

    retryable = True


class CrmUnavailable(ConvonetError):
    """The CRM is down, hangs, refuses our credentials or sends malformed answers; no change in it is confirmed."""

    retryable = True
    spoken = "Sorry, I can't reach the patient records right now. Please try again in a moment."


class StorageError(ConvonetError):
    """A database or a checkpoint store did not answer."""

    retryable = True


class StorageRefused(StorageError):
    """The store works but refuses this request, and would refuse it again."""

    retryable = False


class Fenced(StorageError):
    """A newer epoch of this session was restored elsewhere; this copy must stop and write nothing."""

    retryable = False
