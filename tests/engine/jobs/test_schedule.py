"""Caps and weekly hours as people write them, and which of them holds when."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from accsyn_engine.jobs.schedule import (
    SCHEDULE,
    SPEED,
    TIMEZONE,
    Cap,
    ScheduleError,
    SpeedError,
    TimezoneError,
    cap_of,
    check,
    local_time,
    read_schedule,
    read_speed,
    read_timezone,
    zone_of,
)

STOCKHOLM = ZoneInfo("Europe/Stockholm")
OFFICE = "mon-fri 08:00-18:00 5; sat,sun 00:00-24:00 unlimited"


def cap_at(schedule: str, at: str, plain: str | None = None) -> int | None:
    cap = cap_of({SCHEDULE: schedule, SPEED: plain} if plain else {SCHEDULE: schedule})
    assert cap is not None
    return cap.at(datetime.fromisoformat(at))


@pytest.mark.parametrize(
    ("text", "bytes_per_s"),
    [
        ("5", 5_000_000),
        (" 2.5 ", 2_500_000),
        (5, 5_000_000),
        ("0.0000001", 1),
        ("0", None),
        ("unlimited", None),
        ("Paused", 0),
    ],
)
def test_a_plain_speed_is_megabytes_a_second(text: object, bytes_per_s: int | None) -> None:
    assert read_speed(text) == bytes_per_s


@pytest.mark.parametrize("text", ["", "fast", "-1", "nan", "inf", "1e30", "5 MB/s", "5,0"])
def test_what_is_no_speed_gets_a_sentence(text: str) -> None:
    with pytest.raises(SpeedError, match="write megabytes a second"):
        read_speed(text)


@pytest.mark.parametrize(
    ("at", "bytes_per_s"),
    [
        ("2026-11-23T07:59", 1_000_000),  # a Monday
        ("2026-11-23T08:00", 5_000_000),
        ("2026-11-27T17:59", 5_000_000),
        ("2026-11-27T18:00", 1_000_000),
        ("2026-11-28T00:00", None),
        ("2026-11-29T23:59", None),
        ("2026-11-30T00:00", 1_000_000),
    ],
)
def test_hours_outweigh_the_plain_speed_and_only_while_they_last(at: str, bytes_per_s: int | None) -> None:
    assert cap_at(OFFICE, at, plain="1") == bytes_per_s


def test_of_two_rows_the_first_that_holds_counts() -> None:
    assert cap_at("wed 10:00-11:00 paused\ndaily 00:00-24:00 3", "2026-11-25T10:30") == 0
    assert cap_at("wed 10:00-11:00 paused\ndaily 00:00-24:00 3", "2026-11-26T10:30") == 3_000_000


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        ("2026-11-27T21:59", False),
        ("2026-11-27T22:00", True),  # Friday
        ("2026-11-28T05:59", True),
        ("2026-11-28T06:00", False),
        ("2026-11-28T22:30", False),
        ("2026-11-27T03:00", False),
    ],
)
def test_hours_over_midnight_belong_to_the_day_they_begin_on(at: str, holds: bool) -> None:
    assert (cap_at("fri 22:00-06:00 0", at, plain="1") == 0) is holds


def test_sunday_night_goes_on_into_monday() -> None:
    assert cap_at("sun 22:00-06:00 7", "2026-11-23T05:00") == 7_000_000


def test_days_may_go_round_the_end_of_the_week() -> None:
    (row,) = read_schedule("sat-mon 00:00-24:00 1")
    assert row.days == {5, 6, 0}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("mon 08:00 5", "not days, hours and a speed"),
        ("mon-fri 08:00-18:00", "not days, hours and a speed"),
        ("moon 08:00-18:00 5", '"moon" is none of mon'),
        ("mon,,tue 08:00-18:00 5", '"" is none of'),
        ("mon-moon 08:00-18:00 5", '"mon-moon" is none of'),
        ("mon 08:00-24:01 5", "24:01 is no time of day"),
        ("mon 08:60-18:00 5", "08:60 is no time of day"),
        ("mon 08:00-08:00 5", "a whole day is 00:00-24:00"),
        ("mon 08:00-18:00 fast", '"fast" is no speed'),
        ("; ".join(["mon 08:00-18:00 5"] * 101), "after 100 others"),
    ],
)
def test_a_row_that_cannot_be_read_gets_a_sentence_that_names_it(row: str, why: str) -> None:
    with pytest.raises(ScheduleError, match=why):
        read_schedule(row)


def test_the_hours_are_those_of_the_wall_on_the_day_the_clocks_go_forward() -> None:
    cap = cap_of({SCHEDULE: "sun 02:00-03:00 paused; sun 03:00-04:00 2", SPEED: "9"})
    assert cap is not None
    before = int(datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC).timestamp() * 1000)  # 01:59:59 on the wall
    assert cap.at(local_time(before, STOCKHOLM)) == 9_000_000
    assert cap.at(local_time(before + 1000, STOCKHOLM)) == 2_000_000  # 03:00:00: there was no hour from two to three


def test_the_hour_that_comes_twice_when_the_clocks_go_back_counts_twice() -> None:
    cap = cap_of({SCHEDULE: "sun 02:00-03:00 paused", SPEED: "9"})
    assert cap is not None
    start = int(datetime(2026, 10, 25, 0, 0, tzinfo=UTC).timestamp() * 1000)  # 02:00 on the wall, for the first time
    hours = [cap.at(local_time(start + minutes * 60_000, STOCKHOLM)) for minutes in (-1, 0, 59, 60, 119, 120)]
    assert hours == [9_000_000, 0, 0, 0, 0, 9_000_000]


def test_what_cannot_be_read_later_is_refused_when_it_is_written() -> None:
    check({SPEED: "5", SCHEDULE: OFFICE, TIMEZONE: "Europe/Stockholm", "transfer_mode": "copy"})
    for settings, error in (
        ({SPEED: "x"}, SpeedError),
        ({SCHEDULE: "x"}, ScheduleError),
        ({TIMEZONE: "Mars/Olympus"}, TimezoneError),
        ({TIMEZONE: "../../etc/passwd"}, TimezoneError),
    ):
        with pytest.raises(error):
            check(settings)


def test_what_was_stored_long_ago_and_cannot_be_read_caps_nothing() -> None:
    assert cap_of({SPEED: "fast", SCHEDULE: "never"}) is None
    assert cap_of({}) is None
    assert cap_of({SPEED: "3", SCHEDULE: "never"}) == Cap(3_000_000)
    assert zone_of("Mars/Olympus") is UTC
    assert zone_of(None) is UTC


def test_utc_needs_no_list_of_time_zones() -> None:
    assert read_timezone("utc") is UTC
