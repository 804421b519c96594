"""The engine as an agent sees it: JSON over HTTPS, every call with a deadline, every failure one of four errors.

Safe for several threads. Nothing is repeated here: who calls knows whether the call may be made twice.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from accsyn_engine.agent.errors import RefusedError, SilentError, UnreachableError, UntrustedError, WrongKeyError
from accsyn_engine.agent.options import AgentOptions
from accsyn_engine.transfer.meeting.channel import RTO_MAX_MS, TCP_RTO_MAX_MS
from accsyn_plugins.transport import Trust, is_loopback, make_context

CONNECT_S = 5.0
DEADLINE_S = 20.0
CONNECTIONS = 64  # kept open; more than that are made and thrown away

# A proxy or an engine that is starting speaks like this; it passes.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class Engine:
    """One engine, one user, one key."""

    def __init__(self, options: AgentOptions) -> None:
        self.server = options.server.rstrip("/")
        self._user = options.user
        self._verify: str | bool = str(options.ca) if options.ca else True
        self._http = requests.Session()
        # A proxy of the environment is for the world outside.
        self._http.trust_env = not is_loopback(urlsplit(self.server).hostname or "")
        self._http.auth = _keep_headers
        self._http.headers.update(_headers(options))
        if self.server.startswith("https:"):
            self._http.mount("https://", _TlsAdapter(make_context(Trust(ca=str(options.ca or "")))))
        else:
            self._http.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS))

    def close(self) -> None:
        """Close the connections that are kept; those in use end by themselves."""
        self._http.close()

    def get(self, path: str, query: Mapping[str, Any], *, deadline_s: float = DEADLINE_S) -> Any:
        """Ask. Raises UnreachableError, UntrustedError, WrongKeyError or RefusedError."""
        with self.opened("GET", path, query=query, deadline_s=deadline_s) as response:
            return self._parse(response)

    def post(self, path: str, body: Mapping[str, Any], *, deadline_s: float = DEADLINE_S) -> Any:
        """Tell. Raises as `get`."""
        with self.opened("POST", path, body=body, deadline_s=deadline_s) as response:
            return self._parse(response)

    def post_from(self, path: str, body: Mapping[str, Any]) -> tuple[Any, str]:
        """Tell, and learn this machine's own address on the way to the engine ("" when it cannot be seen)."""
        with self.opened("POST", path, body=body, deadline_s=DEADLINE_S) as response:
            address = _own_address(response)
            return self._parse(response), address

    @contextmanager
    def opened(
        self,
        method: str,
        path: str,
        *,
        deadline_s: float,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        accept: str = "application/json",
    ) -> Iterator[requests.Response]:
        """A good answer whose body is still to be read; `deadline_s` bounds each wait for bytes."""
        with (
            self.mapped(),
            self._http.request(
                method,
                f"{self.server}/api/agent/{path}",
                params=query,
                data=None if body is None else json.dumps(body).encode("ascii"),
                headers={"Accept": accept, **({} if body is None else {"Content-Type": "application/json"})},
                timeout=(min(CONNECT_S, deadline_s), deadline_s),
                allow_redirects=False,
                verify=self._verify,
                stream=True,
            ) as response,
        ):
            self._check(response)
            yield response

    @contextmanager
    def mapped(self) -> Iterator[None]:
        """Turn what requests raises into the agent's errors; the one edge where it enters."""
        try:
            yield
        except requests.exceptions.SSLError as error:
            raise _tls_error(self.server, error) from error
        except (requests.exceptions.ReadTimeout, requests.exceptions.ConnectTimeout) as error:
            raise SilentError(server=self.server, why="it does not answer in time") from error
        except urllib3.exceptions.ReadTimeoutError as error:  # while a body is read as it comes
            raise SilentError(server=self.server, why="it fell silent") from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            raise UnreachableError(server=self.server, why=_reason(error)) from error

    def nonsense(self) -> UnreachableError:
        """The error for an answer that no engine gives."""
        return UnreachableError(server=self.server, why="something that is no engine answers for it")

    def _parse(self, response: requests.Response) -> Any:
        try:
            return json.loads(response.content)
        except ValueError as error:
            raise self.nonsense() from error

    def _check(self, response: requests.Response) -> None:
        status = response.status_code
        if 200 <= status < 300:
            return
        code, message = _read_error(response)
        if status == 401:
            raise WrongKeyError(server=self.server, user=self._user)
        if status in _PASSING or not code:
            why = message or f"HTTP {status} from something that is no engine"
            raise UnreachableError(server=self.server, why=why.rstrip("."))
        raise RefusedError(sentence=message, reason=code, http=status)


class _TlsAdapter(HTTPAdapter):
    """Speaks TLS with the context made for the engine's authority."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_maxsize=CONNECTIONS)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        options = [*HTTPConnection.default_socket_options, *quick_again()]
        super().init_poolmanager(*args, **{**kwargs, "ssl_context": self._context, "socket_options": options})

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return super().proxy_manager_for(*args, **{**kwargs, "ssl_context": self._context})


def quick_again() -> list[tuple[int, int, int]]:
    """Options of a socket that tries again each second after a cut, where the kernel has that (Linux 6.15)."""
    option = (socket.IPPROTO_TCP, TCP_RTO_MAX_MS, RTO_MAX_MS)
    if sys.platform == "linux":
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(*option)
            return [option]
    return []


def _headers(options: AgentOptions) -> dict[str, str]:
    user, key = (base64.b64encode(text.encode()).decode() for text in (options.user, options.key))
    return {
        "Authorization": f"basic {user}:{key}",
        "X-Accsyn-Workspace": options.workspace,
        "Accept-Encoding": "identity",  # compressing holds events back
    }


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand in for `auth`, so that a ~/.netrc does not overwrite our Authorization header."""
    return request


def _read_error(response: requests.Response) -> tuple[str, str]:
    try:
        body = json.loads(response.content)
        return str(body["code"]), str(body["message"])
    except (ValueError, KeyError, TypeError):
        return "", ""


def _own_address(response: requests.Response) -> str:
    try:
        connection: Any = response.raw.connection
        return str(connection.sock.getsockname()[0])
    except (AttributeError, OSError, IndexError):
        return ""


def _tls_error(server: str, error: requests.exceptions.SSLError) -> UntrustedError | UnreachableError:
    cause = _innermost(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return UntrustedError(server=server, why=cause.verify_message.rstrip("."))
    return UnreachableError(server=server, why=_reason(error))


def _reason(error: BaseException) -> str:
    """The innermost cause in few words."""
    cause = _innermost(error)
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause) or type(cause).__name__
    return str(text).strip().rstrip(".")


def _innermost(error: BaseException) -> BaseException:
    deeper = error.__cause__ or error.__context__
    return error if deeper is None else _innermost(deeper)
