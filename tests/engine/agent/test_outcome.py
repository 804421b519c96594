"""What a report says of the line."""

from __future__ import annotations

from accsyn_engine.agent.beat import Speed
from accsyn_engine.agent.outcome import numbers
from accsyn_engine.transfer.work import LineState, Progress


def test_a_report_says_nothing_of_a_line_nobody_has_measured() -> None:
    assert "line" not in numbers(Progress(), 5)


def test_a_report_fills_the_speed_into_what_is_known_of_the_line() -> None:
    line = LineState("udp", 4, rtt_s=0.2, retransmitted=7, limited_by="cap")
    assert numbers(Progress(line=line), 91)["line"] == {
        "transport": "udp",
        "streams": 4,
        "rtt_s": 0.2,
        "min_rtt_s": None,
        "capacity": None,
        "loss": None,
        "retransmitted": 7,
        "goodput": 91,
        "limited_by": "cap",
    }


def test_a_speed_forgets_what_is_older_than_its_window() -> None:
    speed = Speed(1.0)
    assert [speed.at(at, moved) for at, moved in ((0.0, 0), (0.5, 500), (1.0, 1000), (2.0, 1000), (3.0, 1000))] == [
        0,
        1000,
        1000,
        0,
        0,
    ]
