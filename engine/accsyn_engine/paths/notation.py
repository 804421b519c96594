"""The notation `<party>:<path>` in which scripts name the two ends of a transfer: text in, an Endpoint out.

Who the party is, whether a share of that code exists and who may read there is asked elsewhere. The order of the
questions in `parse` is what settles the ambiguities: a drive letter comes before a party, a share before an address.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from accsyn_engine.paths.errors import PathError, PlaceholderError, UnknownPartyError
from accsyn_engine.paths.relative import clean, is_windows, refuse_unwritable
from accsyn_engine.paths.sequences import read_sequence

DEFAULT_SHARE = "(default)"
MAIN_SITE = frozenset({"hq", "organization"})  # besides the workspace's own code


class PartyKind(StrEnum):
    """Who holds an end of a transfer."""

    NONE = "none"  # not said: the workspace, or for a local path the caller's own client
    WORKSPACE = "workspace"  # the main site's server
    SITE = "site"  # `name` is its code or id
    USER = "user"  # `name` is the address; `hostname` picks one of their clients
    CLIENT = "client"  # `name` is its id


class PathKind(StrEnum):
    """What a path is relative to. `root` is the drive, the server and share, or the share's code or id."""

    MIRROR = "mirror"  # not said: the same place as on the other side
    WINDOWS = "windows"  # root "C:"
    UNC = "unc"  # root "server/share"
    POSIX = "posix"  # root ""
    SHARE = "share"  # any type of share; root "" is the default volume
    VOLUME = "volume"  # root "" is the default volume
    FOLDER = "folder"
    HOME = "home"  # root is the owner's address or the share's id
    COLLECTION = "collection"
    OWN_HOME = "own-home"  # the caller's home
    RELATIVE = "relative"  # of a workspace: the default volume; of a user: the folder they choose


LOCAL_KINDS = frozenset({PathKind.WINDOWS, PathKind.UNC, PathKind.POSIX})

_SHARE_WORDS = {
    "share": PathKind.SHARE,
    "workarea": PathKind.SHARE,
    "volume": PathKind.VOLUME,
    "folder": PathKind.FOLDER,
    "home": PathKind.HOME,
    "collection": PathKind.COLLECTION,
}
SHARE_KINDS = frozenset(_SHARE_WORDS.values())
_SHARE = re.compile(rf"({'|'.join(_SHARE_WORDS)})=([^/\\:]*)[/\\:]?", re.IGNORECASE)
_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True)
class Party:
    """One side of a transfer, as written; addresses in lower case."""

    kind: PartyKind
    name: str = ""
    hostname: str = ""


@dataclass(frozen=True)
class Path:
    """One path, as written; `relative` is below `root`, normalised, `""` for the root itself."""

    kind: PathKind
    root: str = ""
    relative: str = ""
    is_folder: bool = False  # ended in a separator or is a root: what is sent keeps its name below it
    is_dated: bool = False  # a bare `~`: lands below a folder named after the day
    is_sequence: bool = False  # names the frames of a sequence, `%04d`, `####` or `[1-100]`

    @property
    def is_local(self) -> bool:
        """Whether the path is absolute on some machine."""
        return self.kind in LOCAL_KINDS

    @property
    def name(self) -> str:
        """The last name of the path; `""` for a root."""
        return self.relative.rpartition("/")[2]

    @property
    def native(self) -> str:
        """A local path the way its platform writes it."""
        if self.kind is PathKind.POSIX:
            return f"/{self.relative}"
        slashes = "//" if self.kind is PathKind.UNC else ""
        return f"{slashes}{self.root}/{self.relative}".replace("/", "\\")


@dataclass(frozen=True)
class Endpoint:
    """One end of a transfer."""

    party: Party
    path: Path


@dataclass(frozen=True)
class KnownNames:
    """The names that may stand before the colon in this workspace; codes compare without case."""

    workspace: str
    sites: frozenset[str] = frozenset()


NOBODY = Party(PartyKind.NONE)
MIRROR = Path(PathKind.MIRROR)


def parse(text: str, known: KnownNames) -> Endpoint:
    """Read `<party>:<path>`, either half of which may be missing.

    Raises UnknownPartyError, PlaceholderError, LeavesFolderError or another PathError.
    """
    refuse_unwritable(text)
    if not text.strip():
        raise PathError(text=text, reason="it is empty; name a party, a path or both")
    if is_windows(text) or _is_path_only(text):
        return Endpoint(NOBODY, _path(text, text))
    before, colon, after = text.partition(":")
    party = _party(before, text, known)
    if party is not None:
        return Endpoint(party, _path_of(party, after, text))
    if colon:
        raise UnknownPartyError(text=text, party=before)
    return Endpoint(NOBODY, _path(text, text))


_PLAIN = re.compile(r"[\w +-][\w .+-]*", re.ASCII)  # a name that means nothing but itself wherever it stands


def is_plain(name: str) -> bool:
    """Whether a name can be read by itself, see `inside`."""
    return _PLAIN.fullmatch(name) is not None


def inside(folder: Endpoint, name: str) -> Endpoint:
    """Read a plain name below a folder that was read already: `parse` of both together, at a fraction of its cost.

    The folder was written with a separator at its end and names a path.
    """
    path = folder.path
    relative = f"{path.relative}/{name}" if path.relative else name
    here = Path(path.kind, path.root, relative, False, path.is_dated, _is_sequence(name))
    return Endpoint(folder.party, here)


def _is_path_only(text: str) -> bool:
    return text[0] in "/~" or _SHARE.match(text) is not None


def _party(before: str, text: str, known: KnownNames) -> Party | None:
    """Give the party whose name this is, or None when it can only be a path or nobody."""
    word, equals, value = before.partition("=")
    reader = _PARTY_WORDS.get(word.lower()) if equals else None
    if reader is not None:
        return reader(value, text, known)
    code = before.lower()
    if code == known.workspace.lower() or code in MAIN_SITE:
        return Party(PartyKind.WORKSPACE)
    if code in {site.lower() for site in known.sites}:
        return Party(PartyKind.SITE, before)
    return _user(before, text)


def _user(before: str, text: str) -> Party | None:
    if "@" not in before or re.search(r"[/\\]", before):
        return None
    name, host, *machine = before.split("@")
    if not name or not host or machine == [""] or len(machine) > 1 or re.search(r"\s", name + host):
        raise UnknownPartyError(text=text, party=before)
    return Party(PartyKind.USER, f"{name}@{host}".lower(), machine[0] if machine else "")


def _site(value: str, text: str, known: KnownNames) -> Party:
    if value.lower() in MAIN_SITE:
        return Party(PartyKind.WORKSPACE)
    if value.lower() not in {site.lower() for site in known.sites} and not _ID.fullmatch(value):
        raise UnknownPartyError(text=text, party=f"site={value}")
    return Party(PartyKind.SITE, value)


def _client(value: str, text: str, _known: KnownNames) -> Party:
    if not value:
        raise UnknownPartyError(text=text, party="client=")
    return Party(PartyKind.CLIENT, value)


_PARTY_WORDS: dict[str, Callable[[str, str, KnownNames], Party]] = {"site": _site, "client": _client}


def _path_of(party: Party, written: str, text: str) -> Path:
    path = _path(written, text)
    if party.kind is PartyKind.USER and path.kind in SHARE_KINDS and ":" in written:
        raise PathError(text=text, reason="a folder on the way to a user is not supported; write one path")
    return path


def _path(written: str, text: str) -> Path:
    """Read what stands after the party; `text` is the whole, for the errors."""
    if not written:
        return MIRROR
    if written == "null":
        raise PlaceholderError(text=text)
    share = _SHARE.match(written)
    if share is not None:
        return _share(share, written, text)
    for begins, read in _PATHS:
        if begins.match(written):
            return read(written, text)
    return _place(PathKind.RELATIVE, "", written, text)


def _share(match: re.Match[str], written: str, text: str) -> Path:
    kind, root = _SHARE_WORDS[match[1].lower()], match[2].strip()
    if not root:
        raise PathError(text=text, reason=f"no share is named after {match[1]}=")
    if root.lower() == DEFAULT_SHARE:
        if kind not in {PathKind.SHARE, PathKind.VOLUME}:
            raise PathError(text=text, reason=f"only a volume can be the default; {match[1]}= needs a code")
        root = ""
    if kind is PathKind.SHARE and "@" in root:
        kind = PathKind.HOME
    return _place(kind, root, written[match.end() :], text)


def _windows(written: str, text: str) -> Path:
    if ":" in written[2:]:
        raise PathError(text=text, reason="only the drive of a Windows path is followed by a colon")
    return _place(PathKind.WINDOWS, written[0].upper() + ":", written[2:], text)


def _unc(written: str, text: str) -> Path:
    server, _, rest = written[2:].replace("\\", "/").partition("/")
    share, _, rest = rest.partition("/")
    if server in {"", ".", "..", "?"} or share in {"", ".", ".."}:
        raise PathError(text=text, reason="a network path needs a server and its share")
    return _place(PathKind.UNC, f"{server}/{share}", rest, text)


def _posix(written: str, text: str) -> Path:
    relative = clean(written, written=text)
    return Path(PathKind.POSIX, "", relative, written.endswith("/") or not relative, False, _is_sequence(relative))


def _own_home(written: str, text: str) -> Path:
    if written == "~":
        return Path(PathKind.OWN_HOME, is_folder=True, is_dated=True)
    return _place(PathKind.OWN_HOME, "", written[2:], text)


def _other_home(written: str, text: str) -> Path:
    raise PathError(text=text, reason=f"write home=ADDRESS for another person's home instead of {written!r}")


def _no_drive(written: str, text: str) -> Path:
    raise PathError(text=text, reason=f"{written!r} starts with one backslash; name its drive or its share")


# Asked in this order: two slashes are a server before one is a root.
_PATHS: tuple[tuple[re.Pattern[str], Callable[[str, str], Path]], ...] = (
    (re.compile(r"\\\\|//"), _unc),
    (re.compile(r"[A-Za-z]:(?:[\\/]|$)"), _windows),
    (re.compile(r"/"), _posix),
    (re.compile(r"~(?:[\\/]|$)"), _own_home),
    (re.compile(r"~"), _other_home),
    (re.compile(r"\\"), _no_drive),
)


def _place(kind: PathKind, root: str, written: str, text: str) -> Path:
    relative = clean(written.replace("\\", "/"), written=text)
    is_folder = written.endswith(("/", "\\")) or not relative
    return Path(kind, root, relative, is_folder, False, _is_sequence(relative))


def _is_sequence(relative: str) -> bool:
    return read_sequence(relative.rpartition("/")[2]) is not None
