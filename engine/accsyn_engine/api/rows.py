"""What a row of the table of events says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from accsyn_engine.api.calls import Call


class Shape(Enum):
    """What the answer's envelope looks like."""

    ENTITIES = "a list of entities, one where the use case gave one"
    DONE = "true"
    VALUE = "the value as it is"
    TOP = "the use case's own object, unwrapped"


@dataclass(frozen=True)
class Row:
    """One event: the operation it needs, how it is called, how it is answered."""

    operation: str
    call: Callable[[Call], Any]
    shape: Shape = Shape.ENTITIES
    kind: str = ""
    waits: bool = False  # asks an agent: up to two minutes
    is_secret: bool = False  # its answer may not be kept for a repeated call


Rows = Iterator[tuple[str, str, Row]]
