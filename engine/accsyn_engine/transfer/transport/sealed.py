"""Bulk connections on a short line, where not the line but the processors are the limit.

TLS cuts everything into records of 16 KiB, each with calls of its own at both ends. So on a short line the sender says
one word inside TLS, a secret, and what follows on this connection is whole blocks, each sealed with AES-256-GCM:

    length u32 | position u64 | sealed content (length bytes) | tag (16 bytes)

The head is authenticated; the nonce is the number of the block on this connection, so a block that is missing, doubled
or out of order does not prove itself. On longer lines the bulk stays TLS: what stands between the ends may look at it.
"""

from __future__ import annotations

import socket
import struct

from cryptography.exceptions import InvalidTag

from accsyn_engine.transfer.errors import PeerLost, lost_on_os_error
from accsyn_engine.transfer.transport.sealing import Keys
from accsyn_engine.wire.codec import MAX_POSITION
from accsyn_engine.wire.datagram import TAG
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.messages import MAX_PAYLOAD, Block
from accsyn_engine.wire.session import HEAD_ROOM

HEAD = struct.Struct(">IQ")
NONCE_SIZE = 12


class SealedWriter:
    """The sender's end; used by one thread. `sock` is written below its TLS, which has said its last word."""

    def __init__(self, sock: socket.socket, secret: bytes) -> None:
        self._socket = sock
        self._keys = Keys(secret, by_connector=True)
        self._number = 0

    def write(self, buffer: memoryview, position: int, length: int) -> None:
        """Seal `length` bytes of content in their place, after HEAD_ROOM, and send them. Raises OSError."""
        body = buffer[HEAD_ROOM : HEAD_ROOM + length + TAG]
        head = buffer[HEAD_ROOM - HEAD.size : HEAD_ROOM]
        HEAD.pack_into(head, 0, length, position)
        self._keys.of(self._number).encrypt_into(_nonce(self._number), body[:length], head, body)
        self._number += 1
        socket.socket.sendall(self._socket, buffer[HEAD_ROOM - HEAD.size : HEAD_ROOM + length + TAG])


class SealedReader:
    """The receiver's end; used by one thread. A block's content is valid until the next is read."""

    def __init__(self, sock: socket.socket, secret: bytes) -> None:
        self._socket = sock
        self._keys = Keys(secret, by_connector=True)
        self._number = 0
        self._head = memoryview(bytearray(HEAD.size))
        self._body = memoryview(bytearray(MAX_PAYLOAD + TAG))

    def read(self) -> Block:
        """Raises PeerLost, RemoteProtocolError."""
        self._fill(self._head)
        length, position = HEAD.unpack(self._head)
        if not 0 < length <= MAX_PAYLOAD or position > MAX_POSITION:
            raise RemoteProtocolError(detail="a sealed block has an impossible size or place")
        body, content = self._body[: length + TAG], self._body[:length]
        self._fill(body)
        try:  # in its place: what does not prove itself is not looked at
            self._keys.of(self._number).decrypt_into(_nonce(self._number), body, self._head, content)
        except InvalidTag as error:
            raise RemoteProtocolError(detail="a sealed block does not prove itself") from error
        self._number += 1
        return Block(position, content)

    def _fill(self, view: memoryview) -> None:
        done = 0
        while done < len(view):
            with lost_on_os_error():
                count = socket.socket.recv_into(self._socket, view[done:], 0, socket.MSG_WAITALL)
            if not count:
                raise PeerLost(detail="it closed the connection")
            done += count


def _nonce(number: int) -> bytes:
    return number.to_bytes(NONCE_SIZE, "big")
