from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from accsyn_engine.transfer.errors import PeerLost
from accsyn_engine.transfer.receiving.receiver import receive
from accsyn_engine.transfer.sending.sender import send
from accsyn_engine.transfer.work import Control, Item
from tests.engine.transfer.ends import CLOCK, JOB, Side, bytes_of, new_gate, partials, tickets, tree

ROOT = Path(__file__).parents[3]


class KillAt(Control):
    """Kills the other end's process, once, when so many bytes have come over the line."""

    def __init__(self, moved: int, bytes_per_s: int | None) -> None:
        super().__init__(bytes_per_s)
        self.moved = moved
        self.victim: subprocess.Popen[str] | None = None

    def report(self, **numbers: Any) -> None:
        super().report(**numbers)
        if self.victim is not None and numbers.get("moved", 0) >= self.moved:
            self.victim.kill()


def run_against_process(victim: str, source: Path, target: Path, kill_at: int) -> Side:
    """Run one end here and the `victim` as a process; kill that at `kill_at` bytes."""
    gate = new_gate()
    here, there = tickets()
    expectation = gate.expect(here, deadline_s=20)
    folder = source if victim == "sender" else target
    command = [sys.executable, "-m", "tests.engine.transfer.far_end", victim, str(folder), str(expectation.port)]
    control = KillAt(kill_at, 60_000_000)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, text=True)
    assert process.stdin is not None
    own = there.identity
    keys = {
        "certificate": own.certificate,
        "private_key": own.private_key,
        "agreement_key": own.agreement_key,
    }
    json.dump({"transfer": there.transfer, "identity": keys, "peer": there.peer_certificate}, process.stdin)
    process.stdin.close()
    control.victim = process
    connection = expectation.wait()
    if victim == "sender":
        side = Side(lambda: receive(connection, lambda task: Item(task, target, "copy"), control, job=JOB, clock=CLOCK))
    else:
        side = Side(lambda: send(connection, [Item(1, source, "")], control, job=JOB, clock=CLOCK))
    side.join()
    process.wait(20)
    return side


@pytest.mark.parametrize("victim", ["sender", "receiver"])
def test_an_end_killed_twice_costs_only_what_was_under_way(tmp_path: Path, victim: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "large").write_bytes(bytes_of(36_000_000))
    for number in range(100):
        (source / f"zsmall{number}").write_bytes(bytes_of(4000, number))
    for _ in range(2):
        side = run_against_process(victim, source, target, 9_000_000)
        assert isinstance(side.error, PeerLost)
        assert not (target / "copy/large").exists()
    side = run_against_process(victim, source, target, 1 << 60)
    assert side.result.progress.acked == side.result.progress.size
    assert side.result.progress.moved < 36_400_000 - 16_000_000
    assert tree(target / "copy") == tree(source)
    assert not partials(target)
