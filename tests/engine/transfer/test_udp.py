from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator

import pytest

from accsyn_engine.transfer.bell import Bell
from accsyn_engine.transfer.transport.udp import DatagramSocket
from tests.engine.transfer.ends import CLOCK, PORTS

HERE = "127.0.0.1"
OFFLOADS = [True, False]


@pytest.fixture(params=OFFLOADS)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[DatagramSocket, DatagramSocket]]:
    ours, theirs = (DatagramSocket(HERE, None, offload=request.param) for _ in range(2))
    yield ours, theirs
    ours.close()
    theirs.close()


def taken(sock: DatagramSocket, count: int) -> list[bytes]:
    """The next datagrams, whatever runs they come in."""
    found: list[bytes] = []
    until = CLOCK.monotonic() + 5
    while len(found) < count and CLOCK.monotonic() < until:
        sock.wait(0.1)
        for view, size, _ in sock.drain(100):
            found += [bytes(view[at : at + size]) for at in range(0, len(view), size)]
    return found


def test_a_run_arrives_as_the_datagrams_it_was_made_of(pair: tuple[DatagramSocket, DatagramSocket]) -> None:
    ours, theirs = pair
    frames = [bytes([number]) * 1472 for number in range(20)] + [b"last one"]
    assert ours.send(memoryview(b"".join(frames)), 1472, (HERE, theirs.port))
    assert taken(theirs, 21) == frames


@pytest.mark.parametrize("sending", OFFLOADS)
@pytest.mark.parametrize("receiving", OFFLOADS)
def test_ends_with_and_without_offload_understand_each_other(sending: bool, receiving: bool) -> None:
    ours, theirs = DatagramSocket(HERE, None, offload=sending), DatagramSocket(HERE, None, offload=receiving)
    frames = [bytes([number]) * 1232 for number in range(44)]
    ours.send(memoryview(b"".join(frames)), 1232, (HERE, theirs.port))
    assert taken(theirs, 44) == frames
    for sock in (ours, theirs):
        sock.close()


def test_where_it_came_from_is_told(pair: tuple[DatagramSocket, DatagramSocket]) -> None:
    ours, theirs = pair
    ours.send(memoryview(b"x"), 1472, (HERE, theirs.port))
    theirs.wait(5)
    run = theirs.receive()
    assert run is not None
    assert (bytes(run[0]), run[1], run[2]) == (b"x", 1, (HERE, ours.port))
    assert theirs.receive() is None


def test_an_empty_datagram_is_a_run_of_nothing(pair: tuple[DatagramSocket, DatagramSocket]) -> None:
    _, theirs = pair
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"", (HERE, theirs.port))
    theirs.wait(5)
    run = theirs.receive()
    assert run is not None
    assert (len(run[0]), run[1]) == (0, 1)


def test_a_port_where_nobody_listens_loses_datagrams_and_raises_nothing(
    pair: tuple[DatagramSocket, DatagramSocket],
) -> None:
    ours, theirs = pair
    port = theirs.port
    theirs.close()
    for _ in range(3):
        assert ours.send(memoryview(bytes(3000)), 1472, (HERE, port))
        assert ours.receive() is None


def test_a_datagram_longer_than_any_may_be_is_lost(pair: tuple[DatagramSocket, DatagramSocket]) -> None:
    ours, theirs = pair
    assert ours.send(memoryview(bytes(65_535)), 65_535, (HERE, theirs.port))
    ours.send(memoryview(b"next"), 1472, (HERE, theirs.port))
    assert taken(theirs, 1) == [b"next"]


def test_a_full_buffer_is_no_error_and_what_arrives_is_whole(pair: tuple[DatagramSocket, DatagramSocket]) -> None:
    ours, theirs = pair
    run = memoryview(b"".join(bytes([number]) * 1472 for number in range(40)))
    for _ in range(1000):  # 59 MB into a buffer of 8
        ours.send(run, 1472, (HERE, theirs.port))
    arrived = taken(theirs, 100)
    assert len(arrived) >= 100
    assert all(len(frame) == 1472 and len(set(frame)) == 1 for frame in arrived)


class Refusing:
    """A socket as of a kernel or a card that takes no runs: it says so at the first one."""

    def __init__(self, real: socket.socket, number: int) -> None:
        self.real = real
        self.number = number

    def sendmsg(self, *_: object) -> int:
        raise OSError(self.number, "no offload")

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


@pytest.mark.skipif(sys.platform != "linux", reason="this system has no runs of datagrams to refuse")
@pytest.mark.parametrize("number", [errno.EIO, errno.EINVAL, errno.ENOPROTOOPT])
def test_a_kernel_that_takes_no_runs_gets_them_one_by_one(number: int) -> None:
    ours, theirs = DatagramSocket(HERE, None), DatagramSocket(HERE, None)
    ours._socket = Refusing(ours._socket, number)  # type: ignore[assignment]
    frames = [bytes([number]) * 100 for number in range(10)]
    assert ours.send(memoryview(b"".join(frames)), 100, (HERE, theirs.port))
    assert taken(theirs, 10) == frames
    assert not ours._batches
    for sock in (ours, theirs):
        sock.close()


def test_a_wait_ends_with_a_datagram_a_bell_or_its_time(pair: tuple[DatagramSocket, DatagramSocket]) -> None:
    ours, theirs = pair
    bell = Bell()
    begun = CLOCK.monotonic()
    theirs.wait(0.05)
    assert CLOCK.monotonic() - begun > 0.04
    bell.ring()
    theirs.wait(30, bell.fileno())
    bell.clear()
    ours.send(memoryview(b"x"), 1472, (HERE, theirs.port))
    theirs.wait(30, bell.fileno())
    assert CLOCK.monotonic() - begun < 20
    bell.close()


def test_the_first_free_port_of_the_range_is_taken() -> None:
    first = DatagramSocket(HERE, PORTS)
    second = DatagramSocket(HERE, PORTS)
    assert PORTS[0] <= first.port < second.port <= PORTS[1]
    with pytest.raises(OSError, match="in use"):
        DatagramSocket(HERE, (first.port, first.port))
    first.close()
    second.close()


def test_no_datagram_is_ever_cut_into_fragments(pair: tuple[DatagramSocket, DatagramSocket]) -> None:
    if sys.platform != "linux":
        pytest.skip("asked of Linux only")
    assert pair[0]._socket.getsockopt(socket.IPPROTO_IP, 10) == 3  # IP_MTU_DISCOVER, IP_PMTUDISC_PROBE


def test_the_same_over_ipv6() -> None:
    try:
        ours, theirs = DatagramSocket("::1", None), DatagramSocket("::1", None)
    except OSError:
        pytest.skip("this machine has no IPv6")
    frames = [bytes([number]) * 1232 for number in range(5)]
    ours.send(memoryview(b"".join(frames)), 1232, ("::1", theirs.port))
    assert taken(theirs, 5) == frames
    ours.close()
    theirs.close()
