"""Settings are validated at start, and a fault names the setting."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from convonet.core.errors import SettingsError
from convonet.settings import VARIABLES, VARIABLES_BY_GROUP, Settings


@pytest.fixture
def data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("CONVONET_DATA_DIR", str(folder))
    return folder


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_without_any_variable_everything_is_embedded(data_dir: Path) -> None:
    settings = Settings.load()
    assert (settings.speech.stt_provider, settings.speech.tts_provider) == ("local", "local")
    assert settings.models.hosted == ()
    assert settings.storage.database_url == f"sqlite+aiosqlite:///{data_dir / 'convonet.db'}"
    assert settings.login.pin_required
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)
    assert settings.agents.tools_url is None


def test_every_variable_belongs_to_one_group() -> None:
    assert sum(len(fields) for fields in VARIABLES_BY_GROUP.values()) == len(VARIABLES)


def test_the_defaults_pass_the_checks_of_values_that_are_given() -> None:
    assert Settings(**{name: field.default for name, field in VARIABLES.items()}) == Settings()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("CONVONET_PROT", "did you mean CONVONET_PORT?"),
        ("DEEPGRAM_APIKEY", "did you mean DEEPGRAM_API_KEY?"),
        ("REDIS_ULR", "did you mean REDIS_URL?"),
        ("VIOCE_PIN", "did you mean VOICE_PIN?"),
        ("CONVONET_COFFEE", "docs/settings.md"),
    ],
)
def test_an_unknown_variable_is_named_with_the_one_meant(monkeypatch: pytest.MonkeyPatch, name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=name) as fault:
        load(monkeypatch, **{name: "1"})
    assert hint in str(fault.value)


def test_variables_of_other_programs_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    load(monkeypatch, RAY_SERVE_SOMETHING="1", REDISCLI_AUTH="x", PORT="80", DATABASE="x")
    load(monkeypatch, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://x", OTEL_EXPORTER_OTLP_METRICS_HEADERS="a=b")


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"CONVONET_PORT": "99999"}, "CONVONET_PORT"),
        ({"CONVONET_PORT": "http"}, "CONVONET_PORT"),
        ({"CONVONET_PORT": "8001", "CONVONET_METRICS_PORT": "8001"}, "CONVONET_METRICS_PORT"),
        ({"CONVONET_PORT": "8001", "CONVONET_DASHBOARD_PORT": "8001"}, "CONVONET_DASHBOARD_PORT"),
        ({"CONVONET_METRICS_PORT": "8001", "CONVONET_DASHBOARD_PORT": "8001"}, "CONVONET_DASHBOARD_PORT"),
        ({"DB_URI": "mysql://u@h/d"}, "DB_URI"),
        ({"VOICE_PIN": "123"}, "VOICE_PIN"),
        ({"VOICE_PIN": "12345678901"}, "VOICE_PIN"),
        ({"VOICE_PIN": "४७११८२"}, "VOICE_PIN"),
        ({"VOICE_PIN": "4711 "}, "VOICE_PIN"),
        ({"CONVONET_TIMEZONE": "Mars/Olympus"}, "CONVONET_TIMEZONE"),
        ({"CONVONET_SIGNING_KEY": "short"}, "CONVONET_SIGNING_KEY"),
        ({"CONVONET_LOG_LEVEL": "loud"}, "CONVONET_LOG_LEVEL"),
        ({"CONVONET_IDLE_TIMEOUT_S": "0"}, "CONVONET_IDLE_TIMEOUT_S"),
        ({"VOICE_STT_PROVIDER": "deepgram"}, "DEEPGRAM_API_KEY"),
        ({"VOICE_TTS_PROVIDER": "deepgram"}, "DEEPGRAM_API_KEY"),
        ({"LLM_PROVIDER": "claude"}, "ANTHROPIC_API_KEY"),
        ({"LLM_PROVIDER": "google, offline"}, "GOOGLE_API_KEY"),
        ({"LLM_PROVIDER": "hal"}, "hal is none of anthropic"),
        ({"LLM_PROVIDER": "vllm"}, "LLM_BASE_URL"),
        ({"LLM_PROVIDER": "compatible"}, "LLM_BASE_URL"),
        ({"LLM_SERVER": "hal"}, "LLM_SERVER"),
        ({"LLM_BASE_URL": "http://127.0.0.1:9000/v1"}, "LLM_MODEL"),
        ({"VOICE_PIN": "471182", "ENABLE_VOICE_PIN": "false"}, "ENABLE_VOICE_PIN"),
        ({"VOICE_PIN": "471182", "DB_URI": "postgresql://u@h/d"}, "DB_URI"),
        ({"CONVONET_DIRECT_DEPARTMENTS": "support, slaes"}, "CONVONET_DIRECT_DEPARTMENTS.*slaes"),
    ],
)
def test_a_wrong_or_contradictory_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        load(monkeypatch, **variables)


def test_the_error_of_a_bad_secret_does_not_repeat_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as fault:
        load(monkeypatch, VOICE_PIN="12x456", CONVONET_SIGNING_KEY="hunter2")
    assert "12x456" not in str(fault.value)
    assert "hunter2" not in str(fault.value)


def test_secrets_are_not_in_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, VOICE_PIN="471182", REDIS_URL="redis://u:hunter2@127.0.0.1", DEEPGRAM_API_KEY="dg-key")
    shown = repr(settings) + str(settings)
    assert not any(secret in shown for secret in ("471182", "hunter2", "dg-key"))


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_every_way_to_write_a_postgresql_address_is_understood(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    settings = load(monkeypatch, DB_URI=f"{scheme}://u:p%40ss@db.example:5433/app?x=1")
    assert settings.storage.database_url == "postgresql+asyncpg://u:p%40ss@db.example:5433/app?x=1"


def test_the_ssl_option_of_a_hosted_database_is_passed_under_the_drivers_name(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, DB_URI="postgres://u@db.example/app?sslmode=require&x=1")
    assert settings.storage.database_url == "postgresql+asyncpg://u@db.example/app?ssl=require&x=1"


def test_the_demo_pin_is_random_kept_and_private(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pin = Settings.load().demo_pin
    assert pin is not None
    assert pin.isascii()
    assert pin.isdecimal()
    assert len(pin) == 6
    assert Settings.load().demo_pin == pin
    assert stat.S_IMODE((data_dir / "voice-pin").stat().st_mode) == 0o600
    others = set()
    for number in range(5):
        monkeypatch.setenv("CONVONET_DATA_DIR", str(data_dir / str(number)))
        others.add(Settings.load().demo_pin)
    assert len(others | {pin}) > 1


def test_the_signing_key_is_kept_and_private(data_dir: Path) -> None:
    key = Settings.load().signing_secret
    assert len(key) >= 32
    assert Settings.load().signing_secret == key
    assert stat.S_IMODE((data_dir / "signing-key").stat().st_mode) == 0o600


def test_processes_that_start_at_once_agree_on_the_secrets(data_dir: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: (Settings.load().demo_pin, Settings.load().signing_secret), range(64)))
    assert len(set(found)) == 1
    assert {path.name for path in data_dir.iterdir()} == {"voice-pin", "signing-key"}


def test_an_empty_secret_file_is_an_error_and_no_key(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "signing-key").touch()
    with pytest.raises(SettingsError, match="signing-key"):
        _ = Settings.load().signing_secret


@pytest.mark.parametrize("variables", [{"ENABLE_VOICE_PIN": "false"}, {"DB_URI": "postgresql://u@h/d"}])
def test_there_is_no_demo_pin_where_none_is_asked_or_a_database_has_them(
    monkeypatch: pytest.MonkeyPatch, data_dir: Path, variables: dict[str, str]
) -> None:
    assert load(monkeypatch, **variables).demo_pin is None
    assert not data_dir.exists()


def test_voice_pin_is_the_demo_pin(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    assert load(monkeypatch, VOICE_PIN="471182").demo_pin == "471182"
    assert not data_dir.exists()


def test_a_key_of_deepgram_switches_speech_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, DEEPGRAM_API_KEY="k", VOICE_TTS_PROVIDER="local")
    assert (settings.speech.stt_provider, settings.speech.tts_provider) == ("deepgram", "local")


def test_a_key_of_a_hosted_model_switches_to_it_and_the_order_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    assert load(monkeypatch, **keys).models.hosted == ("anthropic", "openai")
    for named, order in (
        ("openai,claude", ("openai", "anthropic")),
        ("openai, offline", ("openai",)),
        ("offline", ()),
    ):
        assert load(monkeypatch, **keys, LLM_PROVIDER=named).models.hosted == order


def test_origins_are_split_and_trimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, CONVONET_ORIGINS="https://a.example/, https://b.example ,")
    assert settings.server.allowed_origins == {"https://a.example", "https://b.example"}
