"""Errors of the protocol, by blame: ours is a bug, theirs ends the session."""

from __future__ import annotations

from accsyn_plugins.errors import AccsynError


class ProtocolError(AccsynError):
    """The conversation left the rules of PROTOCOL.md."""

    code = "protocol"
    status = 502


class LocalProtocolError(ProtocolError):
    """What was about to be sent is not allowed by the rules; a bug in the caller."""

    code = "protocol-local"
    status = 500
    sentence = "This side may not send {event} while {state}; this is a bug, please report it."


class RemoteProtocolError(ProtocolError):
    """The other side sent what the rules do not allow; the session ends."""

    code = "protocol-remote"
    sentence = "The other side broke the transfer protocol ({detail}); the session was ended. Check its version."
