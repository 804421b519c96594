"""What a hook prints, kept in bounded memory: the first and the last part, as text whatever the bytes are."""

from __future__ import annotations

import threading

LIMIT = 64 * 1024  # bytes kept of one run; half of them from its start, half from its end
_HALF = LIMIT // 2


class Output:
    """Collects bytes from the thread that reads the hook's output; any thread may ask for the text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0

    def add(self, chunk: bytes) -> None:
        """Take what was printed next."""
        with self._lock:
            room = _HALF - len(self._head)
            self._head += chunk[:room]
            self._tail += chunk[room:]
            surplus = len(self._tail) - _HALF
            if surplus > 0:
                del self._tail[:surplus]
                self._left_out += surplus

    def text(self) -> str:
        """Everything kept, decoded; bytes that are no UTF-8 and NULs show as U+FFFD, a gap says how much is missing."""
        with self._lock:
            gap = f"\n... {self._left_out} bytes left out ...\n".encode() if self._left_out else b""
            whole = bytes(self._head) + gap + bytes(self._tail)
        # PostgreSQL takes no NUL in a text, and nobody can read one.
        return whole.decode("utf-8", "replace").replace("\x00", "\ufffd").replace("\r\n", "\n")


def last_line(text: str) -> str:
    """The last line that says something, which is where scripts put their error; at most 200 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
