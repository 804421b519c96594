"""Spoils bytes the way that finds faults in decoders: by bits, by interesting numbers, by moving pieces about."""

from __future__ import annotations

import random

_NUMBERS = (
    0,
    1,
    2,
    7,
    8,
    127,
    128,
    255,
    256,
    1023,
    1024,
    65_535,
    1 << 16,
    1 << 20,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
)
_LARGE = (*_NUMBERS, 1 << 32, 1 << 62, (1 << 62) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


class Mutator:
    """The same seed gives the same bytes."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._ways = (self._flip, self._set, self._number, self._cut, self._grow, self._drop, self._repeat)

    def choose(self, things: list[bytes]) -> bytes:
        return self._random.choice(things)

    def mutate(self, data: bytes, others: list[bytes]) -> bytes:
        """One to four changes; now and then the end of another example."""
        spoilt = bytearray(data)
        if self._random.random() < 0.1:
            other = self._random.choice(others)
            spoilt = spoilt[: self._at(spoilt)] + other[self._at(other) :]
        for _ in range(self._random.randint(1, 4)):
            self._random.choice(self._ways)(spoilt)
        return bytes(spoilt)

    def _at(self, data: bytes | bytearray) -> int:
        return self._random.randrange(len(data) + 1)

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)

    def _set(self, data: bytearray) -> None:
        if data:
            data[self._random.randrange(len(data))] = self._random.choice((0, 1, 127, 128, 255))

    def _number(self, data: bytearray) -> None:
        width = self._random.choice((2, 4, 8))
        value = self._random.choice(_LARGE if width == 8 else _NUMBERS) % (1 << 8 * width)
        at = self._at(data)
        data[at : at + width] = value.to_bytes(width, "big")

    def _cut(self, data: bytearray) -> None:
        del data[self._at(data) :]

    def _grow(self, data: bytearray) -> None:
        at = self._at(data)
        data[at:at] = self._random.randbytes(self._random.randint(1, 20))

    def _drop(self, data: bytearray) -> None:
        at = self._at(data)
        del data[at : at + self._random.randint(1, 8)]

    def _repeat(self, data: bytearray) -> None:
        at = self._at(data)
        data[at:at] = data[at : at + self._random.randint(1, 40)]
