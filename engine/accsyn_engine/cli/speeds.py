"""Speeds, times and lines as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MEGABYTE = 1_000_000
LIMITED_BY = {
    "line": "the line",
    "sender-disk": "the sender's disk",
    "receiver-disk": "the receiver's disk",
    "cap": "a cap",
    "cpu": "a processor",
}


def speed_text(bytes_per_s: float | None) -> str:
    """A speed in megabytes a second; `unlimited` for None."""
    if bytes_per_s is None:
        return "unlimited"
    megabytes = bytes_per_s / MEGABYTE
    return f"{megabytes:.0f} MB/s" if megabytes >= 10 else f"{megabytes:.3g} MB/s"


def line_text(line: Mapping[str, Any]) -> str:
    """What is known of a line, in one phrase; what nobody measured is left out."""
    parts = [_over(line)]
    if line.get("rtt_s") or line.get("min_rtt_s"):
        parts.append(f"round trip {(line.get('rtt_s') or line['min_rtt_s']) * 1000:.0f} ms")
    if line.get("loss") is not None:
        parts.append(f"loss {_percent(line['loss'])}")
    if line.get("retransmitted_share") is not None:
        parts.append(f"retransmitted {_percent(line['retransmitted_share'])}")
    if line.get("capacity"):
        parts.append(f"capacity {speed_text(line['capacity'])}")
    if line.get("limited_by"):
        parts.append(f"limited by {LIMITED_BY[line['limited_by']]}")
    return ", ".join(part for part in parts if part)


def _over(line: Mapping[str, Any]) -> str:
    speed = speed_text(line["goodput"]) if line.get("goodput") is not None else ""
    over = f"over {line['transport'].upper()}" if line.get("transport") else ""
    return f"{speed} {over}".strip()


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"
