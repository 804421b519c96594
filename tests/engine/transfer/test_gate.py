from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from accsyn_engine.transfer.errors import PeerLost, PeerRefused, PeerUnreachable, PortsBusy, TransferError
from accsyn_engine.transfer.meeting import channel as channel_module
from accsyn_engine.transfer.meeting import gate as gate_module
from accsyn_engine.transfer.meeting.channel import Channel, Ticket, bare_context, context_for, load_identity
from accsyn_engine.transfer.meeting.connecting import connect
from accsyn_engine.transfer.meeting.gate import Gate
from accsyn_engine.transfer.meeting.identity import make_identity
from accsyn_engine.wire.messages import Hello, Join
from tests.engine.transfer.ends import CLOCK, LOCAL, PORTS, TRANSFER, new_gate, tickets


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = new_gate()
    yield gate
    gate.close()


def try_connect(ticket: Ticket, port: int) -> None:
    connect(ticket, LOCAL, port, deadline_s=5, clock=CLOCK).close()


def first_channel(ticket: Ticket, port: int) -> Channel:
    context = context_for(ticket, server=False)
    return channel_module.open_channel(ticket, context, "127.0.0.1", port, 5)


def is_listening(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_on_a_short_line_the_awaited_peer_gets_one_bulk_channel_and_the_port_closes(gate: Gate) -> None:
    here, there = tickets(streams=3)
    expectation = gate.expect(here, deadline_s=10)
    assert PORTS[0] <= expectation.port <= PORTS[1]
    far = connect(there, LOCAL, expectation.port, deadline_s=10, clock=CLOCK)
    near = expectation.wait()
    for end in (near, far):
        end.wait_for(1)
    assert len(near.bulk) == len(far.bulk) == 1
    assert {channel.socket.version() for channel in (near.session, *near.bulk)} == {"TLSv1.3"}
    assert not is_listening(expectation.port)
    near.close()
    far.close()


def test_a_bulk_channel_that_breaks_while_it_opens_is_opened_again(gate: Gate) -> None:
    here, there = tickets()
    expectation = gate.expect(here, deadline_s=10)
    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=pass_on_all_but_the_second, args=(door, expectation.port), daemon=True).start()
        far = connect(there, LOCAL, door.getsockname()[1], deadline_s=10, clock=CLOCK)
        near = expectation.wait()
        for end in (near, far):
            end.wait_for(1)
            end.close()


def pass_on_all_but_the_second(door: socket.socket, port: int) -> None:
    """A door before a port that turns its second visitor away."""
    for number in range(3):
        visitor, _ = door.accept()
        if number == 1:
            visitor.close()
            continue
        host = socket.create_connection(("127.0.0.1", port))
        for one, other in ((visitor, host), (host, visitor)):
            threading.Thread(target=carry, args=(one, other), daemon=True).start()


def carry(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError), one, other:
        while some := one.recv(65536):
            other.sendall(some)


def test_two_tickets_share_a_port_and_each_gets_its_own_peer(gate: Gate) -> None:
    pairs = [tickets("11" * 12), tickets("22" * 12)]
    expectations = [gate.expect(here, deadline_s=10) for here, _ in pairs]
    assert expectations[0].port == expectations[1].port
    for (here, there), expectation in reversed(list(zip(pairs, expectations, strict=True))):
        far = connect(there, LOCAL, expectation.port, deadline_s=10, clock=CLOCK)
        near = expectation.wait()
        assert near.ticket == here
        near.wait_for(near.streams)
        near.close()
        far.close()
    assert not is_listening(expectations[0].port)


def test_a_wrong_certificate_is_refused_and_the_right_one_still_gets_in(gate: Gate) -> None:
    here, there = tickets()
    expectation = gate.expect(here, deadline_s=10)
    with pytest.raises(PeerRefused):
        try_connect(replace(there, identity=make_identity(there.transfer)), expectation.port)
    with pytest.raises(PeerRefused):
        try_connect(replace(there, peer_certificate=there.identity.certificate), expectation.port)
    try_connect(there, expectation.port)
    expectation.wait().close()


def test_an_unknown_transfer_is_refused(gate: Gate) -> None:
    here, there = tickets()
    expectation = gate.expect(here, deadline_s=10)
    with pytest.raises(PeerRefused):
        try_connect(replace(there, transfer="99" * 12), expectation.port)


@pytest.mark.parametrize("announced", [(), ("10.1.2.3",), ("::1",)])
def test_an_address_that_was_not_announced_is_refused_the_loopback_too(gate: Gate, announced: tuple[str, ...]) -> None:
    here, there = tickets()
    expectation = gate.expect(replace(here, peer_addresses=announced), deadline_s=10)
    with pytest.raises(PeerRefused):
        try_connect(there, expectation.port)


def test_an_address_of_another_ticket_does_not_open_this_one(gate: Gate) -> None:
    here, there = tickets("11" * 12)
    expectation = gate.expect(replace(here, peer_addresses=("10.1.2.3",)), deadline_s=10)
    gate.expect(tickets("22" * 12)[0], deadline_s=10)
    with pytest.raises(PeerRefused):
        try_connect(there, expectation.port)


def handshake(context: ssl.SSLContext, port: int, name: str | None) -> bytes:
    plain = socket.create_connection(("127.0.0.1", port), 5)
    with context.wrap_socket(plain, server_hostname=name) as sock:
        return sock.recv(1)


def test_no_certificate_no_name_and_no_old_tls_get_in(gate: Gate) -> None:
    here, there = tickets()
    expectation = gate.expect(here, deadline_s=10)
    anonymous = bare_context(server=False)
    anonymous.load_verify_locations(cadata=there.peer_certificate)
    nameless = context_for(there, server=False)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.load_verify_locations(cadata=there.peer_certificate)
    load_identity(old, there.identity)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    for context, name in ((anonymous, there.transfer), (nameless, None), (old, there.transfer)):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(context, expectation.port, name)


@pytest.mark.parametrize(
    "greeting",
    [
        Join(1, TRANSFER, 65),
        Join(1, TRANSFER, 0),
        Join(0, TRANSFER, 1),
        Join(3, TRANSFER, 1),
        Join(1, "99" * 12, 1),
        Hello(1, TRANSFER, 65, bytes(32)),
        Hello(1, TRANSFER, 0, bytes(32)),
    ],
)
def test_a_greeting_that_does_not_fit_the_ticket_is_refused(gate: Gate, greeting: Hello | Join) -> None:
    here, there = tickets(streams=2)
    expectation = gate.expect(here, deadline_s=10)
    session = first_channel(there, expectation.port)
    session.send(greeting)
    with pytest.raises(PeerLost):
        session.expect()
    session.release()
    try_connect(there, expectation.port)
    expectation.wait().close()


def test_a_silent_connection_is_closed_and_keeps_nobody_out(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_module, "GREETING_S", 0.2)
    here, there = tickets()
    expectation = gate.expect(here, deadline_s=10)
    with socket.create_connection(("127.0.0.1", expectation.port), 5) as silent:
        assert silent.recv(1) == b""
    try_connect(there, expectation.port)
    expectation.wait().close()


def test_a_crowd_of_half_open_connections_keeps_nobody_out(gate: Gate) -> None:
    here, there = tickets()
    expectation = gate.expect(here, deadline_s=30)
    crowd = [socket.create_connection(("127.0.0.1", expectation.port), 5) for _ in range(2 * gate_module.HALF_OPEN)]
    try:
        try_connect(there, expectation.port)
        expectation.wait().close()
    finally:
        for sock in crowd:
            sock.close()


def test_nobody_comes_and_the_port_closes_at_the_deadline(gate: Gate) -> None:
    expectation = gate.expect(tickets()[0], deadline_s=0.2)
    with pytest.raises(PeerUnreachable, match="did not connect in time"):
        expectation.wait()
    assert not is_listening(expectation.port)


def test_a_cancelled_ticket_wakes_who_waits(gate: Gate) -> None:
    expectation = gate.expect(tickets()[0], deadline_s=30)
    errors: list[TransferError] = []

    def wait() -> None:
        try:
            expectation.wait()
        except TransferError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    expectation.cancel()
    thread.join(5)
    assert [error.code for error in errors] == ["peer-refused"]
    assert not is_listening(expectation.port)


def test_a_transfer_is_awaited_once(gate: Gate) -> None:
    here, _ = tickets()
    gate.expect(here, deadline_s=10)
    with pytest.raises(PeerRefused, match="awaited already"):
        gate.expect(here, deadline_s=10)


def test_a_range_of_taken_ports_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortsBusy, match=f"{port}-{port}"):
            Gate(host="127.0.0.1", ports=(port, port), clock=CLOCK).expect(tickets()[0], deadline_s=1)


def test_a_listener_that_is_not_there_is_said_with_what_to_do() -> None:
    with pytest.raises(PeerUnreachable, match="Check the firewall"):
        connect(tickets()[1], LOCAL, 1, deadline_s=0.3, clock=CLOCK)


def test_the_first_address_that_answers_is_taken(gate: Gate) -> None:
    here, there = tickets()
    expectation = gate.expect(here, deadline_s=10)
    far = connect(there, ["127.0.0.9", "127.0.0.1"], expectation.port, deadline_s=10, clock=CLOCK)
    expectation.wait().close()
    far.close()
