"""The program `accsyn-plugins`: send, publish, watch, hosts, install. One file a command."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import click

from accsyn_plugins.cli.hosts import hosts
from accsyn_plugins.cli.install import install
from accsyn_plugins.cli.output import say_error
from accsyn_plugins.cli.publish import publish
from accsyn_plugins.cli.send import send
from accsyn_plugins.cli.watch import watch
from accsyn_plugins.config import load_settings
from accsyn_plugins.errors import AccsynError


@contextlib.contextmanager
def log_to_file(folder: Path) -> Iterator[None]:
    """Keep what a developer wants to know out of people's sight: in a file, which is made at the first line."""
    handler = _LogFile(folder / "accsyn-plugins.log", maxBytes=1_000_000, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("accsyn_plugins")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


class _LogFile(RotatingFileHandler):
    """A log that cannot be written is done without; it must never stop the work."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - named by the standard library
        """Say nothing."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="accsyn-plugins")
def group() -> None:
    """Send tasks to vendors and publish results back."""


for command in (send, publish, watch, hosts, install):
    group.add_command(command)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the answer is the exit code, 0 only when what was asked for is done."""
    arguments = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in arguments
    try:
        with log_to_file(load_settings(environment=os.environ).state_folder()):
            code = group.main(arguments, prog_name="accsyn-plugins", standalone_mode=False)
    except AccsynError as error:
        say_error(error.code, error.message, as_json=as_json)
        return 1
    except click.UsageError as error:
        say_error("usage", f"{error.format_message()} See `accsyn-plugins --help`.", as_json=as_json)
        return 2
    except (click.Abort, KeyboardInterrupt):
        say_error("interrupted", "Interrupted; what was submitted goes on without this program.", as_json=as_json)
        return 130
    except BrokenPipeError:
        return 1
    return code if isinstance(code, int) else 0
