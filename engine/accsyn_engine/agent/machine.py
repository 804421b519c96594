"""What tells this machine and its user from others."""

from __future__ import annotations

import getpass
import uuid


def host_ident() -> str:
    """The machine's network address in hex, the same for every agent on it; "" where there is none."""
    node = uuid.getnode()
    is_made_up = bool(node >> 40 & 1)  # Python's sign for a random one
    return "" if is_made_up else f"{node:012x}"


def user_name() -> str:
    """Whom the agent runs as on this machine; "" for a user without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return ""
