"""Logs are JSON lines with the ids bound to them, and hold no secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from convonet.core.logs import configure

log = structlog.get_logger("convonet.tests")

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def fresh_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure("info")
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(capture: Capture) -> list[dict[str, Any]]:
    out, err = capture.readouterr()
    assert out == ""
    assert err.isascii()
    return [json.loads(line, parse_constant=pytest.fail) for line in err.splitlines()]


def test_an_event_is_one_json_line_with_the_ids_bound_to_it(capsys: Capture) -> None:
    with structlog.contextvars.bound_contextvars(session_id="s-1", turn_id="t-1"):
        log.info("turn_done", total_ms=12.5, agent_type="todo")
    log.info("session_ended")
    first, second = lines(capsys)
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "turn_done",
        "level": "info",
        "logger": "convonet.tests",
        "session_id": "s-1",
        "turn_id": "t-1",
        "total_ms": 12.5,
        "agent_type": "todo",
    }
    assert "session_id" not in second


def test_lines_of_libraries_look_the_same(capsys: Capture) -> None:
    with structlog.contextvars.bound_contextvars(session_id="s-1"):
        logging.getLogger("some.library").warning("lost %d of %s", 3, "packets")
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["logger"]) == ("lost 3 of packets", "warning", "some.library")
    assert line["session_id"] == "s-1"


def test_configuring_again_neither_doubles_lines_nor_keeps_the_old_level(capsys: Capture) -> None:
    configure("info")
    configure("warning")
    log.info("quiet")
    log.warning("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]
    configure("debug")
    log.debug("detail")
    assert [line["event"] for line in lines(capsys)] == ["detail"]


@pytest.mark.parametrize(
    "key",
    [
        *(
            "pin",
            "voice_pin",
            "voicePin",
            "VOICE_PIN",
            "token",
            "resume_token",
            "password",
            "db_password",
            "credentials",
        ),
        *("api_key", "apiKey", "X-Api-Key", "OPENAI_API_KEY", "signing_key", "client_secret"),
        *("Authorization", "cookie", "Set-Cookie"),
    ],
)
def test_values_under_secret_names_are_replaced(capsys: Capture, key: str) -> None:
    log.info("e", **{key: "hunter2"}, request={"headers": [{key: "hunter2"}], "deep": ({key: ["hunter2"]},)})
    logging.getLogger("library").info("said", extra={key: "hunter2"})
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize("key", ["tokens_in", "tokens_out", "key", "spinning", "pinned", "keyboard", "monkey", "ping"])
def test_names_that_only_look_like_secrets_are_shown(capsys: Capture, key: str) -> None:
    log.info("e", **{key: 7})
    assert lines(capsys)[0][key] == 7


@pytest.mark.parametrize(
    "text",
    [
        "could not connect to postgresql://app:hunter2@db:5432/x",
        "redis://:hunter2@cache:6379/0 is away",
        "header Authorization: Bearer hunter2hunter2",
        '{"type":"authenticate","pin":"4711821"}',
        "verify(pin='4711821')",
        "eyJhbGciOiJIUzI1NiJ9.hunter2.4711821",
    ],
)
def test_credentials_inside_texts_are_replaced(capsys: Capture, text: str) -> None:
    log.info("e", text=text, nested=[{"a": text}], error=ValueError(text))
    logging.getLogger("library").error("failed: %s", text)
    shown = capsys.readouterr().err
    assert "hunter2" not in shown
    assert "4711821" not in shown


@pytest.mark.parametrize("source", ["ours", "library"])
def test_a_traceback_is_text_without_local_variables(capsys: Capture, source: str) -> None:
    def verify(pin: str) -> None:
        raise RuntimeError("database postgresql://u:hunter2@h is away")

    try:
        verify("471" + "182")
    except RuntimeError:
        (log if source == "ours" else logging.getLogger("library")).exception("verify_failed")
    (line,) = lines(capsys)
    assert line["event"] == "verify_failed"
    assert line["exception"].startswith("Traceback")
    assert "471182" not in line["exception"]
    assert "hunter2" not in line["exception"]


def test_audio_is_never_written_out(capsys: Capture) -> None:
    log.info("e", audio=b"OpusHead", frames=[bytearray(b"OpusHead")])
    (line,) = lines(capsys)
    assert line["audio"] == "<8 bytes>"
    assert line["frames"] == ["<8 bytes>"]


def test_values_that_json_does_not_know_are_shown_by_their_repr(capsys: Capture) -> None:
    log.info("e", key_of=SecretStr("hunter2"), kinds={int}, nothing=None)
    (line,) = lines(capsys)
    assert line["key_of"] == "SecretStr('**********')"
    assert line["kinds"] == ["<class 'int'>"]
    assert line["nothing"] is None


@pytest.mark.parametrize("name", ["websockets.server", "uvicorn.error", "httpcore.http11", "aiosqlite"])
def test_wire_dumps_of_libraries_stay_off_at_debug_level(capsys: Capture, name: str) -> None:
    configure("debug")
    logging.getLogger(name).debug('< TEXT \'{"type": "authenticate"}\'')
    assert lines(capsys) == []


def test_a_value_that_contains_itself_does_not_disturb_whoever_logs(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    value: list[object] = []
    value.append(value)
    log.info("e", value=value)
    log.info("still_alive")
    assert [line["event"] for line in lines(capsys)] == ["still_alive"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)) | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(value=values)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_makes_exactly_one_line(capsys: Capture, value: object) -> None:
    log.info("e", value=value)
    assert len(lines(capsys)) == 1
