"""How a job's files are compared with what lies at the receiver: the setting `transfer_compare` of a job, or of more.

accsyn itself compares by size and time of change only and has no setting for it; the name follows its `transfer_` ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accsyn_plugins.errors import AccsynError

COMPARE = "transfer_compare"
TIME, CONTENT = "time", "content"
SCOPES = frozenset({"workspace", "queue", "job"})  # where it is looked for, the last first


class CompareError(AccsynError):
    """A way of comparing that there is not."""

    code = "bad-compare"
    sentence = (
        '"{text}" is no way to compare files; write "time" (same size and time of change) or "content" (same size and '
        "content, both ends read all of it)."
    )


def read(text: object) -> str:
    """Read a value of the setting: TIME or CONTENT. Raises CompareError."""
    word = str(text).strip().lower()
    if word not in {TIME, CONTENT}:
        raise CompareError(text=text)
    return word


def check(settings: Mapping[str, Any]) -> None:
    """Refuse a value that could not be read later. Raises CompareError."""
    if settings.get(COMPARE) is not None:
        read(settings[COMPARE])
