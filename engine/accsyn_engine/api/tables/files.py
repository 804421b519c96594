"""Files on volumes."""

from __future__ import annotations

from accsyn_engine.api import calls
from accsyn_engine.api.rows import Row, Rows, Shape
from accsyn_engine.services.moving import files

FILE_OPERATIONS: dict[str, tuple[str, ...]] = {  # a client's rm() up to 3.1 says mkdir, and cannot be told from one
    "GET": ("ls", "getsize", "exists"),
    "POST": ("mkdir", "delete"),
    "PUT": ("rename", "move"),
}


def rows() -> Rows:
    """Every event of this family."""
    for method, names in FILE_OPERATIONS.items():
        yield method, "workspace/file", Row(f"file.{names[0]}", calls.operate(files.operate), Shape.VALUE, waits=True)
