"""Identifiers and secrets; the randomness they are made of is handed in."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True)
class Ids:
    """Makes the three kinds of identifier of the engine from one source of random bytes."""

    random_bytes: RandomBytes = secrets.token_bytes

    def entity(self) -> str:
        """24 lower-case hex digits: every id of the accsyn protocol but those of tasks."""
        return self.random_bytes(12).hex()

    def task(self) -> str:
        """A UUID, 36 characters: the id of a task."""
        return str(uuid.UUID(bytes=self.random_bytes(16), version=4))

    def tasks(self, count: int) -> list[str]:
        """Ids of that many tasks, side by side, so that what a batch writes into an index lies in few of its pages."""
        begin = self.random_bytes(6).hex()
        rest = self.random_bytes(8 * count)
        return [_side_by_side(begin, number, rest[8 * number : 8 * number + 8].hex()) for number in range(count)]

    def secret(self) -> str:
        """256 bits as 64 hex digits: API keys, session keys, hook keys."""
        return self.random_bytes(32).hex()


def _side_by_side(begin: str, number: int, rest: str) -> str:
    """A UUID of version 4 by its form; beside its beginning and the batch's hundreds it is random."""
    variant = "89ab"[int(rest[0], 16) & 3]
    return f"{begin[:8]}-{begin[8:]}-4{number >> 8 & 0xFFF:03x}-{variant}{rest[1:4]}-{rest[4:]}"
