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

    def secret(self) -> str:
        """256 bits as 64 hex digits: API keys, session keys, hook keys."""
        return self.random_bytes(32).hex()
