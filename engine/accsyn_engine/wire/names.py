"""Names of files as they travel: bytes, relative, "/" between the parts, nothing that climbs.

A name that is not valid UTF-8 stays what it is: Python holds its bytes as surrogates.
"""

from __future__ import annotations

import re
import unicodedata

MAX_PATH = 4095  # bytes, as on Linux
MAX_PART = 255
# Most paths: short, their parts not empty and not beginning with a dot. The rest is looked at more closely.
_USUAL = re.compile(rb"[^/.\0][^/\0]{0,100}(?:/[^/.\0][^/\0]{0,100}){0,20}")


def fault_of(path: bytes) -> str | None:
    """Say what is wrong with a path below an item, or None; "" is the item itself."""
    if not path or _USUAL.fullmatch(path):
        return None
    if len(path) > MAX_PATH:
        return "it is longer than 4095 bytes"
    if b"\0" in path:
        return "it holds a NUL byte"
    if path.startswith(b"/"):
        return "it is absolute"
    return next((fault for part in path.split(b"/") if (fault := _fault_of_part(part))), None)


def _fault_of_part(part: bytes) -> str | None:
    if part in {b"", b"."}:
        return "it has an empty part"
    if part == b"..":
        return "it climbs out of its folder"
    return "a part of it is longer than 255 bytes" if len(part) > MAX_PART else None


def to_bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def to_text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def fold(path: str) -> str:
    """The form in which two names meet on a target that ignores case and Unicode form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def shown(path: str) -> str:
    """The name as it may stand in a sentence: no control characters, no broken bytes."""
    if path.isprintable():
        return path
    return "".join(c if c.isprintable() else f"\\x{ord(c) & 0xFF:02x}" for c in path)
