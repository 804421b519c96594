"""The program: its commands, and how every failure becomes one sentence and an exit code.

Commands import what they need when they run, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from accsyn_engine.cli import acl, agent, compare, demo, hook, init, job, limit, path, relay, serve, share, user
from accsyn_engine.cli.output import print_error
from accsyn_plugins.errors import AccsynError

USAGE, FAILED, FAULT, INTERRUPTED = 2, 1, 70, 130


class UsageError(AccsynError):
    """The command line itself is wrong."""

    code = "usage"
    sentence = "{message}"


class FaultError(AccsynError):
    """A bug."""

    code = "fault"
    status = 500
    sentence = (
        "accsyn-engine failed in a way nobody foresaw ({what}); please report what you did. ACCSYN_DEBUG=1 shows where."
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="accsyn-engine", prog_name="accsyn-engine")
def program() -> None:
    """The bundled engine: accounts, shares, ACLs, jobs, encrypted transfers and hook scripts."""


for command in (
    init.init, serve.serve, agent.agent, relay.relay, demo.demo, user.user, share.share, acl.acl, job.job, hook.hook,
    limit.limit, compare.compare, path.path,
):  # fmt: skip  # in the order people meet them
    program.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0 only when what was asked for is done."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    try:
        code = program.main(words, prog_name="accsyn-engine", standalone_mode=False)
    except AccsynError as error:
        print_error(error, as_json=as_json)
        return FAILED
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        return _usage(error, as_json=as_json)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains again at its end
        return FAILED
    except Exception as error:
        if os.environ.get("ACCSYN_DEBUG"):
            raise
        print_error(FaultError(what=f"{type(error).__name__}: {error}"), as_json=as_json)
        return FAULT
    return code if isinstance(code, int) else 0


def _usage(error: click.ClickException, *, as_json: bool) -> int:
    hint = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f" Try {error.ctx.command_path} --help."
    message = error.format_message().rstrip(".") + "." + hint
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and not as_json:
        click.echo(error.format_message())
        return USAGE
    print_error(UsageError(message), as_json=as_json)
    return USAGE
