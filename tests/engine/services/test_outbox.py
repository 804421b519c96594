"""Mails: never lost, told apart when they double."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from accsyn_engine.config import EngineConfig, Smtp
from accsyn_engine.mail import Mail, MailError, mailer
from accsyn_engine.services.people import letters, outbox
from accsyn_engine.store.schema import outbox as table
from tests.engine.services.world import StandingClock, World


def _rows(world: World) -> list[tuple[str, int, int | None]]:
    with world.context.reading() as work:
        return [(row.state, row.attempts, row.due_at) for row in work.connection.execute(table.select())]


def _post(world: World, key: str = "k1") -> None:
    with world.context.changing() as work:
        letters.post(work, key, "jennifer@gda.com", subject="Hello\r\nBcc: x@y.org", text="Grüße\n")


def test_a_mail_becomes_a_file_once_and_readable(world: World) -> None:
    _post(world)
    _post(world)
    assert outbox.tick(world.context) == 30
    [file] = world.context.config.mail_folder.iterdir()
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert (message["To"], message["Subject"], message["Bcc"]) == ("jennifer@gda.com", "Hello Bcc: x@y.org", None)
    assert message.get_content() == "Grüße\n"
    assert _rows(world) == [("sent", 1, None)]


def test_a_mail_that_cannot_leave_is_tried_again_later(world: World) -> None:
    _post(world)
    world.context.config.mail_folder.write_text("in the way")
    assert outbox.tick(world.context) == pytest.approx(1)
    assert _rows(world) == [("queued", 1, world.clock.at + 1000)]
    world.context.config.mail_folder.unlink()
    world.clock.pass_s(1)
    outbox.tick(world.context)
    assert _rows(world)[0][:2] == ("sent", 2)


def test_a_mail_whose_sender_died_is_sent_after_its_lease(world: World) -> None:
    _post(world)
    assert len(outbox._leased(world.context)) == 1
    outbox.tick(world.context)
    assert not world.context.config.mail_folder.exists()
    world.clock.pass_s(121)
    outbox.tick(world.context)
    assert len(list(world.context.config.mail_folder.iterdir())) == 1


def test_two_engines_do_not_take_the_same_mail(world: World) -> None:
    for number in range(30):
        _post(world, f"k{number}")
    taken = [row.id for _ in range(3) for row in outbox._leased(world.context)]
    assert (len(taken), len(set(taken))) == (30, 30)


class _Smtp(socketserver.StreamRequestHandler):
    """Says what an SMTP server says; keeps what it is told."""

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        while line := self.rfile.readline().strip():
            if line.upper() == b"DATA":
                self.wfile.write(b"354 go\r\n")
                while (part := self.rfile.readline()) != b".\r\n":
                    self.server.got.append(part)  # type: ignore[attr-defined]
            self.wfile.write(self.server.answer if line.upper() != b"QUIT" else b"221 bye\r\n")  # type: ignore[attr-defined]
            if line.upper() == b"QUIT":
                return


@pytest.fixture
def smtp() -> Iterator[socketserver.TCPServer]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp) as server:
        server.daemon_threads = True
        server.got, server.answer = [], b"250 ok\r\n"  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _config(folder: Path, server: socketserver.TCPServer) -> EngineConfig:
    smtp = Smtp(host="127.0.0.1", port=server.server_address[1], security="none", sender="engine@geoscan.org")
    return EngineConfig(data=folder, workspace="geoscan", smtp=smtp)


MAIL = Mail(key="k1", to="jennifer@gda.com", subject="Hello", text="Text\n")


def test_a_mail_is_handed_to_the_mail_server(tmp_path: Path, smtp: socketserver.TCPServer) -> None:
    mailer(_config(tmp_path, smtp), StandingClock())(MAIL)
    assert b"To: jennifer@gda.com\r\n" in smtp.got  # type: ignore[attr-defined]


def test_a_mail_server_that_refuses_or_is_away_gets_a_sentence(tmp_path: Path, smtp: socketserver.TCPServer) -> None:
    smtp.answer = b"550 no\r\n"  # type: ignore[attr-defined]
    config = _config(tmp_path, smtp)
    with pytest.raises(MailError, match="tried again"):
        mailer(config, StandingClock())(MAIL)
    away = replace(config, smtp=replace(config.smtp, port=1, security="tls"))
    with pytest.raises(MailError, match=r"127\.0\.0\.1"):
        mailer(away, StandingClock())(MAIL)
