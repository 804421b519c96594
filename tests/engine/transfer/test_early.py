"""What two ends do before their session is there: prove the line, and take content that is not stored yet."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from accsyn_engine.transfer.errors import PeerRefused, PeerUnreachable, TransferStopped
from accsyn_engine.transfer.meeting import connection as connection_module
from accsyn_engine.transfer.meeting import link
from accsyn_engine.transfer.meeting.connecting import connect
from accsyn_engine.transfer.meeting.connection import Connection
from accsyn_engine.transfer.meeting.gate import Expectation, Gate, Ticket
from accsyn_engine.transfer.meeting.identity import Identity, agreed_secret, make_identity
from accsyn_engine.transfer.receiving.receiver import Receiver
from accsyn_engine.transfer.sending.sender import Sender
from accsyn_engine.transfer.transport.line import Line
from accsyn_engine.transfer.transport.udp import DatagramSocket
from accsyn_engine.transfer.work import Control
from accsyn_engine.wire.datagram import DATA, DATA_HEAD, NONCE, SIZES
from tests.engine.transfer.ends import CLOCK, LOCAL, Side, bytes_of, new_gate, partials, tickets, tree
from tests.engine.transfer.lanes import ends_of, until

HERE = LOCAL[0]


@pytest.fixture(autouse=True)
def long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "SHORT_S", 0.0)
    monkeypatch.setattr(link, "FAREWELL_S", 0.05)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = new_gate()
    yield gate
    gate.close()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/shot.exr").write_bytes(bytes_of(3_000_000))
    (tmp_path / "source/notes.txt").write_text("as agreed")
    return tmp_path / "source"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


@contextmanager
def deaf_port() -> Iterator[int]:
    """Takes connections and never says a word."""
    with socket.create_server((HERE, 0)) as deaf:
        yield deaf.getsockname()[1]


def met(there: Ticket, expectation: Expectation, port: int | None = None) -> tuple[Connection, Connection]:
    """The listener's and the connector's connection; TLS goes to `port`."""
    tcp = port or expectation.port
    far = connect(there, LOCAL, tcp, deadline_s=10, clock=CLOCK, datagrams=expectation.datagrams)
    return expectation.wait(), far


def ends(sending: Connection, receiving: Connection, source: Path, target: Path) -> tuple[Sender, Receiver]:
    return ends_of(sending, receiving, source, target, Control(), fresh=True)


@pytest.mark.parametrize("sender_listens", [True, False])
def test_content_comes_before_the_session_and_is_not_stored_before_its_page(
    gate: Gate, source: Path, target: Path, sender_listens: bool
) -> None:
    here, there = tickets()
    with deaf_port() as port:
        near, far = met(there, gate.expect(here, deadline_s=20), port)
        sender, receiver = ends(*((near, far) if sender_listens else (far, near)), source, target)
        sides = Side(sender.run), Side(receiver.run)
        inflow = receiver._inflow
        assert inflow is not None
        until(lambda: inflow._book.delivered > 3_000_000, "no content came without a session")
        assert list(target.iterdir()) == []
        for end in (sender, receiver):
            end._control.stop("user", "Enough.")
        for side in sides:
            assert isinstance(side.join().error, TransferStopped)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("sender_listens", [True, False])
@pytest.mark.parametrize("is_fresh", [True, False])
def test_a_transfer_that_begins_with_the_line_ends_like_any_other(
    gate: Gate, source: Path, target: Path, sender_listens: bool, is_fresh: bool
) -> None:
    here, there = tickets()
    near, far = met(there, gate.expect(here, deadline_s=20))
    sender, receiver = ends(*((near, far) if sender_listens else (far, near)), source, target)
    sender._shipment.is_fresh = is_fresh
    for side in (Side(sender.run), Side(receiver.run)):
        assert side.join().result.failures == ()
    assert tree(target / "copy") == tree(source)
    assert not partials(target)
    assert receiver._taken == {}  # nothing over streams


@pytest.mark.parametrize("sender_listens", [True, False])
def test_where_no_datagram_gets_through_the_session_begins_the_transfer_and_streams_carry_it(
    gate: Gate, source: Path, target: Path, sender_listens: bool
) -> None:
    here, there = tickets()
    expectation = gate.expect(here, deadline_s=20)
    hole = DatagramSocket(HERE, None)
    far = connect(there, LOCAL, expectation.port, deadline_s=10, clock=CLOCK, datagrams=hole.port)
    near = expectation.wait()
    sender, receiver = ends(*((near, far) if sender_listens else (far, near)), source, target)
    for side in (Side(sender.run), Side(receiver.run)):
        assert side.join().result.failures == ()
    assert tree(target / "copy") == tree(source)
    assert sum(receiver._taken.values()) > 0
    hole.close()


def test_a_session_that_does_not_come_ends_what_began_without_it(gate: Gate, source: Path, target: Path) -> None:
    here, there = tickets()
    with deaf_port() as port:
        near, far = met(there, gate.expect(here, deadline_s=1), port)
        sender, receiver = ends(near, far, source, target)
        sending, receiving = Side(sender.run), Side(receiver.run)
        assert isinstance(sending.join().error, PeerUnreachable)
        receiver._control.stop("user", "It is over.")
        receiving.join()
    assert list(target.iterdir()) == []


def test_a_listener_that_refuses_after_the_line_has_opened_is_told_as_such(gate: Gate, target: Path) -> None:
    here, there = tickets()
    expectation = gate.expect(here, deadline_s=20)
    with socket.create_server((HERE, 0)) as refusing:
        near, far = met(there, expectation, refusing.getsockname()[1])
        sender, receiver = ends(near, far, target, target)
        sending, receiving = Side(sender.run), Side(receiver.run)
        refusing.accept()[0].close()
        assert isinstance(receiving.join().error, PeerRefused)
    sender._control.stop("user", "It is over.")
    sending.join()


def stranger(there: Ticket) -> Ticket:
    return replace(there, identity=make_identity(there.transfer))


def knocked(listener: Expectation, line: Line, times: int = 3) -> None:
    for _ in range(times):
        line.probe(to=(HERE, listener.datagrams))
        line.socket.wait(0.1)
        for view, size, source in line.socket.drain(100):
            for at in range(0, len(view), size):
                line.hear(view[at : at + size], source)


def line_of(ticket: Ticket) -> Line:
    secret = agreed_secret(ticket.identity, ticket.peer_certificate, is_connector=True)
    assert secret is not None
    return Line(DatagramSocket(HERE, None), secret, is_connector=True, clock=CLOCK)


def test_who_has_other_keys_gets_no_answer_and_opens_nothing(gate: Gate) -> None:
    here, there = tickets()
    expectation = gate.expect(here, deadline_s=20)
    line = line_of(stranger(there))
    knocked(expectation, line)
    connection = expectation._awaited.connection
    assert connection.line is not None
    assert connection.line.forged >= len(SIZES) - 1
    assert (line.peer, line.forged, connection.line.peer, connection._has_begun) == (None, 0, None, False)
    line.socket.close()


def test_who_was_not_announced_gets_no_answer_even_with_the_keys(gate: Gate) -> None:
    here, there = tickets()
    expectation = gate.expect(replace(here, peer_addresses=("10.1.2.3",)), deadline_s=20)
    line = line_of(there)
    knocked(expectation, line)
    connection = expectation._awaited.connection
    assert connection.line is not None
    assert (line.peer, connection.line.forged, connection._has_begun) == (None, 0, False)
    line.socket.close()


def test_content_under_other_keys_begins_nothing(gate: Gate) -> None:
    here, there = tickets()
    expectation = gate.expect(here, deadline_s=20)
    line = line_of(stranger(there))
    head = DATA_HEAD.pack(DATA, 0, 100, 0, 0, 0, 100)
    frame = head + line.out_keys.of(0).encrypt(head[NONCE], bytes(100), head)
    line.socket.send(memoryview(frame), len(frame), (HERE, expectation.datagrams))
    connection = expectation._awaited.connection
    until(lambda: connection.line is not None and connection.line.forged == 1, "it was not looked at")
    assert not connection._has_begun
    line.socket.close()


def test_a_cancelled_ticket_gives_its_port_back(gate: Gate) -> None:
    expectation = gate.expect(tickets()[0], deadline_s=20)
    expectation.cancel()
    DatagramSocket(HERE, (expectation.datagrams, expectation.datagrams)).close()
    with pytest.raises(PeerRefused):
        expectation.wait()


def test_both_ends_agree_on_a_secret_and_nobody_else_does() -> None:
    listener, connector, third = (make_identity("x") for _ in range(3))
    secret = agreed_secret(listener, connector.certificate, is_connector=False)
    assert secret is not None
    assert len(secret) == 32
    assert agreed_secret(connector, listener.certificate, is_connector=True) == secret
    assert agreed_secret(third, listener.certificate, is_connector=True) != secret


def test_keys_agree_once_since_their_datagrams_are_numbered_from_the_beginning() -> None:
    listener, connector = make_identity("x"), make_identity("x")
    assert agreed_secret(listener, connector.certificate, is_connector=False) is not None
    assert agreed_secret(listener, connector.certificate, is_connector=False) is None


def test_the_same_keys_in_other_parts_make_another_secret() -> None:
    one, other = make_identity("x"), make_identity("x")
    twin = Identity(one.certificate, one.private_key, one.agreement_key)
    assert agreed_secret(one, other.certificate, is_connector=False) != agreed_secret(
        twin, other.certificate, is_connector=True
    )


@pytest.mark.parametrize("certificate", ["", "no certificate"])
def test_a_certificate_without_a_key_to_agree_with_gives_no_secret(certificate: str) -> None:
    assert agreed_secret(make_identity("x"), certificate, is_connector=True) is None
