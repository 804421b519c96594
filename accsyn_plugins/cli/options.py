"""What all commands that talk to an engine share: where it is, who asks, and how the answer is printed."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from accsyn_plugins.actions.plan import Context
from accsyn_plugins.client import Session
from accsyn_plugins.clock import SystemClock
from accsyn_plugins.config import Settings, load_settings
from accsyn_plugins.manager import build_manager

Command = Callable[..., Any]

SETTINGS = (
    ("server", "URL of the engine [ACCSYN_SERVER]"),
    ("workspace", "code of the workspace [ACCSYN_WORKSPACE]"),
    ("user", "e-mail address of the user [ACCSYN_API_USER]"),
    ("key", "API key, or @FILE that holds it [ACCSYN_API_KEY]"),
    ("ca", "certificate file of the engine's authority [ACCSYN_CA]"),
    ("fingerprint", "SHA-256 of the engine's certificate, instead of --ca [ACCSYN_FINGERPRINT]"),
)


def with_settings(command: Command) -> Command:
    """Add --json, --config and the settings' options; the command gets one `settings` for all of them."""

    @functools.wraps(command)
    def wrapped(*args: Any, config: Path | None, **options: Any) -> Any:
        given = {name: options.pop(name) for name, _ in SETTINGS}
        settings = load_settings(given, os.environ, config)
        return command(*args, settings=settings, **options)

    decorated: Command = wrapped
    for name, text in reversed(SETTINGS):
        decorated = click.option(f"--{name}", help=text)(decorated)
    config = click.option("--config", type=click.Path(path_type=Path), help="another configuration file")
    return with_json(config(decorated))


def with_json(command: Command) -> Command:
    """Add --json; the command gets `as_json`."""
    text = "one JSON object on stdout; progress and errors as JSON lines on stderr"
    return click.option("--json", "as_json", is_flag=True, help=text)(command)


@contextlib.contextmanager
def open_context(settings: Settings) -> Iterator[Context]:
    """A session as the settings say, with the plugins there are. Without a server the workspace is looked up."""
    session = Session(
        settings.get("workspace") if settings.get("server") else settings.require("workspace"),
        settings.require("user"),
        settings.require("key"),
        settings.get("server"),
        ca=settings.get("ca"),
        fingerprint=settings.get("fingerprint"),
    )
    with session:
        yield Context(session, build_manager(), settings, SystemClock())
