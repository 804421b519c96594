"""Reading the fields of a caller's data: the right kind or one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from accsyn_engine.services.errors import BadValueError

LONGEST_TEXT = 100_000
_TRUE = frozenset({"true", "1", "yes"})
_FALSE = frozenset({"false", "0", "no"})


def text(data: Mapping[str, Any], name: str, *, longest: int = LONGEST_TEXT) -> str | None:
    """Read a text; None when absent or null."""
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadValueError(what=f'"{name}" must be text, not {value!r:.60}.')
    if len(value) > longest:
        raise BadValueError(what=f'"{name}" is longer than {longest} characters; shorten it.')
    if "\x00" in value:
        raise BadValueError(what=f'"{name}" contains a NUL character; take it out.')
    return value


def flag(data: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """Read a boolean; true and false may be text or 0 and 1."""
    value = data.get(name)
    if value is None:
        return default
    word = str(value).lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise BadValueError(what=f'"{name}" must be true or false, not {value!r:.60}.')


def number(data: Mapping[str, Any], name: str, *, default: int, least: int, most: int) -> int:
    """Read a whole number within bounds."""
    value = data.get(name, default)
    if isinstance(value, str) and value.strip().lstrip("-").isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadValueError(what=f'"{name}" must be a whole number from {least} to {most}, not {value!r:.60}.')
    return value


def known_only(data: Mapping[str, Any], names: Iterable[str], *, kind: str) -> None:
    """Refuse what this kind of entity does not have, so that a misspelled name is not taken for done."""
    unknown = sorted(str(name) for name in data.keys() - set(names))
    if unknown:
        raise BadValueError(
            what=f'A {kind} has no "{unknown[0]:.60}" to write; there are {", ".join(sorted(set(names)))}.'
        )


def choice(
    data: Mapping[str, Any], names: tuple[str, ...], words: Mapping[str, str], *, default: str | None = None
) -> str:
    """Read one of a few words under any of its field names; `words` maps what may be written to what is meant."""
    value = next((data[name] for name in names if data.get(name) is not None), default)
    meant = words.get(value.strip().lower()) if isinstance(value, str) else None
    if meant is None:
        allowed = ", ".join(sorted(set(words.values())))
        raise BadValueError(what=f'"{names[0]}" must be one of {allowed}, not {value!r:.60}.')
    return meant


def mapping(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Read an object; empty when absent. It must be JSON of reasonable size."""
    value = data.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadValueError(what=f'"{name}" must be an object, not {value!r:.60}.')
    if len(json.dumps(value)) > 1_000_000:
        raise BadValueError(what=f'"{name}" is larger than a megabyte; store it elsewhere and put a reference here.')
    return value


def slug(name: str) -> str:
    """Derive a code from a free name."""
    return "-".join("".join(char if char.isalnum() or char in "._-@" else " " for char in name).split()).lower()
