"""Every setting there is: where it may be set, what its value may be, and whether this engine acts on it.

Names that this engine does nothing with are those of accsyn's API: they are kept for scripts that set and read them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from accsyn_engine.jobs import compare, schedule
from accsyn_engine.services.errors import BadValueError
from accsyn_engine.services.scripts import hooking

ALL = frozenset({"workspace", "user", "share", "client", "queue", "job", "task"})
LIMITED = frozenset({"workspace", "user", "client", "queue", "job"})
MOVING = frozenset({"workspace", "share", "queue", "job", "task"})
QUEUED = frozenset({"workspace", "queue", "job"})
LONGEST = 16_384  # characters of a value
FLAGS = hooking.ON | hooking.OFF


def _choice(*words: str) -> Callable[[str], None]:
    def check(value: str) -> None:
        if value.strip().lower() not in words:
            raise BadValueError(what=f'"{value:.60}" is none of {", ".join(words)}.')

    return check


def _number(value: str) -> None:
    if not re.fullmatch(r"\d{1,15}(\.\d{1,6})?", value.strip()):
        raise BadValueError(what=f'"{value:.60}" is no number of 0 or more.')


def _filters(value: str) -> None:
    for pattern in re.findall(r"""re\((['"])(.*?)\1\)""", value):
        try:
            re.compile(pattern[1])
        except re.error as error:
            raise BadValueError(what=f'The pattern "{pattern[1]:.60}" cannot be read ({error}).') from error


def _hook_command(_value: str) -> None:
    """Any command line; the rest is looked at where it is set and where it runs."""


def _text(value: str) -> None:
    if len(value) > 254:
        raise BadValueError(what="This setting is a name of at most 254 characters.")


def _by(reader: Callable[[str], object]) -> Callable[[str], None]:
    def check(value: str) -> None:
        reader(value)

    return check


_flag = _choice(*sorted(FLAGS))


@dataclass(frozen=True)
class Setting:
    """One row: scopes, the check of a value (it raises), whether it has an effect, what holds when it is not set."""

    scopes: frozenset[str]
    check: Callable[[str], None]
    has_effect: bool = False
    default: str | None = None
    is_merged: bool = False  # what is inherited is added to, not replaced


TABLE: dict[str, Setting] = {
    schedule.SPEED: Setting(LIMITED, _by(schedule.read_speed), has_effect=True),
    schedule.SCHEDULE: Setting(LIMITED, _by(schedule.read_schedule), has_effect=True),
    schedule.TIMEZONE: Setting(frozenset({"workspace"}), _by(schedule.read_timezone), has_effect=True, default="UTC"),
    compare.COMPARE: Setting(compare.SCOPES, _by(compare.read), has_effect=True, default=compare.TIME),
    hooking.ENABLED: Setting(frozenset({"workspace"}), _flag, has_effect=True, default="true"),
    hooking.SERVER: Setting(frozenset({"workspace"}), _text, has_effect=True),
    hooking.AUDIT_ROLE: Setting(
        frozenset({"workspace"}), _choice("admin", "employee"), has_effect=True, default="employee"
    ),
    **{hook: Setting(QUEUED, _hook_command, has_effect=True) for hook in hooking.HOOKS},
    **{f"{hook}-idempotent": Setting(QUEUED, _flag, has_effect=True, default="false") for hook in hooking.HOOKS},
    "transfer_mode": Setting(MOVING, _choice("copy", "onewaysync"), default="copy"),
    "transfer_ignore_existing": Setting(MOVING, _choice("file", *sorted(FLAGS))),
    "transfer_include": Setting(MOVING, _filters, is_merged=True),
    "transfer_exclude": Setting(MOVING, _filters, is_merged=True),
    "transfer_reserved_space": Setting(ALL, _number),
    "transfer_resume": Setting(MOVING, _flag, default="true"),
    "transfer_concurrent": Setting(ALL, _number),
    "transfer_conf/notmp": Setting(MOVING, _flag),
    "transfer_conf/nolock": Setting(MOVING, _flag),
    "task_bucketsize": Setting(MOVING, _number),
    "job_done_actions": Setting(QUEUED, _choice("delete_excluded")),
    "job_max_retries": Setting(QUEUED, _number),
    "job_autoretry_delay_s": Setting(QUEUED, _number),
    "queue_interrupt_policy": Setting(frozenset({"workspace", "queue"}), _text),
    "queue_interrupt_policy_compute": Setting(frozenset({"workspace", "queue"}), _text),
    "compute_avoid": Setting(ALL, _choice("disable", "enable-clear-on-resume", "enable-permanent")),
    "client_compute_lanes": Setting(frozenset({"workspace", "client"}), _number),
}


def require(scope: str, name: str) -> Setting:
    """The row of a setting that may be set on `scope`; raises BadValueError."""
    row = TABLE.get(name)
    if row is None:
        raise BadValueError(what=f'There is no setting "{name}"; look at its name.')
    if scope not in row.scopes:
        raise BadValueError(
            what=f'The setting "{name}" is set on one of {", ".join(sorted(row.scopes))}, not on a {scope}.'
        )
    return row


def check(scope: str, name: str, value: str) -> Setting:
    """Hold a value to its setting's row; raises BadValueError or the error of its kind."""
    row = require(scope, name)
    if len(value) > LONGEST:
        raise BadValueError(what=f'The value of "{name}" is longer than {LONGEST} characters.')
    row.check(value)
    return row


def check_all(scope: str, settings: Mapping[str, Any]) -> None:
    """Hold the settings written into a job or task to the table; hooks' commands are no part of those."""
    for name, value in settings.items():
        if hooking.hook_name(name).removesuffix("-idempotent") in hooking.HOOKS:
            raise BadValueError(what=f'The hook "{name:.60}" is set by an admin, not written into a {scope}.')
        if not isinstance(value, (str, int, float, bool)):
            raise BadValueError(what=f'The value of the setting "{name:.60}" is text.')
        check(scope, name, str(value).lower() if isinstance(value, bool) else str(value))
