"""What processes cost: seconds of a processor and the peak of their memory, children included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil


class Meter:
    """Measures named processes, given by id, from its making on; one that descends from another counts for itself."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._named = set(pids.values())
        self._roots = {name: psutil.Process(pid) for name, pid in pids.items()}
        for root in self._roots.values():
            for process in self._tree(root):
                Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # the peak starts again from what is used now
        self._before = {name: self._cpu_s(root) for name, root in self._roots.items()}

    def read(self, seconds: float) -> dict[str, dict[str, Any]]:
        """Of each process: seconds of a core, their share of `seconds`, and the peak of its memory."""
        return {name: self._one(name, root, seconds) for name, root in self._roots.items()}

    def _one(self, name: str, root: psutil.Process, seconds: float) -> dict[str, Any]:
        used = self._cpu_s(root) - self._before[name]
        return {
            "cpu_s": round(used, 2),
            "share_of_a_core": round(used / seconds, 3),
            "peak_rss_mb": round(max(_peak(process.pid) for process in self._tree(root)) / 1e6, 1),
        }

    def _tree(self, root: psutil.Process) -> list[psutil.Process]:
        found = [root]
        for child in root.children():
            if child.pid not in self._named:
                found += self._tree(child)
        return found

    def _cpu_s(self, root: psutil.Process) -> float:
        total = 0.0
        for process in self._tree(root):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
        return total


def _peak(pid: int) -> int:
    """Bytes: VmHWM."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0  # ended meanwhile
    rows = [row for row in status.splitlines() if row.startswith("VmHWM:")]
    return int(rows[0].split()[1]) * 1024 if rows else 0
