"""Every error a person can meet: a stable code, an HTTP status and one sentence that says what to do.

A subclass is one kind of mistake. Its `sentence` is a template; the words that vary are handed in by name and kept in
`facts`, so that a program can read them and a test can check them.
"""

from __future__ import annotations

from typing import Any, ClassVar


class AccsynError(Exception):
    """The base of all errors that are shown to people."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    sentence: ClassVar[str] = "{message}"

    def __init__(self, message: str | None = None, **facts: Any) -> None:
        self.facts: dict[str, Any] = facts
        self.message: str = message if message is not None else self.sentence.format(**facts)
        super().__init__(self.message)

    def as_json(self) -> dict[str, str]:
        """The form in which an error leaves a program."""
        return {"code": self.code, "message": self.message}
