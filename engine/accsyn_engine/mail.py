"""Mails leave by SMTP where that is configured, and as files in DATA/mail where it is not."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

from accsyn_engine.clock import Clock
from accsyn_engine.config import EngineConfig, Smtp
from accsyn_plugins.errors import AccsynError

TIMEOUT_S = 30


class MailError(AccsynError):
    """A mail could not be handed over."""

    code = "mail-not-sent"
    status = 502
    sentence = "The mail to {to} could not be handed to {server}: {why}; it is tried again."


@dataclass(frozen=True)
class Mail:
    """One plain-text mail; the key makes its Message-ID, so a double is recognised as one."""

    key: str
    to: str
    subject: str
    text: str


Send = Callable[[Mail], None]


def mailer(config: EngineConfig, clock: Clock) -> Send:
    """Give the way mails leave this engine; it raises MailError."""
    sender = config.smtp.sender or f"accsyn@{config.workspace}.invalid"
    if config.smtp.host:
        return lambda mail: _by_smtp(config.smtp, _message(mail, sender, clock.now_ms()), mail)
    return lambda mail: _as_file(config.mail_folder, _message(mail, sender, clock.now_ms()), mail)


def _message(mail: Mail, sender: str, now_ms: int) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = mail.to
    message["Subject"] = " ".join(mail.subject.split())
    message["Date"] = formatdate(now_ms / 1000)
    message["Message-ID"] = f"<{_name(mail)}@{sender.rpartition('@')[2]}>"
    message.set_content(mail.text)
    return message


def _name(mail: Mail) -> str:
    return hashlib.blake2b(mail.key.encode(), digest_size=12).hexdigest()


def _as_file(folder: Path, message: EmailMessage, mail: Mail) -> None:
    # The same mail again is the same file again.
    file = folder / f"{_name(mail)}.eml"
    part = file.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_bytes(message.as_bytes())
        part.replace(file)
    except OSError as error:
        raise MailError(to=mail.to, server=folder, why=error.strerror or error) from error


def _by_smtp(smtp: Smtp, message: EmailMessage, mail: Mail) -> None:
    secure = ssl.create_default_context()
    try:
        with _connected(smtp, secure) as server:
            if smtp.security == "starttls":
                server.starttls(context=secure)
            if smtp.username:
                server.login(smtp.username, smtp.password)
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise MailError(to=mail.to, server=smtp.host, why=error) from error


def _connected(smtp: Smtp, secure: ssl.SSLContext) -> smtplib.SMTP:
    if smtp.security == "tls":
        return smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=TIMEOUT_S, context=secure)
    return smtplib.SMTP(smtp.host, smtp.port, timeout=TIMEOUT_S)
