"""Redaction of log lines: it removes secrets, telephone numbers and what callers say or are told.

This is the last safety net of `logs`; code does not log such values in the first place.
"""

from __future__ import annotations

import logging
import math
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from phonenumbers import Leniency, PhoneNumberMatcher

from convonet.core.errors import ConvonetError

REDACTED = "***"

_SECRET_WORDS = frozenset(
    {"pin", "token", "jwt", "password", "passwd", "secret", "authorization", "cookie", "credential", "credentials"}
)
_SECRET_ENDINGS = ("apikey", "api_key", "access_key", "private_key", "signing_key")
_PHONE_ENDINGS = ("phone", "phone_number", "mobile", "msisdn", "caller_id", "from_number", "to_number")
_SAFE_KEYS = ("timestamp", "level", "logger", "id", "ids", "sid", "ms", "s", "bytes")
"""Last words in the names of values that may look like a telephone number but are none."""

WORD_KEYS = frozenset(
    {"words", "transcript", "text", "answer", "prompt", "arguments", "result", "sentence", "said", "summary"}
)
"""Names of values that a caller has said or been told."""

_NAME_PARTS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")

_CREDENTIALS = (
    (re.compile(r"(?<=://)[^/@\s]*@"), f"{REDACTED}@"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}|\b(Token)\s+[0-9a-f]{32,}", re.IGNORECASE), rf"\1\2 {REDACTED}"),
    (re.compile(r"\beyJ[\w-]{10,}\.[\w-]+\.[\w-]+"), REDACTED),
    (re.compile(r"""(["']?\b(?:voice_)?pin["']?\s*[=:]\s*["']?)\d{4,10}\b""", re.IGNORECASE), rf"\1{REDACTED}"),
    # a PIN in a caller's sentence
    (
        re.compile(r"\b(pin(?: (?:code|number))?(?: is| was)?[ ,:]{1,3})\d(?:[ -]?\d){3,9}\b", re.IGNORECASE),
        rf"\1{REDACTED}",
    ),
)

_QUOTES = (
    # in pydantic's errors, and in asyncio's warning of a task that nobody awaited
    (re.compile(r"(input_value=).*?(?=, input_type=)", re.DOTALL), rf"\1{REDACTED}"),
    (re.compile(r"(exception=[\w.]+)\(.*\)(?=>)", re.DOTALL), rf"\1({REDACTED})"),
)
"""Places at which libraries quote their input."""

_MANY_DIGITS = re.compile(r"\d(?:[^\w\n]{0,3}\d){6}")
_INTERNATIONAL = re.compile(r"(?<![\w+])\+[1-9](?:[ ().-]{0,2}\d){6,14}(?!\d)")
_NO_PHONE = re.compile(
    r"[\w-]*[A-Za-z_][\w-]*"  # an id with a letter in it
    r"|\b\d{8}(?:-\d{4}){3}-\d{12}\b"  # one without
    r"|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[+-]\d\d:?\d\d)?)?"  # a date
    r"|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?![\d.])"  # an address
    r"|(?<![\d.])\d+\.\d+(?![\d.])"  # a fraction
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?"  # an amount
)

_PLAIN_ERRORS = (ConvonetError, OSError, AttributeError, ImportError, NameError, TypeError)
"""Errors whose text is ours or names parts of the program; the text of any other may quote its input."""


class Redaction:
    """The last processor before a line is written.

    Args:
        region: Country (ISO 3166) of telephone numbers without a country code.
        words: Whether debug lines may hold what callers say and are told.
    """

    def __init__(self, region: str, *, words: bool) -> None:
        self._region = region
        self._words = words

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """Redact an event; a processor of structlog."""
        shows_words = self._words and event.get("level") == "debug"
        return {key: self._value(key, value, shows_words) for key, value in event.items()}

    def _value(self, key: str, value: object, shows_words: bool) -> object:
        name = _snake(key)
        if _is_secret(name) or name.endswith(_PHONE_ENDINGS):
            return value if value is None else REDACTED
        if name in WORD_KEYS and not shows_words:
            return f"<{len(value)} characters>" if isinstance(value, str) else REDACTED
        if name.rpartition("_")[2] in _SAFE_KEYS and isinstance(value, str):
            return without_secrets(value)
        return self._scrub(value, shows_words)

    def _scrub(self, value: object, shows_words: bool) -> object:
        if isinstance(value, str):
            return self._text(value, shows_words)
        if isinstance(value, Mapping):
            return {str(key): self._value(str(key), item, shows_words) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._scrub(item, shows_words) for item in value]
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{len(value)} bytes>"
        if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
            return value
        if isinstance(value, BaseException) and not shows_words:
            return self._text(_named(value), shows_words)
        return self._text(repr(value), shows_words)

    def _text(self, text: str, shows_words: bool) -> str:
        text = without_secrets(text)
        if not shows_words:
            for pattern, replacement in _QUOTES:
                text = pattern.sub(replacement, text)
        return _without_phones(text, self._region) if _MANY_DIGITS.search(text) else text

    def traceback(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Replace `exc_info` by the traceback and the kind of error as text; a processor of structlog.

        A structured traceback would show local variables, and the text of an error may quote a caller.
        """
        exc_info = event.pop("exc_info", None)
        error = sys.exception() if exc_info is True else exc_info[1] if isinstance(exc_info, tuple) else exc_info
        if isinstance(error, BaseException):
            lines = traceback.format_exception(error) if self._words else without_quotes(error)
            event["exception"] = "\n".join(line.rstrip() for line in lines)
        return event


class QuoteFree(logging.Filter):
    """Reduces errors to their kind in records of libraries, whose lines go to other places than ours too."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without quotes."""
        if isinstance(record.args, tuple):
            record.args = tuple(_named(arg) if isinstance(arg, BaseException) else arg for arg in record.args)
        if record.exc_info and record.exc_info[1] is not None:
            # formatters use this text, if there is one
            record.exc_text = "\n".join(line.rstrip() for line in without_quotes(record.exc_info[1]))
        return True


def without_quotes(error: BaseException) -> Iterator[str]:
    """Yield the lines of a traceback, causes first, without texts that may quote a caller."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from without_quotes(cause)
        yield "which led to:"
    yield "Traceback (most recent call last):"
    yield from traceback.format_tb(error.__traceback__)
    yield _named(error)
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from (f"  | {line}" for line in without_quotes(inner))


def _named(error: BaseException) -> str:
    kind = type(error)
    ours = kind.__module__.partition(".")[0] in ("builtins", "convonet", "actors")
    return f"{kind.__name__}: {error}" if ours and isinstance(error, _PLAIN_ERRORS) else kind.__name__


def without_secrets(text: str) -> str:
    """Replace everything in `text` that looks like a PIN or a token."""
    for pattern, replacement in _CREDENTIALS:
        text = pattern.sub(replacement, text)
    return text


def _without_phones(text: str, region: str) -> str:
    text = _INTERNATIONAL.sub(REDACTED, text)
    # hide from the search what can't be a number; the length stays, so that positions do
    searched = _NO_PHONE.sub(lambda found: "x" * len(found[0]), text)
    if not _MANY_DIGITS.search(searched):
        return text  # the search below takes a millisecond
    found = PhoneNumberMatcher(searched, region, leniency=Leniency.STRICT_GROUPING)
    for match in reversed(list(found)):
        text = text[: match.start] + REDACTED + text[match.end :]
    return text


def _snake(key: str) -> str:
    return "_".join(part.lower() for part in _NAME_PARTS.findall(key))


def _is_secret(name: str) -> bool:
    return not _SECRET_WORDS.isdisjoint(name.split("_")) or name.endswith(_SECRET_ENDINGS)
