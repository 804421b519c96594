"""What can go wrong while files move; each with a code that both ends, the job and its user see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from accsyn_engine.wire.errors import ProtocolError
from accsyn_plugins.errors import AccsynError


class TransferError(AccsynError):
    """The base: the transfer, or one file of it, did not get through."""

    code = "transfer"
    status = 502


class TransferStopped(TransferError):
    """Ended on purpose by one of the two sides; `facts["reason"]` is the code that was given."""

    code = "transfer-stopped"
    status = 409


class PeerRefused(TransferError):
    """The two ends do not accept each other: wrong certificate, wrong ticket, not announced."""

    code = "peer-refused"
    sentence = "The other side refused the connection ({detail}). Start the transfer again; it makes new keys."


class PeerLost(TransferError):
    """The connection broke or fell silent; a new transfer resumes where this one ended."""

    code = "peer-lost"
    sentence = "The connection to the other side was lost ({detail}). The transfer resumes where it stood."


class PartialBusy(PeerLost):
    """An earlier transfer of the same job has not noticed its end yet; resumes like a lost connection."""

    sentence = "An earlier transfer of {path} is still ending. The transfer resumes where it stood."


class ProtocolBroken(TransferError):
    """One of the two sides left the rules of PROTOCOL.md; the message of the wire's error."""

    code = "protocol"


class PeerUnreachable(TransferError):
    """None of the listener's addresses answered."""

    code = "peer-unreachable"
    sentence = (
        "No connection to {addresses} port {port} within {seconds:.0f} s ({detail}). "
        "Check the firewall in front of the listening side and the addresses it announces."
    )


class PortsBusy(TransferError):
    """Every port of the range is taken."""

    code = "ports-busy"
    sentence = "None of the ports {first}-{last} is free. End what uses them or give the agent others with --ports."


class DiskFull(TransferError):
    """The destination cannot take what is still to come."""

    code = "disk-full"
    status = 507
    sentence = "The disk is full at the receiving side: needs {needs} bytes, has {has}. Free space and retry."


class SourceMissing(TransferError):
    code = "source-missing"
    status = 404
    sentence = "{path} is not there any more; put it back or leave it out, and retry."


class SourceChanged(TransferError):
    code = "source-changed"
    status = 409
    sentence = "{path} changed while it was being sent; wait until it is written, and send it again."


class SourceRefused(TransferError):
    """Not a plain file or folder, or not readable."""

    code = "source-refused"
    status = 403
    sentence = "{path} cannot be sent: {detail}."


class DestinationRefused(TransferError):
    """The receiving side will not write there."""

    code = "destination-refused"
    status = 403
    sentence = "{path} cannot be written: {detail}."


class ContentDiffers(TransferError):
    """Sent twice, and the hash differed twice."""

    code = "content-differs"
    sentence = "{path} arrived twice with another content than was read; check the disks and memory of both machines."


class PathRefused(TransferError):
    """A name that is not a plain path below the share."""

    code = "path-refused"
    status = 400
    sentence = "{path} is not a path below the share: {detail}."


class FramesMissing(SourceMissing):
    sentence = "Of the sequence {path} frames are missing: {frames}. Put them there or narrow the range, and retry."


class NotFound(TransferError):
    code = "not-found"
    status = 404
    sentence = "{path} does not exist."


class AlreadyThere(TransferError):
    code = "already-there"
    status = 409
    sentence = "{path} exists already; choose another name or delete it first."


class FileRefused(TransferError):
    """The operating system said no."""

    code = "file-refused"
    status = 403
    sentence = "{path}: {detail}."


class ReceiptInvalid(TransferError):
    code = "receipt-invalid"
    status = 409
    sentence = "The receipt does not hold: {detail}."


_FROM_PEER: tuple[type[TransferError], ...] = (
    DiskFull,
    PeerRefused,
    PeerLost,
    ProtocolBroken,
    SourceMissing,
    SourceChanged,
    SourceRefused,
    DestinationRefused,
)


def from_code(code: str, message: str) -> TransferError:
    """Build the error that the other side ended with; an unknown code is a stop, with the code as its reason."""
    for kind in _FROM_PEER:
        if kind.code == code:
            return kind(message)
    return TransferStopped(message, reason=code)


def as_transfer_error(error: AccsynError) -> TransferError:
    """What send() and receive() raise: the wire's errors as ProtocolBroken, the caller's as a stop."""
    if isinstance(error, TransferError):
        return error
    if isinstance(error, ProtocolError):
        return ProtocolBroken(error.message)
    return TransferStopped(error.message, reason=error.code)


@contextmanager
def lost_on_os_error() -> Iterator[None]:
    """Map what sockets and TLS raise to PeerLost; the one edge where they enter."""
    try:
        yield
    except OSError as error:  # ssl.SSLError is one
        raise PeerLost(detail=error.strerror or type(error).__name__) from error
