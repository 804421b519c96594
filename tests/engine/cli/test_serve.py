"""`init` and `serve` as processes: they start, say where, refuse with a sentence, and end cleanly."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.cli.engines import ADMIN, Running, check, init, run, serving


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("engine")
    with serving(folder / "e", init(folder), "--no-agent") as running:
        yield running


def listing(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_init_makes_a_folder_that_only_its_owner_may_enter(tmp_path: Path) -> None:
    init(tmp_path)
    assert stat.S_IMODE((tmp_path / "e").stat().st_mode) == 0o700
    for name in ("ca.key", "server.key", "digest.key", "agent/key"):
        assert stat.S_IMODE((tmp_path / "e" / name).stat().st_mode) == 0o600, name


def test_a_second_init_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    init(tmp_path)
    before = listing(tmp_path)
    volume = f"production={tmp_path / 'production'}"
    again = run(
        *("init", "--data", str(tmp_path / "e"), "--workspace", "other", "--admin", "x@y.org", "--volume", volume),
        "--json",
    )
    assert str(tmp_path / "e") in again.error["message"]
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [("--volume", "production", "CODE=PATH"), ("--url", "http://engine", "https://"), ("--admin", "andrea", "andrea")],
)
def test_an_init_that_makes_no_sense_leaves_no_folder(tmp_path: Path, option: str, value: str, word: str) -> None:
    options = {"--workspace": "geoscan", "--admin": ADMIN, "--volume": f"production={tmp_path}", option: value}
    said = run("init", "--data", str(tmp_path / "e"), "--json", *(part for pair in options.items() for part in pair))
    assert word in said.error["message"]
    assert not (tmp_path / "e").exists()


def test_older_tls_is_refused(engine: Running) -> None:
    context = engine.tls
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", engine.port)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="127.0.0.1")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_certificate_passes_the_strictest_check(engine: Running, name: str) -> None:
    context = engine.tls
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with (
        socket.create_connection(("127.0.0.1", engine.port)) as plain,
        context.wrap_socket(plain, server_hostname=name) as connection,
    ):
        assert connection.version() == "TLSv1.3"


def test_a_second_server_on_the_same_folder_gets_a_sentence(engine: Running) -> None:
    said = run("serve", "--data", str(engine.data), "--port", "0", "--json")
    assert said.error["code"] == "folder-in-use"
    assert str(engine.process.pid) in said.error["message"]


def test_a_port_in_use_gets_a_sentence(tmp_path: Path) -> None:
    init(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = run("serve", "--data", str(tmp_path / "e"), "--port", str(port), "--json")
    assert said.error["code"] == "port-in-use"
    assert str(port) in said.error["message"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--host", "203.0.113.7"), "cannot-listen"),
        (("--relay", "0.0.0.0:8181"), "not-loopback"),
        (("--ports", "9-1"), "bad-options"),
        (("--tls-cert", "/nonexistent"), "usage"),
        (("--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"), "bad-certificate"),
    ],
)
def test_what_cannot_be_served_gets_a_sentence(tmp_path: Path, arguments: tuple[str, ...], code: str) -> None:
    init(tmp_path)
    said = run("serve", "--data", str(tmp_path / "e"), "--port", "0", *arguments, "--json")
    if code == "bad-options":
        assert "9-1" in said.error["message"]
    else:
        assert said.error["code"] == code


def test_a_folder_without_an_engine_gets_a_sentence(tmp_path: Path) -> None:
    assert run("serve", "--data", str(tmp_path), "--json").error["code"] == "no-engine-here"
    assert list(tmp_path.iterdir()) == []


def test_sigterm_ends_it_cleanly_and_quickly(tmp_path: Path) -> None:
    with serving(tmp_path / "e", init(tmp_path), "--no-agent") as running:
        assert running.event("GET", "user/find")["result"]
        assert running.stop() == (0, "")
    assert not (tmp_path / "e" / "control.sock").exists()


def test_a_killed_server_starts_again_on_the_same_folder(tmp_path: Path) -> None:
    key = init(tmp_path)
    with serving(tmp_path / "e", key, "--no-agent") as running:
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
    assert (tmp_path / "e" / "control.sock").exists()
    with serving(tmp_path / "e", key, "--no-agent") as running:
        assert run("user", "list", "--data", str(running.data), "--json").json["users"][0]["code"] == ADMIN
        assert running.stop()[0] == 0


def test_serve_answers_json_when_asked(tmp_path: Path) -> None:
    init(tmp_path)
    command = [sys.executable, "-m", "accsyn_engine", "serve", "--data", str(tmp_path / "e"), "--port", "0"]
    with subprocess.Popen([*command, "--no-agent", "--json"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        answer = json.loads(process.stdout.readline())
        process.terminate()
    check("serve", answer)
    assert process.returncode == 0


def test_the_control_socket_is_the_owners_alone(engine: Running) -> None:
    mode = (engine.data / "control.sock").stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_a_folder_too_deep_for_a_socket_name_works(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    with serving(deep / "e", init(deep), "--no-agent") as running:
        assert run("user", "list", "--data", str(running.data), "--json").json["users"]
        assert running.stop() == (0, "")


def test_serve_brings_the_relay_along(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serving(tmp_path / "e", init(tmp_path), "--no-agent", "--relay", f"127.0.0.1:{port}") as running:
        relayed = Running(running.process, running.data, f"http://127.0.0.1:{port}", running.key)
        assert relayed.event("GET", "user/find")["result"][0]["code"] == ADMIN
        assert running.stop() == (0, "")
