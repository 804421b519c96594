"""The engine's settings as `init` wrote them into DIR/engine.toml: read once at the start."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from accsyn_plugins.errors import AccsynError

FILE = "engine.toml"


class NoEngineHereError(AccsynError):
    """The folder given as --data was never initialised."""

    code = "no-engine-here"
    status = 404
    sentence = '"{folder}" holds no engine (there is no engine.toml in it); run accsyn-engine init first.'


class BadConfigError(AccsynError):
    """engine.toml cannot be understood."""

    code = "bad-config"
    sentence = '"{file}" cannot be read as the engine\'s configuration: {why}. Correct it and start again.'


@dataclass(frozen=True)
class Smtp:
    """Where mail leaves; without a host, mails are written as files into DATA/mail."""

    host: str = ""
    port: int = 587
    username: str = ""
    password: str = field(default="", repr=False)
    security: str = "starttls"  # starttls | tls | none (none only makes sense on the loopback)
    sender: str = ""


@dataclass(frozen=True)
class EngineConfig:
    """What one engine needs to know before it opens its database."""

    data: Path
    workspace: str
    url: str = "https://localhost:8443"
    database: str = ""  # a SQLAlchemy URL; empty: DATA/engine.sqlite
    smtp: Smtp = Smtp()
    hook_timeout_s: int = 300
    answer_timeout_s: int = 30

    @property
    def database_url(self) -> str:
        """The database's URL: the configured one, or the embedded file."""
        return self.database or f"sqlite:///{(self.data / 'engine.sqlite').as_posix()}"

    @property
    def mail_folder(self) -> Path:
        """Where mails lie when no SMTP server is configured."""
        return self.data / "mail"

    @property
    def key_file(self) -> Path:
        """The secret with which API keys are digested; without it no key in the database is worth anything."""
        return self.data / "digest.key"


def load(data: Path) -> EngineConfig:
    """Read DIR/engine.toml.

    Raises NoEngineHereError or BadConfigError.
    """
    file = data / FILE
    if not file.is_file():
        raise NoEngineHereError(folder=data)
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
        smtp = Smtp(**values.pop("smtp", {}))
        return EngineConfig(data=data, smtp=smtp, **values)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError) as error:
        raise BadConfigError(file=file, why=error) from error


def dump(config: EngineConfig) -> str:
    """Write the configuration as TOML; `load` reads the same values back."""
    lines = ["# Written by accsyn-engine init. Stop the engine before you change it.", ""]
    values = asdict(config)
    smtp = values.pop("smtp")
    del values["data"]
    lines += [f"{name} = {_toml(value)}" for name, value in values.items()]
    lines += ["", "[smtp]", *(f"{name} = {_toml(value)}" for name, value in smtp.items())]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    # JSON's strings and integers are TOML's.
    return json.dumps(value, ensure_ascii=False)
