from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from accsyn_engine.transfer.errors import PeerLost
from accsyn_engine.transfer.transport.sealed import HEAD, SealedReader, SealedWriter
from accsyn_engine.wire.datagram import TAG
from accsyn_engine.wire.errors import RemoteProtocolError
from accsyn_engine.wire.messages import MAX_PAYLOAD
from accsyn_engine.wire.session import HEAD_ROOM

SECRET = bytes(range(32))
HELLO, WORLD = memoryview(b"hello"), memoryview(b"world")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with closing(here), closing(there):
        yield here, there


def write(writer: SealedWriter, position: int, content: memoryview) -> None:
    buffer = memoryview(bytearray(HEAD_ROOM + len(content) + TAG))
    buffer[HEAD_ROOM : HEAD_ROOM + len(content)] = content
    writer.write(buffer, position, len(content))


def frames(*contents: memoryview) -> list[bytes]:
    """What the writer puts onto the line for these contents, one after the other from position 0."""
    here, there = socket.socketpair()
    with closing(here), closing(there):
        writer, found, position = SealedWriter(here, SECRET), [], 0
        for content in contents:
            write(writer, position, content)
            found.append(there.recv(HEAD.size + len(content) + TAG))
            position += len(content)
        return found


def test_blocks_come_out_as_they_went_in(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    writer, reader = SealedWriter(here, SECRET), SealedReader(there, SECRET)
    for position, content in ((0, HELLO), (1 << 40, WORLD)):
        write(writer, position, content)
        block = reader.read()
        assert (block.position, bytes(block.payload)) == (position, bytes(content))


def test_the_content_is_not_on_the_line() -> None:
    assert bytes(HELLO) not in frames(HELLO)[0]


@pytest.mark.parametrize("place", [3, 11, 12, -1])
def test_a_changed_byte_is_refused_wherever_it_is(pair: tuple[socket.socket, socket.socket], place: int) -> None:
    here, there = pair
    frame = bytearray(frames(HELLO)[0] + bytes(64))[: HEAD.size + len(HELLO) + TAG]
    frame[place] ^= 1
    here.sendall(frame + bytes(64))
    with pytest.raises(RemoteProtocolError):
        SealedReader(there, SECRET).read()


def test_a_block_left_out_is_noticed_at_the_next(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    here.sendall(frames(HELLO, WORLD)[1])
    with pytest.raises(RemoteProtocolError):
        SealedReader(there, SECRET).read()


def test_a_block_said_twice_is_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    here.sendall(frames(HELLO)[0] * 2)
    reader = SealedReader(there, SECRET)
    reader.read()
    with pytest.raises(RemoteProtocolError):
        reader.read()


@pytest.mark.parametrize("head", [HEAD.pack(0, 0), HEAD.pack(MAX_PAYLOAD + 1, 0), HEAD.pack(1, 1 << 63)])
def test_a_length_or_place_that_cannot_be_is_refused_before_it_is_believed(
    pair: tuple[socket.socket, socket.socket], head: bytes
) -> None:
    here, there = pair
    here.sendall(head)
    with pytest.raises(RemoteProtocolError):
        SealedReader(there, SECRET).read()


def test_a_line_that_ends_within_a_block_is_a_lost_peer(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    here.sendall(frames(HELLO)[0][:-1])
    here.close()
    with pytest.raises(PeerLost):
        SealedReader(there, SECRET).read()
