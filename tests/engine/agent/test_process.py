"""Agents as processes of their own: ended, killed, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from accsyn_engine.agent import holder_of
from tests.engine.agent.conftest import CLOCK, until
from tests.engine.agent.test_transfers import Match, task

pytestmark = pytest.mark.system

PROGRAM = """
import sys
from pathlib import Path
from accsyn_engine.agent import AgentOptions, run
server, data, folder = sys.argv[1:]
sys.exit(run(AgentOptions(server=server, user="p@gda.com", key="good-key", data=Path(data),
                          maps={"production": folder}, ports=(46900, 46949))))
"""


class Process:
    """An agent in a process, with what the tests need of a running one."""

    def __init__(self, small_engine, folder: Path, *, greets: bool = True, under: Sequence[str] = ()) -> None:
        self.data = folder / "agent-process"
        self.mapped = folder / "mapped"
        self.mapped.mkdir(exist_ok=True)
        before = len(small_engine.posted("hello"))
        command = [*under, sys.executable, "-c", PROGRAM, small_engine.url, str(self.data), str(self.mapped)]
        self.child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.client = not greets or small_engine.wait_for("hello", before + 1)[-1]["client"]

    @property
    def log(self) -> str:
        return (self.data / "agent.log").read_text(encoding="utf-8")


@pytest.fixture
def process(small_engine, tmp_path) -> Iterator[Process]:
    process = Process(small_engine, tmp_path)
    yield process
    process.child.kill()
    process.child.wait()


def test_sigterm_ends_an_agent_cleanly_and_frees_its_folder(process):
    holder = holder_of(process.data)
    assert holder is not None
    assert holder.pid == process.child.pid
    process.child.send_signal(signal.SIGTERM)
    assert process.child.wait(10) == 0
    assert holder_of(process.data) is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads another process's limits from /proc")
def test_an_agent_started_under_a_low_limit_of_open_files_raises_it(small_engine, tmp_path):
    process = Process(small_engine, tmp_path, under=["sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh"])
    try:
        limits = Path(f"/proc/{process.child.pid}/limits").read_text(encoding="ascii")
        [line] = [line for line in limits.splitlines() if line.startswith("Max open files")]
        soft, hard = (int(word) for word in line.split()[3:5])
        assert soft == min(8192, hard)
    finally:
        process.child.kill()
        process.child.wait()


def test_sigterm_is_heard_however_early_it_comes(small_engine, tmp_path):
    for number in range(4):
        process = Process(small_engine, tmp_path, greets=False)
        until((process.data / "lock").exists)
        CLOCK.sleep(number / 100)  # not for a state: the moment is what is tried
        process.child.send_signal(signal.SIGTERM)
        try:
            assert process.child.wait(10) == 0
        finally:
            process.child.kill()
        (process.data / "lock").unlink()


def test_a_killed_agent_frees_its_folder_and_a_new_transfer_resumes_where_it_was(
    process, small_engine, start, tmp_path
):
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "big").write_bytes(content := os.urandom(8_000_000))
    small_engine.tasks = [task(0, "big")]
    small_engine.progress_answer = {"state": "running", "limit": 3_000_000, "reason": ""}
    sender = start("alpha", role="server", volumes={"production": str(tmp_path / "volume")}, ports=(46950, 46980))
    Match(small_engine, sender, process).begin("t1")
    until(lambda: any(report["acked"] > 3_000_000 for report in small_engine.posted("transfers/t1/progress")))
    process.child.kill()
    process.child.wait()
    assert holder_of(process.data) is None
    assert small_engine.wait_for("transfers/t1/end")[0]["outcome"] == "lost"
    small_engine.progress_answer = {"state": "running", "limit": None, "reason": ""}
    again = Process(small_engine, tmp_path)
    try:
        match = Match(small_engine, sender, again, job="job-of-t1")
        match.begin("t2")
        ends = match.ends("t2")
    finally:
        again.child.kill()
        again.child.wait()
    assert [end["outcome"] for end in ends] == ["done", "done"]
    assert max(end["progress"]["moved"] for end in ends) < 6_000_000
    assert (again.mapped / "big").read_bytes() == content
