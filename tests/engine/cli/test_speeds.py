"""Speeds and lines as people read them."""

from __future__ import annotations

from typing import Any

import pytest

from accsyn_engine.cli.path import sentence
from accsyn_engine.cli.speeds import line_text, speed_text

LINE = {
    "goodput": 91_000_000,
    "transport": "udp",
    "rtt_s": 0.201,
    "min_rtt_s": 0.2,
    "loss": 0.01,
    "retransmitted_share": 0.011,
    "capacity": None,
    "limited_by": "line",
}


@pytest.mark.parametrize(
    ("bytes_per_s", "said"),
    [(None, "unlimited"), (0, "0 MB/s"), (91_400_000, "91 MB/s"), (2_500_000, "2.5 MB/s"), (1_234, "0.00123 MB/s")],
)
def test_a_speed_is_said_in_megabytes_with_the_digits_that_matter(bytes_per_s: int | None, said: str) -> None:
    assert speed_text(bytes_per_s) == said


def test_a_line_is_one_phrase() -> None:
    whole = "91 MB/s over UDP, round trip 201 ms, loss 1.0 %, retransmitted 1.1 %, limited by the line"
    assert line_text(LINE) == whole


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, ""),
        ({"goodput": 5_000_000}, "5 MB/s"),
        ({"transport": "tcp", "min_rtt_s": 0.02}, "over TCP, round trip 20 ms"),
        ({"capacity": 119e6, "limited_by": "receiver-disk"}, "capacity 119 MB/s, limited by the receiver's disk"),
    ],
)
def test_what_nobody_measured_is_left_out(known: dict[str, Any], said: str) -> None:
    assert line_text(dict.fromkeys(LINE) | known) == said


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"udp": True, "capacity": 119_000_000}, "  capacity 119 MB/s; UDP gets through"),
        ({"udp": False, "capacity": None}, "  capacity 91 MB/s; UDP does not get through, TCP is used"),
        (
            {"udp": False, "capacity": None, "goodput": None},
            "  capacity unknown; UDP does not get through, TCP is used",
        ),
        (
            {"udp": False, "capacity": None, "goodput": None, "rtt_s": 0.0004},
            "  capacity unknown; TCP is used, since the line is short",
        ),
    ],
)
def test_a_measured_path_says_what_it_carries_and_over_what(known: dict[str, Any], said: str) -> None:
    found = LINE | {"source": "alpha", "target": "gda-ws1"} | known
    assert sentence(found).splitlines() == [f"alpha -> gda-ws1: {line_text(found | {'capacity': None})}", said]
