"""What can go wrong with a hook script, one sentence each. They end up in a HookResult, not at a caller."""

from __future__ import annotations

from accsyn_plugins.errors import AccsynError


class HookError(AccsynError):
    """The base of everything that can go wrong with a hook."""

    code = "hook-failed"
    status = 500


class CommandUnreadableError(HookError):
    """The command of the hook's setting is no command line."""

    code = "hook-command-unreadable"
    sentence = "The hook command {command!r} cannot be read ({why}); correct the hook's setting."


class NoProgramError(HookError):
    """The program of the command does not exist."""

    code = "hook-not-found"
    sentence = (
        "The hook `{command}` could not be started: there is no program {program!r} on this server; "
        "correct the hook's setting or install it."
    )


class ProgramRefusedError(HookError):
    """The program of the command exists and cannot be executed."""

    code = "hook-not-executable"
    sentence = (
        "The hook `{command}` could not be started: {program!r} may not be executed; make it executable or name "
        "its interpreter in front of it, as in `python3 {program}`."
    )


class ShellRefusedError(HookError):
    """The command hands text to a shell."""

    code = "hook-shell"
    status = 400
    sentence = (
        "The hook command `{command}` hands text to the shell {shell}; write the program and its arguments, or put the "
        "lines into a script and name that."
    )


class NotTrustedError(HookError):
    """Others could put their own words into the script."""

    code = "hook-not-trusted"
    sentence = (
        "The hook `{command}` is not run: {why}; give it to the agent's own user or root and take writing from "
        "everybody else (`chmod go-w`), then retry."
    )


class NotStartedError(HookError):
    """The machine refused to start the process."""

    code = "hook-not-started"
    sentence = "The hook `{command}` could not be started: {why}; put that right and retry the job."


class ExitCodeError(HookError):
    """The hook ran and said that it failed."""

    code = "hook-exit"
    sentence = "The hook `{command}` ended with exit code {exit_code}{last_line}; correct it and retry the job."


class SignalError(HookError):
    """The hook was killed by something else than its time limit."""

    code = "hook-signal"
    sentence = "The hook `{command}` was killed by signal {number} ({name}); find out why and retry the job."


class TimeLimitError(HookError):
    """The hook took too long."""

    code = "hook-timeout"
    sentence = (
        "The hook `{command}` did not end within {timeout_s:g} seconds and was killed; make it faster or raise its "
        "time limit, then retry the job."
    )


class StoppedError(HookError):
    """The agent was told to end while the hook ran."""

    code = "hook-stopped"
    sentence = (
        "The hook `{command}` was killed because the agent was stopped; see what it had done, then retry the job."
    )


class NoAnswerError(HookError):
    """The hook was to write an answer and did not."""

    code = "hook-no-answer"
    sentence = "The hook `{command}` wrote no answer; it has to write JSON to the file ${{PATH_JSON_OUTPUT}}."


class AnswerUnreadableError(HookError):
    """The hook's answer is no JSON."""

    code = "hook-bad-answer"
    sentence = "The hook `{command}` wrote an answer that is no JSON ({why}); correct what it writes."
