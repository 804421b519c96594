from __future__ import annotations

from collections.abc import Callable

import pytest

from accsyn_engine.clock import SystemClock
from tests.engine.fuzz.run import fuzz
from tests.engine.fuzz.targets import TARGETS, Target


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_spoilt_bytes_end_the_session_and_do_nothing_else(target: Callable[[], Target]) -> None:
    """The same bytes at every run; `make fuzz` tries others."""
    assert fuzz(target, seed=1, seconds=0.7, clock=SystemClock()) > 100
