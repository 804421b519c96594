"""Files on volumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accsyn_engine.api.calls import Call
from accsyn_engine.api.errors import BadFieldError, UnknownOperationError
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
        yield method, "workspace/file", Row(f"file.{names[0]}", _operate(method), Shape.VALUE, waits=True)


def _operate(method: str) -> Callable[[Call], Any]:
    """The operation named in the data, when this method carries it."""

    def carry_out(call: Call) -> Any:
        written = call.data.get("op")
        if not isinstance(written, str) or not written:
            raise BadFieldError(field="op", kind="the name of a file operation")
        operation = written.lower()
        if operation not in FILE_OPERATIONS[method]:
            raise UnknownOperationError(operation=written, method=method, known=", ".join(FILE_OPERATIONS[method]))
        return files.operate(call.context, call.caller, operation, call.data)

    return carry_out
