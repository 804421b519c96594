"""Which method carries which file operation: all pairs of both."""

from __future__ import annotations

from typing import Any

import pytest

from accsyn_engine.api.calls import Call
from accsyn_engine.api.errors import BadFieldError, UnknownOperationError
from accsyn_engine.api.events import TABLE
from accsyn_engine.api.protocol import Envelope, Family
from accsyn_engine.api.tables.files import FILE_OPERATIONS
from accsyn_engine.services.context import Caller
from accsyn_engine.services.errors import ForbiddenError
from accsyn_engine.services.moving.files import OPERATIONS

CARRIED = {
    ("GET", "ls"), ("GET", "getsize"), ("GET", "exists"),
    ("POST", "mkdir"), ("POST", "delete"),
    ("PUT", "rename"), ("PUT", "move"),
}  # fmt: skip
NOBODY = Caller("0" * 24, "someone@gda.com", "nobody")  # whom every use case refuses


def _call(method: str, operation: Any) -> Any:
    envelope = Envelope(Family.V3, method, "workspace/file", data={"op": operation, "path": "x"})
    return TABLE[method, "workspace/file"].call(Call(None, NOBODY, envelope, "workspace"))  # type: ignore[arg-type]


@pytest.mark.parametrize("operation", [*OPERATIONS, "DELETE", "chmod", "ls "])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_method_reaches_only_the_operations_it_carries(method: str, operation: str) -> None:
    is_carried = (method, operation.lower()) in CARRIED
    with pytest.raises(ForbiddenError if is_carried else UnknownOperationError):
        _call(method, operation)


def test_no_other_method_has_file_operations() -> None:
    assert {method for method, uri in TABLE if uri == "workspace/file"} == set(FILE_OPERATIONS)
    assert {(method, name) for method, names in FILE_OPERATIONS.items() for name in names} == CARRIED


@pytest.mark.parametrize("operation", [None, "", 7, ["ls"], {"op": "ls"}])
def test_an_operation_that_is_no_name_is_named_in_the_sentence(operation: Any) -> None:
    with pytest.raises(BadFieldError, match='"op"'):
        _call("GET", operation)
