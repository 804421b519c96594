"""Caps as people write them: a speed, and the weekly hours in which another one holds. From text to bytes a second.

Speeds are megabytes (1,000,000 bytes) a second, as accsyn's setting `transfer_speedlimit` has them. A schedule is rows
of days, hours and speed, "mon-fri 08:00-18:00 5; sat,sun 00:00-24:00 unlimited"; the first row that holds counts, and
where none does, the plain speed. Hours are what the clock on the wall of the named time zone shows: on the two days a
year when it jumps, an hour that does not exist never comes and one that comes twice counts twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from accsyn_plugins.errors import AccsynError

SPEED = "transfer_speedlimit"
SCHEDULE = "transfer_speedschedule"
TIMEZONE = "timezone"
LIMITS = frozenset({SPEED, SCHEDULE})

MEGABYTE = 1_000_000
LARGEST_MB = 1_000_000_000  # no line is as fast; more is a slip of the hand
MOST_ROWS = 100
MINUTES = 24 * 60
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNLIMITED, PAUSED = "unlimited", "paused"

_ROW = re.compile(r"(\S+)\s+(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)\s+(\S+)")


class SpeedError(AccsynError):
    """A speed nobody can keep to."""

    code = "bad-speed"
    sentence = '"{text}" is no speed; write megabytes a second like 12.5, or unlimited, or paused.'


class ScheduleError(AccsynError):
    """A schedule that cannot be understood."""

    code = "bad-schedule"
    sentence = (
        'The row "{row}" of the schedule cannot be read ({why}); write rows like "mon-fri 08:00-18:00 5; sat,sun '
        '00:00-24:00 unlimited", the speed in megabytes a second.'
    )


class TimezoneError(AccsynError):
    """A time zone this machine does not know."""

    code = "bad-timezone"
    sentence = '"{name}" is no time zone this engine knows; write one like Europe/Stockholm.'


@dataclass(frozen=True)
class Hours:
    """One row: on days (0 is Monday) from minute `start` to before minute `end`; into the next day if `end` is first.

    `bytes_per_s` is None where nothing is capped, 0 where everything stands still.
    """

    days: frozenset[int]
    start: int
    end: int
    bytes_per_s: int | None

    def hold(self, local: datetime) -> bool:
        """Whether this row counts at a moment of local time."""
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.start < self.end:
            return today in self.days and self.start <= minute < self.end
        began_yesterday = (today - 1) % len(DAYS) in self.days and minute < self.end
        return began_yesterday or (today in self.days and minute >= self.start)


@dataclass(frozen=True)
class Cap:
    """What is set on one entity: the plain speed in bytes a second, None without, and the hours with another."""

    bytes_per_s: int | None
    hours: tuple[Hours, ...] = ()

    def at(self, local: datetime) -> int | None:
        """Give the bytes a second that hold at a moment; None for no cap, 0 for standing still."""
        return next((row.bytes_per_s for row in self.hours if row.hold(local)), self.bytes_per_s)


def read_speed(text: object) -> int | None:
    """Read the plain speed as bytes a second; None, for no cap, also where 0 stands, as it always did.

    Raises SpeedError.
    """
    word = str(text).strip().lower()
    return 0 if word == PAUSED else _speed(word) or None


def read_schedule(text: object) -> tuple[Hours, ...]:
    """Read the rows of a schedule; a speed of 0 is `paused` here. Raises ScheduleError."""
    rows = [row.strip() for row in re.split(r"[;\n]", str(text)) if row.strip()]
    if len(rows) > MOST_ROWS:
        raise ScheduleError(row=rows[MOST_ROWS], why=f"it is the row after {MOST_ROWS} others")
    return tuple(_hours(row) for row in rows)


def read_timezone(name: object) -> tzinfo:
    """Find a time zone by its name in the IANA list. Raises TimezoneError."""
    if str(name).strip().upper() == "UTC":
        return UTC  # needs no list of zones on the machine
    try:
        return ZoneInfo(str(name).strip())
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TimezoneError(name=name) from error


def cap_of(settings: Mapping[str, Any]) -> Cap | None:
    """Read what an entity's settings say; None when they cap nothing. What cannot be read caps nothing."""
    cap = Cap(_readable(read_speed, settings.get(SPEED)), _readable(read_schedule, settings.get(SCHEDULE)) or ())
    return None if cap == Cap(None) else cap


def zone_of(name: object) -> tzinfo:
    """Find the time zone of the workspace; UTC when none is set or it is no longer known."""
    return _readable(read_timezone, name) or UTC


def local_time(now_ms: int, zone: tzinfo) -> datetime:
    """What the clocks of a zone show, `now_ms` milliseconds after 1970 UTC."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=now_ms)).astimezone(zone)


CHECKS = {SPEED: read_speed, SCHEDULE: read_schedule, TIMEZONE: read_timezone}


def check(settings: Mapping[str, Any]) -> None:
    """Refuse a cap, schedule or time zone that could not be read later. Raises the three errors above."""
    for name, read in CHECKS.items():
        if settings.get(name) is not None:
            read(settings[name])


def _readable(read: Any, value: object) -> Any:
    if value is None:
        return None
    try:
        return read(value)
    except AccsynError:
        return None


def _speed(word: str) -> int | None:
    """Bytes a second; None for the word unlimited."""
    if word == UNLIMITED:
        return None
    if word == PAUSED:
        return 0
    try:
        value = float(word)
    except ValueError as error:
        raise SpeedError(text=word) from error
    if not 0 <= value <= LARGEST_MB:
        raise SpeedError(text=word)
    return max(1, int(value * MEGABYTE)) if value else 0


def _hours(row: str) -> Hours:
    found = _ROW.fullmatch(row)
    if found is None:
        raise ScheduleError(row=row, why="it is not days, hours and a speed")
    days, *times, speed = found.groups()
    start, end = _minute(row, *times[:2]), _minute(row, *times[2:])
    if start == end:
        raise ScheduleError(row=row, why="it ends when it begins; a whole day is 00:00-24:00")
    try:
        return Hours(_days(row, days.lower()), start, end, _speed(speed.lower()))
    except SpeedError as error:
        raise ScheduleError(row=row, why=f'"{speed}" is no speed') from error


def _minute(row: str, hour: str, minute: str) -> int:
    at = int(hour) * 60 + int(minute)
    if int(minute) > 59 or at > MINUTES:
        raise ScheduleError(row=row, why=f"{hour}:{minute} is no time of day")
    return at


def _days(row: str, text: str) -> frozenset[int]:
    if text == "daily":
        return frozenset(range(len(DAYS)))
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise ScheduleError(row=row, why=f'"{part}" is none of {", ".join(DAYS)}, daily')
        length = (DAYS.index(last or first) - DAYS.index(first)) % len(DAYS)
        days |= {(DAYS.index(first) + day) % len(DAYS) for day in range(length + 1)}
    return frozenset(days)
