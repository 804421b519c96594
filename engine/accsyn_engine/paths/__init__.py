"""Paths and the notation in which people write them; pure, no file is looked at."""

from __future__ import annotations

from accsyn_engine.paths.errors import LeavesFolderError, PathError, PlaceholderError, UnknownPartyError
from accsyn_engine.paths.notation import Endpoint, KnownNames, Party, PartyKind, Path, PathKind, inside, is_plain, parse
from accsyn_engine.paths.relative import LONGEST, basename, is_below, join, map_code, normalise, parent
from accsyn_engine.paths.sequences import Sequence, read_sequence

__all__ = [
    "LONGEST",
    "Endpoint",
    "KnownNames",
    "LeavesFolderError",
    "Party",
    "PartyKind",
    "Path",
    "PathError",
    "PathKind",
    "PlaceholderError",
    "Sequence",
    "UnknownPartyError",
    "basename",
    "inside",
    "is_below",
    "is_plain",
    "join",
    "map_code",
    "normalise",
    "parent",
    "parse",
    "read_sequence",
]
