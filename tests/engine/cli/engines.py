"""Real engines in real processes, for the tests of server and commands."""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import requests
from referencing import Registry, Resource

from tests.engine.api.servers import exchange

SCHEMAS = Path(__file__).parents[3] / "engine" / "accsyn_engine" / "schemas"
BARE = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ} | {"HOME": "/nonexistent"}
ADMIN, WORKFLOW, VENDOR = "andrea@geoscan.org", "workflow@geoscan.org", "jennifer@gda.com"


def check(name: str, answer: Any) -> None:
    """Hold an answer to its schema."""
    documents = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in SCHEMAS.glob("*.json")}
    registry: Registry[Any] = Registry().with_resources(
        (name, Resource.from_contents(document)) for name, document in documents.items()
    )
    jsonschema.Draft202012Validator(documents[f"{name}.json"], registry=registry).validate(answer)


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        assert self.code != 0, self.out
        answer: dict[str, str] = json.loads(self.err)
        check("error", answer)
        return answer


def run(*arguments: str, env: Mapping[str, str] | None = None) -> Said:
    """Run `accsyn-engine` to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "accsyn_engine", *arguments],
        env={**BARE, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def init(folder: Path) -> str:
    """Make an engine in `folder`/e; gives the admin's key."""
    (folder / "production").mkdir()
    said = run(
        *("init", "--data", str(folder / "e"), "--workspace", "geoscan", "--admin", ADMIN),
        *("--volume", f"production={folder / 'production'}", "--url", "https://127.0.0.1:8443", "--json"),
    )
    check("init", said.json)
    key: str = said.json["api_key"]
    return key


@dataclass
class Running:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    data: Path
    url: str
    key: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def ca(self) -> str:
        return str(self.data / "ca.pem")

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)

    def headers(self, user: str = ADMIN, key: str | None = None) -> dict[str, str]:
        words = (base64.b64encode(text.encode()).decode() for text in (user, self.key if key is None else key))
        return {"Authorization": "basic " + ":".join(words), "X-Accsyn-Workspace": "geoscan"}

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> requests.Response:
        """One request with a new connection, like the official clients."""
        used = {**self.headers(), **{name.replace("_", "-"): value for name, value in headers.items()}}
        return requests.request(method, self.url + path, data=body, headers=used, verify=self.ca, timeout=30)

    def event(self, method: str, uri: str, *, family: str = "v3", headers: Any = None, **fields: Any) -> Any:
        """One event, packed as official clients do."""
        envelope = json.dumps({"audience": "api", "workspace": "geoscan", "uri": uri, **fields})
        used = self.headers() if headers is None else headers
        if method in {"GET", "DELETE"}:
            url, body = f"{self.url}/api/{family}/event?{quote(envelope)}", None
        else:
            url, body = f"{self.url}/api/{family}/event", envelope.encode()
        return requests.request(method, url, data=body, headers=used, verify=self.ca, timeout=30).json()

    def raw(self, request: bytes) -> tuple[bytes, Any]:
        """Bytes over TLS; gives the status line and the JSON that comes back."""
        answer = exchange(self.port, request, tls=self.tls)
        status, _, rest = answer.partition(b"\r\n")
        return status, json.loads(rest.partition(b"\r\n\r\n")[2])

    def cli(self, *arguments: str, key: str | None = None, user: str = ADMIN) -> Said:
        """A command from somewhere else."""
        return run(
            *arguments, "--server", self.url, "--ca", self.ca, "--user", user, "--key", self.key if key is None else key
        )

    def stop(self) -> tuple[int, str]:
        """End it as an administrator would; gives the exit code and standard error."""
        self.process.terminate()
        _out, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


@contextmanager
def serving(data: Path, key: str, *more: str, port: int = 0) -> Iterator[Running]:
    """Serve an engine until the block ends."""
    command = [sys.executable, "-m", "accsyn_engine", "serve", "--data", str(data), "--port", str(port), *more]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"engine for workspace geoscan at (https://127\.0\.0\.1:\d+)\n", line)
        assert found, line or process.communicate()[1]
        yield Running(process, data, found[1], key)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
