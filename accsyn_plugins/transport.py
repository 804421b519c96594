"""HTTPS with the certificate always verified: by an own authority, by a pinned fingerprint, or by the system's store.

The one place of the core that opens connections. Foreign exceptions become ours here.
"""

from __future__ import annotations

import ipaddress
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from accsyn_plugins.errors import AccsynError

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 120.0


class ServerAddressError(AccsynError):
    """The server's address cannot be used."""

    code = "server-address"
    sentence = "{server} is no address of an engine: write https://NAME:PORT."


class UnreachableError(AccsynError):
    """Nothing answers."""

    code = "engine-unreachable"
    status = 503
    sentence = (
        "The engine at {server} cannot be reached ({reason}); check the address and that it runs, then try again."
    )


class TimedOutError(UnreachableError):
    """It was reached and did not answer in time."""

    code = "engine-timeout"
    status = 504
    sentence = "The engine at {server} did not answer within {seconds:g} s; try again."


class CertificateError(AccsynError):
    """The engine's certificate is not the one that is trusted."""

    code = "certificate-untrusted"
    status = 495
    sentence = (
        "The certificate of {server} is not trusted ({reason}); "
        "set ACCSYN_CA to the engine's ca.pem or ACCSYN_FINGERPRINT to its certificate's SHA-256."
    )


class CaFileError(AccsynError):
    """The file with the certificate authority is no such thing."""

    code = "ca-invalid"
    sentence = "{path} cannot be used as a certificate authority ({reason}); give the engine's ca.pem."


class AnswerError(AccsynError):
    """What came back is not an answer of an engine."""

    code = "answer-invalid"
    status = 502
    sentence = "{server} answered something that no engine says (HTTP {http}); check the address."


@dataclass(frozen=True)
class Trust:
    """Which certificate is believed: `ca` a PEM file, `fingerprint` SHA-256 in hex, neither: the system's store."""

    ca: str = ""
    fingerprint: str = ""


class _VerifiedAdapter(HTTPAdapter):
    """Verifies with the context made here, whatever `verify` and the environment say."""

    def __init__(self, context: ssl.SSLContext, fingerprint: str) -> None:
        self._tls: dict[str, Any] = {"ssl_context": context}
        if fingerprint:
            self._tls.update(assert_fingerprint=fingerprint, assert_hostname=False, cert_reqs="CERT_NONE")
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **{**kwargs, **self._tls})

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return super().proxy_manager_for(*args, **{**kwargs, **self._tls})

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """Let the pool's own TLS settings stand; requests would put certifi's list beside them."""
        del verify, cert
        parts = urlsplit(request.url)
        return {"scheme": parts.scheme, "host": parts.hostname, "port": parts.port}, {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do nothing: requests before 2.32 sets its own authority here."""


class Transport:
    """One engine's address with a pool of connections."""

    def __init__(
        self,
        server: str,
        trust: Trust,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self.server = server.rstrip("/")
        parts = _check_address(self.server)
        self._timeout = (connect_timeout_s, read_timeout_s)
        self._http = requests.Session()
        self._http.trust_env = not is_loopback(parts)  # a proxy of the environment is for the world outside
        if urlsplit(self.server).scheme == "https":
            self._http.mount("https://", _VerifiedAdapter(make_context(trust), normal_fingerprint(trust.fingerprint)))

    def call(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> dict[str, Any]:
        """Send one request and give the JSON object that comes back, whatever the HTTP status.

        A read (GET) whose reused connection had gone stale is sent a second time; nothing else is repeated.
        """
        attempts = 2 if method == "GET" else 1
        for attempt in range(attempts):
            try:
                return self._call(method, path, headers, body)
            except UnreachableError as error:
                if attempt + 1 == attempts or isinstance(error, TimedOutError):
                    raise
        raise AssertionError  # the loop returns or raises

    def close(self) -> None:
        self._http.close()

    def _call(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> dict[str, Any]:
        try:
            response = self._http.request(
                method,
                self.server + path,
                headers=dict(headers),
                data=body,
                timeout=self._timeout,
                allow_redirects=False,
                auth=_keep_headers,
            )
        except requests.exceptions.SSLError as error:
            raise CertificateError(server=self.server, reason=_reason(error)) from error
        except requests.exceptions.ReadTimeout as error:
            raise TimedOutError(server=self.server, seconds=self._timeout[1]) from error
        except requests.exceptions.RequestException as error:
            raise UnreachableError(server=self.server, reason=_reason(error)) from error
        return self._parse(response)

    def _parse(self, response: requests.Response) -> dict[str, Any]:
        try:
            answer = json.loads(response.content)
        except ValueError as error:
            raise AnswerError(server=self.server, http=response.status_code) from error
        if not isinstance(answer, dict):
            raise AnswerError(server=self.server, http=response.status_code)
        return answer


def make_context(trust: Trust) -> ssl.SSLContext:
    """A TLS context for `trust`: 1.3 to an engine of one's own, 1.2 at least where the system's store is asked."""
    context = ssl.create_default_context()
    if trust.fingerprint:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the pool compares the fingerprint right after the handshake
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    elif trust.ca:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            context.load_verify_locations(trust.ca)
        except (OSError, ssl.SSLError) as error:
            raise CaFileError(path=trust.ca, reason=error.strerror or error) from error
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def normal_fingerprint(text: str) -> str:
    """64 hex digits out of any usual spelling; raises CaFileError on anything else."""
    if not text:
        return ""
    digits = re.sub(r"(?i)^sha-?256[:=/ ]?|[:\s]", "", text.strip()).lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise CaFileError(path=text, reason="a SHA-256 fingerprint has 64 hex digits")
    return digits


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_address(server: str) -> str:
    try:
        parts = urlsplit(server)
        host = parts.hostname or ""
        _ = parts.port  # a wrong port raises only when it is asked for
    except ValueError as error:
        raise ServerAddressError(server=server) from error
    plain = parts.scheme == "http" and is_loopback(host)  # nothing unencrypted leaves the machine
    if not host or not (parts.scheme == "https" or plain):
        raise ServerAddressError(server=server)
    return host


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand in for `auth`, so that a ~/.netrc does not overwrite our Authorization header."""
    return request


def _reason(error: BaseException) -> str:
    """The innermost cause in few words."""
    seen = error
    while True:
        deeper = seen.__cause__ or seen.__context__ or _first(seen)
        if deeper is None or deeper is seen:
            break
        seen = deeper
    text = getattr(seen, "verify_message", "") or getattr(seen, "strerror", "") or str(seen) or type(seen).__name__
    return str(text).strip().rstrip(".")


def _first(error: BaseException) -> BaseException | None:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    inner = error.args[0] if error.args else None
    return inner if isinstance(inner, BaseException) else None
