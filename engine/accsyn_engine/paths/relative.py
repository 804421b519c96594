"""Paths as strings: below a share root with `/` between the names, no leading `/`, no `..`; `""` is the root.

Nothing here looks at a disk; what a name means there is the business of `transfer.files`.
"""

from __future__ import annotations

import re
import unicodedata

from accsyn_engine.paths.errors import LeavesFolderError, PathError

LONGEST = 8192  # characters; longer than any path of Windows or POSIX

# Control characters end up in logs, mails and terminals; lone surrogates have no UTF-8 form. The categories Cc and Cs.
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_REFUSED = {"Cc": "it contains the control character {char}", "Cs": "it contains {char}, which is half a character"}


def refuse_unwritable(text: str) -> None:
    """Raise PathError for what no path may contain: NUL, control characters, half characters; or for its length."""
    if len(text) > LONGEST:
        raise PathError(text=text[:40] + "...", reason=f"it is longer than {LONGEST} characters")
    found = _UNWRITABLE.search(text)
    if found is not None:
        refusal = _REFUSED[unicodedata.category(found[0])]
        raise PathError(text=text, reason=refusal.format(char=f"U+{ord(found[0]):04X}"))


def normalise(relative: str) -> str:
    """Write a path below a root the one way the engine stores it; backslashes separate as well.

    Raises PathError for `..` and for characters that no path may contain.
    """
    refuse_unwritable(relative)
    return clean(relative.replace("\\", "/"), written=relative)


def clean(posix: str, *, written: str) -> str:
    """Drop empty names and `.`; refuse `..`. `written` is what the error quotes."""
    names = [name for name in posix.split("/") if name not in {"", "."}]
    if ".." in names:
        raise LeavesFolderError(text=written)
    return "/".join(names)


def join(*parts: str) -> str:
    """Put parts below one another, normalised; empty parts add nothing."""
    return normalise("/".join(parts))


def is_below(path: str, ancestor: str, case_sensitive: bool) -> bool:
    """Whether `path` is `ancestor` itself or lies anywhere below it; both normalised, both from the same root."""
    if not case_sensitive:
        path, ancestor = path.lower(), ancestor.lower()
    return not ancestor or path == ancestor or path.startswith(ancestor + "/")


def map_code(volume_code: str) -> str:
    """Name the environment variable that says where a volume lies on an agent's machine."""
    return f"ACCSYN_{re.sub('[^A-Z0-9]', '_', volume_code.upper())}_PATH"


def is_windows(path: str) -> bool:
    """Whether a path is absolute the way Windows writes it: a drive, or a server and its share."""
    return re.match(r"[A-Za-z]:(?:[\\/]|$)|\\\\|//", path) is not None


def parent(path: str) -> str:
    """Give the folder of a path of either platform, in the path's own writing; a root stays whole."""
    folder = path[: len(path) - len(basename(path))]
    bare = folder.rstrip("/" if path.startswith("/") else "/\\")
    return folder if not bare or bare.endswith(":") else bare


def basename(path: str) -> str:
    """Give the last name of a path of either platform; `""` for a root.

    A backslash separates unless the path starts with a single `/`: there it is part of a name.
    """
    if is_windows(path) or not path.startswith("/"):
        path = re.sub(r"^[A-Za-z]:(?=[\\/]|$)", "", path).replace("\\", "/")
    return path.rstrip("/").rpartition("/")[2]
