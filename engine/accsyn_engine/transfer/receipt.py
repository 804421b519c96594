"""The statement both ends sign at the end: what arrived, as counts and the root hash over the manifest."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from accsyn_engine.transfer.errors import ReceiptInvalid
from accsyn_engine.transfer.meeting.channel import Ticket
from accsyn_engine.transfer.meeting.identity import is_signed, sign


@dataclass(frozen=True)
class Statement:
    """`files` and `size` count what is in place at the receiver, `failed` what is not."""

    job: str
    transfer: str
    root: bytes
    files: int
    size: int
    failed: int

    def as_json(self) -> dict[str, Any]:
        return {
            "job": self.job,
            "transfer": self.transfer,
            "root": self.root.hex(),
            "files": self.files,
            "bytes": self.size,
            "failed": self.failed,
        }

    def signed_bytes(self) -> bytes:
        return _signed_bytes(self.as_json())


def _signed_bytes(facts: dict[str, Any]) -> bytes:
    return b"accsyn receipt 1\n" + json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()


def signature_of(statement: Statement, ticket: Ticket) -> bytes:
    return sign(ticket.identity, statement.signed_bytes())


def make_receipt(statement: Statement, *, sender: tuple[str, bytes], receiver: tuple[str, bytes]) -> dict[str, Any]:
    """Put the statement and both signatures (certificate PEM, signature) together. Raises ReceiptInvalid."""
    receipt = {**statement.as_json(), "sender": _party(*sender), "receiver": _party(*receiver)}
    verify_receipt(receipt)
    return receipt


def _party(certificate: str, signature: bytes) -> dict[str, str]:
    return {"certificate": certificate, "signature": base64.b64encode(signature).decode()}


def verify_receipt(receipt: dict[str, Any]) -> None:
    """Check both signatures over the statement. Raises ReceiptInvalid, which names the side that does not hold."""
    facts = {name: value for name, value in receipt.items() if name not in {"sender", "receiver"}}
    for side in ("sender", "receiver"):
        try:
            certificate, signature = receipt[side]["certificate"], base64.b64decode(receipt[side]["signature"])
        except (KeyError, TypeError, binascii.Error) as error:
            raise ReceiptInvalid(detail=f"the {side}'s signature is missing") from error
        if not is_signed(certificate, _signed_bytes(facts), signature):
            raise ReceiptInvalid(detail=f"the {side} did not sign this")
