"""Keys of a transfer's datagrams: one secret, from it a key for each direction and each four million datagrams.

AES-GCM keeps its promise for about 2^23 datagrams a key (RFC 9001, section 6.6), so the key changes before that.
"""

from __future__ import annotations

from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

EPOCH_BITS = 22
_CONTEXTS = {True: b"accsyn datagrams 2 connector", False: b"accsyn datagrams 2 listener"}


class Keys:
    """The keys of one direction, named by who sends: connector or listener."""

    def __init__(self, secret: bytes, *, by_connector: bool) -> None:
        self._secret = secret
        self._context = _CONTEXTS[by_connector]
        self._epoch = -1
        self._key = AESGCM(bytes(32))

    def of(self, number: int) -> AESGCM:
        """The key for the datagram of this number."""
        epoch = number >> EPOCH_BITS
        if epoch != self._epoch:
            self._key = AESGCM(blake3(self._context + epoch.to_bytes(8, "big"), key=self._secret).digest())
            self._epoch = epoch
        return self._key
