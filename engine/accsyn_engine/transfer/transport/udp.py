"""A UDP socket that moves many datagrams with one call where the kernel can, and one by one where it cannot.

Linux takes a run of equal datagrams in one call (UDP_SEGMENT, since 4.18) and hands a run over in one (UDP_GRO, since
5.0). Elsewhere, or when the kernel refuses, the same calls send and receive single datagrams.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct
import sys
from collections.abc import Iterator

UDP_SEGMENT, UDP_GRO = 103, 104  # linux/udp.h; not in the socket module
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = (
    10,
    3,
)  # linux/in.h: never fragment, and do not believe the kernel's idea of the path
IPV6_MTU_DISCOVER = 23
SO_RCVBUFFORCE, SO_SNDBUFFORCE = 33, 32  # asm/socket.h
BUFFER = 8 << 20  # bytes asked of the kernel each way: 65 ms at 1 Gbit/s
ROOM = 65536  # the longest run the kernel hands over
_LOST = frozenset(
    {
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.ECONNREFUSED,
        errno.ENETDOWN,
        errno.EADDRNOTAVAIL,
        errno.EMSGSIZE,
        errno.EPERM,  # a firewall's no
    }
)
_NO_OFFLOAD = frozenset({errno.EIO, errno.EINVAL, errno.ENOPROTOOPT, errno.EOPNOTSUPP})

Address = tuple[str, int]


class DatagramSocket:
    """Bound to the first free port of `ports`, or to any; never blocks but in `wait`."""

    def __init__(self, host: str, ports: tuple[int, int] | None, *, offload: bool = True) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._batches = offload and sys.platform == "linux" and hasattr(self._socket, "sendmsg")
        self._joins = self._batches and self._has_gro()
        self.buffer = memoryview(bytearray(ROOM))
        self._never_fragment(family)
        self._ask_for_room()
        try:
            self._bind(host, ports)
        except OSError:
            self._socket.close()
            raise

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def is_v6(self) -> bool:
        return self._socket.family == socket.AF_INET6

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, frames: memoryview, size: int, to: Address) -> bool:
        """Send a run of datagrams of `size` bytes, the last may be shorter; false when there is no room now.

        A path that is not there loses them like any other loss. Raises OSError for what is wrong with this machine.
        """
        try:
            if len(frames) <= size:
                self._socket.sendto(frames, to)
            elif self._batches:
                control = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", size))]
                self._socket.sendmsg([frames], control, 0, to)
            else:
                self._send_each(frames, size, to)
        except BlockingIOError:
            return False
        except OSError as error:
            return self._survived(error, frames, size, to)
        return True

    def _survived(self, error: OSError, frames: memoryview, size: int, to: Address) -> bool:
        if error.errno == errno.ENOBUFS:
            return False
        if error.errno in _LOST:
            return True
        if self._batches and error.errno in _NO_OFFLOAD and len(frames) > size:
            self._batches = False
            return self.send(frames, size, to)
        if error.errno == errno.EINVAL:  # the address this socket had is gone
            return True
        raise error

    def _send_each(self, frames: memoryview, size: int, to: Address) -> None:
        for at in range(0, len(frames), size):
            with contextlib.suppress(BlockingIOError):  # a full buffer is a loss, and is repaired like one
                self._socket.sendto(frames[at : at + size], to)

    def receive(self) -> tuple[memoryview, int, Address] | None:
        """Take a run of datagrams that is there: the bytes, the size of each but the last, and where it came from.

        The bytes are valid until the next call.
        """
        try:
            if self._joins:
                count, control, _, source = self._socket.recvmsg_into([self.buffer], socket.CMSG_SPACE(4))
                size = struct.unpack_from("=i", control[0][2])[0] if control else count
            else:
                count, source = self._socket.recvfrom_into(self.buffer)
                size = count
        except BlockingIOError:
            return None
        except ConnectionError:
            return None  # an answer to something we sent: nobody is there
        return self.buffer[:count], size or 1, (source[0], source[1])

    def drain(self, most: int) -> Iterator[tuple[memoryview, int, Address]]:
        """Take up to `most` runs that are there."""
        for _ in range(most):
            run = self.receive()
            if run is None:
                return
            yield run

    def wait(self, seconds: float, *others: int) -> None:
        """Wait for a datagram, or for one of the other descriptors to become readable."""
        poll = getattr(select, "poll", None)
        if poll is None:
            select.select([self._socket.fileno(), *others], [], [], max(0.0, seconds))
            return
        poller = poll()
        for descriptor in (self._socket.fileno(), *others):
            poller.register(descriptor, select.POLLIN)
        poller.poll(max(0, int(seconds * 1000 + 0.999)))

    def close(self) -> None:
        self._socket.close()

    def _has_gro(self) -> bool:
        try:
            self._socket.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        except OSError:
            return False
        return True

    def _never_fragment(self, family: int) -> None:
        """A fragment lost is a datagram lost, and some paths lose all fragments."""
        with contextlib.suppress(OSError):
            if sys.platform == "linux" and family == socket.AF_INET:
                self._socket.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
            elif sys.platform == "linux":
                self._socket.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IP_PMTUDISC_PROBE)

    def _ask_for_room(self) -> None:
        for option, force in ((socket.SO_RCVBUF, SO_RCVBUFFORCE), (socket.SO_SNDBUF, SO_SNDBUFFORCE)):
            try:
                if sys.platform != "linux":
                    raise PermissionError
                self._socket.setsockopt(socket.SOL_SOCKET, force, BUFFER)  # root may have more than the system's most
            except OSError:
                with contextlib.suppress(OSError):
                    self._socket.setsockopt(socket.SOL_SOCKET, option, BUFFER)

    def _bind(self, host: str, ports: tuple[int, int] | None) -> None:
        first, last = ports or (0, 0)
        for port in range(first, last + 1):
            try:
                self._socket.bind((host, port))
            except OSError as error:
                if port == last or error.errno != errno.EADDRINUSE:
                    raise
            else:
                return
