"""Settings of the data folder, the database and Redis."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from convonet.settings.group import SettingsGroup


class StorageSettings(SettingsGroup):
    data_dir: Path = Field(
        Path(".convonet"),
        alias="CONVONET_DATA_DIR",
        description="Folder of all data stored on this machine: databases, calls, signing key, demo PIN.",
    )
    db_uri: SecretStr | None = Field(
        None,
        alias="DB_URI",
        description="PostgreSQL database, as in `postgresql://user:password@host/name`; default: an embedded SQLite "
        "file.",
    )
    redis_url: SecretStr | None = Field(
        None,
        alias="REDIS_URL",
        description="Redis for checkpoints, login attempts and turn records, as in `redis://host:6379`; required on "
        "more than one machine. Default: files in the data folder.",
    )

    @field_validator("db_uri")
    @classmethod
    def _check_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        scheme = urlsplit(value.get_secret_value()).scheme
        if scheme not in {"postgresql", "postgres", "postgresql+asyncpg"}:
            raise ValueError("must be a postgresql:// address; leave it unset for the embedded database")
        return value

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the database: asyncpg for DB_URI, else aiosqlite on the embedded file."""
        if self.db_uri is None:
            return f"sqlite+aiosqlite:///{self.data_dir.absolute() / 'convonet.db'}"
        address, _, query = self.db_uri.get_secret_value().split("://", 1)[1].partition("?")
        # hosted databases hand out libpq's name of this option; SQLAlchemy passes options to asyncpg by asyncpg's name
        options = "&".join(
            "ssl" + o.removeprefix("sslmode") if o.startswith("sslmode=") else o for o in query.split("&")
        )
        return f"postgresql+asyncpg://{address}" + (f"?{options}" if options else "")
