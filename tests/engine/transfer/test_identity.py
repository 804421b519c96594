from __future__ import annotations

import pytest
from cryptography import x509

from accsyn_engine.transfer.errors import (
    DiskFull,
    PeerRefused,
    ProtocolBroken,
    TransferStopped,
    as_transfer_error,
    from_code,
)
from accsyn_engine.transfer.meeting.channel import Ticket
from accsyn_engine.transfer.meeting.identity import fingerprint, is_signed, make_identity, sign
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_plugins.errors import AccsynError


def test_each_transfer_gets_a_key_of_its_own() -> None:
    first, second = make_identity("ab" * 12), make_identity("ab" * 12)
    assert fingerprint(first.certificate) != fingerprint(second.certificate)
    assert first.private_key != second.private_key
    assert len(fingerprint(first.certificate)) == 64


def test_a_clock_that_is_wrong_does_not_matter() -> None:
    certificate = x509.load_pem_x509_certificate(make_identity("x").certificate.encode())
    assert certificate.not_valid_before_utc.year == 2000
    assert certificate.not_valid_after_utc.year == 9999


@pytest.mark.parametrize("statement", [b"something", b""])
def test_a_signature_holds_for_its_statement_and_key_only(statement: bytes) -> None:
    identity, other = make_identity("x"), make_identity("x")
    signature = sign(identity, statement)
    assert is_signed(identity.certificate, statement, signature)
    assert not is_signed(identity.certificate, statement + b"!", signature)
    assert not is_signed(other.certificate, statement, signature)
    assert not is_signed("no certificate", statement, signature)
    assert not is_signed(identity.certificate, statement, b"no signature")


def test_what_the_other_side_ends_with_is_the_same_error_here() -> None:
    full = from_code("disk-full", "The disk is full.")
    assert isinstance(full, DiskFull)
    assert full.message == "The disk is full."
    stopped = from_code("paused", "Paused by hand.")
    assert isinstance(stopped, TransferStopped)
    assert stopped.facts == {"reason": "paused"}


def test_whatever_ends_a_transfer_is_a_transfer_error() -> None:
    full = DiskFull(needs=2, has=1)
    assert as_transfer_error(full) is full
    assert isinstance(as_transfer_error(RemoteProtocolError(detail="x")), ProtocolBroken)
    stopped = as_transfer_error(AccsynError("The engine does not answer."))
    assert isinstance(stopped, TransferStopped)
    assert stopped.facts == {"reason": "error"}


@pytest.mark.parametrize("streams", [0, 65, -1])
def test_a_transfer_has_one_to_sixty_four_bulk_channels(streams: int) -> None:
    with pytest.raises(PeerRefused, match="1 to 64"):
        Ticket("x", make_identity("x"), "", (), streams)
