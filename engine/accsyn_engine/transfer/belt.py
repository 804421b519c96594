"""A bounded queue between two threads that can be ended under both."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Ended(Exception):  # not an error: the transfer is over and the thread goes home
    """The belt was ended; nothing more comes or goes."""


class Belt(Generic[T]):
    """Holds up to `size` things; without a size its user bounds it otherwise."""

    def __init__(self, size: float = math.inf) -> None:
        self._size = size
        self._things: deque[T] = deque()
        self._changed = threading.Condition()
        self._is_over = False

    def put(self, thing: T) -> None:
        """Add at the end, waiting for room. Raises Ended."""
        self.put_all((thing,))

    def put_all(self, things: Sequence[T]) -> None:
        """Add several at the end, waiting for room before the first. Raises Ended."""
        with self._changed:
            while len(self._things) >= self._size and not self._is_over:
                self._changed.wait()
            if self._is_over:
                raise Ended
            if not self._things:  # only then somebody may wait for it
                self._changed.notify_all()
            self._things.extend(things)

    def get(self) -> T:
        """Take from the front, waiting for something. Raises Ended."""
        return self.take(1)[0]

    def get_within(self, seconds: float) -> T | None:
        """Take from the front; None when nothing has come in this time. Raises Ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._things or self._is_over, seconds)
            if self._is_over:
                raise Ended
            return self._things.popleft() if self._things else None

    def take(self, most: int) -> list[T]:
        """Take one to `most` things from the front, waiting for the first. Raises Ended."""
        with self._changed:
            while not self._things and not self._is_over:
                self._changed.wait()
            if self._is_over:
                raise Ended
            if len(self._things) >= self._size:
                self._changed.notify_all()
            return [self._things.popleft() for _ in range(min(most, len(self._things)))]

    def __len__(self) -> int:
        return len(self._things)

    def end(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
